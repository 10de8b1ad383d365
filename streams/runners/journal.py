"""The embedded log: a journal in the store's own database, in place of Kafka's topics.

A packet is one row. Offsets count from 0 in each topic, as Kafka's do, so that
the engine cannot tell the two logs apart. An append returns when the database
has synced it to disk; appends that arrive while another one is being written
share the next sync.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, union_all
from sqlalchemy.dialects import postgresql, sqlite

from streams.facts.clock import to_ms
from streams.facts.feeds import TOPICS
from streams.facts.messages import Message
from streams.runners.log import LogUnavailable, Packed
from streams.store import Store, schema

PARTITION = 0
"""The embedded log has one partition."""

_JOURNAL = schema.journal.c
_END = schema.journal_end.c


@dataclass(slots=True, eq=False)
class _Append:
    packets: Sequence[Packed]
    at: int
    done: bool = False
    error: Exception | None = None


class Journal:
    """The log of one process. Safe to use from many threads."""

    def __init__(self, store: Store) -> None:
        self._database = store.database
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Append] = []

    def append(self, packets: Sequence[Packed], now: datetime) -> None:
        """Make packets durable, all or none.

        Raises:
            LogUnavailable: the database does not take them; nothing was kept.
        """
        if not packets:
            return
        mine = _Append(packets, to_ms(now))
        with self._lock:
            self._waiting.append(mine)
        # Whoever gets its turn writes for all that wait; the others find theirs done.
        with self._turn:
            if not mine.done:
                with self._lock:
                    group, self._waiting = self._waiting, []
                self._write(group)
        if mine.error is not None:
            raise LogUnavailable("the journal cannot take events now") from mine.error

    def read(self, partition: int, positions: Mapping[str, int], limit: int) -> list[Message]:
        """Up to ``limit`` messages from the given offsets on, in the order of their arrival."""
        heads = [
            select(_JOURNAL.seq)
            .where(_JOURNAL.partition == partition, _JOURNAL.topic == topic)
            .where(_JOURNAL.place >= positions.get(topic, 0))
            .order_by(_JOURNAL.place)
            .limit(limit)
            .subquery()
            for topic in TOPICS.values()
        ]
        numbers = union_all(*(select(head.c.seq) for head in heads)).subquery()
        chosen = select(numbers.c.seq).order_by(numbers.c.seq).limit(limit)
        query = select(schema.journal).where(_JOURNAL.seq.in_(chosen)).order_by(_JOURNAL.seq)
        with self._database.read() as connection:
            return [
                Message(row.topic, row.partition, row.place, row.key, row.value, row.at)
                for row in connection.execute(query)
            ]

    def ends(self) -> dict[str, int]:
        """The offset that the next message of each topic will have."""
        return {topic: end for topic, (end, _) in self._ends().items()}

    def accepted(self) -> int:
        """How many events were ever appended."""
        return sum(events for _, events in self._ends().values())

    def lag(self, positions: Mapping[str, int]) -> int:
        """How many events are at or beyond the given offsets."""
        waiting = 0
        with self._database.read() as connection:
            for topic, (end, events) in _read_ends(connection, PARTITION).items():
                place = positions.get(topic, 0)
                if place >= end:
                    continue
                before = connection.execute(
                    select(_JOURNAL.preceding)
                    .where(_JOURNAL.partition == PARTITION, _JOURNAL.topic == topic)
                    .where(_JOURNAL.place >= place)
                    .order_by(_JOURNAL.place)
                    .limit(1)
                ).scalar_one_or_none()
                waiting += events - (events if before is None else before)
        return waiting

    def _ends(self) -> dict[str, tuple[int, int]]:
        with self._database.read() as connection:
            return _read_ends(connection, PARTITION)

    def _write(self, group: Sequence[_Append]) -> None:
        # Whatever ends this method early, nobody is told that it went well.
        error: Exception | None = LogUnavailable("the writer was interrupted")
        try:
            with self._database.write() as connection:
                _append(connection, group)
            error = None
        except Exception as failure:  # noqa: BLE001 - every append of the group reports it
            error = failure
            # Also those that came meanwhile: they would wait for the same thing once more.
            with self._lock:
                group, self._waiting = [*group, *self._waiting], []
        finally:
            for one in group:
                one.error = error
                one.done = True


def _append(connection: Connection, group: Sequence[_Append]) -> None:
    added: dict[str, tuple[int, int]] = {}
    for one in group:
        for packet in one.packets:
            number, events = added.get(packet.topic, (0, 0))
            added[packet.topic] = (number + 1, events + packet.events)
    ends = _move_ends(connection, added)
    rows = []
    for one in group:
        for packet in one.packets:
            place, events = ends[packet.topic]
            ends[packet.topic] = (place + 1, events + packet.events)
            rows.append(
                {
                    "partition": PARTITION,
                    "topic": packet.topic,
                    "place": place,
                    "key": packet.key,
                    "value": packet.value,
                    "at": one.at,
                    "events": packet.events,
                    "preceding": events,
                }
            )
    connection.execute(insert(schema.journal).inline(), rows)


def _move_ends(
    connection: Connection, added: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    """Take the offsets that an append needs; give where each topic ended before."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    before = {}
    # In one order, so that two processes on PostgreSQL never wait for each other.
    for topic, (number, events) in sorted(added.items()):
        statement = dialect.insert(schema.journal_end).values(
            partition=PARTITION, topic=topic, next_place=number, events=events
        )
        moved = connection.execute(
            statement.on_conflict_do_update(
                index_elements=[_END.partition, _END.topic],
                set_={"next_place": _END.next_place + number, "events": _END.events + events},
            ).returning(_END.next_place, _END.events)
        ).one()
        before[topic] = (moved.next_place - number, moved.events - events)
    return before


def _read_ends(connection: Connection, partition: int) -> dict[str, tuple[int, int]]:
    query = select(schema.journal_end).where(_END.partition == partition)
    found = {row.topic: (row.next_place, row.events) for row in connection.execute(query)}
    return {topic: found.get(topic, (0, 0)) for topic in TOPICS.values()}
