"""Read by Alembic: runs the revisions over the connection that ``upgrade`` was given."""

from __future__ import annotations

from alembic import context

from streams.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite changes a table by making it anew.
    render_as_batch=True,
)
context.run_migrations()
