"""Which past periods a period is compared with: the same season of earlier years.

Without dates, a year is ``frequency`` periods. With dates the calendar decides, so that a
series of weeks does not drift by a day or two a year: the reference of a day ``i`` years
back is the same day of the month (29 February becomes 1 March); of a month, the same month;
of a week, the date of the same weekday that lies nearest to that day.

The baseline takes ``w`` periods on both sides of each reference. With ``no_periods`` above
one the rest of each year belongs to it as well, as further levels of a seasonal factor
(Noufaily et al. 2013): between two windows there are ``no_periods - 1`` blocks whose lengths
differ by at most one, the longer ones first. The last level is that of the windows, and of
the period that is judged.

Sources: C. P. Farrington, N. J. Andrews, A. D. Beale & M. A. Catchpole, "A statistical
algorithm for the early detection of outbreaks of infectious disease", JRSS A 159 (1996)
547-563; A. Noufaily et al., "An improved algorithm for outbreak detection in multiple
surveillance systems", Statistics in Medicine 32 (2013) 1206-1222; M. Salmon, D. Schumacher &
M. Höhle, "Monitoring count time series in R: aberration detection in public health
surveillance", Journal of Statistical Software 70 (2016), issue 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats, Ints

Dates = NDArray[np.datetime64]
WEEKLY, MONTHLY, DAILY = 52, 12, 365
NO_REFERENCE = -1


class Calendar:
    """The periods of a series and how to step back a year.

    Args:
        periods: Length of the series.
        frequency: Periods in a year. With dates 12 (months), 52 (weeks) or 365 (days).
        dates: First day of each period, shape (periods,), as datetime64 or ISO strings;
            without gaps, a period that was not observed being NaN in the counts. None
            counts years in periods.
    """

    def __init__(
        self, periods: int, *, frequency: int = WEEKLY, dates: ArrayLike | None = None
    ) -> None:
        self.periods = periods
        self.frequency = frequency
        self.dates = None if dates is None else _dates(dates, periods, frequency)

    def references(self, position: int, years: int) -> Ints:
        """Positions 0, 1, ... ``years`` years before ``position``; below 0 before the series."""
        back = np.arange(years + 1)
        if self.dates is None or self.frequency == MONTHLY:
            return position - back * self.frequency
        day = self.dates[position]
        wanted = _years_before(day, back)
        if self.frequency == DAILY:
            return _days(wanted - self.dates[0])
        ahead = _days(day - wanted) % 7
        nearest = wanted + np.where(ahead <= 3, ahead, ahead - 7).astype("timedelta64[D]")
        return _days(nearest - self.dates[0]) // 7

    def times(self) -> Floats:
        """Time of each period, shape (periods,): a step is 1, or as long as the first one.

        Months count by their days over those of the first month, so that the trend is one in
        time and not in periods.
        """
        if self.dates is None or self.periods < 2:
            return np.arange(self.periods, dtype=np.float64)
        days = _days(self.dates - self.dates[0])
        return np.asarray(days / days[1], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Baseline:
    """Periods that inform one judgement, in time order, with the level of each from 0."""

    index: Ints
    level: Ints

    @property
    def usable(self) -> bool:
        """Whether the history reaches back far enough."""
        return len(self.index) > 0


NO_BASELINE = Baseline(np.zeros(0, np.int64), np.zeros(0, np.int64))


def baseline(
    calendar: Calendar,
    position: int,
    *,
    b: int,
    w: int,
    no_periods: int,
    past_weeks_not_included: int,
) -> Baseline:
    """Baseline of ``position``; ``NO_BASELINE`` when a window begins before the series.

    The last ``past_weeks_not_included`` periods and the judged one are left out.

    Raises ``ValueError`` when a year has no room for ``no_periods`` levels.
    """
    references = calendar.references(position, b)
    if references[-1] - w < 0:
        return NO_BASELINE
    level = np.full(position + 1, NO_REFERENCE)
    level[max(position - w, 0) :] = no_periods - 1
    for later, reference in pairwise(references):
        level[reference - w : reference + w + 1] = no_periods - 1
        if no_periods > 1:
            between = later - reference - 2 * w - 1
            level[reference + w + 1 : later - w] = _blocks(between, no_periods)
    level[max(position - past_weeks_not_included, 0) :] = NO_REFERENCE
    index = np.flatnonzero(level != NO_REFERENCE)
    return Baseline(index, level[index])


def planned_runs(baselines: list[Baseline], times: Floats) -> tuple[Ints, Ints, Ints]:
    """Baselines as runs of consecutive periods of one level, a step of 1 in time apart.

    Gives where the runs of each baseline begin (and, last, their number); the runs, shape
    (4, runs), with rows first period, the one after the last, level, and 1 where the period
    before it is not a step of 1 earlier or not in the baseline; and every period used, sorted.
    """
    columns, bounds = [np.zeros((4, 0), np.int64)], [0]
    for one in baselines:
        gap = (np.diff(one.index) != 1) | (np.diff(times[one.index]) != 1.0)
        cut = np.flatnonzero(gap | (np.diff(one.level) != 0)) + 1
        start = np.concatenate([np.zeros(min(len(one.index), 1), np.int64), cut])
        fresh = np.concatenate([np.ones(1, bool), gap])[start]
        after = one.index[np.concatenate([cut, [len(one.index)]])[: len(start)] - 1] + 1
        columns.append(np.array([one.index[start], after, one.level[start], fresh], np.int64))
        bounds.append(bounds[-1] + len(start))
    used = np.unique(np.concatenate([np.zeros(0, np.int64), *(x.index for x in baselines)]))
    return np.array(bounds), np.ascontiguousarray(np.concatenate(columns, axis=1)), used


def _blocks(between: int, no_periods: int) -> Ints:
    """Levels 0 to ``no_periods`` - 2 in order, as equal in length as can be; shape (between,)."""
    if between < no_periods - 1:
        raise ValueError(
            f"no_periods must be at most {between + 1} for windows of this width, not {no_periods}"
        )
    length, rest = divmod(between, no_periods - 1)
    lengths = np.full(no_periods - 1, length)
    lengths[:rest] += 1
    return np.repeat(np.arange(no_periods - 1), lengths)


def _dates(dates: ArrayLike, periods: int, frequency: int) -> Dates:
    days = np.array(dates, dtype="datetime64[D]")
    if days.shape != (periods,):
        raise ValueError(f"dates must have shape ({periods},), not {days.shape}")
    if np.isnat(days).any():
        raise ValueError("dates must all be known")
    if frequency not in {MONTHLY, WEEKLY, DAILY}:
        raise ValueError(f"frequency must be 12, 52 or 365 when dates are given, not {frequency}")
    if frequency == MONTHLY:
        steps = _days(np.diff(days.astype("datetime64[M]")))
        wanted = 1
    else:
        steps = _days(np.diff(days))
        wanted = 7 if frequency == WEEKLY else 1
    if (steps != wanted).any():
        where = int(np.flatnonzero(steps != wanted)[0])
        raise ValueError(
            f"dates must follow one another without gaps for frequency {frequency}:"
            f" {days[where + 1]} follows {days[where]}"
        )
    return days


def _days(difference: NDArray[np.timedelta64]) -> Ints:
    return difference.astype(np.int64)


def _years_before(day: np.datetime64, back: Ints) -> Dates:
    """The same day of the month, ``back`` years before; 29 February becomes 1 March."""
    month = day.astype("datetime64[M]")
    within = day - month.astype("datetime64[D]")
    months = month - back * np.timedelta64(MONTHLY, "M")
    return np.asarray(months.astype("datetime64[D]") + within)
