"""What is kept for how long. Facts, alerts and the audit stay; the rest has an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, delete, exists, select

from streams.facts.clock import to_ms
from streams.store import outbox, schema
from streams.store.connection import Tables
from streams.store.idempotency import ANSWERS_KEPT

DEAD_LETTERS_KEPT = timedelta(days=14)
OUTBOX_KEPT = timedelta(days=7)
# A delivery that has not asked for so long is no longer there.
OUTBOX_KEPT_FOR_DELIVERIES = timedelta(days=28)
JOURNAL_KEPT = timedelta(days=2)

_AT_ONCE = 1000
_ROUNDS = 20


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
        not passed on yet stays, though not for ever. One call takes a bounded
        number of rows, so that it never keeps other writers waiting for long.
        """
        letter, change, answer, message = (
            schema.dead_letter.c,
            schema.outbox.c,
            schema.idempotency.c,
            schema.journal.c,
        )
        delivery = schema.delivery.c
        waiting = exists().where(
            delivery.seq < change.seq, delivery.name.not_like(f"%{outbox.LETTERS}")
        )
        with self._database.write() as connection:
            answers = delete(schema.idempotency).where(
                answer.reserved_at < to_ms(now - ANSWERS_KEPT)
            )
            return Pruned(
                dead_letters=_prune_head(
                    connection, letter.id, letter.at < to_ms(now - DEAD_LETTERS_KEPT)
                ),
                outbox=_prune_head(
                    connection,
                    change.seq,
                    change.at < to_ms(now - OUTBOX_KEPT),
                    ~waiting | (change.at < to_ms(now - OUTBOX_KEPT_FOR_DELIVERIES)),
                ),
                answers=connection.execute(answers).rowcount,
                journal=_prune_head(
                    connection, message.seq, message.at < to_ms(now - JOURNAL_KEPT), _processed()
                ),
            )


def _prune_head(
    connection: Connection, serial: Column[int], *conditions: ColumnElement[bool]
) -> int:
    """Delete what meets the conditions among the oldest rows; the rest is not looked at."""
    head = select(serial).order_by(serial).limit(_AT_ONCE).scalar_subquery()
    statement = delete(serial.table).where(serial.in_(head), *conditions)
    total = 0
    for _ in range(_ROUNDS):
        gone = connection.execute(statement).rowcount
        total += gone
        if gone < _AT_ONCE:
            break
    return total


def _processed() -> ColumnElement[bool]:
    """Whether a message of the journal lies before the committed position."""
    message, position = schema.journal.c, schema.position.c
    return exists().where(
        position.partition == message.partition,
        position.topic == message.topic,
        position.next_offset > message.place,
    )
