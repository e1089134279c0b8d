"""The settings that the environment holds, and what is wrong with it."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from .settings import PREFIX, Settings
from .spelling import did_you_mean

# Where containers find secrets, a file each, named as its variable.
SECRETS = Path("/run/secrets")


class SettingsError(Exception):
    """The environment holds a bad or unknown setting; `complaints` are for the operator, and show no secret."""

    def __init__(self, complaints: list[str]) -> None:
        super().__init__("; ".join(complaints))
        self.complaints = complaints


def settings_from_environment(**changes: object) -> Settings:
    """The environment's settings, or else those of files in `SECRETS`, with `changes` in place of their values.

    Raises SettingsError, also for a variable that begins as settings do and is none.
    """
    complaints = [_unknown(name) for name in unknown_variables(os.environ)]
    try:
        secrets = SECRETS if os.access(SECRETS, os.R_OK | os.X_OK) else None
        settings = Settings(_secrets_dir=secrets, **changes)  # type: ignore[arg-type]
    except ValidationError as error:
        complaints += [_bad(str(item["loc"][0]), item["msg"], item["input"]) for item in error.errors()]
    if complaints:
        raise SettingsError(complaints)
    return settings


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that begin as settings do, and name none."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known)


def _unknown(variable: str) -> str:
    known = [name.upper() for name in Settings.model_fields]
    return f"{variable}: no such setting" + did_you_mean(variable.upper().removeprefix(PREFIX), known, PREFIX)


def _bad(field: str, message: str, found: object) -> str:
    secret = "Secret" in str(Settings.model_fields[field].annotation)
    return f"{PREFIX}{field.upper()}: {message}" + ("" if secret else f" (found {found!r})")
