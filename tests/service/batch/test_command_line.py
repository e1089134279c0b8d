"""What commands over many files are asked with, declared once."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from service.batch.command_line import asking, inputs_of, options_of
from service.batch.inputs import Inputs
from service.batch.outcome import Options
from service.classification.query import Query

Seen = list[tuple[str, Inputs, Options]]


def asked(*arguments: str) -> tuple[Seen, str]:
    """What a command gets that is asked so, and what is said."""
    app, seen = typer.Typer(), []

    @app.command()
    @asking(inputs=inputs_of, options=options_of)
    def command(*, inputs: Inputs, name: Annotated[str, typer.Option()], options: Options) -> None:
        seen.append((name, inputs, options))

    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == (0 if seen else 2)
    return seen, done.output


def test_a_command_gets_what_is_made_of_the_shared_options() -> None:
    arguments = ("--name", "x", "a.mp4", "b.mp4", "--from", "list", "-r", "--clips", "3", "--top-k", "2", "--embedding")
    seen, _ = asked(*arguments)
    query = Query(clips=3, embedding=True)
    assert seen == [("x", Inputs(["a.mp4", "b.mp4"], Path("list"), recursive=True), Options(2, query))]


def test_what_is_left_out_is_the_models_or_the_services() -> None:
    assert asked("--name", "x", "a.mp4")[0] == [("x", Inputs(["a.mp4"]), Options())]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--name", "x"), "name a video or a folder of them, or a list with --from"),
        (("a.mp4",), "Missing option '--name'"),
        (("--name", "x", "a.mp4", "--clips", "0"), "Invalid value for --clips: a number from 1"),
        (("--name", "x", "a.mp4", "--stride", "0"), "Invalid value for '--stride'"),
    ],
)
def test_bad_usage_is_told(arguments: tuple[str, ...], said: str) -> None:
    seen, output = asked(*arguments)
    assert seen == []
    assert said in output
