"""`r3d-engine`: export weights, build, import, inspect and verify model directories, and try this machine."""

from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console

from .cli_build import build, bundled
from .cli_check import inspect, list_models, tune, verify
from .cli_import import import_model
from .cli_published import export, fetch
from .cli_selftest import selftest
from .errors import BuildError
from .option_groups import with_groups

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(asked: bool) -> None:
    if asked:
        print(f"r3d {version('r3d')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """What stands before the name of a command."""


for command in (export, fetch, build, bundled, inspect, verify, tune, selftest):
    app.command()(with_groups(command))
app.command("import")(with_groups(import_model))
app.command("list")(list_models)


def main() -> None:
    """Entry point: errors of the builder and of the file system are one line and exit status 1."""
    try:
        app(prog_name="r3d-engine")
    except (BuildError, OSError) as error:
        told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        Console(stderr=True).print(f"r3d-engine: {told}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error
