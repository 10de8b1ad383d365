"""The reporting delay of each provider's feeds, learnt from the facts and kept for minutes.

What a feed says about its delay changes over weeks, and reading a year of facts costs tens
of milliseconds; a page with many charts asks once for each feed.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from streams.facts.clock import Clock
from streams.facts.feeds import Feed
from streams.histories.reporting import FeedDelay
from streams.store.facts import Facts

KEPT_FOR: Final = timedelta(minutes=10)
_ROOM = 256


class ReportingDelays:
    """Laws of delay by provider and feed, the least recently used first to go.

    Args:
        store: where the facts are.
        clock: gives the present, aware, UTC.
        room: how many feeds are kept.
    """

    def __init__(self, store: Facts, clock: Clock, *, room: int = _ROOM) -> None:
        self._store = store
        self._clock = clock
        self._room = room
        self._kept: OrderedDict[tuple[str, Feed], tuple[datetime, FeedDelay]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, provider: str, feed: Feed) -> FeedDelay:
        """What a feed's reports say about their delay, at most minutes ago."""
        now = self._clock()
        place = (provider, feed)
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None and abs(now - kept[0]) < KEPT_FOR:
                self._kept.move_to_end(place)
                return kept[1]
        # Two readers may both learn it; the later one is kept, and both are right.
        learnt = self._learn(provider, feed, now)
        with self._lock:
            self._kept[place] = (now, learnt)
            self._kept.move_to_end(place)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return learnt

    def _learn(self, provider: str, feed: Feed, now: datetime) -> FeedDelay:
        groups, as_of = self._store.recordings(provider, feed, now)
        days, delays, counts = np.array(groups, dtype=np.int64).reshape(-1, 3).T
        return FeedDelay.learn(days, delays, counts, as_of)
