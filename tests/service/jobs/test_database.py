"""A new SQLite file is shared from its first moment on."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from service.jobs.database import engine_of, sqlite_url

SERVERS = 4
# One round finds a refusal in about one of seven.
ROUNDS = 40


def test_none_of_those_that_open_a_new_file_at_once_is_refused(tmp_path: Path) -> None:
    together = Barrier(SERVERS)

    def journal(url: str) -> str:
        engine = engine_of(url)
        together.wait()
        with engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        engine.dispose()
        return str(mode)

    for number in range(ROUNDS):
        url = sqlite_url(tmp_path / f"{number}.sqlite")
        with ThreadPoolExecutor(SERVERS) as servers:
            assert set(servers.map(journal, [url] * SERVERS)) == {"wal"}
