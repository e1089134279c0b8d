"""What is wrong with the environment is named, all of it, and no secret is shown."""

from pathlib import Path

import pytest

from service.environment import SettingsError, settings_from_environment

from ..support.programs import finished


@pytest.mark.parametrize("program", ["r3d-serve", "r3d-classify"])
def test_a_bad_key_is_not_printed(program: str, video: Path) -> None:
    arguments = [str(video)] if program == "r3d-classify" else []
    done = finished(program, *arguments, R3D_API_KEY="hunter2")
    assert done.returncode == 2
    assert "R3D_API_KEY: " in done.stderr
    assert "at least 8" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_an_unknown_variable_is_named_and_the_right_one_suggested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R3D_MAXBATCH", "8")
    monkeypatch.setenv("R3D_FOO", "1")
    with pytest.raises(SettingsError) as caught:
        settings_from_environment()
    assert caught.value.complaints == [
        "R3D_FOO: no such setting",
        "R3D_MAXBATCH: no such setting; did you mean R3D_MAX_BATCH?",
    ]


def test_everything_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R3D_MAX_BATCH", "0")
    monkeypatch.setenv("R3D_BACKEND", "abacus")
    monkeypatch.setenv("R3D_QUEUE", "1")
    with pytest.raises(SettingsError) as caught:
        settings_from_environment()
    told = "\n".join(caught.value.complaints)
    assert "R3D_QUEUE: no such setting; did you mean R3D_QUEUE_CLIPS?" in told
    assert "R3D_MAX_BATCH: " in told
    assert "(found '0')" in told
    assert "R3D_BACKEND: " in told


def test_a_good_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("r3d_max_batch", "8")
    assert settings_from_environment(queue_clips=12).max_batch == 8
