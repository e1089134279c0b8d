"""Results files: one writer, nothing of others' overwritten, a torn line forgotten."""

import json
import os
from pathlib import Path

import pytest

from service.batch.outcome import Refusal
from service.batch.results_file import open_results
from service.errors import StartupError

BAD = Refusal("urn:x", "Bad", 422, "very bad")


def test_a_results_file_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_results(path), pytest.raises(StartupError, match="another run"), open_results(path):
        pass
    with open_results(path):
        pass


@pytest.mark.parametrize("content", ["Dear diary\n", '{"title": "no results"}\n', "[1, 2]\n", "7\n"])
def test_other_files_are_not_written_to(tmp_path: Path, content: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text(content)
    with pytest.raises(StartupError, match="not a file of results"), open_results(precious):
        pass
    assert precious.read_text() == content


def test_it_remembers_and_forgets_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with open_results(path) as results:
        results.add(Path("a"), BAD)
    with path.open("ab") as stream:
        stream.write(b'{"file": "b", "resu')
    with open_results(path) as results:
        assert [results.names.add(name) for name in ("a", "b")] == [False, True]
        results.add(Path("b"), BAD)
    assert [json.loads(line)["file"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_a_name_that_is_no_utf8_is_remembered(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    with open_results(tmp_path / "out.jsonl") as results:
        results.add(Path(name), BAD)
    with open_results(tmp_path / "out.jsonl") as results:
        assert not results.names.add(name)


def test_what_is_added_can_be_read_at_once(tmp_path: Path) -> None:
    """A run that is killed repeats nothing that it has told of."""
    path = tmp_path / "out.jsonl"
    with open_results(path) as results:
        for number in range(3):
            results.add(Path(str(number)), BAD)
            assert path.read_bytes().count(b"\n") == number + 1
