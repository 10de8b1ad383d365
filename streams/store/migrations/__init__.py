"""From an older store's tables to today's: Alembic's revisions, run within one transaction.

Alembic is loaded only where there is something to upgrade. A new store gets its tables at
once from ``streams.store.schema``; a test holds both ways to the same tables.

A change of the schema is a module in ``versions`` (copy the latest one) and its number at
the end of ``schema.REVISIONS``. There are no downgrades.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection


def upgrade(connection: Connection, found: str | None, to: str) -> None:
    """Bring the tables from a revision to another, in the transaction of the connection.

    Args:
        connection: with a transaction begun; nothing is committed here.
        found: the revision of the tables, None where there are none.
        to: the revision wanted.
    """
    from alembic import command  # noqa: PLC0415 - only stores that are upgraded need it
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    if found is not None:
        command.stamp(config, found)
    command.upgrade(config, to)
