"""Single indicators with evidence of their own: shares, measurements and silence.

Each is judged on closed periods, over all units of a provider at once, within a
small part of the alert budget. Results are kept until a series of the indicator
changes or a period closes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from detectors.evidence.episodes import SeriesEpisode
from detectors.evidence.paths import SeriesPath
from detectors.single_series.measurements import explain_measurement, watch_measurements
from detectors.single_series.shares import explain_share, watch_shares
from detectors.single_series.silence import explain_silence, feed_outage, watch_silence
from streams.contributions import MILLION
from streams.feeds import Feed
from streams.indicators import Indicator
from streams.periods import PER_YEAR, Grid, first_day
from streams.signals import Signal, plain
from streams.statements import uncapitalised
from streams.views import series_id
from streams.windows import joined_units, reported, window

if TYPE_CHECKING:
    from streams.series import Block

# Periods before anything is said: half a year of weeks, a year of months, two of quarters.
MINIMUM = {Grid.WEEK: 26, Grid.MONTH: 12, Grid.QUARTER: 8}
# The first metric of a week closes it for all; the others' files may still be under way.
GRACE_WEEKS = {Feed.WARDMETRICS: 1}
_CONCERNS: dict[str | None, Literal["rise", "fall"]] = {"rise": "rise", "fall": "fall"}
WORDS = {"rise": "higher", "fall": "lower", "both": "different"}

_Opening = tuple[str, str, int, int]


class IndicatorWatch:
    """Evidence on one indicator over all units of a provider, on one grid.

    Args:
        indicator: what is watched; its ``evidence`` says how, ``concern`` which way.
        grid: the period of the series.
        budget1, budget2: false alerts per series and year.
        improvement: the same for changes for the better, or None.

    ``signals`` are those that stand, by unit.
    """

    def __init__(
        self,
        indicator: Indicator,
        grid: Grid,
        *,
        budget1: float,
        budget2: float,
        improvement: float | None,
    ) -> None:
        self.indicator = indicator
        self.grid = grid
        self.budget1, self.budget2, self.improvement = budget1, budget2, improvement
        self._closed: int | None = None
        self._units: list[str] = []
        self.signals: dict[str, list[Signal]] = {}
        self._path = SeriesPath()
        self._explained: dict[_Opening, dict[str, Any]] = {}

    def evaluate(self, block: Block) -> set[str]:
        """Judge again if anything changed; give the units whose signals may have."""
        closed = block.closed(self.indicator.feed, self.grid)
        position = block.catalogue.position(self.indicator.key)
        moved = closed != self._closed
        if closed is None or not (moved or block.changed_before(self.grid, position, closed)):
            return set()
        self._closed = closed
        columns = block.columns[self.grid]
        slots = [
            number
            for number in np.flatnonzero(columns.table[:, position] >= 0).tolist()
            if not block.slots[number].own and block.slots[number].kind in self.indicator.levels
        ]
        if not slots:
            return set()
        seen = np.flatnonzero(columns.facts[columns.table[slots, position]].any(axis=0))
        # Counted from the first period with a fact, wherever the columns begin.
        first = columns.first + int(seen[0]) if seen.size else closed
        if closed <= first:
            return set()
        before = self.signals
        self._units = [block.slots[slot].code for slot in slots]
        self.signals = self._judge(block, slots, position, first, closed - first)
        return {
            unit
            for unit in before.keys() | self.signals.keys()
            if before.get(unit) != self.signals.get(unit)
        }

    def _judge(
        self, block: Block, slots: list[int], position: int, first: int, width: int
    ) -> dict[str, list[Signal]]:
        facts, numerators, denominators = window(block, self.grid, slots, position, first, width)
        above = numerators / MILLION
        below = denominators / MILLION
        indicator = self.indicator
        if indicator.denominator is not None and indicator.kind == "rate":
            joined = joined_units(block, self.grid, slots, indicator.denominator, first, width)
            below = np.where((facts > 0) & (below == 0), np.nan_to_num(joined), below)
        per_year, minimum = PER_YEAR[self.grid], MINIMUM[self.grid]
        found: Iterable[SeriesEpisode]
        if indicator.evidence == "share":
            # A part larger than its whole is no share; such a period is not looked at.
            whole = (above >= 0) & (above <= below)
            above, below = np.where(whole, above, 0.0), np.where(whole, below, 0.0)
            found = watch_shares(
                above, below, concern="fall" if indicator.concern == "fall" else "rise",
                budget1=self.budget1, budget2=self.budget2, per_year=per_year,
                minimum=minimum, improvement_budget=self.improvement,
                path=self._path, keys=self._units,
            )  # fmt: skip
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                values = np.where(below > 0, above / below * indicator.per, np.nan)
            found = watch_measurements(
                values, concern=_CONCERNS.get(indicator.concern, "both"),
                budget1=self.budget1, budget2=self.budget2, per_year=per_year,
                minimum=minimum, improvement_budget=self.improvement,
                path=self._path, keys=self._units,
            )  # fmt: skip
        # What an opening rested on stands while the history up to it does.
        held, self._explained = self._explained, {}
        signals: dict[str, list[Signal]] = {}
        for episode in found:
            row = episode.series
            unit = self._units[row]
            opening = (unit, episode.direction, episode.opened, episode.after)
            numbers = held.get(opening) if episode.opened < self._path.unchanged[row] else None
            if numbers is None and indicator.evidence == "share":
                numbers = plain(explain_share(above[row], below[row], episode))
            elif numbers is None:
                numbers = plain(explain_measurement(values[row], episode))
            self._explained[opening] = numbers
            signals.setdefault(unit, []).append(self._signal(unit, first, episode, numbers))
        return signals

    def _signal(
        self, unit: str, first: int, episode: SeriesEpisode, numbers: dict[str, Any]
    ) -> Signal:
        indicator = self.indicator
        way = indicator.concern or "both"
        if episode.direction == "improvement":
            way = {"rise": "fall", "fall": "rise"}.get(way, way)
        return signal_of(
            episode,
            detector=f"evidence.{indicator.evidence}",
            unit=unit,
            kind="listening" if indicator.domain == "listening" else "quality",
            grid=self.grid,
            first=first,
            feed=indicator.feed,
            domain=indicator.domain,
            key=indicator.key,
            text=f"{uncapitalised(indicator.name)} may be {WORDS[way]}",
            numbers=numbers,
        )


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
    numbers: dict[str, Any],
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
        series=(
            {
                "id": series_id(unit, key, grid),
                "indicator": key,
                "unit": unit,
                "grid": grid.name.lower(),
                "role": "raises",
            },
        ),
        words={"text": text},
        explanation=numbers,
    )


class SilenceWatch:
    """Units that used to report and stopped, and feeds that stopped as a whole.

    A feed that stops at the provider is one finding about data; its units are not
    called silent for it. ``signals`` are those that stand, by unit.
    """

    def __init__(
        self, feed: Feed, levels: frozenset[str], *, budget1: float, budget2: float
    ) -> None:
        self.feed = feed
        self.levels = levels
        self.budgets = {"budget1": budget1, "budget2": budget2}
        self._seen: tuple[int | None, int] = (None, -1)
        self.signals: dict[str, list[Signal]] = {}
        self._outages, self._silences = SeriesPath(), SeriesPath()

    def evaluate(self, block: Block) -> set[str]:
        """Judge again if the feed changed or any feed closed a week."""
        closes = [block.closed(feed, Grid.WEEK) for feed in Feed]
        latest = max((week for week in closes if week is not None), default=None)
        closed = block.closed(self.feed, Grid.WEEK)
        position = len(block.catalogue.indicators) + int(self.feed)
        if closed is None or latest is None:
            return set()
        late = block.changed_before(Grid.WEEK, position, latest)
        if self._seen == (closed, latest) and not late:
            return set()
        self._seen = (closed, latest)
        before = self.signals
        self.signals = self._judge(block, position, closed, latest)
        return {
            unit
            for unit in before.keys() | self.signals.keys()
            if before.get(unit) != self.signals.get(unit)
        }

    def _judge(
        self, block: Block, position: int, closed: int, latest: int
    ) -> dict[str, list[Signal]]:
        first = block.first_week(block.provider, self.feed)
        if first is None or latest <= first:
            return {}
        settings: dict[str, Any] = {
            **self.budgets,
            "per_year": PER_YEAR[Grid.WEEK],
            "minimum": MINIMUM[Grid.WEEK],
        }
        width = latest - first
        found: dict[str, list[Signal]] = {}
        total = block.slot(block.provider)
        assert total is not None  # noqa: S101 - a block always has its provider
        totals = window(block, Grid.WEEK, [total], position, first, width)[0, 0].astype(float)
        for episode in feed_outage(totals, path=self._outages, **settings):
            numbers = plain(explain_silence(totals, np.ones(width), episode))
            found.setdefault(block.provider, []).append(
                self._signal(block.provider, "data_quality", first, episode, numbers)
            )
        slots = [
            number
            for number in reported(block, Grid.WEEK, position)
            if not block.slots[number].own
            and block.slots[number].kind in self.levels
            and block.slots[number].kind != "provider"
        ]
        width = closed - GRACE_WEEKS.get(self.feed, 0) - first
        if not slots or width <= 0:
            return found
        counts = window(block, Grid.WEEK, slots, position, first, width)[0].astype(float)
        # A unit is observed from its first fact, in weeks in which its feed was alive.
        observed = (np.cumsum(counts, axis=1) > 0) & (totals[:width] > 0)[None, :]
        exposure = observed.astype(float)
        units = [block.slots[slot].code for slot in slots]
        for episode in watch_silence(counts, exposure, path=self._silences, keys=units, **settings):
            unit = units[episode.series]
            row = episode.series
            numbers = plain(explain_silence(counts[row], exposure[row], episode))
            found.setdefault(unit, []).append(
                self._signal(unit, "silence", first, episode, numbers)
            )
        return found

    def _signal(
        self, unit: str, kind: str, first: int, episode: SeriesEpisode, numbers: dict[str, Any]
    ) -> Signal:
        names = {
            Feed.INCIDENTS: "incident reports",
            Feed.COMPLAINTS: "complaints",
            Feed.SPEAKUP: "speaking-up reports",
            Feed.WARDMETRICS: "ward metrics",
        }
        return signal_of(
            episode,
            detector="evidence.silence" if kind == "silence" else "evidence.outage",
            unit=unit,
            kind=kind,
            grid=Grid.WEEK,
            first=first,
            feed=self.feed,
            domain="listening",
            key=self.feed.topic,
            text=names[self.feed],
            numbers=numbers,
        )
