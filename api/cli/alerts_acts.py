"""``earshot alerts acknowledge`` and the other actions: on one alert, on several, on a group.

Several are shown first and acted on in the versions that were shown, when somebody agrees.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_type_hints

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.alerts_listed import MOST, alert_table, named, whole_id
from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, fail, graft, plain_errors
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


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which alerts are meant, where they are, and how it is told; each field is an option."""

    alerts: Alerts = None
    url: Url = DEFAULT_URL
    key: Key = None
    together: Together = None
    yes: Yes = False
    as_json: Json = False


def chosen(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``Choice``, which it takes as its first parameter."""
    types = get_type_hints(Choice, include_extras=True)
    options = {one.name: (types[one.name], one.default) for one in fields(Choice)}

    def run(**given: Any) -> None:  # noqa: ANN401 - whatever the options' types give
        command(Choice(**{name: given.pop(name) for name in options}), **given)

    return graft(run, command, options)


@chosen
def acknowledge(choice: Choice, note: Note = None) -> None:
    """Say that somebody is looking at alerts."""
    _act(choice, "acknowledge", note=note)


@chosen
def assign(
    choice: Choice,
    to: Annotated[str, typer.Option(help="Who looks after it: a team or a role.")],
    note: Note = None,
) -> None:
    """Say who looks after alerts."""
    _act(choice, "assign", note=note, assignee=to)


@chosen
def comment(
    choice: Choice,
    note: Annotated[str, typer.Option(help="What should be known. No names of patients.")],
) -> None:
    """Add a note to alerts."""
    _act(choice, "comment", note=note)


@chosen
def start_review(choice: Choice, note: Note = None) -> None:
    """Say that the check has begun."""
    _act(choice, "start_review", note=note)


@chosen
def escalate(choice: Choice, note: Note = None) -> None:
    """Hand alerts up."""
    _act(choice, "escalate", note=note)


@chosen
def snooze(
    choice: Choice,
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The day they come back, as 2026-03-30."),
    ],
    note: Note = None,
) -> None:
    """Put alerts aside until a day; one comes back earlier if it gets worse."""
    _act(choice, "snooze", note=note, until=until.replace(tzinfo=UTC).isoformat())


@chosen
def close(
    choice: Choice,
    outcome: Annotated[Outcome, typer.Option(help="What it turned out to be.")],
    note: Note = None,
) -> None:
    """Close alerts and say what they turned out to be."""
    _act(choice, "close", note=note, outcome=outcome.value)


@chosen
def reopen(choice: Choice, note: Note = None) -> None:
    """Take up closed alerts again."""
    _act(choice, "reopen", note=note)


def _act(choice: Choice, action: str, **details: str | None) -> None:
    """Ask the service for an action and tell what became of it."""
    alerts, together, as_json = choice.alerts, choice.together, choice.as_json
    if bool(alerts) == (together is not None):
        raise typer.BadParameter("give the ids of alerts or --together GROUP, one of the two")
    asked = {"action": action} | {name: told for name, told in details.items() if told is not None}
    with plain_errors(ServiceError):
        client = Client(choice.url, choice.key)
        if alerts and len(alerts) == 1:
            _on_one(client, alerts[0], asked, as_json=as_json)
            return
        shown = (
            named(client, alerts or ()) if together is None else _group(client, together, action)
        )
    if not choice.yes:
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
