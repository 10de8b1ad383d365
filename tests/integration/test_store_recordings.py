"""When a feed's facts were recorded, as both databases tell it, and what is learnt and kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec.structs
import pytest

from streams.facts.clock import ManualClock, to_ms
from streams.facts.effects import Effects
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.histories.reporting import UNTOLD
from streams.store.reporting_delays import KEPT_FOR, ReportingDelays
from tests.facts import fact

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def told(number, age, delay, *, feed=Feed.INCIDENTS, provider="RXX", **changes):
    """A fact of some days ago that was recorded some days later; None: it does not say."""
    happened = NOW - age * DAY
    made = fact(f"{feed}-{number}", happened.isoformat(), feed, provider=provider, **changes)
    recorded = None if delay is None else to_ms(happened + delay * DAY)
    return msgspec.structs.replace(made, recorded=recorded)


def keep(store, facts):
    held = store.load_partition(0)
    store.commit(0, held.version, Effects(facts=list(facts), events=len(facts)), {}, NOW)


def groups(store, now=NOW, feed=Feed.INCIDENTS):
    found, as_of = store.recordings("RXX", feed, now)
    today = to_ms(NOW) // MS_PER_DAY
    return sorted((today - day, delay, number) for day, delay, number in found), as_of


def test_facts_are_grouped_by_day_and_delay(store):
    keep(store, [told(1, 10, 2), told(2, 10, 2), told(3, 10, 0), told(4, 1, 0)])

    found, as_of = groups(store)

    assert found == [(1, 0, 1), (10, 0, 1), (10, 2, 2)]
    assert as_of == to_ms(NOW - DAY)


@pytest.mark.parametrize(
    "other",
    [
        told(9, 5, None),
        told(9, 5, 2, withdrawn=True),
        told(9, 5, 2, provider="RYY"),
        told(9, 5, 2, feed=Feed.COMPLAINTS),
        told(9, 400, 2),
        told(9, 5, 30),
    ],
    ids=["silent", "withdrawn", "another provider", "another feed", "long ago", "to come"],
)
def test_what_says_nothing_is_left_out(store, other):
    keep(store, [told(1, 1, 0), other])

    assert groups(store)[0] == [(1, 0, 1)]


def test_impossible_and_very_long_delays_are_one_group_each(store):
    keep(store, [told(1, 300, 200), told(2, 300, 150), told(3, 5, -3), told(4, 1, 0)])

    assert groups(store)[0] == [(1, 0, 1), (5, -1, 1), (300, 91, 2)]


def test_a_feed_is_known_up_to_its_newest_record_or_event_and_never_beyond_now(store):
    keep(store, [told(1, 9, 6), told(2, 20, 1)])
    assert groups(store)[1] == to_ms(NOW - 3 * DAY)
    assert groups(store, NOW + 60 * DAY)[1] == to_ms(NOW - 3 * DAY)
    assert groups(store, NOW - 5 * DAY)[1] == to_ms(NOW - 9 * DAY)

    keep(store, [told(3, 1, None)])
    assert groups(store)[1] == to_ms(NOW - DAY)


def test_a_feed_that_nobody_sent_has_no_delay(store):
    delays = ReportingDelays(store, ManualClock(NOW))

    assert groups(store, feed=Feed.COMPLAINTS) == ([], 0)
    assert delays.of("RXX", Feed.COMPLAINTS).reason == UNTOLD


def test_a_feed_s_law_is_learnt_once_in_some_minutes(store):
    clock = ManualClock(NOW)
    delays = ReportingDelays(store, clock)
    keep(store, [told(number, 10 + number, 3) for number in range(100)])
    first = delays.of("RXX", Feed.INCIDENTS)
    keep(store, [told(number, 10 + number, 3) for number in range(100, 200)])
    clock.advance(KEPT_FOR / 2)
    kept = delays.of("RXX", Feed.INCIDENTS)
    clock.advance(KEPT_FOR)
    anew = delays.of("RXX", Feed.INCIDENTS)

    assert (first.facts, first.median) == (100, 3)
    assert kept is first
    assert anew.facts == 200


def test_the_laws_kept_are_bounded(store):
    delays = ReportingDelays(store, ManualClock(NOW), room=2)
    first = delays.of("RA", Feed.INCIDENTS)
    delays.of("RB", Feed.INCIDENTS)
    assert delays.of("RA", Feed.INCIDENTS) is first
    delays.of("RC", Feed.INCIDENTS)

    assert delays.of("RA", Feed.INCIDENTS) is first
    assert len(delays._kept) == 2
