"""``earshot deadletters``: what was refused, why, and another try."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.client import Client, ServiceError
from api.cli.options import DEFAULT_URL, Json, Key, Url, plain_errors

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="List refused events of a running service, count them by reason, replay them.",
)

Code = Annotated[str | None, typer.Option(help="Only this reason, for example unknown_provider.")]
Provider = Annotated[str | None, typer.Option(help="Only this provider's.")]


@app.command("list")
def list_letters(
    url: Url = DEFAULT_URL,
    key: Key = None,
    code: Code = None,
    provider: Provider = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    *,
    as_json: Json = False,
) -> None:
    """List refused events with their place and reason."""
    with plain_errors(ServiceError):
        found = list(Client(url, key).items("/v1/deadletters", limit, code=code, provider=provider))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found:
        typer.echo("No dead letters.")
    else:
        Console().print(_table(found))


@app.command()
def count(url: Url = DEFAULT_URL, key: Key = None, *, as_json: Json = False) -> None:
    """Count refused events by reason."""
    with plain_errors(ServiceError):
        counts = Client(url, key).get("/v1/deadletters", limit=1)["counts"]
    if as_json:
        typer.echo(json.dumps(counts, indent=2))
        return
    if not counts:
        typer.echo("No dead letters.")
    _tell(counts)


@app.command()
def replay(
    url: Url = DEFAULT_URL,
    key: Key = None,
    code: Code = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 1000,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be taken now; change nothing.")
    ] = False,
) -> None:
    """Send refused events again, after what refused them has been put right.

    Those whose bytes were not kept (the personal-data screen refused them) cannot be
    sent again from here.
    """
    wanted: dict[str, Any] = {"dry_run": dry_run, "limit": limit}
    if code:
        wanted["code"] = code
    with plain_errors(ServiceError):
        answer = Client(url, key).post("/v1/deadletters/replay", wanted)
    verb = "would be taken" if dry_run else "taken"
    typer.echo(
        f"{answer['considered']:,} looked at: {answer['accepted']:,} {verb}, "
        f"{answer['duplicates']:,} known already, {answer['rejected']:,} refused again, "
        f"{answer['not_kept']:,} not kept"
    )
    _tell(answer["counts"])


def _tell(counts: dict[str, int]) -> None:
    for reason, number in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        typer.echo(f"{number:8,}  {reason}")


def _table(letters: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Received", "Reason", "Place", "Event", "Detail"):
        # Reasons and places are looked for and copied, so they stay in one piece.
        table.add_column(name, overflow="fold", no_wrap=name in {"Reason", "Place"})
    for letter in letters:
        place = f"{letter['topic']}/{letter['partition']}/{letter['offset']}[{letter['index']}]"
        table.add_row(
            letter["at"][:16].replace("T", " "),
            letter["code"],
            place,
            escape(str(letter.get("event_id") or "")),
            escape(letter["detail"]),
        )
    return table
