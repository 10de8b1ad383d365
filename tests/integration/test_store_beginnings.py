"""What began when, read as columns, and only what changed read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streams.facts.effects import Effects, Tally, UnitRecord
from streams.facts.periods import Grid, first_day
from streams.store.beginnings import BegunSeries, BegunSignal
from tests.alerts import alert, changed

NOW = datetime(2026, 1, 6, 9, tzinfo=UTC)
EVIDENCE = {
    "series": [{"id": "x", "indicator": "incidents", "grid": "week", "unit": "RXX01:W1"}],
    "signals": [
        {
            "detector": "evidence.counts",
            "opened": "2026-01-05T00:00:00Z",
            "feeds": ["incidents"],
            "explanation": {"posterior": [0.1] * 50},
        }
    ],
}


def commit(store, effects):
    held = store.load_partition(0)
    store.commit(0, held.version, effects, held.positions, NOW)


def opened(alert_id, **changes):
    return changed("opened", alert(alert_id, evidence=EVIDENCE, **changes))


def test_an_alert_is_read_with_its_signals_and_series(store):
    commit(store, opened("a1"))
    (row,) = store.begun().rows

    assert ("a1", "RXX", "RXX01:W1", "ward", "concern", "new") == (
        row.id, row.provider, row.unit, row.unit_kind, row.direction, row.state,
    )  # fmt: skip
    assert (BegunSignal("evidence.counts", "2026-01-05T00:00:00Z", ("incidents",)),) == row.signals
    assert (BegunSeries("incidents", "week"),) == row.series


def test_an_alert_without_signals_is_read_too(store):
    commit(store, changed("opened", alert("a1")))

    assert [()] == [row.signals for row in store.begun().rows]


def test_only_what_changed_since_is_read_again(store):
    for name in ("a1", "a2", "a3"):
        commit(store, opened(name))
    first = store.begun()
    assert first.gone is None
    assert ["a1", "a2", "a3"] == [row.id for row in first.rows]

    none = store.begun(first.seq)
    assert ([], frozenset()) == (none.rows, none.gone)
    store.act("a1", "close", actor="t", at=NOW, outcome="no_concern")
    commit(store, changed("retracted", alert("a2", evidence=EVIDENCE)))
    commit(store, opened("a4"))
    after = store.begun(none.seq)

    assert [("a1", "closed"), ("a4", "new")] == [(row.id, row.state) for row in after.rows]
    assert {"a2"} == after.gone
    assert ["a1", "a3", "a4"] == [row.id for row in store.begun().rows]


@pytest.mark.parametrize("place", [-7, 10**6])
def test_a_place_that_the_record_of_changes_does_not_hold_reads_everything(store, place):
    commit(store, opened("a1"))

    assert store.begun(place).gone is None


def test_changes_that_were_pruned_are_made_good_by_reading_everything(store):
    commit(store, opened("a1"))
    seq = store.begun().seq
    commit(store, opened("a2"))
    store.prune(NOW + timedelta(days=40))

    found = store.begun(seq)
    assert found.gone is None
    assert ["a1", "a2"] == [row.id for row in found.rows]


def test_units_are_known_from_their_first_period_on_whatever_its_length(store):
    units = [
        UnitRecord("RXX", "provider", "QE1", "RXX", "RXX", "RXX", verified=True),
        UnitRecord("RXX01", "site", "RXX", "RXX", "RXX01", "RXX01", verified=True),
        UnitRecord("RXX01:A", "ward", "RXX01", "RXX", "A", "A", verified=False),
        UnitRecord("RYY", "provider", None, "RYY", "RYY", "RYY", verified=True),
    ]
    tallies = [
        Tally("RXX", "RXX01:A", Grid.WEEK, 2900, b"x"),
        Tally("RXX", "RXX01:A", Grid.WEEK, 2901, b"x"),
        Tally("RXX", "RXX01:A", Grid.MONTH, 664, b"x"),
        Tally("RYY", "RYY", Grid.QUARTER, 220, b"x"),
    ]
    commit(store, Effects(units=units, tallies=tallies))
    found = {one.code: one for one in store.known_units()}

    assert first_day(Grid.MONTH, 664) < first_day(Grid.WEEK, 2900)
    assert first_day(Grid.MONTH, 664) == found["RXX01:A"].first_day
    assert ("ward", "RXX01", "RXX") == (
        found["RXX01:A"].kind, found["RXX01:A"].parent, found["RXX01:A"].provider,
    )  # fmt: skip
    assert found["RXX01"].first_day is None
    assert first_day(Grid.QUARTER, 220) == found["RYY"].first_day
    assert ["RYY"] == [one.code for one in store.known_units({"RYY"})]


def test_a_listing_may_be_limited_to_some_alerts(store):
    for name in ("a1", "a2", "a3"):
        commit(store, opened(name))

    assert ["a3", "a1"] == [row.id for row in store.list_alerts(among={"a1", "a3", "zz"}).items]
    assert [] == store.list_alerts(among=frozenset()).items
