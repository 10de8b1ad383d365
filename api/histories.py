"""Histories as the doors read them: a provider's block, kept until its facts change.

A block is rebuilt from stored tallies when the version of the provider's data has
moved, and its charts with it; a reader never sees half of a batch.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np

from api.charts import Picture
from detectors.charts.chart import REASONS, Chart, ChartKind, chart
from streams import disclosure
from streams.feeds import Feed
from streams.indicators import Catalogue, Indicator
from streams.periods import Grid
from streams.points import Point
from streams.series import Block
from streams.store import Store
from streams.views import SeriesView, listed, view

_BLOCKS = 32


@dataclass(frozen=True, slots=True)
class History:
    """A series as it leaves: identified, drawn and disclosed."""

    view: SeriesView
    chart: Chart | None
    points: list[Point]

    @property
    def id(self) -> str:
        """The public name of the series."""
        return self.view.id

    @property
    def variation(self) -> str | None:
        """The variation icon; none for a protected series, which only shows its numbers."""
        if self.chart is None or disclosure.is_protected(self.view.indicator.feed):
            return None
        return self.chart.variation

    @property
    def assurance(self) -> str | None:
        """The assurance icon; none without target and for a protected series."""
        if self.chart is None or disclosure.is_protected(self.view.indicator.feed):
            return None
        return self.chart.assurance

    @property
    def limits_reason(self) -> str | None:
        """Why the chart has no limits, in words, or None where it has."""
        if disclosure.is_protected(self.view.indicator.feed):
            return "numbers about speaking up are shown without limits"
        if self.chart is None:
            return "too few complete periods, or numbers that contradict each other"
        return REASONS[self.chart.reason] if self.chart.reason else None

    @property
    def chart_kind(self) -> str:
        """The kind of chart that was drawn."""
        return self.chart.kind if self.chart is not None else self.view.indicator.chart

    @property
    def last(self) -> Point | None:
        """The latest closed point."""
        return next((point for point in reversed(self.points) if not point.open), None)

    def picture(self, unit_name: str, *, onset: str | None = None) -> Picture:
        """What the chart says besides its points."""
        indicator = self.view.indicator
        protected = disclosure.is_protected(indicator.feed)
        length = "three months at a time" if protected else f"by {_LENGTHS[self.view.grid]}"
        return Picture(
            name=self.id,
            title=f"{indicator.name}, {unit_name}, {length}",
            unit=indicator.unit,
            per_cent=indicator.kind in {"share", "proportion"} and indicator.per == 1.0,
            target=indicator.target,
            onset=onset,
            zero=indicator.kind == "count",
            delayed=0 if protected or indicator.feed is Feed.WARDMETRICS else 1,
        )


_LENGTHS = {Grid.DAY: "day", Grid.WEEK: "week", Grid.MONTH: "month", Grid.QUARTER: "quarter"}
GRID_NAMES = {grid.name.lower(): grid for grid in Grid}


@dataclass(slots=True)
class Kept:
    """A block at one version of its data, with the charts drawn from it."""

    version: object
    block: Block
    drawn: dict[tuple[str, str, Grid, bool], History] = field(default_factory=dict)


class Histories:
    """The blocks in use, least recently used first to go.

    Args:
        store: where tallies are read.
        catalogue: the indicators.
        blocks: how many providers are kept.
    """

    def __init__(self, store: Store, catalogue: Catalogue, *, blocks: int = _BLOCKS) -> None:
        self._store = store
        self._catalogue = catalogue
        self._room = blocks
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def reading(self, *, internal: bool) -> Reading:
        """All that one request reads, each provider at one version."""
        return Reading(self, internal=internal)

    def current(self, provider: str) -> Kept:
        """A provider's block as it stands in the store now."""
        # Read before the tallies: data that is newer than its version is read again.
        version = self._store.feeds([provider])
        with self._lock:
            kept = self._kept.get(provider)
            if kept is not None and kept.version == version:
                self._kept.move_to_end(provider)
                return kept
        # Two readers may both load; the later one is kept, and both are right.
        loaded = Kept(version, Block.load(self._store, self._catalogue, provider))
        with self._lock:
            self._kept[provider] = loaded
            self._kept.move_to_end(provider)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
        return loaded


class Reading:
    """One reader's look at histories: every provider is seen at one version throughout."""

    def __init__(self, histories: Histories, *, internal: bool) -> None:
        self._histories = histories
        self.internal = internal
        self._kept: dict[str, Kept] = {}

    def _of(self, provider: str) -> Kept:
        kept = self._kept.get(provider)
        if kept is None:
            kept = self._kept[provider] = self._histories.current(provider)
        return kept

    def block(self, provider: str) -> Block:
        """The histories of a provider."""
        return self._of(provider).block

    def listed(self, provider: str, unit: str) -> list[tuple[str, Grid]]:
        """The series of a unit: indicator key and grid, in the catalogue's order."""
        return listed(self._of(provider).block, unit)

    def history(self, provider: str, unit: str, key: str, grid: Grid) -> History | None:
        """One series, drawn and disclosed, or None where there is none."""
        kept = self._of(provider)
        place = (unit, key, grid, self.internal)
        found = kept.drawn.get(place)
        if found is None:
            seen = view(kept.block, unit, key, grid)
            if seen is None or seen.periods.size == 0:
                return None
            # Drawn twice at worst, by two readers at once, and the same both times.
            found = kept.drawn[place] = _drawn(kept.block, seen, internal=self.internal)
        return found


def _drawn(block: Block, seen: SeriesView, *, internal: bool) -> History:
    drawn = None if disclosure.is_protected(seen.indicator.feed) else control_chart(seen)
    points = disclosure.series_points(
        seen, drawn, closed_day=disclosure.calendar(block.watermarks), internal=internal
    )
    return History(seen, drawn, points)


def control_chart(seen: SeriesView) -> Chart | None:
    """The chart of a series' closed periods, or None where its numbers allow none.

    Where the catalogue's chart is not meaningful (an XmR chart of a series without
    movement) and another kind would serve, that kind is drawn.
    """
    closed = int(np.searchsorted(seen.periods, seen.open_from))
    if closed < 2:
        return None
    indicator = seen.indicator
    drawn = _chart(seen, indicator, indicator.chart, closed)
    if drawn is not None and drawn.reason and drawn.suggested_kind:
        return _chart(seen, indicator, drawn.suggested_kind, closed) or drawn
    return drawn


def _chart(seen: SeriesView, indicator: Indicator, kind: str, closed: int) -> Chart | None:
    ratio = kind in _RATIOS
    counted = ratio or kind == "c"
    try:
        return chart(
            (seen.numerators if counted else seen.values)[:closed],
            kind=_KINDS[kind],
            denominators=seen.denominators[:closed] if ratio else None,
            per=indicator.per if counted else 1.0,
            direction=indicator.direction,
            target=indicator.target,
        )
    except ValueError:
        # Numbers that contradict each other (a numerator above its denominator, a
        # negative count) are shown as they came, without limits.
        return None


_RATIOS = frozenset({"p", "u", "p_prime", "u_prime"})
_KINDS: dict[str, ChartKind] = {
    "xmr": "xmr",
    "p": "p",
    "u": "u",
    "c": "c",
    "p_prime": "p_prime",
    "u_prime": "u_prime",
    "g": "g",
    "t": "t",
}
