"""`r3d-engine`: export weights, build, import, inspect and verify model directories, and try this machine."""

import typer
from rich.console import Console

from .cli_check import inspect, tune, verify
from .cli_import import import_model
from .cli_make import build, bundled, export, fetch
from .cli_selftest import selftest
from .errors import BuildError

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (export, fetch, build, bundled, inspect, verify, tune, selftest):
    app.command()(command)
app.command("import")(import_model)


def main() -> None:
    """Entry point: errors of the builder and of the file system are one line and exit status 1."""
    try:
        app()
    except (BuildError, OSError) as error:
        told = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        Console(stderr=True).print(f"r3d-engine: {told}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(1) from error
