"""The settings in a command's help: those of the class, so that none is missing and none is wrong."""

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from ..settings import PREFIX, Settings


class CommandWithSettings(TyperCommand):
    """A command whose help ends with a table of the settings."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """See click."""
        super().format_help(ctx, formatter)
        Console().print(settings_table(Settings))


def settings_table(settings: type[BaseModel]) -> Table:
    """A row for each setting: its variable, its default, what it is."""
    table = Table(
        "variable", "default", "", title="Settings: environment variables", title_justify="left", box=SIMPLE_HEAD
    )
    for name, field in settings.model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        about = ", ".join(filter(None, [field.description, _choices(field.annotation)]))
        table.add_row(PREFIX + name.upper(), _shown(default), about)
    return table


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def _choices(annotation: Any) -> str:
    """The values of a setting that has few."""
    return f"one of {', '.join(get_args(annotation))}" if get_origin(annotation) is Literal else ""
