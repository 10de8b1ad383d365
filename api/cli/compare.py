"""``earshot compare``: units beside their peers, in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from api.captions import figure
from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, plain_errors

_PATH = "/v1/comparisons"
_STYLES = {"concern": "bold red", "improvement": "cyan", "neutral": "bold"}
_STANDING = {
    "much_higher": "higher than expected",
    "higher": "a little higher",
    "within": "as expected",
    "lower": "a little lower",
    "much_lower": "lower than expected",
}
_READING = "Reading units beside their peers"
_STATES = {
    "too_small": "too small to compare",
    "held_back": "not shown",
    "contradictory": "check the numbers",
}


def _indicators(beginning: str) -> list[str]:
    """For completion: the shipped indicators that can be compared and begin so."""
    from streams.catalogue.indicators import Catalogue  # noqa: PLC0415 - only while completing
    from streams.comparisons.comparable import comparable  # noqa: PLC0415 - as said

    keys = [one.indicator.key for one in comparable(Catalogue.load())]
    return [key for key in keys if key.startswith(beginning)]


def compare(
    indicator: Annotated[
        str,
        typer.Argument(
            help="Key of an indicator, such as falls_per_1000_bed_days.",
            autocompletion=_indicators,
        ),
    ],
    level: Annotated[
        Literal["ward", "site", "provider"] | None,
        typer.Option(help="Which units; the smallest that the indicator has unless given."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="Only units under this one, a provider or a region.")
    ] = None,
    mark: Annotated[str | None, typer.Option(help="Code of a unit to point out.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Whole closed periods from here on (RFC 3339 or a day).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Whole closed periods up to here.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    *,
    as_json: Json = False,
) -> None:
    """Compare units with their peers: who lies beyond what chance and spread explain.

    It informs and raises no alert. Units beyond the limits come first, the others by name.
    """
    waiting = Console(stderr=True).status(_READING)
    with plain_errors(ServiceError), waiting:
        found = _whole(
            Client(url, key),
            waiting,
            indicator=indicator,
            level=level,
            unit=unit,
            mark=mark,
            since=since,
            until=until,
        )
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    Console().print(peers_table(found["items"]))
    typer.echo(
        f"\n{found['indicator_name']}, {found['since'][:10]} to before {found['until'][:10]}. "
        f"Peers: {figure(found['centre'])} {found['measure']}."
    )
    for line in (found["statement"], *found["notes"]):
        typer.echo(line)


def _whole(client: Client, waiting: Status, **question: str | None) -> dict[str, Any]:
    """A comparison with all of its pages; a nation's wards take a few seconds."""
    found: dict[str, Any] = client.get(_PATH, **question, limit=200)
    following = found["next"]
    while following is not None:
        waiting.update(f"{_READING}: {len(found['items']):,} of {found['peers']['shown']:,}")
        page = client.get(_PATH, **question, limit=200, cursor=following)
        found["items"] += page["items"]
        following = page["next"]
    return {**found, "next": None}


def peers_table(units: Iterable[dict[str, Any]]) -> Table:
    """Units as a table for a terminal of eighty columns or more."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("Unit", overflow="fold")
    for name in ("Value", "Expected between", "z", "Events", "Volume"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Among peers", overflow="fold")
    for one in units:
        beyond = str(one["position"]).startswith("much_")
        style = _STYLES[one["meaning"]] if beyond else ""
        standing = _STANDING.get(one["position"]) or _STATES[one["state"]]
        above = f"\n{escape(one['within'])}" if one["within"] else ""
        name = f"{'> ' if one['marked'] else ''}{escape(one['unit_name'])}"
        table.add_row(
            f"[bold]{name}[/] {escape(one['unit'])}{above}",
            figure(one["value"]),
            _between(one["lower998"], one["upper998"]),
            "" if one["z"] is None else f"{one['z']:+z.1f}",
            _sum(one["numerator"]),
            _sum(one["denominator"]),
            f"[{style}]{standing}[/]" if style else standing,
        )
    return table


def _between(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{figure(low)} to {figure(high)}"


def _sum(number: float | None) -> str:
    return "*" if number is None else f"{number:,.10g}" if number < 100 else f"{number:,.0f}"
