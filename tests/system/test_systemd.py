"""The systemd unit of `deploy/systemd`, as far as it can be checked where systemd does not run."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.settings import Settings

from ..support.processes import ROOT
from ..support.programs import program

UNIT = ROOT / "deploy" / "systemd" / "r3d@.service"
# By systemd's own count: 10 is a service without any confinement, and what is above 5 is "medium".
MOST_EXPOSED = 1.9

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None or shutil.which("strace") is None,
    reason="systemd-analyze or strace is not installed",
)


def analyze(*arguments: str) -> str:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def settings() -> dict[str, str]:
    """The unit's lines."""
    return dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE))


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit of an instance, with the program where it is here."""
    unit = tmp_path / "r3d@8000.service"
    unit.write_text(UNIT.read_text().replace("/opt/r3d/bin/r3d-serve", program("r3d-serve")))
    return unit


def test_systemd_understands_all_of_it(installed: Path) -> None:
    told = analyze("verify", "--man=no", str(installed))
    assert [line for line in told.splitlines() if installed.name in line or "r3d@" in line] == []


def test_little_is_exposed(installed: Path) -> None:
    told = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(installed))
    assert "Overall exposure level" in told


def test_it_drains_before_it_is_killed_and_its_decoders_with_it() -> None:
    unit = settings()
    assert unit["KillMode"] == "mixed"
    assert float(unit["TimeoutStopSec"]) > Settings().drain_seconds + 10


def test_instances_share_their_jobs_in_a_folder_that_may_be_written() -> None:
    unit = settings()
    assert "Environment=R3D_JOBS_DIR=%S/r3d/jobs\n" in UNIT.read_text()
    assert unit["ProtectSystem"] == "strict"  # so nothing else may
    assert unit["StateDirectory"] == "r3d"
    assert unit["User"] == "r3d"  # by itself, each instance has another: the files would be only one's


def allowed_calls() -> Iterator[str]:
    """What the unit's filter lets through, its groups taken apart."""
    waiting = settings()["SystemCallFilter"].split()
    while waiting:
        name = waiting.pop()
        if name.startswith("@"):
            lines = analyze("syscall-filter", name).splitlines()[1:]
            waiting += [line.strip() for line in lines if not line.strip().startswith("#")]
        else:
            yield name


def test_the_filter_lets_through_what_the_service_calls(model_directory: Path, video: Path, tmp_path: Path) -> None:
    """`r3d-classify` does all that the server does, but for sockets that listen."""
    counts = tmp_path / "calls"
    command = [program("r3d-classify"), "--model", str(model_directory), str(video)]
    traced = ["strace", "-f", "-qq", "-c", "-U", "name", "-o", str(counts), *command]
    done = subprocess.run(traced, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    called = set(re.findall(r"^ *([a-z]\w+)$", counts.read_text(), re.MULTILINE)) - {"syscall", "total"}
    assert {"landlock_restrict_self", "seccomp", "unshare"} & called
    assert called - set(allowed_calls()) == set()
