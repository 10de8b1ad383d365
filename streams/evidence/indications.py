"""Single indicators with evidence of their own: counts, shares and measurements.

Each is judged on closed periods, over all units of a provider at once, within a
small part of the alert budget. Results are kept until a series of the indicator
changes or a period closes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from detectors.single_series.counts import explain_counts, watch_counts
from detectors.single_series.episodes import SeriesEpisode
from detectors.single_series.measurements import explain_measurement, watch_measurements
from detectors.single_series.paths import SeriesPath
from detectors.single_series.shares import explain_share, watch_shares
from streams.catalogue.contributions import MILLION
from streams.catalogue.indicators import Indicator
from streams.evidence.exposures import exposure
from streams.evidence.findings import Signal, pack, raising
from streams.evidence.rules import ALONE
from streams.evidence.statements import MOVED, uncapitalised
from streams.facts.feeds import Feed
from streams.facts.periods import PER_YEAR, Grid, first_day
from streams.histories.windows import joined_units, window

if TYPE_CHECKING:
    from streams.histories.series import Block

# Periods before anything is said: half a year of weeks, a year of months, two of quarters.
MINIMUM = {Grid.WEEK: 26, Grid.MONTH: 12, Grid.QUARTER: 8}
_CONCERNS: dict[str | None, Literal["rise", "fall"]] = {"rise": "rise", "fall": "fall"}

F64 = npt.NDArray[np.float64]
_Opening = tuple[str, str, int, int]
_Judged = tuple[list[SeriesEpisode], Callable[[SeriesEpisode], dict[str, Any]]]
"""What was found, and what explains an episode of it."""


class IndicatorWatch:
    """Evidence on one indicator over all units of a provider, on one grid.

    Args:
        indicator: what is watched; its ``evidence`` says how, ``concern`` which way.
        grid: the period of the series.
        levels: the units that are watched.
        budget1, budget2: false alerts per series and year.
        improvement: the same for changes for the better, or None.

    ``signals`` are those that stand, by unit.
    """

    def __init__(
        self,
        indicator: Indicator,
        grid: Grid,
        *,
        levels: frozenset[str],
        budget1: float,
        budget2: float,
        improvement: float | None,
    ) -> None:
        self.indicator = indicator
        self.grid = grid
        self.levels = levels
        self.budget1, self.budget2, self.improvement = budget1, budget2, improvement
        self._units: list[str] = []
        self.signals: dict[str, list[Signal]] = {}
        self._path = SeriesPath()
        self._explained: dict[_Opening, bytes] = {}

    def evaluate(self, block: Block, closed: int) -> set[str]:
        """Judge the periods before ``closed``; give the units whose signals may have changed."""
        position = block.catalogue.position(self.indicator.key)
        columns = block.columns[self.grid]
        places = block.of_levels(self.levels)
        slots = places[columns.table[places, position] >= 0].tolist()
        seen = columns.extent_of(columns.table[slots, position]) if slots else None
        before, self.signals = self.signals, {}
        # Counted from the first period with a fact, wherever the columns begin.
        if seen is not None and closed - seen[0] > MINIMUM[self.grid]:
            self._units = block.codes(slots)
            self.signals = self._judge(block, slots, position, seen[0], closed - seen[0])
        return differing(before, self.signals)

    def _judge(
        self, block: Block, slots: list[int], position: int, first: int, width: int
    ) -> dict[str, list[Signal]]:
        facts, numerators, denominators = window(block, self.grid, slots, position, first, width)
        above = numerators / MILLION
        below = denominators / MILLION
        indicator = self.indicator
        if indicator.denominator is not None and indicator.kind == "rate":
            joined, _ = joined_units(block, self.grid, slots, indicator.denominator, first, width)
            below = np.where((facts > 0) & (below == 0), np.nan_to_num(joined), below)
        if indicator.evidence == "counts":
            if indicator.kind != "rate":
                below = exposure(block, self.grid, slots, indicator, facts, below, first)
            found, explained = self._counts(above, below)
        elif indicator.evidence == "share":
            found, explained = self._shares(above, below)
        else:
            found, explained = self._measurements(above, below)
        # What an opening rested on stands while the history up to it does.
        held, self._explained = self._explained, {}
        signals: dict[str, list[Signal]] = {}
        for episode in found:
            row = episode.series
            unit = self._units[row]
            opening = (unit, episode.direction, episode.opened, episode.after)
            numbers = held.get(opening) if episode.opened < self._path.unchanged[row] else None
            if numbers is None:
                numbers = pack(explained(episode))
            self._explained[opening] = numbers
            signals.setdefault(unit, []).append(self._signal(unit, first, episode, numbers))
        return signals

    def _counts(self, above: F64, below: F64) -> _Judged:
        seen = (above >= 0) & (below > 0)
        x, m = np.where(seen, above, 0.0), np.where(seen, below, 0.0)
        found = watch_counts(x, m, concern=self._way, **self._settings)
        return found, lambda episode: explain_counts(x[episode.series], m[episode.series], episode)

    def _shares(self, above: F64, below: F64) -> _Judged:
        # A part larger than its whole is no share; such a period is not looked at.
        whole = (above >= 0) & (above <= below)
        y, n = np.where(whole, above, 0.0), np.where(whole, below, 0.0)
        # A share is worse one way: what names no concern is looked at for a rise.
        way = self._way if self._way != "both" else "rise"
        found = watch_shares(y, n, concern=way, **self._settings)
        return found, lambda episode: explain_share(y[episode.series], n[episode.series], episode)

    def _measurements(self, above: F64, below: F64) -> _Judged:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(below > 0, above / below * self.indicator.per, np.nan)
        found = watch_measurements(values, concern=self._way, **self._settings)
        return found, lambda episode: explain_measurement(values[episode.series], episode)

    @property
    def _way(self) -> Literal["rise", "fall", "both"]:
        return _CONCERNS.get(self.indicator.concern, "both")

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "budget1": self.budget1,
            "budget2": self.budget2,
            "per_year": PER_YEAR[self.grid],
            "minimum": MINIMUM[self.grid],
            "improvement_budget": self.improvement,
            "path": self._path,
            "keys": self._units,
        }

    def _signal(self, unit: str, first: int, episode: SeriesEpisode, numbers: bytes) -> Signal:
        indicator = self.indicator
        way: str = self._way
        if episode.direction == "improvement":
            way = {"rise": "fall", "fall": "rise"}.get(way, way)
        return signal_of(
            episode,
            detector=ALONE[indicator.evidence or ""],
            unit=unit,
            kind="listening" if indicator.domain == "listening" else "quality",
            grid=self.grid,
            first=first,
            feed=indicator.feed,
            domain=indicator.domain,
            key=indicator.key,
            text=MOVED[way].format(indicator=uncapitalised(indicator.name)),
            numbers=numbers,
        )


def differing(before: dict[str, list[Signal]], after: dict[str, list[Signal]]) -> set[str]:
    """The units that have other signals than before."""
    return {unit for unit in before.keys() | after.keys() if before.get(unit) != after.get(unit)}


def signal_of(
    episode: SeriesEpisode,
    *,
    detector: str,
    unit: str,
    kind: str,
    grid: Grid,
    first: int,
    feed: Feed,
    domain: str,
    key: str,
    text: str,
    numbers: bytes,
) -> Signal:
    """A single series' episode, whose periods count from ``first``, as a signal."""

    def end(period: int) -> int | None:
        return None if period < 0 else first_day(grid, first + period + 1)

    return Signal(
        detector=detector,
        unit=unit,
        kind=kind,
        direction=episode.direction,
        opened=first_day(grid, first + episode.opened + 1),
        raised=end(episode.raised),
        subsided=end(episode.subsided),
        onset=first_day(grid, first + episode.onset),
        level=episode.level,
        feeds=(feed.topic,),
        domains=(domain,),
        series=raising(unit, [key], grid),
        words={"text": text},
        explanation=numbers,
    )
