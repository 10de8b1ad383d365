"""The version of the schema is told by Alembic's table instead of one of Earshot's own."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Take the former table away."""
    op.drop_table("schema_version")
