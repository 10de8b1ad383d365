"""``earshot alerts acknowledge`` and the other actions: on one alert, on several, on a group.

Several are shown first and acted on in the versions that were shown, when somebody agrees.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.alerts_listed import MOST, alert_table, named, whole_id
from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, fail, plain_errors
from streams.alerts.lifecycle import Outcome

Alerts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ALERT",
        help="Ids of alerts, or enough of their beginnings.",
        show_default=False,
    ),
]
Together = Annotated[
    str | None, typer.Option(help="All alerts of a group of `earshot alerts together`.")
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Act on several alerts without being asked first.")
]
Note = Annotated[str | None, typer.Option(help="What you know or will do.")]
_AT_ONCE: Final = 200
"""Alerts of one request, as many as the service takes."""
_RESULTS: Final = {"done": "green", "unchanged": "", "refused": "bold red"}


def acknowledge(
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Say that somebody is looking at alerts."""
    _act(url, key, alerts, together, "acknowledge", yes=yes, as_json=as_json, note=note)


def assign(
    to: Annotated[str, typer.Option(help="Who looks after it: a team or a role.")],
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Say who looks after alerts."""
    _act(url, key, alerts, together, "assign", yes=yes, as_json=as_json, note=note, assignee=to)


def comment(
    note: Annotated[str, typer.Option(help="What should be known. No names of patients.")],
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Add a note to alerts."""
    _act(url, key, alerts, together, "comment", yes=yes, as_json=as_json, note=note)


def start_review(
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Say that the check has begun."""
    _act(url, key, alerts, together, "start_review", yes=yes, as_json=as_json, note=note)


def escalate(
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Hand alerts up."""
    _act(url, key, alerts, together, "escalate", yes=yes, as_json=as_json, note=note)


def snooze(
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The day they come back, as 2026-03-30."),
    ],
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Put alerts aside until a day; one comes back earlier if it gets worse."""
    end = until.replace(tzinfo=UTC).isoformat()
    _act(url, key, alerts, together, "snooze", yes=yes, as_json=as_json, note=note, until=end)


def close(
    outcome: Annotated[Outcome, typer.Option(help="What it turned out to be.")],
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Close alerts and say what they turned out to be."""
    found = outcome.value
    _act(url, key, alerts, together, "close", yes=yes, as_json=as_json, note=note, outcome=found)


def reopen(
    alerts: Alerts = None,
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: Note = None,
    together: Together = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take up closed alerts again."""
    _act(url, key, alerts, together, "reopen", yes=yes, as_json=as_json, note=note)


def _act(
    url: str,
    key: str | None,
    alerts: Sequence[str] | None,
    together: str | None,
    action: str,
    *,
    yes: bool,
    as_json: bool,
    **details: str | None,
) -> None:
    """Ask the service for an action and tell what became of it."""
    if bool(alerts) == (together is not None):
        raise typer.BadParameter("give the ids of alerts or --together GROUP, one of the two")
    asked = {"action": action} | {name: told for name, told in details.items() if told is not None}
    with plain_errors(ServiceError):
        client = Client(url, key)
        if alerts and len(alerts) == 1:
            _on_one(client, alerts[0], asked, as_json=as_json)
            return
        shown = (
            named(client, alerts or ()) if together is None else _group(client, together, action)
        )
    if not yes:
        _agreed(shown, action, as_json=as_json)
    _on_several(client, shown, asked, as_json=as_json)


def _on_one(client: Client, beginning: str, asked: dict[str, str], *, as_json: bool) -> None:
    alert_id = whole_id(client, beginning)
    answer = client.post(f"/v1/alerts/{alert_id}/actions", asked)
    typer.echo(json.dumps(answer, indent=2) if as_json else f"{alert_id} is now {answer['state']}")


def _group(client: Client, group: str, action: str) -> list[dict[str, Any]]:
    """The alerts of a group that can take an action, as they are now.

    Raises:
        ServiceError: there is no such group, or none of them can.
    """
    found = list(client.items("/v1/alerts", MOST, together=group))
    able = [alert for alert in found if action in alert["allowed"]]
    if not able:
        raise ServiceError(f"none of the {len(found)} alerts of the group can take {action!r} now")
    if len(able) < len(found):
        left = len(found) - len(able)
        typer.echo(f"{left} of {len(found)} alerts of the group cannot take {action!r}.", err=True)
    return able


def _agreed(shown: Sequence[dict[str, Any]], action: str, *, as_json: bool) -> None:
    """Show what is going to be acted on and ask; without an agreement the command ends."""
    Console(stderr=as_json).print(alert_table(shown))
    if not sys.stdin.isatty():
        fail("nothing was done: nobody can be asked here; give --yes to act on these alerts")
    question = f"{action.replace('_', ' ').capitalize()}: all these {len(shown)} alerts?"
    if not typer.confirm(question, err=as_json):
        fail("nothing was done")


def _on_several(
    client: Client, shown: Sequence[dict[str, Any]], asked: dict[str, str], *, as_json: bool
) -> None:
    """Act on alerts in the versions that were shown; the exit code is 1 where one was refused."""
    items: list[dict[str, Any]] = []
    failure: ServiceError | None = None
    for start in range(0, len(shown), _AT_ONCE):
        seen = [
            {"id": alert["id"], "version": alert["version"]}
            for alert in shown[start : start + _AT_ONCE]
        ]
        try:
            items += client.post("/v1/alerts/actions", {**asked, "alerts": seen})["items"]
        except ServiceError as error:
            failure = error
            break
    counts = Counter(one["result"] for one in items)
    told = {name: counts[name] for name in _RESULTS}
    if as_json and (items or failure is None):
        typer.echo(json.dumps({"action": asked["action"], **told, "items": items}, indent=2))
    elif items:
        Console().print(results_table(shown, items))
        typer.echo(", ".join(f"{number:,} {name}" for name, number in told.items() if number))
    if failure is not None:
        fail(str(failure))
    if counts["refused"]:
        raise typer.Exit(1)


def results_table(shown: Iterable[dict[str, Any]], items: Iterable[dict[str, Any]]) -> Table:
    """What became of each alert, as a table for a terminal of eighty columns or more."""
    names = {alert["id"]: f"{alert['unit_name']} {alert['unit']}" for alert in shown}
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Result", "Unit, and why", "State", "Id"):
        table.add_column(name, overflow="fold", no_wrap=name in {"Result", "Id"})
    for one in items:
        problem = one.get("problem") or {}
        why = f"\n{problem.get('detail') or problem['title']}" if problem else ""
        style = _RESULTS[one["result"]]
        table.add_row(
            f"[{style}]{one['result']}[/]" if style else one["result"],
            escape(f"{names[one['id']]}{why}"),
            one["state"] or "",
            one["id"][:10],
        )
    return table
