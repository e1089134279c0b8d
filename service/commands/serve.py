"""`r3d-serve`: the server."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from ..errors import StartupError
from ..telemetry import logs
from ..web.app import create_app
from ..web.descriptors import connections_that_fit
from ..web.listening import listen
from ..web.server import Server, server_config
from .environment import MODEL_HELP, ended, load_settings
from .settings_help import CommandWithSettings
from .version import Version

logger = logging.getLogger(__name__)

PROGRAM = "r3d-serve"
FAILED = 1

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(cls=CommandWithSettings)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free port.")] = 8000,
    model: Annotated[Path | None, typer.Option(help=MODEL_HELP)] = None,
    version: Version = False,
) -> None:
    """Serve a model over HTTP. Settings come from R3D_... environment variables, listed below."""
    try:
        sockets = listen(host, port)
        settings = load_settings(model)
        logs.configure()
        served = create_app(settings)
    except StartupError as error:
        raise ended(PROGRAM, error, FAILED) from error
    config = server_config(served, host, port, connections_that_fit(settings))
    server = Server(config, served.state.lifecycle)
    server.run(sockets)
    if server.failure is not None:
        logger.error("failed: %s", server.failure)  # the log's last line
        raise typer.Exit(FAILED)


def main() -> None:
    """Entry point."""
    app(prog_name=PROGRAM)
