"""The embedded log: durable, in order, offsets as Kafka would give them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.facts.effects import Effects
from streams.facts.messages import Message
from streams.runners.journal import Journal
from streams.runners.log import LogUnavailable
from streams.store import Store
from tests.packets import packet

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
NOW_MS = 1_767_690_000_000


@pytest.fixture
def journal(store):
    return Journal(store)


def test_a_packet_comes_back_as_a_message(journal):
    journal.append([packet(value=b'[{"id": 1}]')], NOW)

    assert journal.read(0, {}, 10) == [Message("incidents", 0, 0, b"RXX", b'[{"id": 1}]', NOW_MS)]


def test_offsets_count_from_nought_in_each_topic(journal):
    journal.append([packet(), packet("speakup"), packet()], NOW)
    journal.append([packet("speakup")], NOW)

    places = [(message.topic, message.offset) for message in journal.read(0, {}, 10)]

    assert places == [("incidents", 0), ("speakup", 0), ("incidents", 1), ("speakup", 1)]
    assert journal.ends() == {"incidents": 2, "complaints": 0, "speakup": 2, "wardmetrics": 0}


def test_reading_starts_where_each_topic_stands_and_keeps_to_the_limit(journal):
    for number in range(6):
        journal.append([packet(value=b"%d" % number), packet("complaints", b"c%d" % number)], NOW)

    read = journal.read(0, {"incidents": 4, "complaints": 1}, 4)

    assert [message.value for message in read] == [b"c1", b"c2", b"c3", b"4"]
    assert journal.read(0, journal.ends(), 4) == []
    assert journal.read(1, {}, 4) == []


def test_an_append_of_nothing_is_nothing(journal):
    journal.append([], NOW)

    assert journal.accepted() == 0


def test_events_are_counted_and_the_lag_is_what_lies_beyond_the_positions(journal):
    journal.append([packet(events=5), packet(events=7), packet("speakup", events=1)], NOW)

    assert journal.accepted() == 13
    assert journal.lag({}) == 13
    assert journal.lag({"incidents": 1}) == 8
    assert journal.lag({"incidents": 2}) == 1
    assert journal.lag({"incidents": 2, "speakup": 1}) == 0


def test_the_lag_is_right_after_pruning(store, journal):
    journal.append([packet(events=5), packet(events=7)], NOW)
    store.load_partition(0)
    store.commit(0, 0, Effects(), {"incidents": 2}, NOW)
    store.prune(NOW + timedelta(days=3))

    journal.append([packet(events=2)], NOW)

    assert journal.lag({"incidents": 2}) == 2
    assert [message.offset for message in journal.read(0, {"incidents": 2}, 9)] == [2]
    assert journal.accepted() == 14


def test_appends_of_many_threads_get_places_of_their_own(journal):
    def append(number: int) -> None:
        for part in range(10):
            journal.append([packet(value=b"%d/%d" % (number, part))] * 2, NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(8)))

    messages = journal.read(0, {}, 1000)
    assert [message.offset for message in messages] == list(range(160))
    of_one = [message.value for message in messages if message.value.startswith(b"3/")]
    assert of_one == [b"3/%d" % part for part in range(10) for _ in range(2)]


def test_an_append_that_cannot_be_written_takes_nothing(journal):
    journal.append([packet()], NOW)

    with pytest.raises(LogUnavailable):
        journal.append([packet(), packet(value=None)], NOW)

    assert journal.ends()["incidents"] == 1
    journal.append([packet()], NOW)
    assert [message.offset for message in journal.read(0, {}, 10)] == [0, 1]


def test_a_full_disk_is_told_and_takes_nothing(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/earshot.db")
    journal = Journal(store)
    journal.append([packet()], NOW)
    with store.database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(LogUnavailable):
        journal.append([packet(value=b"x" * 100_000)], NOW)

    assert journal.accepted() == 2
    store.close()


_APPENDER = """
import sys
from datetime import UTC, datetime
from streams.runners.journal import Journal
from streams.store import Store
from tests.packets import packet

journal = Journal(Store.open(sys.argv[1]))
for number in range(100_000):
    journal.append([packet(value=b"%d" % number)], datetime(2026, 1, 6, tzinfo=UTC))
    print(number, flush=True)
"""


def test_what_was_acknowledged_outlives_a_killed_process(tmp_path):
    url = f"sqlite:///{tmp_path}/earshot.db"
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", _APPENDER, url],
        stdout=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    acknowledged = [process.stdout.readline() for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    acknowledged += process.stdout.readlines()
    process.wait()

    store = Store.open(url)
    messages = Journal(store).read(0, {}, 1_000_000)

    assert len(messages) >= len([line for line in acknowledged if line.endswith(b"\n")])
    assert [message.value for message in messages] == [b"%d" % n for n in range(len(messages))]
    store.close()
