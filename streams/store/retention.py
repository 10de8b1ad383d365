"""What is kept for how long. Facts, alerts and the audit stay; the rest has an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, delete, exists, select

from streams.clock import to_ms
from streams.store import schema
from streams.store.connection import Tables
from streams.store.idempotency import ANSWERS_KEPT

DEAD_LETTERS_KEPT = timedelta(days=14)
OUTBOX_KEPT = timedelta(days=7)
JOURNAL_KEPT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many rows a pruning took away."""

    dead_letters: int
    outbox: int
    answers: int
    journal: int


class Retention(Tables):
    """Taking away what has had its time."""

    def prune(self, now: datetime) -> Pruned:
        """Delete old dead letters, delivered changes, answers and processed messages.

        A message of the journal goes only when its effects are committed; facts
        can always be evaluated again without it. A change that some delivery has
        not passed on yet stays.
        """
        with self._database.write() as connection:
            letters = delete(schema.dead_letter).where(
                schema.dead_letter.c.at < to_ms(now - DEAD_LETTERS_KEPT)
            )
            answers = delete(schema.idempotency).where(
                schema.idempotency.c.reserved_at < to_ms(now - ANSWERS_KEPT)
            )
            return Pruned(
                dead_letters=connection.execute(letters).rowcount,
                outbox=_prune_outbox(connection, now),
                answers=connection.execute(answers).rowcount,
                journal=_prune_journal(connection, now),
            )


def _prune_outbox(connection: Connection, now: datetime) -> int:
    waiting = exists().where(schema.delivery.c.seq < schema.outbox.c.seq)
    return connection.execute(
        delete(schema.outbox).where(schema.outbox.c.at < to_ms(now - OUTBOX_KEPT), ~waiting)
    ).rowcount


def _prune_journal(connection: Connection, now: datetime) -> int:
    journal, position = schema.journal.c, schema.position.c
    done = exists(
        select(position.topic).where(
            and_(
                position.partition == journal.partition,
                position.topic == journal.topic,
                position.next_offset > journal.place,
            )
        )
    )
    return connection.execute(
        delete(schema.journal).where(journal.at < to_ms(now - JOURNAL_KEPT), done)
    ).rowcount
