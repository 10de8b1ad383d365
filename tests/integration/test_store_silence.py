"""A database or a client that stops without a word keeps nobody waiting for ever."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from api.cli.worker import _bounded
from streams.facts.effects import Effects
from streams.store import Store, StoreUnavailable, postgresql
from streams.store.connection import driver_connection
from streams.store.outbox import _OUTBOX_LOCK
from tests.integration.api.conftest import alert, commit, house
from tests.postgres import suspended, whole_server

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
LOCKED = text("SELECT state FROM alert WHERE id = 'a1' FOR UPDATE")
BOUNDS = (
    "idle_in_transaction_session_timeout",
    "lock_timeout",
    "statement_timeout",
    "tcp_keepalives_idle",
    "tcp_user_timeout",
    "application_name",
)


def options(url: str, *settings: str) -> str:
    """The URL with settings of the server's in it."""
    return f"{url}?options={'%20'.join(f'-c%20{one}' for one in settings)}"


def told(store: Store) -> dict[str, str]:
    with store.database.read() as connection:
        return {name: connection.execute(text(f"SHOW {name}")).scalar_one() for name in BOUNDS}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is borne for a second or two, so that a test need not wait for half a minute."""
    monkeypatch.setattr(postgresql, "_GRACE_SECONDS", 1.0)


def seconds(began: float) -> float:
    return time.monotonic() - began


def test_every_session_is_bounded_and_a_service_s_statements_too(postgres_url: str) -> None:
    command, service = Store.open(postgres_url), Store.open(postgres_url, patience=30)

    assert told(command) == {
        "idle_in_transaction_session_timeout": "1min",
        "lock_timeout": "30s",
        "statement_timeout": "0",
        "tcp_keepalives_idle": "30",
        "tcp_user_timeout": "60000",
        "application_name": "earshot",
    }
    assert told(service) == told(command) | {"statement_timeout": "30s"}
    for store in (command, service):
        store.close()


def test_what_the_url_says_itself_counts(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = options(postgres_url, "lock_timeout=7s") + "&application_name=ours"
    store = Store.open(own)
    assert (told(store)["lock_timeout"], told(store)["application_name"]) == ("7s", "ours")
    assert told(store)["idle_in_transaction_session_timeout"] == "1min"
    store.close()

    worker = Store.open(_bounded(own, 8.0))
    assert told(worker)["idle_in_transaction_session_timeout"] == "8s"
    assert told(worker)["lock_timeout"] == "7s"
    worker.close()

    monkeypatch.setenv("PGOPTIONS", "-c idle_in_transaction_session_timeout=9s")
    environment = Store.open(_bounded(postgres_url, 8.0))
    assert told(environment)["idle_in_transaction_session_timeout"] == "9s"
    environment.close()


def test_whoever_stalls_with_an_alert_in_hand_is_ended_and_told_so(postgres_url: str) -> None:
    stalled = Store.open(options(postgres_url, "idle_in_transaction_session_timeout=500"))
    other = Store.open(postgres_url)
    commit(other, ("opened", alert("a1")))

    def stall() -> None:
        with stalled.database.write() as connection:
            connection.execute(LOCKED)
            changed = other.act("a1", "acknowledge", actor="somebody", at=NOW)
            assert changed.state == "acknowledged"
            connection.execute(LOCKED)

    with pytest.raises(StoreUnavailable, match="idle-in-transaction"):
        stall()
    assert stalled.act("a1", "assign", actor="me", at=NOW, assignee="me").assignee == "me"
    for store in (stalled, other):
        store.close()


def test_nobody_waits_for_ever_for_the_turn_to_tell_of_an_alert(postgres_url: str) -> None:
    store = Store.open(options(postgres_url, "lock_timeout=500"))
    store.load_partition(0)
    # Within a COPY no bound of the server's ends the holder, as long as its connection stands.
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(%s)", (_OUTBOX_LOCK,))
        holder.pgconn.exec_(b"COPY position (partition, topic, next_offset) FROM STDIN")

        with pytest.raises(StoreUnavailable, match="lock timeout"):
            commit(store, ("opened", alert("a1")))
        assert store.commit(0, 0, Effects(), {}, NOW) == 1, "what tells nothing goes through"
        holder.close()
    commit(store, ("opened", alert("a1")))

    assert store.alert("a1") is not None
    store.close()


def test_whoever_no_longer_reads_what_it_asked_for_is_ended(postgres_url: str) -> None:
    stalled = Store.open(options(postgres_url, "tcp_user_timeout=1000"))
    other = Store.open(postgres_url)
    other.load_partition(0)

    def stall() -> None:
        with stalled.database.write() as connection:
            connection.execute(text("UPDATE partition SET version = 7"))
            raw = driver_connection(connection)
            raw.pgconn.send_query(b"SELECT repeat('x', 100000) FROM generate_series(1, 10000)")
            # Waits for the row, which the server gives back with the session.
            assert other.commit(0, 0, Effects(), {}, NOW) == 1
            connection.execute(text("SELECT 1"))

    with pytest.raises(StoreUnavailable):
        stall()
    for store in (stalled, other):
        store.close()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("within", ["a statement", "a copy", "a commit"])
def test_a_server_that_is_suspended_within_a_transaction_is_given_up(
    postgres_url: str, within: str
) -> None:
    store = Store.open(postgres_url, patience=0.5)

    def fill() -> None:
        with store.database.write() as connection:
            raw = driver_connection(connection)
            connection.execute(text("CREATE TABLE filled (a text)"))
            with suspended([raw.info.backend_pid]):
                if within == "a statement":
                    connection.execute(text("INSERT INTO filled VALUES ('a')"))
                elif within == "a copy":
                    with raw.cursor() as cursor, cursor.copy("COPY filled FROM STDIN") as copy:
                        while True:
                            copy.write_row(("a" * 10_000,))
                else:
                    connection.commit()

    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        fill()
    assert seconds(began) < 30
    assert store.counters().processed == 0
    store.close()


def test_a_long_statement_of_a_service_is_ended_by_the_server(postgres_url: str) -> None:
    store = Store.open(postgres_url, patience=0.3)

    with pytest.raises(StoreUnavailable, match="statement timeout"), store.database.read() as own:
        own.execute(text("SELECT pg_sleep(60)"))
    store.close()


def test_a_statement_that_takes_longer_than_a_greeting_is_waited_for(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_GREETING_SECONDS", 0.5)
    for patience in (None, 30.0):
        store = Store.open(postgres_url, patience=patience)
        with store.database.read() as own:
            own.execute(text("SELECT pg_sleep(1.5)"))
        store.close()


def test_all_doors_answer_while_the_database_is_suspended(
    tmp_path: Path, postgres_url: str
) -> None:
    with house(tmp_path, url=postgres_url) as opened:
        opened.runner.stop()
        assert opened.client.get("/v1/alerts").status_code == 200
        answers: list[int] = []

        def read() -> None:
            answers.append(opened.client.get("/v1/alerts").status_code)

        with suspended(whole_server(postgres_url)):
            began = time.monotonic()
            readers = [threading.Thread(target=read) for _ in range(60)]
            for reader in readers:
                reader.start()
            assert opened.client.get("/healthz").status_code == 200
            assert not answers, "it answers while all threads wait"
            for reader in readers:
                reader.join(60)
            assert opened.client.get("/readyz").status_code == 503
            assert seconds(began) < 60

        assert answers == [503] * 60
        deadline = time.monotonic() + 30
        while opened.client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert opened.client.get("/v1/alerts").status_code == 200


def test_a_scrape_with_a_key_tells_that_the_database_is_suspended(
    tmp_path: Path, postgres_url: str
) -> None:
    with house(tmp_path, url=postgres_url, auth=True) as opened:
        opened.runner.stop()
        key = opened.key(role="operator")
        scraped = opened.client.get("/metrics", headers=key)
        assert "earshot_store_up 1.0" in scraped.text
        assert opened.client.get("/metrics").status_code == 401

        with suspended(whole_server(postgres_url)):
            scraped = opened.client.get("/metrics", headers=key)

        assert scraped.status_code == 200
        values = [line for line in scraped.text.splitlines() if not line.startswith("#")]
        assert values == ["earshot_store_up 0.0"]
