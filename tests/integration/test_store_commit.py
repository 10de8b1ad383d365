"""One transaction: everything a batch changes is there afterwards, or nothing is."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.facts.effects import DeadLetter, Effects, ProviderRecord, Tally, UnitRecord
from streams.facts.feeds import Feed
from streams.facts.messages import Rejection
from streams.facts.periods import Grid, day_of
from streams.store import Counters, Fenced, PartitionState, Store, StoreUnavailable
from tests.alerts import alert, changed
from tests.facts import fact

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def unit(code: str = "RXX01:W1", **changes) -> UnitRecord:
    return replace(
        UnitRecord(code, "ward", "RXX01", "RXX", "W1", "Ward 1", verified=False), **changes
    )


def a_batch() -> Effects:
    return Effects(
        facts=[fact("i-1", "2026-01-05T10:00"), fact("c-1", "2026-01-04", Feed.COMPLAINTS)],
        tallies=[Tally("RXX", "RXX01:W1", Grid.WEEK, 2922, b"\x01\x02")],
        units=[unit()],
        providers=[ProviderRecord("RXX", (20458, 20457, None, None), "catalogue")],
        alerts=changed("opened", alert()).alerts,
        dead_letters=[
            DeadLetter(
                "incidents", 0, 3, Rejection(1, "i-9", "schema", "no", b"{}", "ab", 2), "RXX"
            )
        ],
        events=4,
        duplicates=1,
    )


def test_everything_a_batch_changes_can_be_read_back(store):
    batch = a_batch()
    store.load_partition(0)

    assert store.commit(0, 0, batch, {"incidents": 4, "complaints": 1}, NOW) == 1

    assert store.load_partition(0) == PartitionState(1, {"incidents": 4, "complaints": 1})
    assert list(store.facts("RXX")) == sorted(batch.facts, key=lambda f: (f.time, f.key))
    assert store.tallies("RXX") == batch.tallies
    assert store.units_of("RXX") == batch.units
    assert store.unit("RXX01:W1") == batch.units[0]
    assert store.provider("RXX") == batch.providers[0]
    assert store.providers() == batch.providers
    assert store.current_alerts("RXX") == {"a1": alert()}
    assert store.counters() == Counters(processed=4, duplicates=1, rejected=1)
    assert store.dead_letter_counts() == {"schema": 1}
    assert [row.kind for row in store.outbox_since(0)] == ["opened"]
    assert store.positions() == {(0, "incidents"): 4, (0, "complaints"): 1}


def test_a_runner_that_lost_its_partition_writes_nothing(store):
    paused = store.load_partition(0).version
    store.commit(0, store.load_partition(0).version, Effects(events=1), {"incidents": 1}, NOW)
    before = (store.digest(), store.counters(), store.positions(), store.outbox_range())

    with pytest.raises(Fenced):
        store.commit(0, paused, a_batch(), {"incidents": 4}, NOW)

    assert (store.digest(), store.counters(), store.positions(), store.outbox_range()) == before
    assert store.dead_letter_counts() == {}


def test_a_partition_that_was_never_loaded_cannot_be_written(store):
    with pytest.raises(Fenced):
        store.commit(7, 0, a_batch(), {}, NOW)


def test_a_commit_that_fails_half_way_leaves_nothing(store):
    store.load_partition(0)
    batch = a_batch()
    batch.alerts = changed("opened", replace(alert(), first_signal_at="not a time")).alerts
    empty = store.digest()

    with pytest.raises(ValueError, match="not a time"):
        store.commit(0, 0, batch, {"incidents": 4}, NOW)

    assert store.digest() == empty
    assert store.load_partition(0) == PartitionState(0, {})


def test_of_many_runners_with_the_same_version_one_writes(store):
    store.load_partition(0)
    outcomes: list[str] = []

    def runner(number: int) -> None:
        try:
            store.commit(0, 0, Effects(facts=[fact(f"i-{number}", "2026-01-05")]), {}, NOW)
        except Fenced:
            outcomes.append("fenced")
        else:
            outcomes.append("written")

    threads = [threading.Thread(target=runner, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["fenced"] * 7 + ["written"]
    assert len(list(store.facts("RXX"))) == 1


def test_a_later_version_of_a_fact_overwrites_the_earlier_one(store):
    store.load_partition(0)
    first = fact("i-1", "2026-01-05", category="fall")
    second = fact("i-1", "2026-01-02", revision=2, category="medication")

    store.commit(0, 0, Effects(facts=[first]), {}, NOW)
    store.commit(0, 1, Effects(facts=[second]), {}, NOW)

    assert list(store.facts("RXX")) == [second]


@pytest.mark.parametrize("number", [1, 99, 100, 2500])
def test_small_and_large_batches_come_back_whole(store, number):
    facts = [
        fact(f"i-{n}", "2026-01-05", withdrawn=n % 7 == 0, ward=None if n % 3 else f"W{n}")
        for n in range(number)
    ]
    store.load_partition(0)

    store.commit(0, 0, Effects(facts=facts), {}, NOW)
    store.commit(0, 1, Effects(facts=facts), {}, NOW)

    assert store.known([(f.provider, f.key) for f in facts]) == {"RXX": {f.key: f for f in facts}}
    assert len(list(store.facts("RXX"))) == number


def test_known_gives_only_what_was_asked_for_and_is_there(store):
    held = [fact("i-1", "2026-01-05"), fact("i-2", "2026-01-05", provider="RYY", site=None)]
    store.load_partition(0)
    store.commit(0, 0, Effects(facts=held), {}, NOW)
    key = held[0].key

    assert store.known([]) == {}
    assert store.known([("RXX", b"\0" * 16)]) == {"RXX": {}}
    assert store.known([("RYY", key)]) == {"RYY": {}}
    assert store.known([("RXX", key), ("RXX", key), ("RYY", held[1].key)]) == {
        "RXX": {key: held[0]},
        "RYY": {held[1].key: held[1]},
    }


def test_texts_of_any_script_survive(store):
    odd = fact("Unfall № 7 — 転倒 'x' \"y\" %s ?", "2026-01-05", ward="Bâtiment É/2")
    store.load_partition(0)

    store.commit(0, 0, Effects(facts=[odd]), {}, NOW)

    assert list(store.facts("RXX")) == [odd]


def test_a_tally_without_cells_is_removed(store):
    store.load_partition(0)
    week = Tally("RXX", "RXX01:W1", Grid.WEEK, 2922, b"\x01")
    month = Tally("RXX", "RXX01:W1", Grid.MONTH, 672, b"\x02")
    store.commit(0, 0, Effects(tallies=[week, month]), {}, NOW)

    store.commit(0, 1, Effects(tallies=[msgspec.structs.replace(week, cells=b"")]), {}, NOW)

    assert store.tallies("RXX") == [month]


def test_tallies_of_named_units_only(store):
    store.load_partition(0)
    tallies = [Tally("RXX", code, Grid.WEEK, 1, b"\x01") for code in ("RXX", "RXX01", "RXX01:W1")]
    store.commit(0, 0, Effects(tallies=tallies), {}, NOW)

    assert store.tallies("RXX", ["RXX01"]) == [tallies[1]]
    assert store.tallies("RYY") == []


def test_facts_of_a_day_belong_to_the_unit_or_lie_under_it(store):
    store.load_partition(0)
    in_ward = fact("i-1", "2026-01-05T00:00")
    in_other_ward = fact("i-2", "2026-01-05T23:59", ward="W2")
    at_site = fact("s-1", "2026-01-05T12:00", Feed.SPEAKUP)
    day_after = fact("i-3", "2026-01-06T00:00")
    store.commit(0, 0, Effects(facts=[in_ward, in_other_ward, at_site, day_after]), {}, NOW)
    day = day_of(datetime(2026, 1, 5, tzinfo=UTC))

    assert store.facts_on("RXX", "RXX01:W1", day) == [in_ward]
    assert store.facts_on("RXX", "RXX01", day) == [in_ward, at_site, in_other_ward]
    assert store.facts_on("RXX", "RXX", day) == [in_ward, at_site, in_other_ward]


def test_feeds_tell_what_arrived_last(store):
    store.load_partition(0)
    store.commit(
        0, 0, Effects(facts=[fact("i-1", "2026-01-05"), fact("i-2", "2026-01-03")]), {}, NOW
    )
    store.commit(0, 1, Effects(facts=[fact("i-3", "2026-01-02")]), {}, LATER)
    store.commit(0, 2, Effects(facts=[fact("i-4", "2026-01-09", withdrawn=True)]), {}, LATER)
    store.commit(
        0, 3, Effects(facts=[fact("c", "2026-01-09", Feed.COMPLAINTS, withdrawn=True)]), {}, NOW
    )

    incidents, complaints = store.feeds()

    assert (incidents.feed, incidents.events) == (Feed.INCIDENTS, 4)
    assert incidents.last_event_time == "2026-01-05T00:00:00.000Z"
    assert incidents.last_arrival == "2026-01-06T10:00:00.000Z"
    assert (complaints.feed, complaints.last_event_time) == (Feed.COMPLAINTS, None)
    assert store.feeds(providers=["RYY"]) == []
    assert store.providers_with_facts() == ["RXX"]


def test_the_digest_is_the_same_whatever_the_order_and_the_times(store_url, tmp_path):
    facts = [fact(f"i-{n}", f"2026-01-{1 + n % 28:02}") for n in range(60)]
    tallies = [Tally("RXX", f"RXX01:W{n}", Grid.WEEK, n, bytes([n + 1])) for n in range(20)]
    alerts = [alert(f"a{n}") for n in range(5)]
    digests = set()
    for seed, url in enumerate(
        [store_url, f"sqlite:///{tmp_path}/one", f"sqlite:///{tmp_path}/two"]
    ):
        mixed = random.Random(seed)
        store = Store.open(url)
        version = store.load_partition(0).version
        for rows, name in ((facts, "facts"), (tallies, "tallies")):
            shuffled = mixed.sample(rows, len(rows))
            cut = mixed.randrange(len(rows))
            for part in (shuffled[:cut], shuffled[cut:]):
                batch = Effects(events=1, **{name: part})
                version = store.commit(0, version, batch, {"incidents": cut}, NOW)
        for record in mixed.sample(alerts, len(alerts)):
            version = store.commit(
                0, version, changed("opened", record), {}, NOW + timedelta(seconds=seed)
            )
        version = store.commit(0, version, changed("retracted", alerts[seed]), {}, NOW)
        version = store.commit(0, version, changed("opened", alerts[seed]), {}, NOW)
        digests.add(store.digest())
        store.close()

    assert len(digests) == 1


def test_the_digest_tells_any_difference(store):
    store.load_partition(0)
    digests = [store.digest()]
    for version, batch in enumerate(
        [
            a_batch(),
            Effects(facts=[fact("i-1", "2026-01-05T10:00", revision=2)]),
            Effects(tallies=[Tally("RXX", "RXX01:W1", Grid.WEEK, 2922, b"\x01\x03")]),
            Effects(providers=[ProviderRecord("RXX", (20458, 20457, 1, None), "catalogue")]),
            Effects(units=[unit(verified=True)]),
            changed("amended", alert(level=2)),
            changed("retracted", alert(level=2)),
        ]
    ):
        store.commit(0, version, batch, {}, NOW)
        digests.append(store.digest())

    assert len(set(digests)) == len(digests)
    assert set(store.digests()) == {"facts", "tallies", "providers", "units", "alerts"}


def test_a_unit_that_is_gone_leaves_the_others(store):
    store.load_partition(0)
    kept, gone = unit(code="RXX01:W1", local="W1"), unit(code="RXX01:W2", local="W2")
    store.commit(0, 0, Effects(units=[kept, gone]), {}, NOW)

    store.commit(0, 1, Effects(units_gone=["RXX01:W2", "RXX01:W9"]), {}, NOW)

    assert store.units("RXX") == [kept]


def test_work_on_an_alert_does_not_change_the_digest(store):
    store.load_partition(0)
    store.commit(0, 0, a_batch(), {}, NOW)
    before = store.digest()

    store.act("a1", "acknowledge", actor="someone", at=NOW)

    assert store.digest() == before


def test_evidence_with_any_mapping_order_is_stored_alike(store):
    store.load_partition(0)
    store.commit(
        0, 0, changed("opened", alert(evidence={"b": 1.5, "a": {"d": 1, "c": 2}})), {}, NOW
    )
    before = store.digest()

    store.commit(
        0, 1, changed("amended", alert(evidence={"a": {"c": 2, "d": 1}, "b": 1.5})), {}, NOW
    )

    assert store.digest() == before


def test_the_outbox_carries_the_record_and_nothing_of_the_work(store):
    store.load_partition(0)
    store.commit(0, 0, changed("opened", alert()), {}, NOW)

    (row,) = store.outbox_since(0)

    assert msgspec.json.decode(row.payload)["statement"] == "Falls may have risen."
    assert "state" not in msgspec.json.decode(row.payload)
    assert (row.alert_id, row.at) == ("a1", "2026-01-06T09:00:00.000Z")


def test_numbers_of_the_outbox_become_visible_in_their_order(store):
    partitions = range(4)
    for number in partitions:
        store.load_partition(number)
    seen: list[int] = []
    done = threading.Event()

    def reader() -> None:
        while True:
            finished = done.is_set()
            rows = store.outbox_since(seen[-1] if seen else 0)
            seen.extend(row.seq for row in rows)
            if finished and not rows:
                return

    def writer(number: int) -> None:
        for version in range(25):
            record = alert(f"p{number}-{version}", provider=f"R{number}")
            store.commit(number, version, changed("opened", record), {}, NOW)

    reading = threading.Thread(target=reader)
    writing = [threading.Thread(target=writer, args=(number,)) for number in partitions]
    for thread in (reading, *writing):
        thread.start()
    for thread in writing:
        thread.join()
    done.set()
    reading.join()

    assert len(seen) == len(set(seen)) == 100


def test_a_store_that_went_away_says_so(postgres_server, request):
    url = postgres_server.create_database()
    store = Store.open(url)
    store.load_partition(0)
    postgres_server.drop_database(url)

    with pytest.raises(StoreUnavailable):
        store.commit(0, 0, a_batch(), {}, NOW)
    with pytest.raises(StoreUnavailable):
        store.counters()
