"""The store: one object for everything that is kept."""

from __future__ import annotations

from streams.store.alerts import Alerts
from streams.store.beginnings import Beginnings
from streams.store.commit import Partitions
from streams.store.connection import Database
from streams.store.deadletters import DeadLetters
from streams.store.digest import Digest
from streams.store.facts import Facts
from streams.store.histories import Histories
from streams.store.idempotency import Idempotency
from streams.store.keys import Keys
from streams.store.outbox import Outbox
from streams.store.rebases import Rebases
from streams.store.retention import Retention
from streams.store.work import Work


class Store(
    Partitions,
    Facts,
    Histories,
    Alerts,
    Beginnings,
    Work,
    Rebases,
    Outbox,
    DeadLetters,
    Keys,
    Idempotency,
    Retention,
    Digest,
):
    """Facts and all that follows from them, with what people did about it.

    Safe to use from many threads. Every method that asks the database raises
    ``StoreUnavailable`` when it does not answer.
    """

    @classmethod
    def open(cls, url: str, *, upgrade: bool | None = None, patience: float | None = None) -> Store:
        """Open a store and make its tables where they are missing.

        Args:
            url: ``sqlite:///FILE`` (its directory is made) or
                ``postgresql+psycopg://user@host/database``.
            upgrade: whether older tables are brought up to date; unless said, they
                are on SQLite and not on PostgreSQL.
            patience: how long a statement may take on PostgreSQL, in seconds; unless
                said, what it takes.

        Raises:
            ValueError: another kind of database.
            SchemaOutdated: the tables are of an earlier version of Earshot.
            SchemaMismatch: the tables are of a later version of Earshot.
            StoreUnavailable: the database does not answer.
        """
        return cls(Database(url, upgrade=upgrade, patience=patience))

    @property
    def database(self) -> Database:
        """For parts that keep tables of their own in the same transactions."""
        return self._database

    def close(self) -> None:
        """Close all connections."""
        self._database.close()
