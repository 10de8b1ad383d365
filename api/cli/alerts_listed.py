"""Alerts as a terminal lists them, and as they are named there: by the beginnings of their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

from rich.markup import escape
from rich.table import Table

from api.cli.client import Client, ServiceError

MOST = 5000
"""Alerts that are looked through at most."""
_STYLES = {("concern", 2): "bold red", ("concern", 1): "yellow", ("improvement", 1): "cyan"}


def alert_table(alerts: Iterable[dict[str, Any]]) -> Table:
    """Alerts as a table for a terminal of eighty columns or more."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Since", "Level", "Unit, and what it says", "State, id"):
        table.add_column(name, overflow="fold", no_wrap=name in {"Since", "Level"})
    for alert in alerts:
        style = _STYLES.get((alert["direction"], alert["level"]), "")
        concern = alert["direction"] == "concern"
        subsided = "\nsubsided" if alert.get("subsided_at") else ""
        table.add_row(
            alert["first_signal_at"][:10],
            str(alert["level"]) if concern else "better",
            f"[{style or 'bold'}]{escape(alert['unit_name'])}[/] {escape(alert['unit'])}\n"
            f"{escape(alert['statement'])}",
            f"{alert['state']}\n{alert['id'][:10]}{subsided}",
        )
    return table


def whole_id(client: Client, beginning: str) -> str:
    """The id that begins so.

    Raises:
        ServiceError: several do.

    """
    found = _begins(client.items("/v1/alerts", MOST), beginning)
    # One that the listing leaves out may be named in full; the service decides.
    return beginning if found is None else str(found["id"])


def named(client: Client, beginnings: Sequence[str]) -> list[dict[str, Any]]:
    """The alerts whose ids begin so, each once.

    Raises:
        ServiceError: none does, or several do.

    """
    listed = list(client.items("/v1/alerts", MOST))
    found: dict[str, dict[str, Any]] = {}
    for beginning in beginnings:
        one = _begins(listed, beginning)
        if one is None:
            one = client.get(f"/v1/alerts/{quote(beginning, safe='')}")
        found[one["id"]] = one
    return list(found.values())


def _begins(alerts: Iterable[dict[str, Any]], beginning: str) -> dict[str, Any] | None:
    matches = [alert for alert in alerts if alert["id"].startswith(beginning)]
    exact = [alert for alert in matches if alert["id"] == beginning]
    if len(matches) > 1 and not exact:
        raise ServiceError(f"{len(matches)} alerts begin with {beginning!r}; give more of the id")
    return next(iter(exact or matches), None)
