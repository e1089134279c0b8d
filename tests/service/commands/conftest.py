import sys

import pytest

from service.commands.classify import main

from ...support.programs import Call


@pytest.fixture
def classify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """`r3d-classify` in this process, with these arguments and environment variables."""

    def call(*arguments: str, **environment: str) -> tuple[object, str, str]:
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", ["r3d-classify", *arguments])
            for name, value in environment.items():
                changed.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                main()
        return ended.value.code, *capsys.readouterr()

    return call
