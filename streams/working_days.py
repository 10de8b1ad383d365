"""Working days in England: weekdays that are not bank holidays.

Statutory and local response times are counted in working days. The regular
holidays follow from the calendar (Banking and Financial Dealings Act 1971 with
its substitute days); the few one-off changes are listed. Days are counted from
1970-01-01, as everywhere in the project.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

_EPOCH = date(1970, 1, 1)

# Proclaimed once: days added, and days that a proclamation moved away.
_ADDED = frozenset(
    {
        date(2002, 6, 3),  # Golden Jubilee
        date(2002, 6, 4),
        date(2011, 4, 29),  # royal wedding
        date(2012, 6, 4),  # Diamond Jubilee
        date(2012, 6, 5),
        date(2020, 5, 8),  # 75 years since VE Day
        date(2022, 6, 2),  # Platinum Jubilee
        date(2022, 6, 3),
        date(2022, 9, 19),  # state funeral
        date(2023, 5, 8),  # coronation
    }
)
_MOVED_AWAY = frozenset({date(2002, 5, 27), date(2012, 5, 28), date(2020, 5, 4), date(2022, 5, 30)})


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (anonymous algorithm, Nature, 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def _next_weekday(day: date, taken: set[date]) -> date:
    while day.weekday() >= 5 or day in taken:
        day += timedelta(days=1)
    return day


def _last_monday(year: int, month: int) -> date:
    last = date(year, month + 1, 1) - timedelta(days=1)
    return last - timedelta(days=last.weekday())


@lru_cache(maxsize=256)
def bank_holidays(year: int) -> frozenset[date]:
    """The bank holidays of England in ``year``, substitute days included."""
    easter = _easter(year)
    may_day = date(year, 5, 1)
    days = {
        easter - timedelta(days=2),
        easter + timedelta(days=1),
        may_day + timedelta(days=-may_day.weekday() % 7),
        _last_monday(year, 5),
        _last_monday(year, 8),
    }
    for fixed in (date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)):
        days.add(_next_weekday(fixed, days))
    added = {day for day in _ADDED if day.year == year}
    return frozenset((days - _MOVED_AWAY) | added)


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
