"""The report: a table for people, JSON for a bug report."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from .outcome import Outcome


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """A row for each check; details may take several lines."""
    table = Table("check", "", "s", "")
    for each in outcomes:
        style = {"good": "green", "failed": "red"}.get(each.status, "yellow")
        table.add_row(each.check, f"[{style}]{each.status}[/]", f"{each.seconds:.1f}", each.detail.replace("[", r"\["))
    return table


def as_json(outcomes: Sequence[Outcome]) -> str:
    """The outcomes, one object each, and whether all of them are good."""
    good = all(each.status != "failed" for each in outcomes)
    return json.dumps({"good": good, "outcomes": [asdict(each) for each in outcomes]}, indent=1) + "\n"
