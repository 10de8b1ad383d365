"""How the store is reached: engines, pragmas, transactions, and what can go wrong.

SQLite has one writer at a time whatever one does, so all writes of a process go
through one connection under one lock, in transactions that take the write lock
when they begin; readers have connections of their own and never wait for it
(write-ahead log). PostgreSQL gets an ordinary pool (``postgresql``).
"""

from __future__ import annotations

import importlib
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select
from sqlalchemy import text as sql
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import StaticPool

from streams.store import migrations, schema

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL syncs the write-ahead log at every commit: an acknowledged event
    # outlives a power cut, not only a killed process.
    "PRAGMA synchronous = FULL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",
    # A checkpoint copies each changed page once however often it changed, so
    # bulk loads gain from rarer ones; the log file is cut back afterwards.
    "PRAGMA wal_autocheckpoint = 8000",
    "PRAGMA journal_size_limit = 67108864",
)
_BUSY_SECONDS = 30.0
# Within this process a transaction takes far less, unless another program has the lock.
_TURN_SECONDS = 30.0
# Any number that no other program on the same database takes for its locks.
_SCHEMA_LOCK = 0x45415253484F54
# The server ended a session that stood idle within a transaction, or a transaction that
# took too long. The driver calls that an internal error, and SQLAlchemy follows it.
_SESSION_ENDED = frozenset({"25P03", "25P04"})


class StoreUnavailable(Exception):  # noqa: N818 - named as the condition, like LogUnavailable
    """The database does not answer, is full or gave up waiting. Nothing was changed."""


class SchemaMismatch(Exception):  # noqa: N818 - named as the condition that is reported
    """The database was made by another version of Earshot than this program can use."""


class SchemaOutdated(SchemaMismatch):
    """The tables are of an earlier version, and may be upgraded; ``found`` is theirs."""

    def __init__(self, found: str) -> None:
        self.found = found
        super().__init__(
            f"its tables are of revision {found} and this program needs {schema.REVISION}: stop "
            "the workers and HTTP halves, run earshot migrate, and start them again"
        )


class Database:
    """A database with the tables in it.

    Args:
        url: where it is.
        upgrade: whether older tables are brought up to date. Unless said they are on
            SQLite, which one process has to itself, and are not on PostgreSQL, where
            programs of the former version may be at work.
        patience: how long a statement may take on PostgreSQL, in seconds, before the
            database counts as away; None for work that takes what it takes.

    Raises:
        ValueError: a URL of another kind.
        SchemaOutdated: the tables are older and were left as they are.
        SchemaMismatch: the tables are of a later version.

    """

    def __init__(
        self, url: str, *, upgrade: bool | None = None, patience: float | None = None
    ) -> None:
        self.url = make_url(url)
        self._lock = threading.RLock()
        if self.url.get_backend_name() == "sqlite":
            self._reader, self._writer = _sqlite_engines(self.url)
        elif self.url.get_backend_name() == "postgresql":
            # Only here, because the driver is not needed otherwise.
            from streams.store.postgresql import postgres_engine  # noqa: PLC0415 - as said

            self._reader = self._writer = postgres_engine(self.url, patience)
        else:
            raise ValueError("the store is sqlite:///FILE or postgresql+psycopg://...")
        self.is_sqlite = self._reader.dialect.name == "sqlite"
        with _translated():
            self._ensure_schema(upgrade=self.is_sqlite if upgrade is None else upgrade)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction for reading. On SQLite it is a snapshot."""
        with _translated(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction for reading that sees one state in all its statements."""
        with _translated(), self._reader.connect() as connection:
            if not self.is_sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction for writing: committed at the end, rolled back by an exception."""
        with _translated():
            if self.is_sqlite:
                with self._turn(), self._writer.begin() as connection:
                    yield connection
            else:
                with self._writer.begin() as connection:
                    yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer at a time, on SQLite.

        While another program has the write lock, the first one waits for it and the rest
        for the first. If each then waited its own time, the last would wait for hours.
        """
        if not self._lock.acquire(timeout=_TURN_SECONDS):
            raise StoreUnavailable("another program may hold the database's write lock")
        try:
            yield
        finally:
            self._lock.release()

    def close(self) -> None:
        """Close all connections."""
        self._reader.dispose()
        self._writer.dispose()

    def _ensure_schema(self, *, upgrade: bool) -> None:
        with self._reader.connect() as connection:
            found = _revision(connection)
        if found is None or (upgrade and found in schema.REVISIONS[:-1]):
            with self._lock, self._writer.begin() as connection:
                if not self.is_sqlite:
                    connection.execute(
                        sql("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK}
                    )
                # Asked again: somebody else may have done it meanwhile.
                found = _revision(connection)
                if found is None:
                    schema.METADATA.create_all(connection)
                    connection.execute(schema.version.insert().values(version_num=schema.REVISION))
                    found = schema.REVISION
                elif upgrade and found in schema.REVISIONS[:-1]:
                    migrations.upgrade(connection, found, schema.REVISION)
                    found = schema.REVISION
        if found in schema.REVISIONS[:-1]:
            raise SchemaOutdated(found)
        if found != schema.REVISION:
            raise SchemaMismatch(
                f"its tables are of revision {found}, which a later version of Earshot made; this "
                f"program knows them up to {schema.REVISION}. Tables are never taken back: use "
                "that version, or a copy of the store from before its upgrade"
            )


def _revision(connection: Connection) -> str | None:
    """The revision of the tables, or None where there are none."""
    tables = inspect(connection)
    if tables.has_table(schema.version.name):
        return str(connection.execute(select(schema.version.c.version_num)).scalar_one())
    # The first stores told it in a table of their own.
    return schema.REVISIONS[0] if tables.has_table("schema_version") else None


class Tables:
    """A group of tables, seen through the database that holds them."""

    def __init__(self, database: Database) -> None:
        self._database = database


def driver_connection(connection: Connection) -> Any:  # noqa: ANN401 - either driver's own class
    """The driver's own connection, for what SQLAlchemy would slow down."""
    return connection.connection.driver_connection


def psycopg_errors() -> Any:  # noqa: ANN401 - a module
    """The PostgreSQL driver's errors; the driver is imported only where it is used."""
    return importlib.import_module("psycopg.errors")


def _sqlite_engines(url: URL) -> tuple[Engine, Engine]:
    if not url.database or url.database == ":memory:":
        raise ValueError("the store needs a file: sqlite:///PATH")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    arguments: dict[str, Any] = {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    # Values of events do not belong into error messages and logs.
    shared: dict[str, Any] = {"connect_args": arguments, "hide_parameters": True}
    reader = create_engine(url, pool_size=8, max_overflow=32, **shared)
    writer = create_engine(url, poolclass=StaticPool, **shared)
    for engine, begin in ((reader, "BEGIN"), (writer, "BEGIN IMMEDIATE")):
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _beginner(begin))
    return reader, writer


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling starts none before SELECT and DDL.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _beginner(statement: str) -> Any:  # noqa: ANN401 - SQLAlchemy's listener type
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the drivers' many ways to say "not now" into ``StoreUnavailable``."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, sqlite3.OperationalError) as error:
        raise StoreUnavailable(_first_line(error)) from error
    except Exception as error:
        # psycopg is loaded only where it is used.
        psycopg = sys.modules.get("psycopg")
        original = error.orig if isinstance(error, DBAPIError) else error
        if getattr(original, "sqlstate", None) in _SESSION_ENDED:
            raise StoreUnavailable(_first_line(error)) from error
        if psycopg and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            raise StoreUnavailable(_first_line(error)) from error
        raise


def _first_line(error: Exception) -> str:
    """The driver's message without the statement and its values, which may hold data."""
    original = error.orig if isinstance(error, DBAPIError) else error
    lines = str(original).strip().splitlines()
    return lines[0] if lines else type(error).__name__
