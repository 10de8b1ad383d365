"""Another program that holds SQLite's write lock keeps writers waiting for a bounded time."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.runners.journal import Journal
from streams.runners.log import LogUnavailable
from streams.store import Store, StoreUnavailable, connection
from tests.packets import packet

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
WRITERS = 24


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """A program of somebody's that has begun to write and does not go on."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


def all_at_once(number: int, call: Callable[[], object]) -> tuple[list[str], float]:
    """What became of calls in as many threads, and after how many seconds of the last."""
    found: list[str] = []

    def run() -> None:
        try:
            call()
        except (StoreUnavailable, LogUnavailable) as error:
            found.append(type(error).__name__)
        else:
            found.append("done")

    threads = [threading.Thread(target=run) for _ in range(number)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found, time.monotonic() - began


def test_writers_do_not_wait_for_the_lock_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 1.0)
    monkeypatch.setattr(connection, "_TURN_SECONDS", 0.5)
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")

    def write() -> None:
        store.mark_delivered("somebody", 7)

    with locked(tmp_path / "earshot.db"):
        found, seconds = all_at_once(WRITERS, write)
        assert store.delivered("somebody") == 0, "readers never wait for it"
    assert found == ["StoreUnavailable"] * WRITERS
    assert seconds < WRITERS / 2

    write()
    assert store.delivered("somebody") == 7
    store.close()


def test_events_that_came_while_an_append_failed_are_refused_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_BUSY_SECONDS", 5.0)
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    journal = Journal(store)

    with locked(tmp_path / "earshot.db"):
        found, seconds = all_at_once(3, lambda: journal.append([packet()], NOW))
    assert found == ["LogUnavailable"] * 3
    assert seconds < 9.0, "nobody waited twice"

    journal.append([packet()], NOW)
    assert journal.accepted() == 2
    store.close()
