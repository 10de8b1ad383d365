"""The arrays that the evidence over the feeds looks at, made from a block.

Counts by week and day, and exposures relative to each unit's own early activity.
An exposure of zero says that a feed was not observed in a week: it has not closed
it, or the unit did not exist, or nobody sent its metric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from detectors.evidence.counts import DAYS, FeedCounts
from streams.evidence.count_kernels import (
    ABSENT,
    BY_WARD,
    EVENTS,
    FEED,
    METRIC,
    Calendar,
    fill,
    first_weeks,
)
from streams.evidence.counted_once import counted_twice
from streams.evidence.reference import FOUR
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day
from streams.histories.matrices import CLEAN
from streams.histories.windows import months_of_weeks

if TYPE_CHECKING:
    from streams.catalogue.indicators import Indicator
    from streams.histories.series import Block

I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]

BED_DAYS = "occupied_bed_days"
_NEVER = 2**40
_EVENT_FEEDS = (Feed.INCIDENTS, Feed.COMPLAINTS, Feed.SPEAKUP)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the arrays of a level have in common.

    ``closed`` and ``width`` count columns from ``week0``, closed ones and all;
    ``closes`` gives each feed's first week that is not closed and ``starts`` (feeds,
    units) the first week in which a unit is observed.
    """

    week0: int
    closed: int
    width: int
    closes: tuple[int | None, ...]
    starts: I64

    def same(self, other: Frame) -> bool:
        """Whether arrays of the one are arrays of the other."""
        return (
            (self.week0, self.width, self.closes) == (other.week0, other.width, other.closes)
            and self.starts.shape == other.starts.shape
            and bool((self.starts == other.starts).all())
        )


def frame_of(block: Block, slots: I64, feeds: Sequence[str]) -> Frame | None:
    """What the arrays of these slots have in common, or None before anything is watched.

    Weeks close with the event feeds. Where a provider sends none of them, a metric that was added
    to the four feeds is watched on its own weeks, as it would be by itself.
    """
    closes = tuple(block.closed(feed, Grid.WEEK) for feed in Feed)
    ended = [week for week in (closes[feed] for feed in _EVENT_FEEDS) if week is not None]
    metrics = closes[Feed.WARDMETRICS]
    if not ended and metrics is not None and any(_added(block, key) for key in feeds):
        ended = [metrics]
    if not ended:
        return None
    provider = block.slot(block.provider)
    assert provider is not None  # noqa: S101 - a block always has its provider
    activity = len(block.catalogue.indicators) + np.arange(len(Feed))
    # The provider's own first weeks stand last.
    begins = first_weeks(
        block.columns[Grid.WEEK].cells,
        np.append(slots, provider).astype(np.int64),
        activity,
        _NEVER,
    )
    week0 = int(begins[:, -1].min())
    begins = begins[:, :-1]
    width = max(ended) - week0 + 1
    # A unit is observed from its first fact of any feed, once its level has the feed.
    starts = np.maximum(begins.min(axis=1, initial=_NEVER)[:, None], begins.min(axis=0)[None, :])
    return Frame(week0=week0, closed=width - 1, width=width, closes=closes, starts=starts)


def touched(block: Block, slots: I64, feeds: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which units (of ``slots``) have changed series among those that are watched."""
    catalogue = block.catalogue
    parts = [one.part for one in counted_twice(catalogue, feeds)]
    keys = [key for key in (*feeds, *parts, BED_DAYS) if key in catalogue]
    positions = np.array([catalogue.position(key) for key in keys], dtype=np.int64)
    touched = np.zeros(slots.size, dtype=np.bool_)
    for grid in (Grid.WEEK, Grid.MONTH):
        columns = block.columns[grid]
        if columns.rows:
            rows = columns.table[np.ix_(slots, positions)]
            touched |= ((columns.dirty[rows] != CLEAN) & (rows >= 0)).any(axis=1)
    return touched


def empty_counts(block: Block, units: int, feeds: Sequence[str], frame: Frame) -> FeedCounts:
    """Arrays of a frame with nothing in them."""
    catalogue = block.catalogue
    # A feed that loses a part which is known by week only is itself known by week only.
    weekly = {
        one.whole for one in counted_twice(catalogue, feeds) if not by_day(catalogue[one.part])
    }
    return FeedCounts(
        counts=np.zeros((units, len(feeds), frame.width)),
        exposure=np.zeros((units, len(feeds), frame.width)),
        week0=frame.week0,
        daily=np.zeros((units, len(feeds), frame.width, DAYS), dtype=np.uint16),
        # A metric comes with its period's end, so it has no days of its own.
        daily_feeds=tuple(
            key in catalogue and key not in weekly and by_day(catalogue[key]) for key in feeds
        ),
    )


def by_day(indicator: Indicator) -> bool:
    """Whether a count is known by day, so that the open week can be looked at."""
    return indicator.daily and indicator.feed is not Feed.WARDMETRICS


def of_width(held: FeedCounts, width: int) -> FeedCounts:
    """The same arrays with fewer columns, or with empty ones after them."""
    kept, shape = min(width, held.periods), (held.units, held.feeds, width)
    counts, exposure = np.zeros(shape), np.zeros(shape)
    daily = np.zeros((*shape, DAYS), dtype=np.uint16)
    counts[:, :, :kept] = held.counts[:, :, :kept]
    exposure[:, :, :kept] = held.exposure[:, :, :kept]
    daily[:, :, :kept] = _days(held)[:, :, :kept]
    return FeedCounts(counts, exposure, held.week0, daily, held.daily_feeds)


def refill(
    block: Block, slots: I64, feeds: Sequence[str], frame: Frame, counts: FeedCounts, units: I64
) -> I64:
    """Fill in the rows of some units in place; give the first column of each that differs."""
    catalogue = block.catalogue
    described = np.zeros((len(feeds), FEED), dtype=np.int64)
    if not units.size:
        return np.zeros(0, dtype=np.int64)
    for number, key in enumerate(feeds):
        closed = None if key not in catalogue else frame.closes[catalogue[key].feed]
        if closed is None:
            described[number] = ABSENT, 0, 0, 0
            continue
        feed = catalogue[key].feed
        # The open week counts for a feed that has reached it itself.
        reached = closed == frame.week0 + frame.width - 1
        kind = EVENTS
        if feed is Feed.WARDMETRICS:
            kind = BY_WARD if _added(block, key) else METRIC
        described[number] = kind, catalogue.position(key), closed + int(reached), int(feed)
    # A part that several feeds count is taken once.
    others: dict[tuple[int, int], int] = defaultdict(int)
    for one in counted_twice(catalogue, feeds):
        others[feeds.index(one.whole), catalogue.position(one.part)] |= 1 << feeds.index(one.other)
    once = [(*taken, bits) for taken, bits in others.items()]
    return fill(
        slots,
        block.own_slots(slots),
        units,
        block.columns[Grid.WEEK].cells,
        block.columns[Grid.MONTH].cells,
        _calendar(frame.week0, frame.width),
        described,
        frame.starts,
        catalogue.position(BED_DAYS) if BED_DAYS in catalogue else -1,
        np.array(once, dtype=np.int64).reshape(-1, 3),
        frame.week0,
        counts.counts,
        counts.exposure,
        _days(counts),
    )


def _added(block: Block, key: str) -> bool:
    """Whether a feed is a metric besides the four feeds."""
    catalogue = block.catalogue
    return key not in FOUR and key in catalogue and catalogue[key].feed is Feed.WARDMETRICS


@lru_cache(maxsize=64)
def _calendar(week0: int, width: int) -> Calendar:
    month = months_of_weeks(week0, width)
    low, high = int(month[0]), int(month[-1])
    length = np.diff([first_day(Grid.MONTH, step) for step in range(low, high + 2)])
    return Calendar(month - low, length.astype(np.int64), low)


def _days(counts: FeedCounts) -> U16:
    if counts.daily is None:
        raise ValueError("the counts of feeds are kept by day")
    days: U16 = counts.daily
    return days
