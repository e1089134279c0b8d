"""CPUs and memory as control groups limit them: files as systems have them, and a real group where one can be made."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.machine import available_cpus, available_memory, quota_cpus

from ..support.processes import ROOT

GIB = 1 << 30
PHYSICAL = 64 * GIB


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 CPUs and 64 GiB."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": PHYSICAL // 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)


class System:
    """The files that tell of control groups."""

    def __init__(self, root: Path, cgroup: str, mountinfo: str) -> None:
        self.root = root
        for name, content in {"cgroup": cgroup, "mountinfo": mountinfo}.items():
            self.write(f"proc/self/{name}", content)

    def write(self, path: str, content: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(f"{content}\n")


V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
OTHERS = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n23 22 0:5 / /proc rw shared:2 - proc proc rw"


def container(root: Path) -> System:
    """Version 2, as in a container with a namespace of its own: its group is all that it sees."""
    return System(root, "0::/", f"{OTHERS}\n{V2_MOUNT}")


def test_a_quota_of_version_2(tmp_path: Path) -> None:
    system = container(tmp_path)
    system.write("sys/fs/cgroup/cpu.max", "400000 100000")
    system.write("sys/fs/cgroup/memory.max", str(6 * GIB))
    assert (available_cpus(tmp_path), quota_cpus(tmp_path), available_memory(tmp_path)) == (4, 4, 6 * GIB)


def test_no_limit_of_version_2(tmp_path: Path) -> None:
    system = container(tmp_path)
    system.write("sys/fs/cgroup/cpu.max", "max 100000")
    system.write("sys/fs/cgroup/memory.max", "max")
    assert (available_cpus(tmp_path), quota_cpus(tmp_path), available_memory(tmp_path)) == (64, None, PHYSICAL)


@pytest.mark.parametrize(("quota", "cpus"), [("250000", 2), ("199999", 1), ("50000", 1), ("6400000", 64)])
def test_a_part_of_a_cpu_is_none_and_one_there_always_is(tmp_path: Path, quota: str, cpus: int) -> None:
    container(tmp_path).write("sys/fs/cgroup/cpu.max", f"{quota} 100000")
    assert available_cpus(tmp_path) == cpus


def test_the_least_of_all_the_groups_around_counts(tmp_path: Path) -> None:
    system = System(tmp_path, "0::/system.slice/r3d.service", f"{OTHERS}\n{V2_MOUNT}")
    system.write("sys/fs/cgroup/system.slice/r3d.service/cpu.max", "800000 100000")
    system.write("sys/fs/cgroup/system.slice/r3d.service/memory.max", "max")
    system.write("sys/fs/cgroup/system.slice/cpu.max", "300000 100000")
    system.write("sys/fs/cgroup/system.slice/memory.max", str(2 * GIB))
    system.write("sys/fs/cgroup/other.slice/cpu.max", "100000 100000")
    assert (available_cpus(tmp_path), available_memory(tmp_path)) == (3, 2 * GIB)


V1_GROUPS = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/system.slice"
V1_MOUNT = "3{number} 31 0:2{number} {top} /sys/fs/cgroup/{name} ro - cgroup cgroup rw,{name}"


def version_1(root: Path, top: str) -> System:
    names = enumerate(("cpuset", "cpu,cpuacct", "memory"))
    mounts = [V1_MOUNT.format(number=number, top=top, name=name) for number, name in names]
    return System(root, V1_GROUPS, "\n".join([OTHERS, *mounts]))


@pytest.mark.parametrize(
    ("top", "group"),
    [("/", "/docker/abc"), ("/docker/abc", "")],
    ids=["all groups can be seen", "a container sees its own"],
)
def test_limits_of_version_1(tmp_path: Path, top: str, group: str) -> None:
    system = version_1(tmp_path, top)
    system.write(f"sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_quota_us", "150000")
    system.write(f"sys/fs/cgroup/cpu,cpuacct{group}/cpu.cfs_period_us", "50000")
    system.write(f"sys/fs/cgroup/memory{group}/memory.limit_in_bytes", str(3 * GIB))
    assert (available_cpus(tmp_path), available_memory(tmp_path)) == (3, 3 * GIB)


def test_no_limit_of_version_1(tmp_path: Path) -> None:
    system = version_1(tmp_path, "/docker/abc")
    system.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1")
    system.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    assert (available_cpus(tmp_path), available_memory(tmp_path)) == (64, PHYSICAL)


def test_affinity_may_be_less_than_the_quota(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    container(tmp_path).write("sys/fs/cgroup/cpu.max", "400000 100000")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 7})
    assert (available_cpus(tmp_path), quota_cpus(tmp_path)) == (2, None)


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert (available_cpus(tmp_path), available_memory(tmp_path)) == (64, PHYSICAL)


def test_files_of_another_form_are_no_limit(tmp_path: Path) -> None:
    system = container(tmp_path)
    system.write("sys/fs/cgroup/cpu.max", "plenty")
    system.write("sys/fs/cgroup/memory.max", "")
    assert (available_cpus(tmp_path), available_memory(tmp_path)) == (64, PHYSICAL)


CGROUPS = Path("/sys/fs/cgroup")
COUNT = "from service.machine import available_cpus, quota_cpus; print(available_cpus(), quota_cpus())"


def limitable() -> Iterator[tuple[Path, str, str]]:
    """Trees of this system in which groups may be made, with the file that limits CPUs, and what to write: one CPU."""
    control = CGROUPS / "cgroup.subtree_control"
    if (CGROUPS / "cpu" / "cpu.cfs_quota_us").exists():
        yield CGROUPS / "cpu", "cpu.cfs_quota_us", "100000"
    elif control.exists() and "cpu" in control.read_text().split():
        yield CGROUPS, "cpu.max", "100000 100000"


TREES = [each for each in limitable() if os.access(each[0], os.W_OK)] if os.cpu_count() != 1 else []

if TREES:

    @pytest.mark.parametrize(("tree", "file", "limit"), TREES)
    def test_a_real_group(tree: Path, file: str, limit: str) -> None:
        group = tree / f"r3d-test-{uuid.uuid4().hex[:8]}"
        group.mkdir()
        try:
            (group / file).write_text(limit)
            code = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0'); {COUNT}"
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True, timeout=60)
            assert done.stdout.split() == ["1", "1"]
        finally:
            group.rmdir()
