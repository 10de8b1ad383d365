from __future__ import annotations

from datetime import UTC, datetime, timedelta

from api.feedhealth import feed_health
from streams.facts.feeds import Feed
from streams.store import FeedRow

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def row(feed: Feed, event_days: float | None, arrival_days: float = 0, provider="RXX") -> FeedRow:
    event = None if event_days is None else (NOW - timedelta(days=event_days)).isoformat()
    arrival = (NOW - timedelta(days=arrival_days)).isoformat()
    return FeedRow(provider, feed, event, arrival, 1)


def silent(*rows: FeedRow) -> list[bool]:
    return [health.silent for health in feed_health(rows, NOW)]


def test_feeds_within_their_cadence_are_heard():
    assert silent(row(Feed.INCIDENTS, 2), row(Feed.COMPLAINTS, 20), row(Feed.WARDMETRICS, 40)) == [
        False,
        False,
        False,
    ]


def test_a_feed_that_lags_behind_the_others_is_silent():
    assert silent(row(Feed.INCIDENTS, 9), row(Feed.INCIDENTS, 1, provider="RYY")) == [True, False]


def test_a_history_that_is_being_read_in_is_not_silent_as_a_whole():
    assert silent(row(Feed.INCIDENTS, 400), row(Feed.COMPLAINTS, 410)) == [False, False]


def test_a_service_that_nobody_reaches_any_more_is_silent():
    assert silent(row(Feed.INCIDENTS, 30, 30), row(Feed.COMPLAINTS, 40, 40)) == [True, True]


def test_a_feed_without_any_event_that_stands_is_silent():
    (health,) = feed_health([row(Feed.INCIDENTS, None)], NOW)

    assert (health.silent, health.lag) == (True, None)


def test_speaking_up_is_given_to_its_quarter():
    (health,) = feed_health([row(Feed.SPEAKUP, 1)], NOW)

    assert health.last_event_at == health.last_arrival_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert not health.silent


def test_events_of_the_future_do_not_make_others_late():
    assert silent(row(Feed.INCIDENTS, -100), row(Feed.INCIDENTS, 1, provider="RYY")) == [
        False,
        False,
    ]
