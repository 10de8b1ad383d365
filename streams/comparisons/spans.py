"""The stretch of time over which units are compared: whole closed periods, one for all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from streams.alerts import disclosure
from streams.comparisons.comparable import NotComparableError
from streams.facts.effects import ProviderRecord
from streams.facts.feeds import Feed
from streams.facts.periods import Grid, day_of, first_day, period_of_day, start_of
from streams.histories.points import stamp

A_YEAR = {Grid.DAY: 364, Grid.WEEK: 52, Grid.MONTH: 12, Grid.QUARTER: 4}
_MOST_YEARS = 10


@dataclass(frozen=True, slots=True)
class Span:
    """Periods ``first`` to before ``end`` of a grid."""

    grid: Grid
    first: int
    end: int

    @property
    def since(self) -> str:
        """Its first instant, RFC 3339."""
        return stamp(start_of(self.grid, self.first))

    @property
    def until(self) -> str:
        """The first instant after it, RFC 3339."""
        return stamp(start_of(self.grid, self.end))

    @property
    def periods(self) -> int:
        """How many periods it has."""
        return self.end - self.first


def closed_period(feed: Feed, grid: Grid, watermark: int | None) -> int | None:
    """The first period that a feed has not closed, from the last day that it has spoken of.

    As ``Block.closed``, from the stored watermark: a period of events is closed by a fact
    of a later one, a period of metrics by a metric whose own period ends with it. Speaking
    up is not asked for here: its span is that of the other feeds (``protected_span``).
    """
    if watermark is None:
        return None
    period = period_of_day(grid, watermark)
    ends_with_it = first_day(grid, period + 1) == watermark + 1
    return period + 1 if feed is Feed.WARDMETRICS and ends_with_it else period


def chosen_span(
    records: Iterable[ProviderRecord],
    feed: Feed,
    grid: Grid,
    since: datetime | None,
    until: datetime | None,
) -> Span | None:
    """The whole closed periods within two moments; the last year of them unless said.

    Args:
        records: the providers whose closed periods count; the latest of them ends the span.
        feed: whose periods.
        grid: their length.
        since: no period begins before it.
        until: no period ends after it.

    Returns:
        None where nothing has been closed yet.

    Raises:
        NotComparableError: no whole period lies within, or too many do.
    """
    ends = [closed_period(feed, grid, record.watermarks[feed]) for record in records]
    known = [end for end in ends if end is not None]
    if not known:
        return None
    end = max(known)
    if until is not None:
        end = min(end, period_of_day(grid, day_of(until)))
    first = end - A_YEAR[grid]
    if since is not None:
        first = period_of_day(grid, day_of(since))
        if start_of(grid, first) < since:
            first += 1
    name = grid.name.lower()
    if first >= end:
        raise NotComparableError("window", f"No whole closed {name} lies in this window.")
    if end - first > _MOST_YEARS * A_YEAR[grid]:
        raise NotComparableError("window", f"A window has at most {_MOST_YEARS} years.")
    return Span(grid, first, end)


def protected_span(
    records: Iterable[ProviderRecord], since: datetime | None, until: datetime | None
) -> Span | None:
    """The one span of protected numbers: the last four quarters the other feeds have passed.

    Windows of one's own choice would give a suppressed number as their difference.

    Raises:
        NotComparableError: another window is asked for.
    """
    if since is not None or until is not None:
        raise NotComparableError(
            "window",
            "Numbers about speaking up are compared over the last four closed quarters only: "
            "the difference of two windows could tell of one person's report.",
        )
    days = [disclosure.calendar(record.watermarks) for record in records]
    known = [day for day in days if day is not None]
    if not known:
        return None
    end = disclosure.closed_month(max(known), internal=False) // 3
    return Span(Grid.QUARTER, end - A_YEAR[Grid.QUARTER], end)
