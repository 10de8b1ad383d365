"""Series as they may leave: protected ones by whole windows, from the calendar of the others.

See ``streams.alerts.disclosure`` for the rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from streams.alerts.policy import POLICY, SUPPRESSED, Policy, count, is_protected
from streams.facts.feeds import Feed
from streams.facts.periods import (
    Grid,
    first_day,
    month_of_day,
    period_of_day,
    start_of,
)
from streams.histories.points import Lines, Point, known, plain_points, stamp

if TYPE_CHECKING:
    from streams.histories.views import SeriesView


def series_points(
    view: SeriesView,
    lines: Lines | None,
    *,
    closed_day: int | None = None,
    internal: bool = True,
    policy: Policy = POLICY,
) -> list[Point]:
    """The points of a series, in time order.

    Args:
        view: the series with its true numbers.
        lines: the chart of its closed periods, or None where no limits are meaningful.
        closed_day: first UTC day that the calendar of the other feeds has not passed;
            only protected series need it.
        internal: whether the reader belongs to the organisation itself.
        policy: what to hold back.
    """
    if is_protected(view.indicator.feed, policy):
        return _protected_points(view, closed_day, internal=internal, policy=policy)
    return plain_points(view, lines)


def _window_ends(
    view: SeriesView, closed_day: int | None, *, internal: bool, months: int
) -> list[int]:
    """Months (exclusive ends) at which a protected series may show a number."""
    first = month_of_day(first_day(view.grid, int(view.periods[0])))
    if closed_day is None:
        # No other feed tells the time: wait for the quarter after the last case.
        last = first_day(view.grid, min(int(view.periods[-1]), view.open_from))
        closed_day = first_day(Grid.QUARTER, period_of_day(Grid.QUARTER, last))
    end = closed_month(closed_day, internal=internal)
    step = 1 if internal and view.grid is not Grid.QUARTER else months
    start = first + months
    if step > 1:
        start += -start % months
    return list(range(start, end + 1, step))


def _protected_points(
    view: SeriesView, closed_day: int | None, *, internal: bool, policy: Policy
) -> list[Point]:
    if view.periods.size == 0:
        return []
    month = np.array([month_of_day(first_day(view.grid, int(p))) for p in view.periods])
    shares = view.indicator.kind in {"share", "proportion"}
    found = []
    for end in _window_ends(view, closed_day, internal=internal, months=policy.months):
        inside = (month >= end - policy.months) & (month < end)
        above = float(np.nansum(view.numerators[inside]))
        below = float(np.nansum(view.denominators[inside]))
        top = count(above, policy)
        bottom = count(below, policy) if shares else known(below) if below > 0 else None
        value: float | None
        if view.indicator.kind == "count":
            value, bottom = (None if top is None else top * view.indicator.per), None
        elif top is None or not bottom:
            value = None
        else:
            value = min(1.0, top / bottom) if shares else top / bottom
            value *= view.indicator.per
        held = top is None or (shares and bottom is None)
        found.append((end, value, top, bottom, held))
    shown = [value for _, value, *_ in found if value is not None]
    mean = sum(shown) / len(shown) if shown else None
    return [
        Point(
            period_start=stamp(start_of(Grid.MONTH, end - policy.months)),
            period_end=stamp(start_of(Grid.MONTH, end)),
            value=value,
            numerator=top,
            denominator=bottom,
            mean=mean,
            lower=None,
            upper=None,
            point_type="common_cause",
            special_cause=None,
            missing_denominator=False,
            open=False,
            disclosure=SUPPRESSED if held else None,
        )
        for end, value, top, bottom, held in found
    ]


def window_total(
    view: SeriesView,
    since: str,
    until: str,
    *,
    closed_day: int | None = None,
    policy: Policy = POLICY,
) -> tuple[float, float, int] | Literal["suppressed"] | None:
    """What a comparison with peers may know of a protected series: its quarters as they are shown.

    The sum of numbers that everybody sees already tells nothing that they do not, whatever
    is computed from it. A total of the true counts would: beside three shown quarters it
    would give the fourth, suppressed one.

    Args:
        view: the series with its true numbers.
        since: first instant of the window (RFC 3339), that of a calendar quarter.
        until: first instant after it.
        closed_day: as for ``series_points``.
        policy: what to hold back.

    Returns:
        Numerator, denominator and the number of quarters they rest on; ``suppressed``
        where one of the quarters is held back; None where no quarter is shown yet.
    """
    points = [
        point
        for point in _protected_points(view, closed_day, internal=False, policy=policy)
        if since <= point.period_start < until
    ]
    if not points:
        return None
    if any(point.disclosure is not None for point in points):
        return SUPPRESSED
    return (
        sum(point.numerator or 0.0 for point in points),
        sum(point.denominator or 0.0 for point in points),
        len(points),
    )


def calendar(watermarks: Sequence[int | None], policy: Policy = POLICY) -> int | None:
    """The first UTC day that the unprotected feeds have not passed, or None without them.

    Args:
        watermarks: the last day with a fact of each feed, in the order of the feeds.
        policy: what is protected.
    """
    days = [
        day
        for feed, day in zip(Feed, watermarks, strict=True)
        if day is not None and not is_protected(feed, policy)
    ]
    return max(days) if days else None


def closed_month(closed_day: int, *, internal: bool, policy: Policy = POLICY) -> int:
    """The month that protected numbers end before: the calendar's, or its quarter's for others."""
    month = month_of_day(closed_day)
    return month if internal else month - month % policy.months
