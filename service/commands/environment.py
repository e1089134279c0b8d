"""The settings of a command; what is wrong with them is told, and the command ends."""

from pathlib import Path

import typer

from ..batch import command_line
from ..environment import SettingsError, settings_from_environment
from ..settings import Settings
from .published_model import ToldError, published_model

BAD_SETTINGS = 2
MODEL_HELP = "Model directory, or r3d_18, mc3_18 or r2plus1d_18: fetched. Default: the bundled model."


def load_settings(model: Path | None) -> Settings:
    """The environment's settings, `model` in place of `R3D_MODEL`; published weights that it names are fetched first.

    Exits with a message for a bad or unknown setting. Raises StartupError when the weights cannot be had.
    """
    try:
        settings = settings_from_environment() if model is None else settings_from_environment(model=model)
    except SettingsError as error:
        for complaint in error.complaints:
            typer.echo(complaint, err=True)
        raise typer.Exit(BAD_SETTINGS) from error
    directory = published_model(settings)
    return settings if directory is None else settings.model_copy(update={"model": directory})


def ended(program: str, error: Exception, status: int) -> typer.Exit:
    """The end of a program, with `status`, for a reason that is told once."""
    return typer.Exit(status) if isinstance(error, ToldError) else command_line.ended(program, error, status)
