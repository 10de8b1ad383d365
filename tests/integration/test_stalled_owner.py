"""An owner that stalls within a transaction keeps nobody from taking its partition over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.pq import ExecStatus, TransactionStatus

from streams.facts.effects import Effects
from streams.runners.custody import Custody
from streams.store import Store
from tests.nursery import engine

pytestmark = pytest.mark.postgres

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)


@pytest.fixture
def store(postgres_url: str) -> Iterator[Store]:
    opened = Store.open(postgres_url)
    for number in (0, 1):
        opened.load_partition(number)
    yield opened
    opened.close()


@contextmanager
def owner(url: str, number: int) -> Iterator[psycopg.Connection]:
    """A transaction that has moved a partition on; committed at the end if it still stands."""
    connection = psycopg.connect(url.replace("+psycopg", ""))
    try:
        connection.execute(
            "UPDATE partition SET version = version + 1 WHERE number = %s", (number,)
        )
        yield connection
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            connection.commit()
    finally:
        connection.close()


def send_half(stalled: psycopg.Connection) -> None:
    """Begin to send rows; the server waits for the rest."""
    stalled.pgconn.exec_(b"COPY position (partition, topic, next_offset) FROM STDIN")
    stalled.pgconn.put_copy_data(b"0\tincidents\t7\n")


def test_an_owner_suspended_while_it_sends_rows_is_ended(store: Store, postgres_url: str) -> None:
    with owner(postgres_url, 0) as stalled:
        send_half(stalled)

        assert store.free(0, 0.2) == 1
        assert store.commit(0, 0, Effects(), {"incidents": 3}, NOW) == 1

        stalled.pgconn.put_copy_end()
        assert stalled.pgconn.get_result().status == ExecStatus.FATAL_ERROR
    assert store.positions() == {(0, "incidents"): 3}


def test_a_claim_goes_through_beside_an_owner_that_stalls(store: Store, postgres_url: str) -> None:
    with owner(postgres_url, 0) as stalled:
        send_half(stalled)

        holding = Custody(store, engine(store), lambda: NOW, patience=0.2).claim(0)

    assert (holding.ours(), holding.version, store.load_partition(0).version) == (True, 1, 1)


def test_an_owner_idle_within_a_transaction_is_ended(store: Store, postgres_url: str) -> None:
    with owner(postgres_url, 0) as stalled:
        assert store.free(0, 0.2) == 1
        with pytest.raises(psycopg.OperationalError):
            stalled.execute("SELECT 1")

    assert store.load_partition(0).version == 0


def test_an_owner_that_goes_on_is_waited_for(store: Store, postgres_url: str) -> None:
    freed: list[int] = []
    with owner(postgres_url, 0):
        waiting = threading.Thread(target=lambda: freed.append(store.free(0, 30)))
        waiting.start()
        time.sleep(0.3)
        assert waiting.is_alive()
    waiting.join(30)

    assert freed == [0]
    assert store.load_partition(0).version == 1


def test_owners_of_other_partitions_are_left_alone(store: Store, postgres_url: str) -> None:
    with owner(postgres_url, 1):
        assert store.free(0, 0.2) == 0

    assert store.load_partition(1).version == 1
