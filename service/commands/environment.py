"""The settings of a command; what is wrong with them is told, and the command ends."""

from pathlib import Path

import typer

from ..settings import Settings, SettingsError, settings_from_environment

BAD_SETTINGS = 2


def load_settings(model: Path | None) -> Settings:
    """The environment's settings, `model` in place of `R3D_MODEL`. Exits with a message for a bad or unknown one."""
    try:
        return settings_from_environment() if model is None else settings_from_environment(model=model)
    except SettingsError as error:
        for complaint in error.complaints:
            typer.echo(complaint, err=True)
        raise typer.Exit(BAD_SETTINGS) from error
