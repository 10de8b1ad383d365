"""``earshot explain``: why an alert was raised, and whether the stored facts still say so."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.house import House, opened
from api.cli.options import (
    EVALUATION,
    STORE,
    Json,
    fail,
    plain_errors,
    uses_settings,
)
from api.cli.stores import HouseError
from api.settings import Settings
from streams.alerts import disclosure
from streams.alerts.verification import Verification, verify
from streams.facts.effects import AlertRecord
from streams.store import AlertRow, StoreUnavailable


@uses_settings(*STORE, *EVALUATION)
def explain(
    settings: Settings,
    alert: Annotated[str, typer.Argument(help="The alert's id, or enough of its beginning.")],
    *,
    check: Annotated[
        bool,
        typer.Option("--verify", help="Compute the alert again from the stored facts; compare."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Explain an alert from the store: its evidence and how it was weighed.

    With --verify the alert is computed again from the stored facts alone, by the
    version of the reference in force, and compared field by field with what was
    told. The exit code is 0 when both agree and 3 when they do not. An alert of an
    earlier reference version can differ for that reason alone; name that version
    with --reference then.
    """
    with plain_errors(HouseError, StoreUnavailable), opened(settings) as house:
        row = _find(house, alert)
        outcome = _verify(house, row) if check else None
    if as_json:
        typer.echo(json.dumps(_plain(row, outcome), indent=2, default=str))
    else:
        _print(row, outcome)
    if outcome is not None and not outcome.holds:
        raise typer.Exit(3)


def _find(house: House, beginning: str) -> AlertRow:
    exact = house.store.alert(beginning)
    if exact is not None:
        return exact
    matches: list[AlertRow] = []
    cursor: str | None = None
    while True:
        page = house.store.list_alerts(cursor=cursor, limit=1000)
        matches += [row for row in page.items if row.id.startswith(beginning)]
        cursor = page.next
        if cursor is None:
            break
    if len(matches) != 1:
        fail(
            f"{len(matches)} alerts begin with {beginning!r}; give more of the id"
            if matches
            else f"no alert begins with {beginning!r}"
        )
    found = house.store.alert(matches[0].id)
    assert found is not None  # noqa: S101 - it was listed just now
    return found


def _verify(house: House, row: AlertRow) -> Verification:
    told = AlertRecord(**{field.name: getattr(row, field.name) for field in fields(AlertRecord)})
    return verify(
        house.store,
        told,
        catalogue=house.catalogue,
        reference=house.reference,
        budgets=house.budgets,
        name_of=house.unit_name,
    )


def _safe(row: AlertRow) -> dict[str, Any]:
    """The alert's fields as they may be shown: protected numbers are held back."""
    return disclosure.alert({field.name: getattr(row, field.name) for field in fields(AlertRecord)})


def _plain(row: AlertRow, outcome: Verification | None) -> dict[str, Any]:
    plain = _safe(row)
    if outcome is not None:
        plain["verified"] = {
            "holds": outcome.holds,
            "found": outcome.found,
            "differences": sorted(outcome.differences),
        }
    return plain


def _print(row: AlertRow, outcome: Verification | None) -> None:
    console = Console()
    told = _safe(row)
    console.print(f"[bold]{escape(row.unit_name)}[/] ({escape(row.unit)}), alert {row.id}")
    console.print(escape(told["statement"]))
    console.print(
        f"Level {row.level}: expected {escape(told['false_alert_interval'])}. "
        f"First signal {told['first_signal_at'][:10]}, may have begun {told['onset'][:10]}. "
        f"Reference {escape(str(told['evidence'].get('reference', '?')))}."
    )
    for signal in told["evidence"].get("signals", ()):
        console.print()
        feeds = escape(", ".join(signal["feeds"]))
        console.print(
            f"[bold]{escape(str(signal.get('detector')))}[/] on {feeds}"
            f", level {signal.get('level')}, since {str(signal.get('opened'))[:10]}"
        )
        if signal.get("disclosure"):
            console.print("Numbers that speaking up is part of are held back.")
        console.print(_numbers(signal.get("explanation", {})))
    if outcome is not None:
        console.print()
        console.print(_verdict(outcome))


#: Positions in arrays and parameters of the model: for machines, and in ``--json``.
_FOR_MACHINES = {"onset", "period", "week", "day", "form", "model", "data", "feeds"}


def _numbers(explanation: dict[str, Any]) -> Table:
    """The figures of an explanation that a reader can use; ``--json`` has them all."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for feed in explanation.get("feeds", ()):
        table.add_row(escape(feed["feed"]), _weighed(feed))
    for name, value in explanation.items():
        # Of a share "since" is what was counted since its onset, of counts it is a position.
        hidden = name in _FOR_MACHINES or (name == "since" and isinstance(value, int))
        text = "" if hidden else _figure(value)
        if text:
            table.add_row(name.replace("_", " "), escape(text))
    return table


def _weighed(feed: dict[str, Any]) -> str:
    """What was counted of one feed since the onset, and what its baseline had led to expect."""
    if feed.get("observed") is None:
        return "held back"
    if not feed["expected"]:
        return "nothing to compare with"
    words = f"{_figure(feed['observed'])} since the onset, {_figure(feed['expected'])} expected"
    if feed.get("ratio") is not None:
        words += f", ratio {_figure(feed['ratio'])}"
    return words if feed.get("contributes") else words + ", does not contribute"


def _figure(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    if isinstance(value, dict):
        parts = [(name.replace("_", " "), _figure(inner)) for name, inner in value.items()]
        return ", ".join(f"{name} {text}" for name, text in parts if text)
    return value if isinstance(value, str) else ""


def _verdict(outcome: Verification) -> str:
    if outcome.holds:
        return "[bold]Verified:[/] the stored facts give this alert again, field by field."
    if not outcome.found:
        return "[bold]Not verified:[/] the stored facts do not give this alert now."
    return f"[bold]Not verified:[/] these fields differ: {', '.join(sorted(outcome.differences))}."
