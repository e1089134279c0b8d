"""The option `--version`, which every command has."""

from typing import Annotated

import typer

from .. import __version__


def _show(asked: bool) -> None:
    if asked:
        print(f"r3d {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Show the version and exit.", callback=_show, is_eager=True)]
