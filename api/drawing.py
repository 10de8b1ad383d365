"""Which control chart a series gets, from which of its numbers, and why it may get none.

Every kind of ``detectors.charts.chart`` can be chosen in the catalogue. Most plot the values
of the series; three plot something else, and their points say so (``plotted``): a moving
range chart the differences between neighbours, an np chart the numbers themselves, and g and
t charts the days between events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from detectors.charts.chart import REASONS, Chart, ChartKind, Rebase, chart
from detectors.charts.stretches import NEEDS_DENOMINATORS
from streams.facts.periods import first_day
from streams.histories.points import Point, known
from streams.histories.views import SeriesView
from streams.store import RebaseRow

COUNTED = frozenset({"c", "np", *NEEDS_DENOMINATORS})
"""Kinds that are made from numerators, not from values."""

PLOTS_OTHERWISE = frozenset({"mr", "np"})
"""Kinds that plot neither the values nor the gaps of a series."""

TOO_FEW = "too few complete periods"
_MINIMUM = 2
_EPOCH = date(1970, 1, 1)

_TITLES = {
    "mr": "{name}: change from one period to the next",
    "np": "{name}: numbers",
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart, or the reason in words why there is none."""

    chart: Chart | None
    refusal: str | None = None

    @property
    def rebases(self) -> tuple[Rebase, ...]:
        """The decisions behind the stretches, by position."""
        return () if self.chart is None else self.chart.rebases

    @property
    def begins(self) -> int:
        """Position of the first period of the latest stretch."""
        return self.rebases[-1].position if self.rebases else 0

    @property
    def reason(self) -> str | None:
        """Why there are no limits, in words, or None where there are."""
        if self.chart is None:
            return self.refusal
        return REASONS[self.chart.reason] if self.chart.reason else None

    @property
    def limits_by(self) -> str | None:
        """How the latest limits are made, None where there are none."""
        return None if self.chart is None or self.chart.reason else self.chart.limits_by


def between_events(seen: SeriesView) -> SeriesView:
    """The gaps of a rare event: a value at each period that has one, in days an event.

    A period is as exact as an event's date is here. Several events in a period share the
    days since the last one before it equally. The first event has no known gap, and the
    time since the last one is no gap yet.
    """
    at = np.flatnonzero(seen.numerators > 0)
    days = np.array([first_day(seen.grid, int(period)) for period in seen.periods[at]], float)
    since = np.diff(days, prepend=np.nan)
    events = seen.numerators[at]
    return replace(
        seen,
        periods=seen.periods[at],
        numerators=since,
        denominators=events,
        values=since / events,
        facts=seen.facts[at],
    )


def rebases_of(rows: Iterable[RebaseRow], seen: SeriesView) -> list[RebaseRow]:
    """The rebases of a series among those of its provider, as declared."""
    wanted = (seen.unit, seen.indicator.key)
    return [row for row in rows if (row.unit, row.indicator) == wanted]


def in_force(rows: Iterable[RebaseRow], seen: SeriesView) -> list[RebaseRow]:
    """The rebases of a series that were not withdrawn, by day and then as declared."""
    found = [row for row in rebases_of(rows, seen) if row.withdrawn_at is None]
    return sorted(found, key=lambda row: (row.rebased_at, row.id))


def new_beginnings(rows: Iterable[RebaseRow], seen: SeriesView) -> list[Rebase]:
    """Rebases in force, by position among the periods of their series.

    The period that holds the day is the first of the new stretch, as in a file of counts.
    Of two that begin with the same period the later day stands; one before the second
    period or after the last changes nothing.
    """
    ends = np.array([first_day(seen.grid, int(period) + 1) for period in seen.periods])
    found = {}
    for row in rows:
        position = int(np.searchsorted(ends, (row.rebased_at - _EPOCH).days, side="right"))
        if 0 < position < len(ends):
            declared = date.fromisoformat(row.at[:10])
            found[position] = Rebase(position, row.person, row.reason, declared)
    return [found[position] for position in sorted(found)]


def control_chart(seen: SeriesView, rebases: Sequence[Rebase] = ()) -> Drawing:
    """The chart of a series' closed periods.

    Where the catalogue's chart is not meaningful (an XmR chart of counts without
    movement) and another kind would serve, that kind is drawn. A measurement or a share whose
    values happen to be whole numbers is no count, and gets the reason instead.

    Args:
        seen: the series; that of a rare event as ``between_events`` gives it.
        rebases: where its limits start afresh, by position among the periods.
    """
    closed = int(np.searchsorted(seen.periods, seen.open_from))
    if closed < _MINIMUM:
        return Drawing(None, TOO_FEW)
    inside = [one for one in rebases if one.position < closed]
    drawn = _chart(seen, seen.indicator.chart, closed, inside)
    suggested = drawn.chart.suggested_kind if drawn.chart and drawn.chart.reason else ""
    if suggested and (suggested != "c" or seen.indicator.kind == "count"):
        instead = _chart(seen, suggested, closed, inside)
        return drawn if instead.chart is None else instead
    return drawn


def _chart(seen: SeriesView, kind: str, closed: int, rebases: Sequence[Rebase]) -> Drawing:
    indicator = seen.indicator
    counted = kind in COUNTED
    try:
        drawn = chart(
            (seen.numerators if counted else seen.values)[:closed],
            kind=_kind(kind),
            denominators=seen.denominators[:closed] if kind in NEEDS_DENOMINATORS else None,
            per=indicator.per if counted and kind != "np" else 1.0,
            direction=indicator.direction,
            # A target is one of the values; changes and plain numbers have none.
            target=None if kind in PLOTS_OTHERWISE else indicator.target,
            rebase=rebases,
        )
    except ValueError as error:
        # Numbers that contradict each other (a numerator above its denominator, a
        # negative count) are shown as they came, without limits.
        return Drawing(None, str(error))
    return Drawing(drawn)


def _kind(kind: str) -> ChartKind:
    return kind  # type: ignore[return-value] # the catalogue takes no other kind


def plotted(points: Sequence[Point], drawn: Chart | None) -> list[Point]:
    """The points with what the chart plots as their value; numerators stay as they are."""
    if drawn is None or drawn.kind not in PLOTS_OTHERWISE:
        return list(points)
    values = [known(value) for value in drawn.value.tolist()]
    values += [None] * (len(points) - len(values))
    return [replace(point, value=value) for point, value in zip(points, values, strict=True)]


def title_of(name: str, kind: str) -> str:
    """What is plotted, in words."""
    return _TITLES.get(kind, "{name}").format(name=name)
