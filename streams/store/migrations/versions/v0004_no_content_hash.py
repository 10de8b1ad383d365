"""Versions of a fact are ordered by their content itself, so its hash is no longer stored."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take the column away."""
    op.drop_column("fact", "digest")
