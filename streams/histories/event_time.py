"""What the facts of a provider say about time: how far its feeds have come.

Everything here follows from the counts of each feed's facts by week and day, and is
remembered until facts change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from streams.facts.feeds import Feed
from streams.facts.periods import Grid, first_day, period_of_day
from streams.histories.matrices import Matrix

Watermarks = tuple[int | None, int | None, int | None, int | None]


class EventTime:
    """Watermarks of a provider's feeds, and which periods they have closed.

    Args:
        weeks: the week grid.
        quarters: the quarter grid.
        row_of: the row of a grid that counts a unit's facts of a feed, or -1, by the unit's
            code. Quarters count the aggregates only that end with them.
        provider: ODS code.
    """

    def __init__(
        self,
        weeks: Matrix,
        quarters: Matrix,
        row_of: Callable[[str, Feed, Grid], int],
        provider: str,
    ) -> None:
        self._weeks = weeks
        self._quarters = quarters
        self._row_of = row_of
        self._provider = provider
        self._watermarks: Watermarks | None = None
        self._closes: dict[tuple[int, int], int | None] = {}

    def forget(self) -> None:
        """Forget what followed from the facts before they changed."""
        self._closes.clear()
        self._watermarks = None

    @property
    def watermarks(self) -> Watermarks:
        """For each feed the last UTC day with a fact at the provider, or None."""
        if self._watermarks is None:
            incidents, complaints, speakup, wardmetrics = (self._last_day(feed) for feed in Feed)
            self._watermarks = incidents, complaints, speakup, wardmetrics
        return self._watermarks

    def _last_day(self, feed: Feed) -> int | None:
        row = self._row_of(self._provider, feed, Grid.WEEK)
        extent = None if row < 0 else self._weeks.extent(row)
        if extent is None:
            return None
        day = int(np.flatnonzero(self._weeks.days(row, extent[1]))[-1])
        return first_day(Grid.WEEK, extent[1]) + day

    def closed(self, feed: Feed, grid: Grid) -> int | None:
        """The first period of a grid that a feed has not closed yet, or None without facts.

        A period of events is closed when a later one has a fact; a period of
        metrics when a metric has come whose own period ends with it or later. A
        quarter of speaking up is closed by an aggregate that ends with it, too: a case
        speaks for its moment, an aggregate for all of its period.
        """
        key = (feed, grid)
        if key not in self._closes:
            self._closes[key] = self._closed(feed, grid)
        return self._closes[key]

    def _closed(self, feed: Feed, grid: Grid) -> int | None:
        day = self.watermarks[feed]
        if day is None:
            return None
        period = period_of_day(grid, day)
        if feed is Feed.WARDMETRICS and first_day(grid, period + 1) == day + 1:
            return period + 1
        if feed is Feed.SPEAKUP and grid is Grid.QUARTER:
            row = self._row_of(self._provider, feed, Grid.QUARTER)
            extent = None if row < 0 else self._quarters.extent(row)
            return period if extent is None else max(period, extent[1] + 1)
        return period

    def first_week(self, code: str, feed: Feed) -> int | None:
        """The first week with a fact of a feed in a unit, or None."""
        row = self._row_of(code, feed, Grid.WEEK)
        extent = None if row < 0 else self._weeks.extent(row)
        return None if extent is None else extent[0]
