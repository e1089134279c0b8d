"""What this process may use of the machine: CPUs and memory, by affinity and by the limits of its control groups.

A container sees all of the machine. What it may have of it is in the files of its control group, and of those around
that one, in version 2 (one tree) or version 1 (a tree for each controller).
"""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path("/")
V2 = "cgroup2"


def available_cpus(root: Path = ROOT) -> int:
    """The CPUs this process may keep busy. `root` is where `/proc` and the control groups are found."""
    return min(_allowed_cpus(), quota_cpus(root) or _allowed_cpus())


def quota_cpus(root: Path = ROOT) -> int | None:
    """The CPUs of a quota, at least 1, where that is less than those this process may run on.

    Rounded down: a thread that is stopped when the quota is used up keeps waiting those that it works with.
    """
    quotas = [quota for group in _groups(root, "cpu") if (quota := _cpu_quota(group)) is not None]
    return max(1, int(min(quotas))) if quotas and min(quotas) < _allowed_cpus() else None


def available_memory(root: Path = ROOT) -> int:
    """Bytes that this process and its children may take together, if nobody else takes any."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    names = ("memory.max", "memory.limit_in_bytes")
    limits = [_number(group / name) for group in _groups(root, "memory") for name in names]
    return min([physical, *(int(limit) for limit in limits if limit is not None)])


def _allowed_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_quota(group: Path) -> float | None:
    """CPUs, of one group alone."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
    except (OSError, ValueError):
        found = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    else:
        found = _number_of(quota), _number_of(period)
    return found[0] / found[1] if found[0] and found[1] else None


def _number(path: Path) -> float | None:
    try:
        return _number_of(path.read_text())
    except OSError:
        return None


def _number_of(text: str) -> float | None:
    """None for what stands for no limit: `max`, -1."""
    return float(text) if text.strip().isdecimal() else None


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it, in both versions, as far as they can be seen."""
    for mount, top, kind, options in _mounts(root):
        if kind == V2 or controller in options:
            own = _own_group(root, None if kind == V2 else controller)
            if own is None:
                continue
            # In a container the mount may begin at the group itself, or the group's name count from elsewhere.
            below = own.relative_to(top) if own.is_relative_to(top) else PurePosixPath()
            folder = root / mount.relative_to("/")
            yield from (folder / part for part in (below, *below.parents))


def _mounts(root: Path) -> Iterator[tuple[PurePosixPath, PurePosixPath, str, list[str]]]:
    """Of each tree: where it is mounted, the group that is there, its kind, and its options."""
    for line in _lines(root / "proc/self/mountinfo"):
        first, _, second = line.partition(" - ")
        fields, (kind, _, options) = first.split(), second.split(maxsplit=2)
        if kind in ("cgroup", V2):
            yield PurePosixPath(fields[4]), PurePosixPath(fields[3]), kind, options.split(",")


def _own_group(root: Path, controller: str | None) -> PurePosixPath | None:
    """The process's group in the tree of a controller; None: in version 2's."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "" if controller is None else controller in controllers.split(","):
            return PurePosixPath(path)
    return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
