"""The feeds of one level of units, weighed together week by week.

Keeps the arrays that the sequential procedure watches, renews the rows of units
whose facts changed, and lets the procedure resume from the earliest week that is
different. What it finds is a function of the facts alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from detectors.evidence.counts import FeedCounts
from detectors.evidence.crossings import Episode, WatchPath, Way
from detectors.evidence.explain import explain
from detectors.evidence.kept import KeptPath
from detectors.evidence.model import EvidenceModel
from detectors.evidence.watch import watch
from streams.evidence.count_arrays import Frame, empty_counts, frame_of, of_width, refill, touched
from streams.evidence.findings import Signal, instant, pack, raising
from streams.evidence.moments import FactsOn, crossing
from streams.facts.feeds import PROTECTED
from streams.facts.periods import Grid, first_day

if TYPE_CHECKING:
    from streams.histories.series import Block

I64 = npt.NDArray[np.int64]


class CountWatch:
    """Evidence over the count feeds of all units of one level of a provider.

    Args:
        level: ward, site or provider.
        model: the fitted fleet of that level.
        budget1, budget2: false alerts per unit and year at levels 1 and 2.
        facts_on: reads the facts of a day, to tell the moment of a crossing within
            it; without it a crossing is told at the end of its day.
    """

    def __init__(
        self,
        level: str,
        model: EvidenceModel,
        *,
        budget1: float,
        budget2: float,
        facts_on: FactsOn | None = None,
    ) -> None:
        self.level = level
        self.model = model
        self.budget1, self.budget2 = budget1, budget2
        self._facts_on = facts_on
        self.slots: list[int] = []
        self._place: dict[int, int] = {}
        self._counts: FeedCounts | None = None
        self._frame: Frame | None = None
        self._path: KeptPath | None = None
        # Explanations rest on data up to an opening, so they outlive later weeks.
        self._explained: dict[str, dict[Episode, Signal]] = {}

    def evaluate(self, block: Block) -> set[str]:
        """Bring the evidence up to date; give the units whose signals may have changed."""
        dirty = self._renew(block)
        counts, frame = self._counts, self._frame
        if dirty is None or counts is None or frame is None:
            return self._taken_back(block)
        stale = np.flatnonzero(dirty < frame.width)
        if stale.size == 0:
            return set()
        self._watch(counts, dirty, stale, frame.closed)
        for code, explained in self._explained.items():
            slot = block.slot(code)
            unit = None if slot is None else self._place.get(slot)
            if unit is not None and explained:
                self._explained[code] = {
                    episode: signal
                    for episode, signal in explained.items()
                    if episode.opened_week < dirty[unit]
                }
        return set(block.codes([self.slots[unit] for unit in stale.tolist()]))

    def _taken_back(self, block: Block) -> set[str]:
        """Nothing is known any more, all facts having been withdrawn."""
        crossed = self.crossed(block)
        self._counts = self._frame = self._path = None
        self._explained.clear()
        return crossed

    def crossed(self, block: Block) -> set[str]:
        """The units whose evidence has crossed a bar."""
        if self._path is None:
            return set()
        return set(block.codes([self.slots[unit] for unit in self._path.crossed()]))

    def arrays(self, block: Block) -> tuple[list[str], FeedCounts] | None:
        """Units of the level and their closed weeks, as the evidence takes them; None: none."""
        self._renew(block)
        return self.evaluated(block)

    def evaluated(self, block: Block) -> tuple[list[str], FeedCounts] | None:
        """The same as the last evaluation took them."""
        if self._counts is None or self._frame is None:
            return None
        return block.codes(self.slots), self._counts.until(self._frame.closed)

    def _renew(self, block: Block) -> I64 | None:
        """Bring the arrays up to date; the first column of each unit to be looked at again."""
        places = block.of_levels(frozenset({self.level}))
        frame = frame_of(block, places, self.model.feeds)
        if frame is None or not places.size:
            return None
        feeds, before, held = self.model.feeds, self._frame, self._counts
        units = np.arange(places.size)
        same = places.size == len(self.slots)  # slots are added, never taken away or moved
        if held is None or before is None or not same or before.week0 != frame.week0:
            self.slots = places.tolist()
            self._counts = empty_counts(block, places.size, feeds, frame)
            refill(block, places, feeds, frame, self._counts, units)
            self._path = None
            dirty = np.zeros(places.size, dtype=np.int64)
            self._place = {slot: unit for unit, slot in enumerate(self.slots)}
        elif not frame.same(before):
            self._counts = of_width(held, frame.width)
            dirty = refill(block, places, feeds, frame, self._counts, units)
            if before.width != frame.width:
                dirty = np.minimum(dirty, min(before.closed, frame.closed))
        else:
            # Nothing moved for all units, so only those with changed facts are renewed.
            units = np.flatnonzero(touched(block, places, feeds))
            dirty = np.full(places.size, frame.width, dtype=np.int64)
            if units.size:
                dirty[units] = refill(block, places, feeds, frame, held, units)
        self._frame = frame
        return dirty

    def _watch(self, counts: FeedCounts, dirty: I64, stale: I64, closed: int) -> None:
        """Watch the units that have something new."""
        path = self._path
        ends = np.full(counts.units, closed, dtype=np.int64)
        few = path is not None and stale.size < counts.units
        if few and path is not None:
            counts, dirty, ends = counts.select(stale), dirty[stale], ends[stale]
        watched = watch(
            counts, self.model, budget1=self.budget1, budget2=self.budget2,
            path=path.select(stale) if few and path is not None else path,
            dirty_from=dirty, closed=ends,
        )  # fmt: skip
        if few and path is not None:
            path.renew(watched, stale)
        else:
            self._path = KeptPath.of(watched)

    # -- signals -------------------------------------------------------------

    def signals(self, block: Block, code: str) -> list[Signal]:
        """The signals of one unit as its evidence stands."""
        slot = block.slot(code)
        unit = None if slot is None else self._place.get(slot)
        if self._path is None or unit is None:
            return []
        explained = self._explained.setdefault(code, {})
        found = []
        path = self._path.select(np.array([unit])).path(0)
        for episode in path.episodes(0):
            # The peak moves every week while an episode lasts; nothing here tells of it.
            told = replace(episode, peak_log_evidence=episode.log_evidence)
            if told not in explained:
                explained[told] = self._signal(block, code, unit, path, told)
            found.append(explained[told])
        return found

    def _signal(
        self, block: Block, code: str, unit: int, path: WatchPath, episode: Episode
    ) -> Signal:
        counts, since = self._counts, _since(path, episode)
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
            direction=episode.direction, since=since,
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
            moment=self._moment(block, code, unit, since, episode),
            raised=raised,
            subsided=subsided,
            onset=first_day(Grid.WEEK, counts.week0 + episode.onset_week),
            level=episode.level,
            feeds=tuple(block.catalogue[key].feed.topic for key in known),
            domains=tuple(block.catalogue[key].domain for key in known),
            series=raising(code, known, Grid.WEEK),
            words={"feeds": feeds},
            explanation=pack({**explanation.to_dict(), "evidence_added": later}),
        )

    def _moment(
        self, block: Block, code: str, unit: int, since: int, episode: Episode
    ) -> int | None:
        """When the evidence crossed within a day, in milliseconds; None for the day's end.

        A week's close has no such moment. Nor has a unit whose protected feeds are weighed,
        whatever feeds the signal names: the moment may be that of a single case.
        """
        counts, catalogue = self._counts, block.catalogue
        if self._facts_on is None or counts is None or episode.opened_day >= 7:
            return None
        weighed = [catalogue[key].feed for key in self.model.feeds if key in catalogue]
        if PROTECTED.intersection(weighed):
            return None
        day = first_day(Grid.WEEK, counts.week0 + episode.opened_week) + episode.opened_day
        bars = self.model.threshold(self.budget1, within_week=True)
        return crossing(
            self._facts_on(code, day), block.catalogue, counts, unit, self.model,
            week=episode.opened_week, day=episode.opened_day,
            since=since, bar=bars.look,
        )  # fmt: skip


def _since(path: WatchPath, episode: Episode) -> int:
    """The first onset that counted for an episode of unit 0: after the alert before it."""
    way = Way.CONCERN if episode.direction == "concern" else Way.IMPROVEMENT
    earlier = [
        crossing.week
        for crossing in path.crossings(0, way)
        if crossing.level == 1
        and (crossing.week, crossing.day) < (episode.opened_week, episode.opened_day)
    ]
    return max(earlier, default=-1) + 1


def _end(week: int, day: int) -> int:
    """The day that ends the data of a look: after ``day`` of the week, or its close (7)."""
    return first_day(Grid.WEEK, week) + min(day + 1, 7)
