"""The four feeds of one level of units, weighed together week by week.

Keeps the arrays that the sequential procedure watches, renews the rows of units
whose facts changed, and lets the procedure resume from the earliest week that is
different. What it finds is a function of the facts alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from detectors.explain import explain
from detectors.model import EvidenceModel
from detectors.watch import Episode, FeedCounts, WatchPath, Way, watch
from streams.columns import CLEAN
from streams.feeds import Feed
from streams.periods import Grid, first_day
from streams.signals import Signal, instant
from streams.views import series_id
from streams.windows import MILLION, by_day, weekly_activity, window

if TYPE_CHECKING:
    from streams.series import Block

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]

BED_DAYS = "occupied_bed_days"
# Exposure is relative to a unit's first quarter of reported activity.
REFERENCE_WEEKS = 13
# Of the first feed's events, the indicator named last is also counted by the second.
COUNTED_TWICE = {"incidents": ("falls", "fall_incidents")}
# The rise that a feed is asked for when it has to bear out another.
RISE = 1.5
_NEVER = 2**40
_EVENT_FEEDS = (Feed.INCIDENTS, Feed.COMPLAINTS, Feed.SPEAKUP)


@dataclass(frozen=True, slots=True)
class _Frame:
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


def _frame(block: Block, slots: list[int]) -> _Frame | None:
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
    return _Frame(
        week0=week0,
        closed=width - 1,
        width=width,
        closes=closes,
        starts=tuple(tuple(row) for row in starts.tolist()),
    )


def _first_change(before: FeedCounts, after: FeedCounts) -> I64:
    """The first column (units) in which two blocks differ; their width where they do not."""
    differs = np.any(
        (before.counts != after.counts)
        | (before.exposure != after.exposure)
        | np.any(_days(before) != _days(after), axis=3),
        axis=1,
    )
    first: I64 = np.where(differs.any(axis=1), differs.argmax(axis=1), before.periods)
    return first


def _renew(held: FeedCounts, part: FeedCounts, units: I64) -> None:
    """Write the rows of some units into a block in place."""
    held.counts[units] = part.counts
    held.exposure[units] = part.exposure
    _days(held)[units] = _days(part)


class CountWatch:
    """Evidence over the count feeds of all units of one level of a provider.

    Args:
        level: ward, site or provider.
        model: the fitted fleet of that level.
        budget1, budget2: false alerts per unit and year at levels 1 and 2.
    """

    def __init__(self, level: str, model: EvidenceModel, *, budget1: float, budget2: float) -> None:
        self.level = level
        self.model = model
        self.budget1, self.budget2 = budget1, budget2
        self.slots: list[int] = []
        self._counts: FeedCounts | None = None
        self._frame: _Frame | None = None
        self._path: WatchPath | None = None
        # Explanations rest on data up to an opening, so they outlive later weeks.
        self._explained: dict[str, dict[Episode, Signal]] = {}

    def evaluate(self, block: Block) -> set[str]:
        """Bring the evidence up to date; give the units whose signals may have changed."""
        slots = [
            n for n, slot in enumerate(block.slots) if slot.kind == self.level and not slot.own
        ]
        frame = _frame(block, slots)
        if frame is None or not slots:
            return set()
        held = self._counts
        if held is None or frame != self._frame:
            fresh = self._arrays(block, slots, frame)
            dirty = self._first_difference(held, fresh, frame)
        else:
            # Nothing moved for all units, so only those with changed facts are renewed.
            fresh = held
            dirty = np.full(len(slots), frame.width, dtype=np.int64)
            touched = np.flatnonzero(self._touched(block, slots))
            if touched.size:
                part = self._arrays(block, [slots[unit] for unit in touched], frame, touched)
                dirty[touched] = _first_change(held.select(touched), part)
                _renew(held, part, touched)
        self.slots, self._counts, self._frame = slots, fresh, frame
        stale = np.flatnonzero(dirty < frame.width)
        if stale.size == 0:
            return set()
        self._path = watch(
            fresh, self.model, budget1=self.budget1, budget2=self.budget2, path=self._path,
            dirty_from=dirty, closed=np.full(len(slots), frame.closed, dtype=np.int64),
        )  # fmt: skip
        codes = {int(unit): block.slots[slots[unit]].code for unit in stale}
        for unit, code in codes.items():
            self._explained[code] = {
                episode: signal
                for episode, signal in self._explained.get(code, {}).items()
                if episode.opened_week < dirty[unit]
            }
        return set(codes.values())

    def _first_difference(
        self, held: FeedCounts | None, fresh: FeedCounts, frame: _Frame
    ) -> npt.NDArray[np.int64]:
        """The first column (units) from which the evidence has to be taken again."""
        before = self._frame
        if (
            held is None
            or before is None
            or before.week0 != frame.week0
            or held.units != fresh.units
        ):
            self._path = None
            return np.zeros(fresh.units, dtype=np.int64)
        common = min(before.width, frame.width)
        first = _first_change(held.until(common), fresh.until(common))
        moved = min(before.closed, frame.closed) if before.width != frame.width else frame.width
        return np.minimum(first, moved)

    def _touched(self, block: Block, slots: list[int]) -> npt.NDArray[np.bool_]:
        """Which units (of ``slots``) have changed series among those that are watched."""
        catalogue = block.catalogue
        keys = [key for key in (*self.model.feeds, BED_DAYS) if key in catalogue]
        positions = [catalogue.position(key) for key in keys]
        touched = np.zeros(len(slots), dtype=np.bool_)
        for grid in (Grid.WEEK, Grid.MONTH):
            columns = block.columns[grid]
            if columns.rows:
                rows = columns.table[np.ix_(slots, positions)]
                touched |= ((columns.dirty[rows] != CLEAN) & (rows >= 0)).any(axis=1)
        return touched

    def _arrays(
        self, block: Block, slots: list[int], frame: _Frame, units: I64 | None = None
    ) -> FeedCounts:
        feeds = self.model.feeds
        week0, width = frame.week0, frame.width
        counts = np.zeros((len(slots), len(feeds), width))
        exposure = np.zeros((len(slots), len(feeds), width))
        daily = np.zeros((len(slots), len(feeds), width, 7), dtype=np.uint16)
        weeks = week0 + np.arange(width)
        relative = self._relative_activity(block, slots, week0, width)
        for number, key in enumerate(feeds):
            if key not in block.catalogue:
                continue
            indicator = block.catalogue[key]
            closed = frame.closes[indicator.feed]
            if closed is None:
                continue
            position = block.catalogue.position(key)
            facts, numerators, denominators = window(
                block, Grid.WEEK, slots, position, week0, width
            )
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
        self._count_once(block, slots, counts, exposure, daily, week0)
        return FeedCounts(
            counts=counts,
            exposure=exposure,
            week0=week0,
            daily=daily,
            # A metric comes with its period's end, so it has no days of its own.
            daily_feeds=tuple(
                key in block.catalogue and block.catalogue[key].daily for key in feeds
            ),
        )

    def _count_once(
        self, block: Block, slots: list[int], counts: F64, exposure: F64, daily: U16, week0: int
    ) -> None:
        """Take falls out of the incidents of a unit from its first audit of falls on.

        One fall is one event, however many feeds tell of it: counted twice it
        would make two feeds rise together by itself.
        """
        feeds = self.model.feeds
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

    def _relative_activity(self, block: Block, slots: list[int], week0: int, width: int) -> F64:
        if BED_DAYS not in block.catalogue:
            return np.ones((len(slots), width))
        position = block.catalogue.position(BED_DAYS)
        activity, facts = weekly_activity(block, slots, position, week0, width)
        # Per reporting ward, so that one ward's missing return is not a fall in activity.
        with np.errstate(divide="ignore", invalid="ignore"):
            return _relative(np.where(facts > 0, activity / facts, np.nan))

    # -- signals -------------------------------------------------------------

    def signals(self, block: Block, code: str) -> list[Signal]:
        """The signals of one unit as its evidence stands."""
        slot = block.slot(code)
        if self._path is None or slot is None or slot not in self.slots:
            return []
        unit = self.slots.index(slot)
        explained = self._explained.setdefault(code, {})
        found = []
        for episode in self._path.episodes(unit):
            # The peak moves every week while an episode lasts; nothing here tells of it.
            told = replace(episode, peak_log_evidence=episode.log_evidence)
            if told not in explained:
                explained[told] = self._signal(block, code, unit, told)
            found.append(explained[told])
        return found

    def _signal(self, block: Block, code: str, unit: int, episode: Episode) -> Signal:
        counts = self._counts
        assert counts is not None  # noqa: S101 - a path exists only with its arrays
        feeds = tuple(
            key for key, told in zip(self.model.feeds, episode.feeds, strict=True) if told
        )
        opened = _end(counts.week0 + episode.opened_week, episode.opened_day)
        raised = None
        if episode.raised_week >= 0:
            raised = _end(counts.week0 + episode.raised_week, episode.raised_day)
        subsided = None
        if episode.subsided_week >= 0:
            subsided = first_day(Grid.WEEK, counts.week0 + episode.subsided_week + 1)
        explanation = explain(
            counts, unit, self.model, week=episode.opened_week, day=episode.opened_day,
            direction=episode.direction, since=self._since(unit, episode),
        )  # fmt: skip
        later = [
            instant(first_day(Grid.WEEK, counts.week0 + week + 1))
            for week in episode.evidence_weeks
        ]
        known = [key for key in feeds if key in block.catalogue]
        return Signal(
            detector="evidence.counts",
            unit=code,
            kind="quality",
            direction=episode.direction,
            opened=opened,
            raised=raised,
            subsided=subsided,
            onset=first_day(Grid.WEEK, counts.week0 + episode.onset_week),
            level=episode.level,
            feeds=tuple(block.catalogue[key].feed.topic for key in known),
            domains=tuple(block.catalogue[key].domain for key in known),
            series=tuple(
                {
                    "id": series_id(code, key, Grid.WEEK),
                    "indicator": key,
                    "unit": code,
                    "grid": Grid.WEEK.name.lower(),
                    "role": "raises",
                }
                for key in known
            ),
            words={"feeds": feeds},
            explanation={**explanation.to_dict(), "evidence_added": later},
        )

    def borne_out(self, block: Block, signal: Signal, *, but: str) -> list[float]:
        """How far each feed but one shows the rise of a signal by itself, to this day.

        Log Bayes factors of a rise by half since the onset, the rate before it
        integrated out, for the feeds that contribute to the signal.
        """
        counts, slot = self._counts, block.slot(signal.unit)
        if counts is None or slot is None:
            return []
        unit = self.slots.index(slot)
        weeks = np.array([first_day(Grid.WEEK, counts.week0 + t) for t in range(counts.periods)])
        since = weeks >= signal.onset
        if signal.subsided is not None:
            since &= weeks < signal.subsided
        told = {series["indicator"] for series in signal.series}
        found = []
        for number, key in enumerate(self.model.feeds):
            if key == but or key not in told:
                continue
            mass = counts.exposure[unit, number]
            events = counts.counts[unit, number]
            seen = float(self.model.prior_a[number] + events[weeks < signal.onset].sum())
            span = float(self.model.prior_b[number] + mass[weeks < signal.onset].sum())
            after, length = float(events[since].sum()), float(mass[since].sum())
            spread = math.log1p((RISE - 1.0) * length / (span + length))
            found.append(after * math.log(RISE) - (seen + after) * spread)
        return found

    def _since(self, unit: int, episode: Episode) -> int:
        """The first onset that counted for an episode: after the alert before it."""
        assert self._path is not None  # noqa: S101 - episodes come from the path
        way = Way.CONCERN if episode.direction == "concern" else Way.IMPROVEMENT
        earlier = [
            crossing.week
            for crossing in self._path.crossings(unit, way)
            if crossing.level == 1
            and (crossing.week, crossing.day) < (episode.opened_week, episode.opened_day)
        ]
        return max(earlier, default=-1) + 1


def _days(counts: FeedCounts) -> U16:
    if counts.daily is None:
        raise ValueError("the counts of feeds are kept by day")
    days: U16 = counts.daily
    return days


def _end(week: int, day: int) -> int:
    """The day that ends the data of a look: after ``day`` of the week, or its close (7)."""
    return first_day(Grid.WEEK, week) + min(day + 1, 7)


def _relative(activity: F64) -> F64:
    """Activity over the unit's own first quarter of it; 1 where it is not known."""
    reported = ~np.isnan(activity) & (activity > 0)
    early = reported & (np.cumsum(reported, axis=1) <= REFERENCE_WEEKS)
    number = early.sum(axis=1)
    total = np.where(early, np.nan_to_num(activity), 0.0).sum(axis=1)
    reference = np.where(number > 0, total / np.maximum(number, 1), 1.0)
    relative: F64 = np.where(reported, np.nan_to_num(activity) / reference[:, None], 1.0)
    return relative


def changed_before(block: Block, grid: Grid, position: int, closed: int) -> bool:
    """Whether any series of an indicator changed in a closed period since the last evaluation."""
    columns = block.columns[grid]
    rows = columns.table[:, position]
    rows = rows[rows >= 0]
    return bool(rows.size) and bool(columns.dirty[rows].min() < closed)
