"""Which servers live: each counts in the database, and is lost when the others see it stand still.

No clock is compared with another's, and none is trusted: silence is a number of looks that found nothing new. So a
clock that is set, a server that was stopped for a while, or a database that is away for one, kills nobody.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from . import outbox
from .database import Database
from .job import MAX_STRIKES
from .tables import CLIPS, JOBS, REPLICAS

# Seconds between two counts of a server, and between two looks at the others.
BEAT_SECONDS = 1.0
# So many looks in a row that find nothing new: 6 seconds.
MISSES = 6


class Watch:
    """What one server saw of the others."""

    def __init__(self) -> None:
        self._seen: Mapping[str, tuple[int, int]] = {}  # beats, looks that found no more

    def look(self, beats: Mapping[str, int]) -> dict[str, int]:
        """Takes each server's count; gives those that stand still for too long, with their count."""
        before = self._seen
        self._seen = {
            server: (count, before[server][1] + 1 if server in before and before[server][0] == count else 0)
            for server, count in beats.items()
        }
        return {server: count for server, (count, misses) in self._seen.items() if misses >= MISSES}


@dataclass(frozen=True)
class TakenBack:
    """Jobs of lost servers: to be begun anew, and those that lost too many."""

    again: Collection[str] = ()
    failed: Collection[str] = ()


class Liveness:
    """The servers' counts in the database. Every method raises JobsUnavailableError while it is away.

    What else is done there does not delay them: a server whose followers keep the database busy lives.
    """

    def __init__(self, database: Database, problem: str) -> None:
        """`problem`: what a job has that lost too many servers, as JSON."""
        self._database = database
        self._problem = problem

    async def enter(self, server: str) -> None:
        """Begin to count."""
        await self._database.write_apart(lambda connection: _insert(connection, server))

    async def leave(self, server: str) -> None:
        """Count no more; what it had taken up and not given back waits again."""

        def work(connection: Connection) -> None:
            # In the order of `take_back`, or the two could wait for each other.
            connection.execute(delete(REPLICAS).where(REPLICAS.c.id == server))
            held = update(JOBS).where(JOBS.c.status == "running", JOBS.c.runner == server)
            connection.execute(held.values(status="queued", runner=None))

        await self._database.write_apart(work)

    async def beat(self, server: str) -> Mapping[str, int] | None:
        """Count one more; the counts of the others. None: this server is lost, by another's word."""

        def work(connection: Connection) -> Mapping[str, int] | None:
            mine = update(REPLICAS).where(REPLICAS.c.id == server).values(beats=REPLICAS.c.beats + 1)
            if not connection.execute(mine).rowcount:
                return None
            others = select(REPLICAS.c.id, REPLICAS.c.beats).where(REPLICAS.c.id != server)
            return {row.id: row.beats for row in connection.execute(others)}

        return await self._database.write_apart(work)

    async def take_back(self, lost: Mapping[str, int], finished: float) -> TakenBack:
        """Have the jobs of `lost` servers begun anew, if they have not counted since, and what nobody works on.

        `finished`: seconds since 1970, for those that have lost too many.
        """

        def work(connection: Connection) -> TakenBack:
            for server, beats in lost.items():
                connection.execute(delete(REPLICAS).where(REPLICAS.c.id == server, REPLICAS.c.beats == beats))
            return self._take_back(connection, finished)

        return await self._database.write_apart(work)

    def _take_back(self, connection: Connection, finished: float) -> TakenBack:
        orphans = select(JOBS.c.id, JOBS.c.strikes).where(
            JOBS.c.status == "running", JOBS.c.runner.not_in(select(REPLICAS.c.id))
        )
        found = connection.execute(orphans.with_for_update()).all()
        again = [row.id for row in found if row.strikes + 1 < MAX_STRIKES]
        failed = [row.id for row in found if row.strikes + 1 >= MAX_STRIKES]
        struck = {"runner": None, "strikes": JOBS.c.strikes + 1}
        connection.execute(update(JOBS).where(JOBS.c.id.in_(again)).values(status="queued", **struck))
        over = {"status": "failed", "finished": finished, "problem": self._problem, "bytes": 0}
        connection.execute(update(JOBS).where(JOBS.c.id.in_(failed)).values(**over, **struck))
        connection.execute(delete(CLIPS).where(CLIPS.c.job.in_([*again, *failed])))
        outbox.post(connection, failed, finished)
        return TakenBack(again, failed)


def _insert(connection: Connection, server: str) -> None:
    connection.execute(insert(REPLICAS).values(id=server, beats=0))
