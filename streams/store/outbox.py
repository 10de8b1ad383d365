"""The outbox: changes of alerts in the order they were committed, and the audit beside it.

A row is written in the transaction that changed the alert, so nothing is told
that did not happen and nothing that happened is left untold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.dialects import postgresql, sqlite

from streams.facts.clock import iso, to_ms
from streams.store import schema
from streams.store.connection import Tables
from streams.store.rows import OutboxRow

SYSTEM = "earshot"
"""The actor of what the facts did."""
LETTERS = "deadletters"
"""How the name of a delivery ends that carries dead letters; it counts their numbers."""

Line = tuple[str, str, str, Mapping[str, object]]
"""A line of the audit: actor, what, subject and detail."""


class Post(NamedTuple):
    """A change of an alert to be told: its kind, the alert's id and record, and its time."""

    kind: str
    alert: str
    payload: bytes
    at: datetime


_OUTBOX = schema.outbox.c
_DELIVERY = schema.delivery.c
_OUTBOX_LOCK = 0x45415253484F55


class Outbox(Tables):
    """Readers of the outbox, and how far each delivery got."""

    def outbox_since(self, seq: int, limit: int = 500) -> list[OutboxRow]:
        """The changes after number ``seq``, oldest first."""
        query = select(schema.outbox).where(_OUTBOX.seq > seq).order_by(_OUTBOX.seq).limit(limit)
        with self._database.read() as connection:
            return [
                OutboxRow(row.seq, row.kind, row.alert, row.payload, iso(row.at))
                for row in connection.execute(query)
            ]

    def outbox_range(self) -> tuple[int, int]:
        """The first number that is still kept and the last one; (0, 0) where there is none.

        A reader that saw a number before the first one has missed changes and
        should list the alerts again.
        """
        with self._database.read() as connection:
            first, last = connection.execute(
                select(func.min(_OUTBOX.seq), func.max(_OUTBOX.seq))
            ).one()
        return (first or 0, last or 0)

    def delivered(self, name: str) -> int:
        """The last number that the delivery ``name`` has passed on; 0 at first."""
        with self._database.read() as connection:
            query = select(_DELIVERY.seq).where(_DELIVERY.name == name)
            return connection.execute(query).scalar_one_or_none() or 0

    def mark_delivered(self, name: str, seq: int) -> None:
        """Remember that ``name`` has passed on everything up to ``seq``."""
        with self._database.write() as connection:
            dialect = sqlite if self._database.is_sqlite else postgresql
            statement = dialect.insert(schema.delivery).values(name=name, seq=seq)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[_DELIVERY.name], set_={"seq": statement.excluded.seq}
                )
            )


def post(connection: Connection, rows: Sequence[Post]) -> None:
    """Add changes, as the last thing a transaction does.

    Numbers must become visible in their order, or a reader that has seen 7 would
    never see a 6 that is committed later. SQLite has one writer anyhow; on
    PostgreSQL writers of the outbox queue from here to their commit.
    """
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": _OUTBOX_LOCK})
    connection.execute(
        insert(schema.outbox).inline(), [{**row._asdict(), "at": to_ms(row.at)} for row in rows]
    )


def record(connection: Connection, lines: Sequence[Line], now: datetime) -> None:
    """Write ``(actor, what, subject, detail)`` lines into the audit."""
    if not lines:
        return
    connection.execute(
        insert(schema.audit).inline(),
        [
            {
                "at": to_ms(now),
                "actor": actor,
                "what": what,
                "subject": subject,
                "detail": msgspec.json.encode(detail).decode(),
            }
            for actor, what, subject, detail in lines
        ],
    )
