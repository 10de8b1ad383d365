"""Stores for tests: each test that asks for ``store`` runs on both databases.

Making a PostgreSQL database costs more than most tests, so tests share one that
is emptied before each; ``new_url`` gives one that nothing has touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from streams.store import Store, schema
from tests.postgres import PostgresServer

BACKENDS = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server: PostgresServer) -> str:
    """A database with the tables in it, for one test after the other."""
    url = postgres_server.create_database()
    Store.open(url).close()
    return url


def _empty(url: str) -> None:
    """Remove everything but the tables, and whoever still holds a connection."""
    names = ", ".join(name for name in schema.METADATA.tables if name != schema.version.name)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
        connection.execute("UPDATE alembic_version SET version_num = %s", (schema.REVISION,))


@pytest.fixture(params=BACKENDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/earshot.db"
    url: str = request.getfixturevalue("shared_postgres_url")
    _empty(url)
    return url


@pytest.fixture(params=BACKENDS)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of either kind that has no tables yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store/earshot.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store of either kind."""
    store = Store.open(store_url)
    yield store
    store.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a file, for tests of what is the same everywhere."""
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    yield store
    store.close()
