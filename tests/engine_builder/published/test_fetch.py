"""Published weights over a network that fails, into the cache."""

import errno
import hashlib
import os
import re
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from engine_builder.errors import DownloadError
from engine_builder.published.catalog import BASE_URL, FILES, source_of
from engine_builder.published.fetch import fetch_weights

from ...support.weights_server import Behaviour, weights_server

CONTENT = bytes(range(256)) * 4096  # a MiB
NAME = f"r3d_18-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of weights in a cache of our own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "r3d" / "weights"


@pytest.fixture
def fetch(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bytes]:
    """What is fetched from an address."""

    def call(place: str) -> bytes:
        monkeypatch.setenv("R3D_WEIGHTS_URL", place)
        path = fetch_weights("r3d_18", Console(quiet=True))
        assert path.parent == cache
        assert sorted(each.name for each in cache.iterdir()) == [path.name, f"{path.name}.lock"]
        return path.read_bytes()

    return call


def begun(cache: Path, content: bytes, validator: str | None = '"one"') -> Path:
    """A download that was interrupted."""
    cache.mkdir(parents=True)
    part = cache / f"{NAME}.part"
    part.write_bytes(content)
    if validator:
        part.with_name(f"{part.name}.validator").write_text(validator)
    return part


def test_from_the_network_once_and_then_from_the_cache(fetch: Callable[[str], bytes]) -> None:
    behaviour = Behaviour(CONTENT)
    with weights_server(behaviour) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT
    assert fetch(f"{address}/{NAME}") == CONTENT
    assert len(behaviour.asked) == 1


def test_a_damaged_file_in_the_cache_is_fetched_again(fetch: Callable[[str], bytes], cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:-1])
    with weights_server(Behaviour(CONTENT)) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT


def test_an_interrupted_download_goes_on(fetch: Callable[[str], bytes], cache: Path) -> None:
    begun(cache, CONTENT[:1000])
    behaviour = Behaviour(CONTENT)
    with weights_server(behaviour) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT
    [asked] = behaviour.asked
    assert (asked["Range"], asked["If-Range"]) == ("bytes=1000-", '"one"')


def test_lost_connections_are_made_again(fetch: Callable[[str], bytes]) -> None:
    behaviour = Behaviour(CONTENT, cut_after=300_000)
    with weights_server(behaviour) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT
    assert [asked.get("Range") for asked in behaviour.asked] == [
        None,
        *(f"bytes={start}-" for start in (300_000, 600_000, 900_000)),
    ]


def test_a_file_that_changed_is_begun_again(fetch: Callable[[str], bytes], cache: Path) -> None:
    begun(cache, b"other" * 100, '"zero"')
    with weights_server(Behaviour(CONTENT)) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT


def test_a_file_that_changed_unseen_is_begun_again(fetch: Callable[[str], bytes], cache: Path) -> None:
    begun(cache, b"other" * 100, None)
    behaviour = Behaviour(CONTENT, etag=None)
    with weights_server(behaviour) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT
    assert [asked.get("Range") for asked in behaviour.asked] == ["bytes=500-", None]
    assert "If-Range" not in behaviour.asked[0]


@pytest.mark.parametrize("behaviour", [Behaviour(CONTENT, ranges=False), Behaviour(CONTENT, wrong_part=True)])
def test_a_server_without_ranges(fetch: Callable[[str], bytes], cache: Path, behaviour: Behaviour) -> None:
    begun(cache, CONTENT[:1000])
    with weights_server(behaviour) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT


def test_a_part_that_is_too_long(fetch: Callable[[str], bytes], cache: Path) -> None:
    begun(cache, CONTENT + b"more")
    with weights_server(Behaviour(CONTENT)) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT


def test_a_download_that_was_whole_already(fetch: Callable[[str], bytes], cache: Path) -> None:
    begun(cache, CONTENT)
    behaviour = Behaviour(CONTENT)
    with weights_server(behaviour) as address:
        assert fetch(f"{address}/{NAME}") == CONTENT


def refusal(fetch: Callable[[str], bytes], place: str, cache: Path) -> str:
    """What is said, without the way to do it by hand, which is always told."""
    with pytest.raises(DownloadError) as caught:
        fetch(place)
    said, by_hand = str(caught.value).split(". By hand: ")
    assert "\n" not in by_hand + said
    assert str(cache) in by_hand
    assert by_hand.endswith("R3D_WEIGHTS_URL where it is")
    return said


def test_another_file_than_the_one_named(fetch: Callable[[str], bytes], cache: Path) -> None:
    with weights_server(Behaviour(b"<html>Please log in</html>")) as address:
        said = refusal(fetch, f"{address}/{NAME}", cache)
    assert re.search(rf"{NAME}: its SHA-256 begins with [0-9a-f]{{8}}, not {NAME[7:15]}$", said)
    assert [each.name for each in cache.iterdir()] == [f"{NAME}.lock"]


def test_no_such_file(fetch: Callable[[str], bytes], cache: Path) -> None:
    with weights_server(Behaviour(CONTENT, status=404)) as address:
        assert refusal(fetch, f"{address}/{NAME}", cache) == f"{address}/{NAME}: the server says 404 Not Found"


def test_nobody_answers(fetch: Callable[[str], bytes], cache: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert "cannot be downloaded: " in refusal(fetch, f"{address}/{NAME}", cache)


def test_a_connection_that_stays_lost_keeps_what_came(fetch: Callable[[str], bytes], cache: Path) -> None:
    behaviour = Behaviour(CONTENT, ends_at=700_000)
    with weights_server(behaviour) as address:
        said = refusal(fetch, f"{address}/{NAME}", cache)
        assert re.search(r"stopped after 0 MiB \(.+\); the same command goes on from there", said)
        assert (cache / f"{NAME}.part").stat().st_size == 700_000
        behaviour.ends_at = None
        assert fetch(f"{address}/{NAME}") == CONTENT
    assert behaviour.asked[-1]["Range"] == "bytes=700000-"


def test_a_server_that_keeps_changing_its_mind_is_given_up(fetch: Callable[[str], bytes], cache: Path) -> None:
    """It announces more than it has, and when asked for the rest says that there is none."""
    with weights_server(Behaviour(CONTENT, length=len(CONTENT) + 10)) as address:
        assert "the server has less than was downloaded" in refusal(fetch, f"{address}/{NAME}", cache)


def test_more_than_weights_can_be(fetch: Callable[[str], bytes], cache: Path) -> None:
    with weights_server(Behaviour(CONTENT, length=1 << 40)) as address:
        assert "too many for weights" in refusal(fetch, f"{address}/{NAME}", cache)


def test_no_space_is_told_before_anything_is_written(
    fetch: Callable[[str], bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs(cache.parents[2])
    nearly_full = os.statvfs_result([*real[:4], 1, *real[5:]])
    monkeypatch.setattr(os, "statvfs", lambda path: nearly_full)
    with weights_server(Behaviour(CONTENT)) as address:
        assert "1 MiB are needed, 0 are free" in refusal(fetch, f"{address}/{NAME}", cache)


def test_a_disk_that_becomes_full(cache: Path) -> None:
    """A limit on file size fails like a full disk. What came is kept, and gone on with when there is space."""
    command = [sys.executable, "-m", "engine_builder", "fetch", "r3d_18"]
    with weights_server(Behaviour(CONTENT)) as address:
        environment = os.environ | {"R3D_WEIGHTS_URL": f"{address}/{NAME}"}
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)),
        )
    assert done.returncode == 1
    assert "no space left for the download; the same command goes on when there is. By hand: " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert 0 < (cache / f"{NAME}.part").stat().st_size <= 500_000


def test_two_at_once_download_once(fetch: Callable[[str], bytes]) -> None:
    behaviour = Behaviour(CONTENT)
    with weights_server(behaviour) as address:
        threads = [threading.Thread(target=lambda: fetch(f"{address}/{NAME}")) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert fetch(f"{address}/{NAME}") == CONTENT
    assert len(behaviour.asked) == 1


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_file_of_this_machine(fetch: Callable[[str], bytes], tmp_path: Path, scheme: str) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(f"{scheme}{tmp_path / NAME}") == CONTENT


def test_a_wrong_file_of_this_machine_is_left_alone(fetch: Callable[[str], bytes], tmp_path: Path, cache: Path) -> None:
    (tmp_path / NAME).write_bytes(b"other")
    assert "its SHA-256 begins with" in refusal(fetch, str(tmp_path / NAME), cache)
    assert (tmp_path / NAME).read_bytes() == b"other"
    assert not (cache / NAME).exists()


def test_a_file_that_is_not_there(fetch: Callable[[str], bytes], tmp_path: Path, cache: Path) -> None:
    said = refusal(fetch, str(tmp_path), cache)
    assert said == f"{tmp_path}/r3d_18-b3b3357e.pth: {os.strerror(errno.ENOENT)}"


@pytest.mark.parametrize("architecture", FILES)
def test_where_files_are_looked_for(monkeypatch: pytest.MonkeyPatch, architecture: str) -> None:
    name = FILES[architecture]
    monkeypatch.delenv("R3D_WEIGHTS_URL", raising=False)
    assert source_of(architecture).place == f"{BASE_URL}{name}"
    for folder in ("http://mirror/torch", "http://mirror/torch/"):
        monkeypatch.setenv("R3D_WEIGHTS_URL", folder)
        assert source_of(architecture).place == f"http://mirror/torch/{name}"
    monkeypatch.setenv("R3D_WEIGHTS_URL", "https://mirror/mine-0123456789ab.safetensors?token=1")
    source = source_of(architecture)
    assert (source.name, source.sha256_prefix) == ("mine-0123456789ab.safetensors", "0123456789ab")
    monkeypatch.setenv("R3D_WEIGHTS_URL", "/srv/weights.pth")
    assert source_of(architecture).sha256_prefix == name[-12:-4]


def test_what_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R3D_WEIGHTS_URL", "http://[mirror/")
    with pytest.raises(DownloadError, match=r"R3D_WEIGHTS_URL: http://\[mirror/ is no address: "):
        source_of("r3d_18")
