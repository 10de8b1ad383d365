"""``earshot keys``: organisation keys, made and taken away on the machine of the store."""

from __future__ import annotations

import re
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli.options import Data, DatabaseUrl, fail, plain_errors
from api.cli.stores import HouseError, open_store
from api.settings import Settings, SettingsError
from streams.facts.clock import system_clock
from streams.store import Role, Store, StoreUnavailable, UnknownItem

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Create, list and revoke the keys that organisations call the service with.",
)

_CODE = re.compile(r"^[A-Z0-9]{1,10}$")


@app.command()
def create(
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Code of an organisation the key speaks for; may be repeated."),
    ] = None,
    role: Annotated[
        Role, typer.Option(help="An operator or admin key without scope covers everybody.")
    ] = Role.PROVIDER,
    label: Annotated[str, typer.Option(help="Whose key it is, for the list.")] = "",
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key. It is shown once: the store keeps only a hash of it."""
    if not scope and role not in {Role.OPERATOR, Role.ADMIN}:
        fail(f"a {role} key needs --scope: the code of its organisation", 2)
    wrong = [code for code in scope or () if not _CODE.match(code)]
    if wrong:
        fail(f"{', '.join(wrong)}: a scope is an organisation code such as RXX, QZ1 or Y63", 2)
    with plain_errors(SettingsError, HouseError, StoreUnavailable):
        store = _store(data, database_url)
        made = store.create_key(scope or (), now=system_clock(), role=role, label=label)
        store.close()
    typer.echo(made.token)
    whom = ", ".join(sorted(scope or ())) or "every organisation"
    typer.echo(
        f"Key {made.row.prefix} for {whom} ({role}). Keep it now: it cannot be shown again.",
        err=True,
    )


@app.command("list")
def list_keys(data: Data = None, database_url: DatabaseUrl = None) -> None:
    """List keys: whose they are, what for, and when they were used last."""
    with plain_errors(SettingsError, HouseError, StoreUnavailable):
        store = _store(data, database_url)
        keys = store.list_keys()
        store.close()
    if not keys:
        typer.echo("No keys.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Key", "Scope", "Role", "Label", "Made", "Last used", "Revoked"):
        table.add_column(name, overflow="fold")
    for key in keys:
        table.add_row(
            key.prefix,
            ", ".join(sorted(key.scope)) or "all",
            key.role,
            escape(key.label),
            key.created_at[:10],
            (key.last_used_at or "never")[:16],
            (key.revoked_at or "")[:16],
        )
    Console().print(table)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="The key's prefix, as the list shows it.")],
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a key useless from now on."""
    prefix = key.removeprefix("earshot_").split("_")[0]
    try:
        with plain_errors(SettingsError, HouseError, StoreUnavailable):
            store = _store(data, database_url)
            store.revoke_key(prefix, system_clock())
            store.close()
    except UnknownItem:
        fail(f"there is no key {prefix}")
    typer.echo(f"Key {prefix} is revoked.")


def _store(data: Data, database_url: DatabaseUrl) -> Store:
    return open_store(Settings.load(data=data, database_url=database_url))
