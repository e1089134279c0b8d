"""Results files: one writer, nothing of others' overwritten, a torn line forgotten."""

import json
from pathlib import Path

import pytest

from service.batch.outcome import Refusal
from service.batch.results_file import files_in, open_results
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
        assert results.done == {"a"}
        results.add(Path("b"), BAD)
    assert [json.loads(line)["file"] for line in path.read_text().splitlines()] == ["a", "b"]


def test_a_manifest_names_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("a.mp4\n\n  b c.mp4 \na.mp4\n")
    assert files_in(tmp_path / "list") == [Path("a.mp4"), Path("b c.mp4")]
