"""``earshot alerts``: the inbox of a running service, in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import alerts_together
from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, plain_errors
from streams.alerts.lifecycle import Outcome

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List, show and work on the alerts of a running service.",
)

_STYLES = {("concern", 2): "bold red", ("concern", 1): "yellow", ("improvement", 1): "cyan"}
_AlertId = Annotated[str, typer.Argument(help="The alert's id, or enough of its beginning.")]
_Note = Annotated[str | None, typer.Option(help="What you know or will do.")]


@app.command("list")
def list_alerts(
    url: Url = DEFAULT_URL,
    key: Key = None,
    unit: Annotated[
        str | None, typer.Option(help="A unit's code; what lies under it is included.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="new, acknowledged, closed, ...")] = None,
    level: Annotated[int | None, typer.Option(min=1, max=2, help="1 or 2.")] = None,
    domain: Annotated[
        str | None, typer.Option(help="safety, effectiveness, experience or listening.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="First signal on or after (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option(help="First signal before (RFC 3339).")] = None,
    together: Annotated[
        str | None, typer.Option(help="Those of a group of `earshot alerts together`.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    *,
    as_json: Json = False,
) -> None:
    """List alerts, the newest first."""
    with plain_errors(ServiceError):
        client = Client(url, key)
        found = list(
            client.items(
                "/v1/alerts",
                limit,
                unit=unit,
                state=state,
                level=level,
                domain=domain,
                since=since,
                until=until,
                together=together,
            )
        )
        waiting = client.get("/v1/status")["lag"]
    if waiting:
        # An empty list would otherwise look like an answer, for a minute at the very first start.
        typer.echo(f"{waiting:,} events are still being taken in; look again soon.", err=True)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found:
        typer.echo("No alerts.")
    else:
        Console().print(alert_table(found))


app.command("together")(alerts_together.together)


@app.command()
def show(
    alert: _AlertId, url: Url = DEFAULT_URL, key: Key = None, *, as_json: Json = False
) -> None:
    """Show one alert: what it says, how sure it is, and what was done about it."""
    with plain_errors(ServiceError):
        client = Client(url, key)
        found = client.get(f"/v1/alerts/{whole_id(client, alert)}")
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    Console().print(_details(found))
    for action in found.get("actions", []):
        note = f": {action['note']}" if action.get("note") else ""
        typer.echo(f"{action['at'][:16]} {action['action']} by {action.get('actor', '?')}{note}")


@app.command()
def acknowledge(
    alert: _AlertId, url: Url = DEFAULT_URL, key: Key = None, note: _Note = None
) -> None:
    """Say that somebody is looking at an alert."""
    _act(url, key, alert, "acknowledge", note=note)


@app.command()
def assign(
    alert: _AlertId,
    to: Annotated[str, typer.Option(help="Who looks after it: a team or a role.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: _Note = None,
) -> None:
    """Say who looks after an alert."""
    _act(url, key, alert, "assign", assignee=to, note=note)


@app.command()
def comment(
    alert: _AlertId,
    note: Annotated[str, typer.Option(help="What should be known. No names of patients.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Add a note to an alert."""
    _act(url, key, alert, "comment", note=note)


@app.command("start-review")
def start_review(
    alert: _AlertId, url: Url = DEFAULT_URL, key: Key = None, note: _Note = None
) -> None:
    """Say that the check has begun."""
    _act(url, key, alert, "start_review", note=note)


@app.command()
def escalate(alert: _AlertId, url: Url = DEFAULT_URL, key: Key = None, note: _Note = None) -> None:
    """Hand an alert up."""
    _act(url, key, alert, "escalate", note=note)


@app.command()
def snooze(
    alert: _AlertId,
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], help="The day it comes back, as 2026-03-30."),
    ],
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: _Note = None,
) -> None:
    """Put an alert aside until a day; it comes back earlier if it gets worse."""
    _act(url, key, alert, "snooze", until=until.replace(tzinfo=UTC).isoformat(), note=note)


@app.command()
def close(
    alert: _AlertId,
    outcome: Annotated[Outcome, typer.Option(help="What it turned out to be.")],
    url: Url = DEFAULT_URL,
    key: Key = None,
    note: _Note = None,
) -> None:
    """Close an alert and say what it turned out to be."""
    _act(url, key, alert, "close", outcome=outcome.value, note=note)


@app.command()
def reopen(alert: _AlertId, url: Url = DEFAULT_URL, key: Key = None, note: _Note = None) -> None:
    """Take up a closed alert again."""
    _act(url, key, alert, "reopen", note=note)


def _act(url: str, key: str | None, alert: str, action: str, **details: str | None) -> None:
    """Ask the service for a move and tell the state it led to."""
    with plain_errors(ServiceError):
        client = Client(url, key)
        alert_id = whole_id(client, alert)
        given = {name: value for name, value in details.items() if value is not None}
        answer = client.post(f"/v1/alerts/{alert_id}/actions", {"action": action, **given})
    typer.echo(f"{alert_id} is now {answer['state']}")


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
        ServiceError: none does, or several do.

    """
    matches = [
        alert["id"]
        for alert in client.items("/v1/alerts", 5000)
        if alert["id"].startswith(beginning)
    ]
    if beginning in matches or not matches:
        # An exact id may also be one that the listing leaves out; the service decides.
        return beginning
    if len(matches) > 1:
        raise ServiceError(f"{len(matches)} alerts begin with {beginning!r}; give more of the id")
    return str(matches[0])


def _details(alert: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "Alert": alert["id"],
        "Unit": f"{alert['unit_name']} ({alert['unit']})",
        "Says": alert["statement"],
        "By chance": alert["false_alert_interval"],
        "Level": f"{alert['level']}, {alert['direction']}, {alert['kind']}",
        "Domains": ", ".join(alert["domains"]),
        "Feeds": ", ".join(alert["feeds"]),
        "First signal": alert["first_signal_at"],
        "May have begun": alert["onset"],
        "Subsided": alert.get("subsided_at") or "no",
        "State": alert["state"],
        "Respond within": f"{alert['respond_by']} working days",
    }
    if alert.get("together"):
        rows["Began together"] = alert["together"]["statement"]
    for name, value in rows.items():
        table.add_row(name, escape(str(value)))
    return table
