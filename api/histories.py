"""Histories as the doors read them: a provider's block, kept until its facts change.

A block is rebuilt from stored tallies when the version of the provider's data has
moved, and its charts with it; a reader never sees half of a batch.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from api.arrivals import Arrival, arrived
from api.captions import arrival_words
from api.charts import Picture
from api.drawing import (
    PLOTS_OTHERWISE,
    Drawing,
    between_events,
    control_chart,
    in_force,
    new_beginnings,
    plotted,
    title_of,
)
from detectors.charts.chart import Chart
from streams.alerts import disclosure
from streams.catalogue.indicators import Catalogue
from streams.facts.clock import Clock
from streams.facts.feeds import Feed
from streams.facts.periods import Grid
from streams.histories.points import Point
from streams.histories.series import Block
from streams.histories.views import SeriesView, listed, view
from streams.store import RebaseRow, Store
from streams.store.reporting_delays import ReportingDelays

_BLOCKS = 32


@dataclass(frozen=True, slots=True)
class History:
    """A series as it leaves: identified, drawn and disclosed.

    ``rebases`` are its declared new beginnings that were not withdrawn, by day;
    ``arrival`` is how much of its newest periods is in, where that may be told.
    """

    view: SeriesView
    drawing: Drawing
    points: list[Point]
    rebases: list[RebaseRow]
    arrival: Arrival | None = None

    @property
    def chart(self) -> Chart | None:
        """The chart, where one could be drawn."""
        return self.drawing.chart

    @property
    def id(self) -> str:
        """The public name of the series."""
        return self.view.id

    @property
    def _settled(self) -> Chart | None:
        """The chart that the icons speak of: up to the latest period that is reported."""
        if disclosure.is_protected(self.view.indicator.feed):
            return None
        return (self.drawing if self.arrival is None else self.arrival.settled).chart

    @property
    def variation(self) -> str | None:
        """The variation icon; none for a protected series, which only shows its numbers."""
        return None if self._settled is None else self._settled.variation

    @property
    def assurance(self) -> str | None:
        """The assurance icon; none without target and for a protected series."""
        return None if self._settled is None else self._settled.assurance

    @property
    def delay_reason(self) -> str | None:
        """Why no reporting delay is told, in words, or None where it is."""
        return disclosure.DELAY_HELD if self.arrival is None else self.arrival.delay.reason

    @property
    def arrival_words(self) -> str:
        """How soon the feed's reports arrive and what that means here; empty where untold."""
        if self.arrival is None or self.arrival.delay.reason is not None:
            return ""
        length = _LENGTHS[self.view.grid]
        return arrival_words(self.arrival.delay.median, self.points, length)

    @property
    def limits_reason(self) -> str | None:
        """Why the chart has no limits, in words, or None where it has."""
        if disclosure.is_protected(self.view.indicator.feed):
            return "numbers about speaking up are shown without limits"
        return self.drawing.reason

    @property
    def limits_by(self) -> str | None:
        """How the latest limits are made; none without limits and for a protected series."""
        return None if disclosure.is_protected(self.view.indicator.feed) else self.drawing.limits_by

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
        kind = self.chart_kind
        otherwise = kind in PLOTS_OTHERWISE
        share = indicator.kind in {"share", "proportion"} and indicator.per == 1.0
        counted = protected or indicator.feed is Feed.WARDMETRICS or indicator.kind == "gap"
        return Picture(
            name=self.id,
            title=f"{title_of(indicator.name, kind)}, {unit_name}, {length}",
            unit="number" if kind == "np" else indicator.unit,
            per_cent=share and kind != "np",
            target=None if otherwise else indicator.target,
            onset=onset,
            zero=indicator.kind in {"count", "gap"} or otherwise,
            delayed=0 if counted or self.delay_reason is None else 1,
            rebases=tuple(
                (one.position, f"{one.reason} ({one.person})") for one in self.drawing.rebases
            ),
        )


_LENGTHS = {Grid.DAY: "day", Grid.WEEK: "week", Grid.MONTH: "month", Grid.QUARTER: "quarter"}
GRID_NAMES = {grid.name.lower(): grid for grid in Grid}


@dataclass(slots=True)
class Kept:
    """A block at one version of its data, with the charts drawn from it."""

    version: object
    block: Block
    rebases: list[RebaseRow]
    drawn: dict[tuple[str, str, Grid, bool], History] = field(default_factory=dict)
    arrived: dict[tuple[str, str, Grid, bool], History] = field(default_factory=dict)


class Histories:
    """The blocks in use, least recently used first to go.

    Args:
        store: where tallies are read.
        catalogue: the indicators.
        clock: gives the present, aware, UTC.
        blocks: how many providers are kept.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, clock: Clock, *, blocks: int = _BLOCKS
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self.delays = ReportingDelays(store, clock)
        self._room = blocks
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def reading(self, *, internal: bool) -> Reading:
        """All that one request reads, each provider at one version."""
        return Reading(self, internal=internal)

    def current(self, provider: str) -> Kept:
        """A provider's block as it stands in the store now."""
        # Read before the tallies: data that is newer than its version is read again.
        rebases = self._store.rebases(provider)
        version = (self._store.feeds([provider]), rebases)
        with self._lock:
            kept = self._kept.get(provider)
            if kept is not None and kept.version == version:
                self._kept.move_to_end(provider)
                return kept
        # Two readers may both load; the later one is kept, and both are right.
        block = Block.load(self._store, self._catalogue, provider)
        loaded = Kept(version, block, rebases)
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

    def of_unit(self, provider: str, unit: str) -> Iterator[History]:
        """Every series of a unit that there is to be shown."""
        for key, grid in self.listed(provider, unit):
            history = self.history(provider, unit, key, grid)
            if history is not None:
                yield history

    def history(self, provider: str, unit: str, key: str, grid: Grid) -> History | None:
        """One series, drawn and disclosed, or None where there is none to be shown.

        A protected series without a point to show would tell by being there that a case came.
        """
        kept = self._of(provider)
        place = (unit, key, grid, self.internal)
        found = kept.drawn.get(place)
        if found is None:
            seen = view(kept.block, unit, key, grid)
            if seen is None or seen.periods.size == 0:
                return None
            # Drawn twice at worst, by two readers at once, and the same both times.
            found = kept.drawn[place] = _drawn(kept, seen, internal=self.internal)
        feed = found.view.indicator.feed
        if not found.points and disclosure.is_protected(feed):
            return None
        learnt = disclosure.reporting_delay(feed, lambda: self._histories.delays.of(provider, feed))
        if learnt is None:
            return found
        told = kept.arrived.get(place)
        if told is None or told.arrival is None or told.arrival.delay is not learnt:
            arrival, points = arrived(found.view, found.drawing, found.points, learnt)
            told = kept.arrived[place] = replace(found, points=points, arrival=arrival)
        return told


def _drawn(kept: Kept, seen: SeriesView, *, internal: bool) -> History:
    rebases = in_force(kept.rebases, seen)
    if disclosure.is_protected(seen.indicator.feed):
        drawing = Drawing(None)
    else:
        seen = between_events(seen) if seen.indicator.kind == "gap" else seen
        drawing = control_chart(seen, new_beginnings(rebases, seen))
    points = disclosure.series_points(
        seen,
        drawing.chart,
        closed_day=disclosure.calendar(kept.block.watermarks),
        internal=internal,
    )
    return History(seen, drawing, plotted(points, drawing.chart), rebases)
