"""The one transaction: all that a batch changes, or nothing.

The partition's version moves from the value that the runner loaded. Where it has
another value, somebody else owns the partition now, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, func, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from streams.facts.clock import to_ms
from streams.facts.effects import Effects
from streams.store import bulk, outbox, schema
from streams.store.connection import StoreUnavailable, Tables, psycopg_errors
from streams.store.deadletters import write_letters
from streams.store.episodes import write_changes
from streams.store.facts import write_facts
from streams.store.histories import (
    count_arrivals,
    remove_units,
    write_providers,
    write_tallies,
    write_units,
)
from streams.store.rows import Counters, PartitionState

_PARTITION = schema.partition.c
_POSITION = schema.position.c
# A row's xmax is the transaction that locks or changes it, also while nobody waits for it.
_END_WHO_HOLDS = sql(
    "SELECT pg_terminate_backend(held.pid) FROM partition JOIN pg_locks AS held "
    "ON held.locktype = 'transactionid' AND held.granted AND held.transactionid = partition.xmax "
    "JOIN pg_stat_activity AS session ON session.pid = held.pid AND session.usename = current_user "
    "WHERE partition.number = :number"
)


class Fenced(Exception):  # noqa: N818 - named as what happened to the runner
    """Another runner moved the partition on. Nothing was written; load it anew or leave it."""

    def __init__(self, number: int, loaded_version: int) -> None:
        super().__init__(f"partition {number} is no longer at version {loaded_version}")


class Partitions(Tables):
    """Ownership, positions and the transaction that moves them."""

    def load_partition(self, number: int) -> PartitionState:
        """Where a partition stands; it is made at version 0 if it was never seen."""
        found = self._partition(number)
        if found is None:
            dialect = sqlite if self._database.is_sqlite else postgresql
            with self._database.write() as connection:
                connection.execute(
                    dialect.insert(schema.partition)
                    .values(number=number, version=0, events=0, duplicates=0, rejected=0)
                    .on_conflict_do_nothing()
                )
            found = self._partition(number)
        assert found is not None  # noqa: S101 - it was made just now
        return found

    def free(self, number: int, patience: float) -> int:
        """End the transaction of whoever keeps a partition locked and does not go on.

        A worker that was suspended or cut off in the midst of sending rows leaves its
        transaction to a server that waits for the rest as long as the connection stands,
        and no bound on idle transactions or statements ends that. Its work is lost with
        it, and is done again from the log by whoever takes the partition over. On SQLite
        one process has the store to itself.

        Args:
            number: the partition.
            patience: how long a transaction may go on before it is ended, in seconds.

        Returns:
            How many were ended: none where the partition came free, or where it is
            somebody else's (another database user's) who may not be ended.

        Raises:
            StoreUnavailable: the database does not answer.
        """
        if self._database.is_sqlite:
            return 0
        row = select(_PARTITION.number).where(_PARTITION.number == number)
        try:
            with self._database.write() as connection:
                connection.execute(sql(f"SET LOCAL lock_timeout = {max(1, int(1000 * patience))}"))
                connection.execute(row.with_for_update(key_share=True))
        except StoreUnavailable as error:
            if not _waited_in_vain(error):
                raise
        else:
            return 0
        with self._database.write() as connection:
            return len(connection.execute(_END_WHO_HOLDS, {"number": number}).all())

    def commit(
        self,
        number: int,
        loaded_version: int,
        effects: Effects,
        positions: Mapping[str, int],
        now: datetime,
    ) -> int:
        """Write a batch.

        Args:
            number: the partition.
            loaded_version: its version when it was loaded or last committed.
            effects: what the batch changes.
            positions: the next offset of each topic after the batch.
            now: processing time of dead letters, arrivals, audit and outbox.

        Returns:
            The partition's new version.

        Raises:
            Fenced: the partition has another version; nothing was written.
            StoreUnavailable: the database failed; nothing was written.
        """
        with self._database.write() as connection:
            _take_fence(connection, number, loaded_version, effects, now)
            write_facts(connection, effects.facts)
            write_tallies(connection, effects.tallies)
            write_units(connection, effects.units)
            remove_units(connection, effects.units_gone)
            write_providers(connection, effects.providers)
            count_arrivals(connection, effects.facts, now)
            write_letters(connection, effects.dead_letters, now)
            rows = [(number, topic, place) for topic, place in positions.items()]
            bulk.upsert(connection, schema.position, rows)
            outbox.post(connection, write_changes(connection, effects.alerts, now))
        return loaded_version + 1

    def counters(self) -> Counters:
        """Events processed, repeated and refused, over all partitions."""
        sums = (
            func.coalesce(func.sum(column), 0)
            for column in (_PARTITION.events, _PARTITION.duplicates, _PARTITION.rejected)
        )
        with self._database.read() as connection:
            return Counters(*(int(number) for number in connection.execute(select(*sums)).one()))

    def positions(self) -> dict[tuple[int, str], int]:
        """The next offset of each (partition, topic)."""
        query = select(_POSITION.partition, _POSITION.topic, _POSITION.next_offset)
        with self._database.read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def _partition(self, number: int) -> PartitionState | None:
        with self._database.snapshot() as connection:
            version = connection.execute(
                select(_PARTITION.version).where(_PARTITION.number == number)
            ).scalar_one_or_none()
            if version is None:
                return None
            places = connection.execute(
                select(_POSITION.topic, _POSITION.next_offset).where(_POSITION.partition == number)
            )
            return PartitionState(version, {row.topic: row.next_offset for row in places})


def _waited_in_vain(error: StoreUnavailable) -> bool:
    """Whether a lock was waited for longer than the statement was allowed to."""
    cause = error.__cause__
    return isinstance(cause, OperationalError) and isinstance(
        cause.orig, psycopg_errors().LockNotAvailable
    )


def _take_fence(
    connection: Connection, number: int, loaded_version: int, effects: Effects, now: datetime
) -> None:
    moved = connection.execute(
        update(schema.partition)
        .where(_PARTITION.number == number, _PARTITION.version == loaded_version)
        .values(
            version=_PARTITION.version + 1,
            events=_PARTITION.events + effects.events,
            duplicates=_PARTITION.duplicates + effects.duplicates,
            rejected=_PARTITION.rejected + len(effects.dead_letters),
            committed_at=to_ms(now),
        )
    )
    if moved.rowcount != 1:
        raise Fenced(number, loaded_version)
