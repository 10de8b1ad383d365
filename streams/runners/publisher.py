"""From the store to Kafka: alerts and their changes, and dead letters with their places.

Each delivery keeps in the store how far it got, and says so after Kafka has what it sent.
A crash in between sends a part again, so that everything is delivered at least once:
readers know a change by its ``id`` and an alert by its key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy import select

from streams.alerts import disclosure
from streams.facts.clock import from_ms, parse_iso, to_ms
from streams.facts.envelope import MS_PER_DAY
from streams.runners import topics
from streams.runners.log import MessageTooLarge
from streams.runners.producer import Record
from streams.runners.worker_metrics import WorkerMetrics
from streams.store import DeadLetterRow, OutboxRow, Store, schema

SIGNAL_TYPE = "uk.nhs.quality.signal.v1"
ALERT_TYPE = "uk.nhs.quality.alert.v1"
SOURCE = "urn:earshot"

_CHANGES = "kafka-alerts"
_LETTERS = "kafka-deadletters"
_BATCH = 200
_WEEK_MS = 7 * MS_PER_DAY
# A number that is missing may belong to a transaction that is still open; after this
# long it does not.
_OPEN_TRANSACTION = timedelta(seconds=60)
# Workflow, which the alerts topic carries and a change of the facts does not touch.
_LEFT_OUT = ("actions",)


class Topics(Protocol):
    """Where records are written."""

    def publish(self, topic: str, records: Sequence[Record]) -> None:
        """Make records durable; raises ``LogUnavailable``."""


class Publisher:
    """Carries the outbox and the dead letters to Kafka. One worker at a time needs to.

    Args:
        store: where changes and letters are.
        kafka: where they go.
        metrics: what is counted.

    """

    def __init__(self, store: Store, kafka: Topics, metrics: WorkerMetrics) -> None:
        self._store = store
        self._kafka = kafka
        self._metrics = metrics

    def publish(self, now: datetime) -> int:
        """Deliver what has come since the last time; how many records were written.

        Raises:
            LogUnavailable: Kafka does not take them; they are sent again next time.
            StoreUnavailable: the store does not answer.

        """
        written = 0
        while True:
            count = self._changes(now) + self._letters(now)
            if not count:
                return written
            written += count

    def _changes(self, now: datetime) -> int:
        done = self._store.delivered(_CHANGES)
        rows = self._store.outbox_since(done, _BATCH)
        self._metrics.unpublished.set(max(0, self._store.outbox_range()[1] - done) if rows else 0)
        if not rows:
            return 0
        signals: list[Record] = []
        changed: dict[str, OutboxRow] = {}
        for row in rows:
            if disclosure.tells_of_an_arrival(row.kind, row.payload):
                continue
            alert = msgspec.json.decode(row.payload, type=dict[str, Any])
            changed[row.alert_id] = row
            signals.append(_signal(row, alert, now))
        self._kafka.publish(topics.SIGNALS, signals)
        alerts = [record for row in changed.values() for record in self._alert(row, now)]
        self._kafka.publish(topics.ALERTS, alerts)
        self._store.mark_delivered(_CHANGES, rows[-1].seq)
        self._metrics.published.labels(topics.SIGNALS).inc(len(signals))
        self._metrics.published.labels(topics.ALERTS).inc(len(alerts))
        return len(rows)

    def _alert(self, row: OutboxRow, now: datetime) -> list[Record]:
        """The alert as it is now, which is what a compacted topic should keep."""
        found = self._store.alert(row.alert_id)
        if found is None:
            return []
        fields = {name: value for name, value in asdict(found).items() if name not in _LEFT_OUT}
        return [_record(row, _event(row, ALERT_TYPE, disclosure.alert(fields)), now)]

    def _letters(self, now: datetime) -> int:
        cursor = self._store.delivered(_LETTERS)
        ids = self._next_letters(cursor, now)
        if not ids:
            return 0
        letters = self._store.take_dead_letters(ids)
        try:
            self._kafka.publish(topics.DEAD_LETTERS, [_letter(letter) for letter in letters])
        except MessageTooLarge:
            self._publish_singly(letters)
        self._store.mark_delivered(_LETTERS, ids[-1])
        self._metrics.published.labels(topics.DEAD_LETTERS).inc(len(letters))
        return len(ids)

    def _publish_singly(self, letters: Sequence[DeadLetterRow]) -> None:
        """Send letters one by one; what is too large for the topic goes without its bytes.

        A message that a sender's client had compressed may be larger as it is than any topic
        takes. The store keeps it, and the letter tells its size and its hash.
        """
        for letter in letters:
            try:
                self._kafka.publish(topics.DEAD_LETTERS, [_letter(letter)])
            except MessageTooLarge:
                self._kafka.publish(topics.DEAD_LETTERS, [_letter(replace(letter, raw=None))])

    def _next_letters(self, cursor: int, now: datetime) -> list[int]:
        """The letters after ``cursor``, up to a number that may still appear."""
        letter = schema.dead_letter.c
        query = (
            select(letter.id, letter.at).where(letter.id > cursor).order_by(letter.id).limit(_BATCH)
        )
        with self._store.database.read() as connection:
            rows = connection.execute(query).all()
        found: list[int] = []
        for row in rows:
            if row.id != cursor + 1 and now - from_ms(row.at) < _OPEN_TRANSACTION:
                break
            cursor = row.id
            found.append(cursor)
        return found


def _signal(row: OutboxRow, alert: dict[str, Any], now: datetime) -> Record:
    shown = {"change": row.kind, "alert": disclosure.alert(alert)}
    return _record(row, _event(row, SIGNAL_TYPE, shown), now)


def _record(row: OutboxRow, event: dict[str, Any], now: datetime) -> Record:
    """An event with the time of its change, which Kafka would otherwise stamp on sending.

    A change that is told with the end of its week lies ahead, and brokers refuse stamps
    from the future: it is stamped with the week's beginning.
    """
    at = parse_iso(row.at)
    if at > to_ms(now):
        at -= _WEEK_MS
    return Record(row.alert_id.encode(), msgspec.json.encode(event), timestamp_ms=at)


def _event(row: OutboxRow, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """A structured CloudEvent; its ``id`` is the number of the change."""
    return {
        "specversion": "1.0",
        "id": str(row.seq),
        "source": SOURCE,
        "type": kind,
        "subject": row.alert_id,
        "time": row.at,
        "datacontenttype": "application/json",
        "data": data,
    }


def _letter(letter: DeadLetterRow) -> Record:
    """The sender's bytes as they came, with the reason and the place as headers."""
    place = {
        "id": letter.id,
        "code": letter.code,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "index": letter.index,
        "sha256": letter.sha256,
        "size": letter.size,
        "at": letter.at,
    }
    if letter.event_id is not None:
        place["event-id"] = letter.event_id
    headers = tuple((f"earshot-{name}", str(value).encode()) for name, value in place.items())
    # Empty where nobody is known: Kafka's client takes no record without key and value.
    return Record((letter.sender or "").encode(), letter.raw, headers)
