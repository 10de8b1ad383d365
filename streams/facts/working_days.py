"""Working days in England: weekdays that are not bank holidays.

Statutory and local response times are counted in working days. The holidays, with
their substitute days and those proclaimed once, come from the ``holidays`` package.
Days are counted from 1970-01-01, as everywhere in the project.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

_EPOCH = date(1970, 1, 1)
# Made once: what the package loads for a country takes longer than any year.
_ENGLAND = holidays.country_holidays("GB", subdiv="ENG")


@lru_cache(maxsize=256)
def bank_holidays(year: int) -> frozenset[date]:
    """The bank holidays of England in ``year`` that fall on weekdays, substitute days included."""
    first = date(year, 1, 1)
    days = (first + timedelta(days=step) for step in range((date(year + 1, 1, 1) - first).days))
    return frozenset(day for day in days if day.weekday() < 5 and day in _ENGLAND)


def is_working_day(day: int) -> bool:
    """Whether the day (counted from 1970) is a working day in England."""
    stamp = _EPOCH + timedelta(days=day)
    return stamp.weekday() < 5 and stamp not in bank_holidays(stamp.year)


@lru_cache(maxsize=16_384)
def add_working_days(day: int, count: int) -> int:
    """The last day of a period of ``count`` working days that begins after ``day``."""
    while count > 0:
        day += 1
        count -= is_working_day(day)
    return day


def working_days_between(start: int, end: int) -> int:
    """Working days after ``start`` up to and including ``end``; 0 where ``end`` is not later.

    The count that a limit of so many working days is kept to: something received
    on ``start`` and answered on ``end`` took this many.
    """
    if end <= start:
        return 0
    first, last = _EPOCH + timedelta(days=start + 1), _EPOCH + timedelta(days=end)
    weeks, rest = divmod(end - start, 7)
    weekdays = 5 * weeks + sum((first.weekday() + step) % 7 < 5 for step in range(rest))
    holidays = sum(
        first <= day <= last
        for year in range(first.year, last.year + 1)
        for day in bank_holidays(year)
    )
    return weekdays - holidays
