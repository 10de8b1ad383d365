"""The arrays that the evidence over the feeds looks at, made from a block.

Counts by week and day, and exposures relative to each unit's own early activity.
An exposure of zero says that a feed was not observed in a week: it has not closed
it, or the unit did not exist, or nobody sent its metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from detectors.evidence.counts import FeedCounts
from streams.columns import CLEAN
from streams.contributions import MILLION
from streams.feeds import Feed
from streams.periods import Grid
from streams.windows import by_day, weekly_activity, window

if TYPE_CHECKING:
    from streams.series import Block

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]

BED_DAYS = "occupied_bed_days"
# Exposure is relative to a unit's first quarter of reported activity.
REFERENCE_WEEKS = 13
# Of the first feed's events, the indicator named last is also counted by the second.
COUNTED_TWICE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"incidents": ("falls", "fall_incidents")}
)
_NEVER = 2**40
_EVENT_FEEDS = (Feed.INCIDENTS, Feed.COMPLAINTS, Feed.SPEAKUP)


@dataclass(frozen=True, slots=True)
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
    starts: tuple[tuple[int, ...], ...]


def frame_of(block: Block, slots: list[int]) -> Frame | None:
    """What the arrays of these slots have in common, or None before any event feed began."""
    firsts = [block.first_week(block.provider, feed) for feed in Feed]
    closes = tuple(block.closed(feed, Grid.WEEK) for feed in Feed)
    ended = [week for week in (closes[feed] for feed in _EVENT_FEEDS) if week is not None]
    if not ended:
        return None
    week0 = min(week for week in firsts if week is not None)
    width = max(ended) - week0 + 1
    weeks = block.columns[Grid.WEEK]
    begins = np.full((len(Feed), len(slots)), _NEVER, dtype=np.int64)
    for feed in Feed:
        rows = weeks.table[slots, len(block.catalogue.indicators) + int(feed)]
        here = np.flatnonzero(rows >= 0)
        seen = weeks.facts[rows[here]] > 0
        begins[feed, here] = np.where(seen.any(axis=1), weeks.first + seen.argmax(axis=1), _NEVER)
    # A unit is observed from its first fact of any feed, once its level has the feed.
    starts = np.maximum(begins.min(axis=1, initial=_NEVER)[:, None], begins.min(axis=0)[None, :])
    return Frame(
        week0=week0,
        closed=width - 1,
        width=width,
        closes=closes,
        starts=tuple(tuple(row) for row in starts.tolist()),
    )


def touched(block: Block, slots: Sequence[int], feeds: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which units (of ``slots``) have changed series among those that are watched."""
    catalogue = block.catalogue
    keys = [key for key in (*feeds, BED_DAYS) if key in catalogue]
    positions = [catalogue.position(key) for key in keys]
    touched = np.zeros(len(slots), dtype=np.bool_)
    for grid in (Grid.WEEK, Grid.MONTH):
        columns = block.columns[grid]
        if columns.rows:
            rows = columns.table[np.ix_(slots, positions)]
            touched |= ((columns.dirty[rows] != CLEAN) & (rows >= 0)).any(axis=1)
    return touched


def feed_counts(
    block: Block,
    slots: Sequence[int],
    feeds: Sequence[str],
    frame: Frame,
    units: I64 | None = None,
) -> FeedCounts:
    """The arrays of some slots; ``units`` are their positions in the frame (None: all)."""
    week0, width = frame.week0, frame.width
    counts = np.zeros((len(slots), len(feeds), width))
    exposure = np.zeros((len(slots), len(feeds), width))
    daily = np.zeros((len(slots), len(feeds), width, 7), dtype=np.uint16)
    weeks = week0 + np.arange(width)
    relative = _relative_activity(block, slots, week0, width)
    for number, key in enumerate(feeds):
        if key not in block.catalogue:
            continue
        indicator = block.catalogue[key]
        closed = frame.closes[indicator.feed]
        if closed is None:
            continue
        position = block.catalogue.position(key)
        facts, numerators, denominators = window(block, Grid.WEEK, slots, position, week0, width)
        if indicator.feed is Feed.WARDMETRICS:
            below = np.where(denominators > 0, denominators / MILLION, np.nan)
            exposure[:, number] = np.where(facts > 0, _relative(below), 0.0)
        else:
            starts = np.array(frame.starts[indicator.feed])
            if units is not None:
                starts = starts[units]
            begun = weeks[None, :] >= starts[:, None]
            # The open week counts for a feed that has reached it itself.
            alive = weeks < closed + (1 if closed == week0 + width - 1 else 0)
            exposure[:, number] = np.where(begun & alive[None, :], relative, 0.0)
            daily[:, number] = by_day(block, slots, position, week0, width)
        counts[:, number] = np.where(exposure[:, number] > 0, numerators / MILLION, 0.0)
    _count_once(block, slots, feeds, counts, exposure, daily, week0)
    return FeedCounts(
        counts=counts,
        exposure=exposure,
        week0=week0,
        daily=daily,
        # A metric comes with its period's end, so it has no days of its own.
        daily_feeds=tuple(key in block.catalogue and block.catalogue[key].daily for key in feeds),
    )


def _count_once(
    block: Block,
    slots: Sequence[int],
    feeds: Sequence[str],
    counts: F64,
    exposure: F64,
    daily: U16,
    week0: int,
) -> None:
    """Take falls out of the incidents of a unit from its first audit of falls on.

    One fall is one event, however many feeds tell of it: counted twice it
    would make two feeds rise together by itself.
    """
    for twice, (other, part) in COUNTED_TWICE.items():
        if not {twice, other} <= set(feeds) or part not in block.catalogue:
            continue
        whole = feeds.index(twice)
        audited = np.maximum.accumulate(exposure[:, feeds.index(other)] > 0, axis=1)
        position = block.catalogue.position(part)
        width = counts.shape[2]
        facts = window(block, Grid.WEEK, slots, position, week0, width)[0]
        days = by_day(block, slots, position, week0, width)
        counts[:, whole] -= np.where(audited & (counts[:, whole] > 0), facts, 0)
        daily[:, whole] -= np.where(audited[:, :, None], days, 0).astype(np.uint16)


def _relative_activity(block: Block, slots: Sequence[int], week0: int, width: int) -> F64:
    if BED_DAYS not in block.catalogue:
        return np.ones((len(slots), width))
    position = block.catalogue.position(BED_DAYS)
    activity, facts = weekly_activity(block, slots, position, week0, width)
    # Per reporting ward, so that one ward's missing return is not a fall in activity.
    with np.errstate(divide="ignore", invalid="ignore"):
        return _relative(np.where(facts > 0, activity / facts, np.nan))


def _relative(activity: F64) -> F64:
    """Activity over the unit's own first quarter of it; 1 where it is not known."""
    reported = ~np.isnan(activity) & (activity > 0)
    early = reported & (np.cumsum(reported, axis=1) <= REFERENCE_WEEKS)
    number = early.sum(axis=1)
    total = np.where(early, np.nan_to_num(activity), 0.0).sum(axis=1)
    reference = np.where(number > 0, total / np.maximum(number, 1), 1.0)
    relative: F64 = np.where(reported, np.nan_to_num(activity) / reference[:, None], 1.0)
    return relative


def first_change(before: FeedCounts, after: FeedCounts) -> I64:
    """The first column (units) in which two blocks differ; their width where they do not."""
    differs = np.any(
        (before.counts != after.counts)
        | (before.exposure != after.exposure)
        | np.any(_days(before) != _days(after), axis=3),
        axis=1,
    )
    first: I64 = np.where(differs.any(axis=1), differs.argmax(axis=1), before.periods)
    return first


def renew(held: FeedCounts, part: FeedCounts, units: I64) -> None:
    """Write the rows of some units into a block in place."""
    held.counts[units] = part.counts
    held.exposure[units] = part.exposure
    _days(held)[units] = _days(part)


def _days(counts: FeedCounts) -> U16:
    if counts.daily is None:
        raise ValueError("the counts of feeds are kept by day")
    days: U16 = counts.daily
    return days
