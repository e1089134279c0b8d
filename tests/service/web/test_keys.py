"""The file of keys."""

import hashlib
import logging
from pathlib import Path

import pytest

from service.errors import StartupError
from service.web.keys import Keys


def line(name: str, key: str) -> str:
    return f"{name} {hashlib.sha256(key.encode()).hexdigest()}\n"


def test_each_key_has_its_holder(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# the first team\n\n" + line("anna", "a" * 20) + line("bert", "b" * 20).replace("\n", " # old\n"))
    keys = Keys("the one key", file)
    asked = [b"a" * 20, b"b" * 20, b"the one key", b"", b"a" * 19, b"anna", hashlib.sha256(b"a" * 20).digest()]
    assert [keys.name_of(key) for key in asked] == ["anna", "bert", "", None, None, None, None]


def test_a_key_is_changed_while_the_server_runs(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "keys"
    file.write_text(line("anna", "old key"))
    keys = Keys(None, file)
    assert keys.name_of(b"new key") is None
    file.write_text(line("anna", "old key") + line("anna", "new key"))
    assert (keys.name_of(b"old key"), keys.name_of(b"new key")) == ("anna", "anna")
    with caplog.at_level(logging.ERROR):
        file.write_text("anna new key\n")
        assert keys.name_of(b"new key") == "anna"
        file.unlink()
        assert keys.name_of(b"new key") == "anna"
    assert "line 1 is not a name and the SHA-256 of a key" in caplog.text
    assert "new key" not in caplog.text
    file.write_text(line("anna", "new key"))
    assert (keys.name_of(b"old key"), keys.name_of(b"new key")) == (None, "anna")


@pytest.mark.parametrize("text", ["anna", "anna 1234", "an/na " + "0" * 64, "anna " + "G" * 64])
def test_a_bad_file_stops_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "keys").write_text(text)
    with pytest.raises(StartupError, match="R3D_API_KEYS_FILE: line 1"):
        Keys(None, tmp_path / "keys")
    with pytest.raises(StartupError, match="No such file"):
        Keys(None, tmp_path / "none")
