"""Declared new beginnings of series."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

revision = "0003"
down_revision = "0002"

METADATA = MetaData()

_CODE = Text().with_variant(Text(collation="C"), "postgresql")
_TIME = BigInteger()
# SQLite numbers rows by itself only where the type is spelled INTEGER.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

rebase = Table(
    "rebase",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    Column("provider", _CODE, nullable=False),
    Column("unit", _CODE, nullable=False),
    Column("indicator", _CODE, nullable=False),
    Column("rebased_at", Integer, nullable=False, comment="day from 1970"),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("withdrawn_at", _TIME),
    Column("withdrawn_by", Text),
    Column("withdrawal", Text, comment="why it was taken back"),
    Index("rebase_by_provider", "provider", "id"),
    sqlite_autoincrement=True,
)


def upgrade() -> None:
    """Make the table."""
    METADATA.create_all(op.get_bind())
