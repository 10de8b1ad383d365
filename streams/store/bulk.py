"""Writing many rows at once, each database in its own fastest way.

SQLite takes thousands of rows through one prepared statement of the driver.
PostgreSQL takes them by COPY into a temporary table and merges that in one
statement, about twice as fast as sending rows one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import BigInteger, Boolean, Integer, LargeBinary, SmallInteger

from streams.store.connection import driver_connection, psycopg_errors

Row = tuple[Any, ...]

# Below this many rows, sending them singly in one pipeline is cheaper than COPY.
_COPY_FROM = 100
_COPY_TYPES = (
    (SmallInteger, "int2"),
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
)


def upsert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Insert rows, or overwrite those with the same primary key.

    Each row has a value for every column in the table's order; the primary key's
    columns come first. Of rows with the same key the last one counts.
    """
    width = len(table.primary_key.columns)
    unique = list({row[:width]: row for row in rows}.values())
    if not unique:
        return
    raw = driver_connection(connection)
    if connection.dialect.name == "sqlite":
        raw.executemany(_sqlite_upsert(table), unique)
        return
    with raw.cursor() as cursor:
        if len(unique) < _COPY_FROM:
            cursor.executemany(_postgres_upsert(table), unique)
        else:
            _copy_and_merge(cursor, table, unique)


def insert_or_upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """The same as ``upsert``, faster where none of the keys is there yet.

    PostgreSQL takes rows straight into the table at more than twice the speed of
    merging them. Where a key is there after all, that is undone and they are merged.
    """
    if connection.dialect.name == "sqlite" or len(rows) < _COPY_FROM:
        upsert(connection, table, rows)
        return
    try:
        with connection.begin_nested(), driver_connection(connection).cursor() as cursor:
            _copy(cursor, table, table.name, rows)
    except psycopg_errors().UniqueViolation:
        upsert(connection, table, rows)


def remove(connection: Connection, table: Table, keys: Sequence[Row]) -> None:
    """Delete the rows with these primary keys."""
    if not keys:
        return
    columns = list(table.primary_key.columns)
    statement = delete(table)
    for column in columns:
        statement = statement.where(column == bindparam(f"key_{column.name}"))
    connection.execute(
        statement,
        [{f"key_{c.name}": v for c, v in zip(columns, key, strict=True)} for key in keys],
    )


def _copy_and_merge(cursor: Any, table: Table, rows: Sequence[Row]) -> None:  # noqa: ANN401 - psycopg's
    stage = f"stage_{table.name}"
    # The temporary table lives as long as the connection; emptying it before use
    # lets one transaction merge into the same table twice.
    cursor.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} (LIKE {table.name}) ON COMMIT DELETE ROWS"
    )
    cursor.execute(f"DELETE FROM {stage}")  # noqa: S608 - a table's name, not a value
    _copy(cursor, table, stage, rows)
    cursor.execute(_postgres_merge(table))


def _copy(cursor: Any, table: Table, target: str, rows: Sequence[Row]) -> None:  # noqa: ANN401 - psycopg's
    names = ", ".join(table.columns.keys())
    with cursor.copy(f"COPY {target} ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(_copy_types(table))
        for row in rows:
            copy.write_row(row)


@lru_cache
def _sqlite_upsert(table: Table) -> str:
    statement = sqlite.insert(table)
    merged = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in _others(table)},
    )
    return str(merged.compile(dialect=sqlite.dialect(paramstyle="qmark")))


@lru_cache
def _postgres_upsert(table: Table) -> str:
    names = ", ".join(table.columns.keys())
    places = ", ".join(["%s"] * len(table.columns))
    return f"INSERT INTO {table.name} ({names}) VALUES ({places}) {_conflict(table)}"  # noqa: S608 - names


@lru_cache
def _postgres_merge(table: Table) -> str:
    names = ", ".join(table.columns.keys())
    return (
        f"INSERT INTO {table.name} ({names}) "  # noqa: S608 - names of tables and columns
        f"SELECT {names} FROM stage_{table.name} {_conflict(table)}"
    )


def _conflict(table: Table) -> str:
    key = ", ".join(column.name for column in table.primary_key.columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in _others(table))
    return f"ON CONFLICT ({key}) DO UPDATE SET {changes}"


def _others(table: Table) -> list[str]:
    return [column.name for column in table.columns if not column.primary_key]


@lru_cache
def _copy_types(table: Table) -> list[str]:
    """PostgreSQL's names of the columns' types: binary COPY converts nothing."""
    return [
        next((name for kind, name in _COPY_TYPES if isinstance(column.type, kind)), "text")
        for column in table.columns
    ]
