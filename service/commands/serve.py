"""`r3d-serve`: the server."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import StartupError
from ..telemetry import logs
from ..web.app import create_app
from ..web.descriptors import connections_that_fit
from ..web.server import Server, server_config
from .environment import MODEL_HELP, load_settings

FAILED = 1


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    model: Annotated[Path | None, typer.Option(help=MODEL_HELP)] = None,
) -> None:
    """Serve a model over HTTP. Settings come from R3D_* environment variables."""
    try:
        settings = load_settings(model)
        logs.configure()
        app = create_app(settings)
    except StartupError as error:
        typer.echo(f"r3d-serve: {error}", err=True)
        raise typer.Exit(FAILED) from error
    config = server_config(app, host, port, connections_that_fit(settings))
    server = Server(config, app.state.lifecycle)
    server.run()
    if server.failure is not None:
        typer.echo(f"r3d-serve: {server.failure}", err=True)
        raise typer.Exit(FAILED)


def main() -> None:
    """Entry point."""
    typer.run(serve)
