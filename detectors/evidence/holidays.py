"""Holidays in weeks: what no wave of the year follows.

Easter moves, Christmas falls on any day, and a week with a day off has fewer planned
admissions. The days are those of England and come from the ``holidays`` package.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays
import numpy as np

from detectors.evidence.counts import DAYS, F64, WEEKS_PER_YEAR

KINDS = 2  # Christmas time, other public holidays
# Standard deviations, over feeds, of what a whole week of Christmas time and what one
# holiday in a week do on the log scale.
USUAL_HOLIDAY = (0.3, 0.1)

_MONDAY = date(1969, 12, 29)  # of week 0
_CHRISTMAS_DAYS = frozenset({(12, day) for day in range(24, 32)} | {(1, 1), (1, 2)})
# Made once: what the package loads for a country takes longer than any year.
_ENGLAND = holidays.country_holidays("GB", subdiv="ENG")


def holiday_weeks(week0: int, periods: int, per_year: float) -> F64:
    """How much holiday consecutive periods have, ``F64[2, T]``.

    Row 0 is the share of a week's days in Christmas time (24 December to 2 January), row 1
    the number of public holidays on other weekdays. Where a period is not a week, nothing:
    months have their holidays every year, but for Easter.

    Args:
        week0: the first period, in weeks since Monday 1969-12-29.
        periods: how many.
        per_year: periods per year.

    """
    if abs(per_year - WEEKS_PER_YEAR) > 1.0:
        return np.zeros((KINDS, periods))
    return np.array([_week(week) for week in range(week0, week0 + periods)]).reshape(-1, KINDS).T


@lru_cache(maxsize=8192)
def _week(week: int) -> tuple[float, float]:
    days = [_MONDAY + timedelta(days=DAYS * week + step) for step in range(DAYS)]
    christmas = [(day.month, day.day) in _CHRISTMAS_DAYS for day in days]
    others = sum(
        day in _ENGLAND for day, merry in zip(days[:5], christmas[:5], strict=True) if not merry
    )
    return sum(christmas) / DAYS, float(others)
