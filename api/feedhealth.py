"""When each feed of each provider was last heard, and whether it is overdue.

A feed that stopped is worse news than most signals: what it feeds is not watched
until it returns. The cadence is what a feed of its kind normally keeps; a provider
is called silent when it is late by several times that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from streams.alerts import disclosure
from streams.alerts.disclosure import is_protected
from streams.facts.feeds import Feed
from streams.store import FeedRow


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a feed normally brings something, in words, and when it is overdue."""

    words: str
    expected: timedelta
    overdue: timedelta


# Speaking up is shown to the quarter, so its clock starts at the quarter's first day.
CADENCES: Final = {
    Feed.INCIDENTS: Cadence("daily", timedelta(days=1), timedelta(days=7)),
    Feed.COMPLAINTS: Cadence("weekly", timedelta(days=7), timedelta(days=35)),
    Feed.SPEAKUP: Cadence("quarterly", timedelta(days=92), timedelta(days=276)),
    Feed.WARDMETRICS: Cadence("monthly", timedelta(days=31), timedelta(days=62)),
}


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """One feed of one provider. Times of protected feeds are to the quarter."""

    provider: str
    feed: Feed
    cadence: Cadence
    last_event_at: datetime | None
    last_arrival_at: datetime | None
    lag: timedelta | None
    silent: bool


def feed_health(rows: Sequence[FeedRow], now: datetime) -> Iterator[FeedHealth]:
    """Judge each feed as it may be shown, at the moment ``now`` (aware, UTC).

    A feed is silent when its events lag behind those of the other feeds by more than
    its cadence allows, or when nothing has arrived for that long. So a history that is
    being read in is not silent as a whole, and a service that nobody reaches any more is.
    """
    events = [_moment(row.last_event_time) for row in rows if not is_protected(row.feed)]
    reached = min(now, max((at for at in events if at is not None), default=now))
    for row in rows:
        cadence = CADENCES[row.feed]
        last = disclosure.moment(row.feed, _moment(row.last_event_time))
        arrival = disclosure.moment(row.feed, _moment(row.last_arrival))
        late = last is None or reached - last > cadence.overdue
        unheard = arrival is None or now - arrival > cadence.overdue
        yield FeedHealth(
            provider=row.provider,
            feed=row.feed,
            cadence=cadence,
            last_event_at=last,
            last_arrival_at=arrival,
            lag=None if last is None else max(timedelta(), now - last),
            silent=late or unheard,
        )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
