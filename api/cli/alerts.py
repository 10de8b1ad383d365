"""``earshot alerts``: the inbox of a running service, in a terminal."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import alerts_acts, alerts_together
from api.cli.alerts_listed import alert_table, whole_id
from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, plain_errors

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List, show and work on the alerts of a running service.",
)

_AlertId = Annotated[str, typer.Argument(help="The alert's id, or enough of its beginning.")]


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


for _name, _act in (
    ("acknowledge", alerts_acts.acknowledge),
    ("assign", alerts_acts.assign),
    ("comment", alerts_acts.comment),
    ("start-review", alerts_acts.start_review),
    ("escalate", alerts_acts.escalate),
    ("snooze", alerts_acts.snooze),
    ("close", alerts_acts.close),
    ("reopen", alerts_acts.reopen),
):
    app.command(_name)(_act)


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
