"""`r3d-serve`: the server."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from . import logs
from .app import create_app
from .errors import StartupError
from .server import Server, server_config
from .settings import Settings

FAILED = 1
BAD_SETTINGS = 2


def load_settings(model: Path | None) -> Settings:
    """The environment's settings, `model` in place of `R3D_MODEL`. Exits with a message for a bad value."""
    try:
        return Settings(model=model) if model is not None else Settings()
    except ValidationError as error:
        for item in error.errors():
            name = "_".join(map(str, item["loc"])).upper()
            typer.echo(f"R3D_{name}: {item['msg']} (found {item['input']!r})", err=True)
        raise typer.Exit(BAD_SETTINGS) from error


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    model: Annotated[Path | None, typer.Option(help="Model directory. Default: the bundled model.")] = None,
) -> None:
    """Serve a model over HTTP. Settings come from R3D_* environment variables."""
    settings = load_settings(model)
    logs.configure()
    try:
        app = create_app(settings)
    except StartupError as error:
        typer.echo(f"r3d-serve: {error}", err=True)
        raise typer.Exit(FAILED) from error
    server = Server(server_config(app, host, port), app.state.runtime)
    server.run()
    if server.failure is not None:
        typer.echo(f"r3d-serve: {server.failure}", err=True)
        raise typer.Exit(FAILED)


def main() -> None:
    """Entry point."""
    typer.run(serve)
