"""Older stores are brought up to date, later ones refused; both ways end in the same tables."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, select, text
from typer.testing import CliRunner

from api.cli import main
from streams.store import SchemaMismatch, SchemaOutdated, Store, migrations, schema
from streams.store.connection import _revision

NOW = datetime(2026, 1, 6, tzinfo=UTC)
# What the databases tell of their tables, in the words of each.
_TOLD = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL",
    "postgresql": (
        "SELECT c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod),"
        " a.attnotnull, a.attidentity, l.collname, pg_get_expr(d.adbin, d.adrelid))"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_collation l ON l.oid = a.attcollation"
        " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
        " UNION SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    ),
}


def first_store(url: str) -> None:
    """A store as the first version left it, with a key in it."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    with engine.begin() as connection:
        migrations.upgrade(connection, None, schema.REVISIONS[0])
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("INSERT INTO schema_version (id, version) VALUES (1, 1)"))
        connection.execute(
            schema.api_key.insert().values(
                prefix="old", secret_sha256=b"s", label="kept", role="admin", scope="[]",
                created_at=0,
            )
        )  # fmt: skip
    engine.dispose()


def tables(connection: Connection) -> dict[str, str]:
    """How each table, column and index was made."""
    rows = connection.execute(text(_TOLD[connection.dialect.name]))
    return {name: re.sub(r"\s+", " ", made) for name, made in rows}


def test_every_revision_is_listed_in_its_order():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config).walk_revisions()

    assert schema.REVISIONS == tuple(reversed([script.revision for script in scripts]))


def test_all_revisions_one_after_the_other_end_in_the_tables_of_a_new_store(new_url):
    new = Store.open(new_url)
    with new.database.read() as connection:
        wanted = tables(connection)
    with new.database.write() as connection:
        schema.METADATA.drop_all(connection)
    with new.database.write() as connection:
        migrations.upgrade(connection, None, schema.REVISION)
    with new.database.read() as connection:
        assert wanted == tables(connection)
        assert [] == compare_metadata(MigrationContext.configure(connection), schema.METADATA)
        assert schema.REVISION == _revision(connection)
    new.close()


def test_an_older_store_is_upgraded_with_what_is_in_it(new_url):
    first_store(new_url)
    with pytest.raises(SchemaOutdated, match=r"earshot migrate") as older:
        Store.open(new_url, upgrade=False)
    assert "0001" == older.value.found

    store = Store.open(new_url, upgrade=True)

    assert ["old"] == [key.prefix for key in store.list_keys()]
    assert store.create_key(["RXX"], now=NOW).row.scope == {"RXX"}
    with store.database.read() as connection:
        assert not inspect(connection).has_table("schema_version")
        assert schema.REVISION == connection.scalar(select(schema.version.c.version_num))
    store.close()
    Store.open(new_url, upgrade=False).close()


def test_unless_said_sqlite_is_upgraded_and_postgresql_is_not(new_url):
    first_store(new_url)
    if new_url.startswith("sqlite"):
        Store.open(new_url).close()
        Store.open(new_url, upgrade=False).close()
    else:
        with pytest.raises(SchemaOutdated):
            Store.open(new_url)


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(new_url, monkeypatch):
    first_store(new_url)

    def fails(connection, found, to):
        upgrade(connection, found, to)
        raise RuntimeError("power cut")

    upgrade = migrations.upgrade
    monkeypatch.setattr(migrations, "upgrade", fails)
    with pytest.raises(RuntimeError, match="power cut"):
        Store.open(new_url, upgrade=True)
    monkeypatch.undo()

    with pytest.raises(SchemaOutdated) as older:
        Store.open(new_url, upgrade=False)
    assert "0001" == older.value.found
    Store.open(new_url, upgrade=True).close()


def test_tables_of_a_later_version_are_refused(store, store_url):
    with store.database.write() as connection:
        connection.execute(schema.version.update().values(version_num="0099"))

    for upgrade in (True, False, None):
        with pytest.raises(SchemaMismatch, match="0099, which a later version"):
            Store.open(store_url, upgrade=upgrade)


def run(*arguments: str):
    """A command of the command line, its exit code and what it said."""
    return CliRunner().invoke(main, list(arguments))


def test_the_commands_check_and_upgrade(new_url, monkeypatch):
    monkeypatch.setenv("EARSHOT_DATABASE_URL", new_url)
    first_store(new_url)
    before = run("check")
    planned = run("migrate", "--dry-run")
    done = run("migrate")
    again = run("migrate")
    after = run("check")

    on_postgresql = new_url.startswith("postgresql")
    assert (1 if on_postgresql else 0) == before.exit_code
    assert "0001" in before.output
    assert "would be brought from revision 0001 to" in planned.output
    assert "was brought from revision 0001 to" in done.output
    assert "nothing to do" in again.output
    assert 0 == after.exit_code, after.output
