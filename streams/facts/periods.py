"""Calendar grids: days, weeks, months and quarters as integers.

Every history is an array over one grid. A day is counted from 1970-01-01 UTC, a
week from Monday 1969-12-29 (so that week ``w`` covers days ``7 w - 3`` to
``7 w + 3``), a month as ``12 (year - 1970) + month - 1`` and a quarter as that
divided by three. All boundaries are UTC midnights.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import IntEnum

SECONDS_PER_DAY = 86_400
_EPOCH = date(1970, 1, 1)


class Grid(IntEnum):
    """The length of a series' periods."""

    DAY = 0
    WEEK = 1
    MONTH = 2
    QUARTER = 3


JUDGED = (Grid.WEEK, Grid.MONTH, Grid.QUARTER)
"""The grids that evidence is judged on."""
PER_YEAR = {Grid.DAY: 365.25, Grid.WEEK: 365.25 / 7, Grid.MONTH: 12.0, Grid.QUARTER: 4.0}


def day_of(moment: datetime) -> int:
    """The UTC day that holds ``moment`` (which must be aware)."""
    return int(moment.timestamp() // SECONDS_PER_DAY)


def week_of_day(day: int) -> int:
    """The Monday-to-Sunday week that holds ``day``."""
    return (day + 3) // 7


def month_of_day(day: int) -> int:
    """The calendar month that holds ``day``."""
    stamp = _EPOCH + timedelta(days=day)
    return 12 * (stamp.year - 1970) + stamp.month - 1


def period_of_day(grid: Grid, day: int) -> int:
    """The period of ``grid`` that holds ``day``."""
    if grid is Grid.DAY:
        return day
    if grid is Grid.WEEK:
        return week_of_day(day)
    month = month_of_day(day)
    return month if grid is Grid.MONTH else month // 3


def first_day(grid: Grid, period: int) -> int:
    """The first day of a period; the period ends where the next one begins."""
    if grid is Grid.DAY:
        return period
    if grid is Grid.WEEK:
        return 7 * period - 3
    month = period if grid is Grid.MONTH else 3 * period
    return (date(1970 + month // 12, month % 12 + 1, 1) - _EPOCH).days


def start_of(grid: Grid, period: int) -> datetime:
    """The first instant of a period, aware, UTC."""
    return datetime.fromtimestamp(first_day(grid, period) * SECONDS_PER_DAY, UTC)


def end_of(grid: Grid, period: int) -> datetime:
    """The first instant after a period, aware, UTC."""
    return start_of(grid, period + 1)
