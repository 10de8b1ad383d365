"""Watching series on: what is kept of a watch, so that only what is new is looked at.

A watch of single series is causal, so what was said about a period stands until that
period or an earlier one changes. A ``SeriesPath`` holds the histories as they were
seen, the episodes found in them and the state before each of the last periods; given
longer or corrected histories it says from where each series must be looked at again.
Going on from there gives bit for bit what a watch from the start gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64
from detectors.single_series.episodes import SeriesEpisode, Watch, in_order
from detectors.single_series.trails import KEPT, Fold, Trail

_NO_SERIES: I64 = np.zeros(0, dtype=np.int64)
# What a history is kept in, by the size that ``_size`` finds.
_KINDS = (np.uint8, np.uint16, np.int32, np.float64)


@compiled
def _size(history: F64) -> int:
    """The place in ``_KINDS`` of the narrowest type that has all numbers of a history."""
    greatest, least = 0.0, 0.0
    for series in range(history.shape[0]):
        for period in range(history.shape[1]):
            value = history[series, period]
            # Not a number, too large, or no whole one.
            if not (-2147483648.0 <= value <= 2147483647.0) or value != math.floor(value):
                return 3
            greatest = max(greatest, value)
            least = min(least, value)
    if least < 0.0 or greatest > 65535.0:
        return 2
    return 1 if greatest > 255.0 else 0


@compiled
def _first_differences(before: F64, after: F64, first: I64) -> None:
    """Lower ``first`` to the first period in which a series differs."""
    for series in range(first.size):
        for period in range(first[series]):
            old, new = before[series, period], after[series, period]
            if old != new and not (math.isnan(old) and math.isnan(new)):
                first[series] = period
                break


class SeriesPath:
    """What watching a block of series has seen so far; empty before the first watch.

    It belongs to one way of watching: with other parameters its states mean nothing.

    Attributes:
        unchanged: I64[series], how many periods the last watch found as the one before
            had left them.

    """

    def __init__(self) -> None:
        self.unchanged: I64 = _NO_SERIES
        self._keys: list[Hashable] = []
        self._seen: tuple[npt.NDArray[np.generic], ...] = ()
        self._kept: list[Fold] = []

    def follow(
        self,
        histories: tuple[F64, ...],
        keys: Sequence[Hashable] | None,
        passes: Sequence[Watch],
        numbers: int,
        look: Callable[[Watch, Trail], bool],
        per_year: float,
    ) -> list[SeriesEpisode]:
        """Look at what is new in each pass and give all episodes, by series and opening.

        Args:
            histories: F64[series, periods] each; what is seen is compared with them.
            keys: tells series apart where they come and go; None: they stay in place.
            passes: the directions that are watched.
            numbers: the length of a state.
            look: looks from each series' ``begin`` on; false when it lacks rows.
            per_year: periods in a year.

        """
        series = histories[0].shape[0]
        names: list[Hashable] = [*range(series)] if keys is None else [*keys]
        if not self._kept:
            trails = [Trail.fresh(series, numbers) for _ in passes]
            self.unchanged = np.zeros(series, dtype=np.int64)
        else:
            trails = [fold.trail() for fold in self._kept]
            self.unchanged, trails = self._compare(histories, names, trails)
            for trail in trails:
                trail.rewind(self.unchanged)
        self._keys, self._seen = (
            names,
            tuple(part.astype(_KINDS[_size(part)]) for part in histories),
        )
        found: list[SeriesEpisode] = []
        for watch, trail in zip(passes, trails, strict=True):
            while not look(watch, trail):
                trail.grow()
            trail.oldest = np.maximum(trail.oldest, trail.begin - KEPT + 1)
            found += trail.episodes(watch, per_year)
        self._kept = [Fold.of(trail) for trail in trails]
        return in_order(found)

    def _compare(
        self, histories: tuple[F64, ...], names: list[Hashable], trails: list[Trail]
    ) -> tuple[I64, list[Trail]]:
        """How many periods are as they were seen, and the trails of these series."""
        seen = self._seen
        if names != self._keys:
            held = {key: place for place, key in enumerate(self._keys)}
            places = np.array([held.get(key, -1) for key in names], dtype=np.int64)
            trails = [trail.taken(places) for trail in trails]
            seen = tuple(part[places] for part in seen)
        common = min(seen[0].shape[1], histories[0].shape[1])
        first = np.full(len(names), common, dtype=np.int64)
        for before, after in zip(seen, histories, strict=True):
            _first_differences(before.astype(np.float64), after, first)
        if names != self._keys:
            first[places < 0] = 0
        return first, trails
