"""The tables, one schema for SQLite and PostgreSQL.

Facts are the truth; tallies, watermarks and alerts follow from them and are
stored so that a start need not recompute them. Positions and the partition's
version are written in the same transaction as all of these. Times are whole
milliseconds since 1970 UTC. Codes sort by their bytes on both databases, so that
pages and digests agree.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every revision that the tables have had, oldest first (``streams.store.migrations``)."""
REVISION = REVISIONS[-1]
"""What this program works with."""

METADATA = MetaData()

_CODE = Text().with_variant(Text(collation="C"), "postgresql")
_TIME = BigInteger()
# SQLite numbers rows by itself only where the type is spelled INTEGER.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

version = Table(
    "alembic_version",
    METADATA,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

partition = Table(
    "partition",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("committed_at", _TIME),
)

position = Table(
    "position",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic", _CODE, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

fact = Table(
    "fact",
    METADATA,
    Column("provider", _CODE, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("feed", SmallInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("site", Text),
    Column("ward", Text),
    Column("time", _TIME, nullable=False),
    Column("recorded", _TIME),
    Column("body", LargeBinary, nullable=False),
    Index("fact_by_time", "provider", "time"),
)

tally = Table(
    "tally",
    METADATA,
    Column("provider", _CODE, primary_key=True),
    Column("unit", _CODE, primary_key=True),
    Column("grid", SmallInteger, primary_key=True, autoincrement=False),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("cells", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

provider = Table(
    "provider",
    METADATA,
    Column("provider", _CODE, primary_key=True),
    Column("incidents", Integer),
    Column("complaints", Integer),
    Column("speakup", Integer),
    Column("wardmetrics", Integer),
    Column("catalogue", Text, nullable=False),
)

feed = Table(
    "feed",
    METADATA,
    Column("provider", _CODE, primary_key=True),
    Column("feed", SmallInteger, primary_key=True, autoincrement=False),
    Column("last_event_time", _TIME),
    Column("last_arrival", _TIME, nullable=False),
    Column("events", BigInteger, nullable=False),
)

unit = Table(
    "unit",
    METADATA,
    Column("code", _CODE, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("parent", _CODE),
    Column("provider", _CODE, nullable=False),
    Column("local", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Index("unit_by_parent", "parent", "code"),
    Index("unit_by_provider", "provider", "code"),
)

alert = Table(
    "alert",
    METADATA,
    Column("id", _CODE, primary_key=True),
    Column("provider", _CODE, nullable=False),
    Column("unit", _CODE, nullable=False),
    Column("kind", Text, nullable=False),
    Column("level", SmallInteger, nullable=False),
    Column("domains", Text, nullable=False, comment="as |safety|listening|"),
    Column("first_signal", _TIME, nullable=False),
    Column("record", LargeBinary, nullable=False, comment="JSON of what the facts give"),
    Column("state", Text, nullable=False),
    Column("kept_state", Text, comment="the work's state while retracted"),
    Column("retraction", Text, comment="why it was retracted"),
    Column("opened_at", _TIME, nullable=False),
    Column("changed_at", _TIME, nullable=False),
    Column("version", Integer, nullable=False),
    Column("assignee", Text),
    Column("outcome", Text),
    Column("closed_at", _TIME),
    Column("snoozed_until", _TIME),
    Index("alert_by_time", "first_signal", "id"),
    Index("alert_by_provider", "provider", "first_signal", "id"),
    Index("alert_by_unit", "unit", "first_signal", "id"),
)

action = Table(
    "action",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    Column("alert", _CODE, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("state_before", Text, nullable=False),
    Column("state_after", Text, nullable=False),
    Column("note", Text),
    Column("outcome", Text),
    Column("assignee", Text),
    Column("until", _TIME),
    Index("action_by_alert", "alert", "id"),
)

audit = Table(
    "audit",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    Column("at", _TIME, nullable=False),
    Column("actor", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", _CODE, nullable=False),
    Column("detail", Text, nullable=False, comment="JSON"),
    Index("audit_by_subject", "subject", "id"),
    sqlite_autoincrement=True,
)

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

outbox = Table(
    "outbox",
    METADATA,
    Column("seq", _SERIAL, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("alert", _CODE, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    sqlite_autoincrement=True,
)

delivery = Table(
    "delivery",
    METADATA,
    Column("name", _CODE, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)

dead_letter = Table(
    "dead_letter",
    METADATA,
    Column("id", _SERIAL, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("place", BigInteger, nullable=False, comment="offset in the topic's partition"),
    Column("item", Integer, nullable=False, comment="index within the message"),
    Column("event_id", Text),
    Column("code", _CODE, nullable=False),
    Column("detail", Text, nullable=False),
    Column("raw", LargeBinary, comment="null where the personal-data screen refused"),
    Column("sha256", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("sender", _CODE),
    Column("at", _TIME, nullable=False),
    Column("replayed_at", _TIME),
    Index("dead_letter_by_code", "code", "id"),
    Index("dead_letter_by_sender", "sender", "id"),
    sqlite_autoincrement=True,
)

api_key = Table(
    "api_key",
    METADATA,
    Column("prefix", _CODE, primary_key=True),
    Column("secret_sha256", LargeBinary, nullable=False),
    Column("label", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False, comment="organisation codes, JSON"),
    Column("created_at", _TIME, nullable=False),
    Column("last_used_at", _TIME),
    Column("revoked_at", _TIME),
)

idempotency = Table(
    "idempotency",
    METADATA,
    Column("principal", _CODE, primary_key=True),
    Column("key", _CODE, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("reserved_at", _TIME, nullable=False),
    Column("status", SmallInteger),
    Column("media_type", Text),
    Column("body", LargeBinary),
    Index("idempotency_by_time", "reserved_at"),
)

journal = Table(
    "journal",
    METADATA,
    Column("seq", _SERIAL, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("topic", _CODE, nullable=False),
    Column("place", BigInteger, nullable=False, comment="offset, from 0"),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("events", Integer, nullable=False),
    Column("preceding", BigInteger, nullable=False, comment="events of the topic before this"),
    UniqueConstraint("partition", "topic", "place", name="journal_by_place"),
    sqlite_autoincrement=True,
)

journal_end = Table(
    "journal_end",
    METADATA,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("topic", _CODE, primary_key=True),
    Column("next_place", BigInteger, nullable=False, server_default=text("0")),
    Column("events", BigInteger, nullable=False, server_default=text("0")),
)
