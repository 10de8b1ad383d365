"""``earshot alerts together``: what began together, in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, plain_errors
from streams.evidence.statements import NO_SPEAKING_UP

_BARS = " ▁▂▃▄▅▆▇█"
_WEEKS = 26


def together(
    url: Url = DEFAULT_URL,
    key: Key = None,
    unit: Annotated[
        str | None, typer.Option(help="A unit's code; what lies under it is included.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Groups that end after (RFC 3339 or a day).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Groups that begin before.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    *,
    as_json: Json = False,
) -> None:
    """Show which alerts began together, more of them than chance gives: read them as one event.

    The alerts of a group: `earshot alerts list --together GROUP`.
    """
    with plain_errors(ServiceError):
        client = Client(url, key)
        found = list(
            client.items("/v1/alerts/together", limit, unit=unit, since=since, until=until)
        )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found:
        typer.echo("No alerts began together beyond what chance gives.")
    else:
        Console().print(groups_table(found))
        typer.echo(f"\n{NO_SPEAKING_UP}")


def groups_table(groups: Iterable[dict[str, Any]]) -> Table:
    """Groups as a table for a terminal of eighty columns or more."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Signalled", no_wrap=True)
    table.add_column("Units", justify="right", no_wrap=True)
    table.add_column("Expected", justify="right", no_wrap=True)
    table.add_column("What it says, and the weeks before", overflow="fold")
    table.add_column("Open, group", overflow="fold")
    for group in groups:
        last = datetime.fromisoformat(group["until"]) - timedelta(seconds=1)
        table.add_row(
            f"{group['since'][:10]}\n{last:%Y-%m-%d}",
            f"[bold]{group['units']:,}[/]\nof {group['watched']:,}",
            _expected(group["expected"]),
            f"{escape(group['statement'])}\n{sparkline(group)}",
            f"{group['open']:,} of {group['alerts']:,}\n{group['id']}",
        )
    return table


def sparkline(group: dict[str, Any]) -> str:
    """What began in the periods up to the end of a group, one character each."""
    begun = [
        period["begun"] for period in group["periods"] if period["period_start"] < group["until"]
    ][-_WEEKS:]
    highest = max(begun, default=0)
    steps = len(_BARS) - 1
    # Whatever began is seen, however small beside the highest.
    return "".join(_BARS[-(-steps * number // highest)] if highest else " " for number in begun)


def _expected(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"
