"""Options that several commands have, as one dataclass: typer itself takes every option as a parameter of its own."""

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer: a parameter that is a dataclass becomes the options that its fields are.

    A field has its option in its annotation and its default. `command` is called with the dataclass made of them.
    """
    parameters = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {each.name: each.annotation for each in parameters if is_dataclass(each.annotation)}
    flat: list[inspect.Parameter] = []
    for each in parameters:
        flat += _options(groups[each.name]) if each.name in groups else [each.replace(kind=each.KEYWORD_ONLY)]

    @wraps(command)
    def called(**values: Any) -> None:
        made = {
            name: group(**{each.name: values.pop(each.name) for each in fields(group)})
            for name, group in groups.items()
        }
        command(**values, **made)

    called.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in flat}
    return called


def _options(group: Any) -> list[inspect.Parameter]:
    annotations = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=annotations[each.name]
        )
        for each in fields(group)
    ]
