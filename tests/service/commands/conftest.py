import sys
from collections.abc import Callable

import pytest

from service.commands import classify as classify_command
from service.commands import evaluate as evaluate_command

from ...support.programs import Call


@pytest.fixture
def classify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`r3d-classify` in this process, with these arguments and environment variables."""
    return _call_of("r3d-classify", classify_command.main, monkeypatch, capsys)


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`r3d-evaluate` likewise."""
    return _call_of("r3d-evaluate", evaluate_command.main, monkeypatch, capsys)


def _call_of(
    name: str, main: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    def call(*arguments: str, **environment: str) -> tuple[object, str, str]:
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", [name, *arguments])
            for variable, value in environment.items():
                changed.setenv(variable, value)
            with pytest.raises(SystemExit) as ended:
                main()
        return ended.value.code, *capsys.readouterr()

    return call
