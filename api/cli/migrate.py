"""``earshot migrate``: bring the tables of an older store up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli.options import STORE, plain_errors, uses_settings
from api.cli.stores import HouseError, open_store
from api.settings import Settings
from streams.store import SchemaOutdated, schema


@uses_settings(*STORE)
def migrate(
    settings: Settings,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
) -> None:
    """Bring the tables of an older store up to date, in one transaction.

    On PostgreSQL stop the workers and HTTP halves first; where it fails, the store is
    as it was. A store on SQLite is upgraded by whatever opens it. There is no way back
    but a copy from before: take one.
    """
    with plain_errors(HouseError):
        try:
            open_store(settings, upgrade=False).close()
        except SchemaOutdated as older:
            found = older.found
        else:
            typer.echo(f"{settings.store_name} is of revision {schema.REVISION}: nothing to do")
            return
        if not dry_run:
            open_store(settings, upgrade=True).close()
    told = "would be brought" if dry_run else "was brought"
    typer.echo(f"{settings.store_name} {told} from revision {found} to {schema.REVISION}")
