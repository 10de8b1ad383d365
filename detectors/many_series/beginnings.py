"""Beginnings that lie closer together than chance puts them.

Alerts of unchanged units begin by chance: at most so many a unit and year, by their budget. Of many
units that change for reasons of their own, or for none, about as many begin in one week as in
another. A cause that they share, such as a new form or an epidemic, makes them begin together. So
every window of 1 to ``longest`` periods is asked how likely it holds by chance as many beginnings
as it does:

    s = P(N >= observed),   N ~ Poisson(mean),   mean = what the budget gives for the window,

and the smallest s is the scan statistic. The mean is known and not estimated: a scan of the kind of
Naus, with an exact tail in each window. Looking in many windows is allowed for by the union bound
over all that begin within a ``year`` of periods:

    p = min(1, longest * year * smallest s)

It holds whatever the means and however much windows overlap, so p is conservative: of years of
chance at most a share of p has a window as unlikely. For windows of 1 to 4 weeks p is two to
fifteen times what simulation gives, because windows overlap and counts are whole. That is cheap
here: ten beginnings where one is due by chance have s of 1e-7. Because the year and not the
record is allowed for, what was found stays found however long the record grows, and a limit on p is
itself a budget, of false findings a year.

Units must begin independently of each other when nothing is shared. Noise that they share makes s
too small; then they have something in common, if not a cause.

Units that change each for a reason of its own begin too, and no budget says how often. ``usual``
learns it from the year before a window, as a median, which a burst of some weeks does not move; the
larger of the two is what a window should be held against. Learned from a year's windows it lets p
be too small now and then: in 338 simulated years at each of 20 pairs of a budget and a rate (1 to
10 times the budget), windows of five or more with p <= 0.01 / 15 came 4 times at worst and not
at all for 13 of the pairs, where one in 1,500 years was promised.

Sources: J. I. Naus, "The distribution of the size of the maximum cluster of points on a line",
Journal of the American Statistical Association 60 (1965), 532; for windows of several lengths
judged by the least of their p-values, J. Glaz and Z. Zhang, "Multiple window discrete scan
statistics", Journal of Applied Statistics 31 (2004), 967. The bound is Bonferroni's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammainc

from detectors.arrays import Floats
from detectors.demands import check_whole, numbers

LEAST = 1e-300
"""Chances below this are given as this."""


@dataclass(frozen=True, slots=True)
class Window:
    """Periods ``start`` up to but not including ``stop``, and how odd what began in them is.

    ``chance`` is that of the window by itself, ``p_value`` allows for all windows of a year.
    """

    start: int
    stop: int
    observed: int
    expected: float
    chance: float
    p_value: float


def scan_beginnings(
    begun: ArrayLike,
    expected: ArrayLike,
    *,
    longest: int = 4,
    year: int = 52,
    fewest: int = 1,
    excess: float = 0.0,
) -> Window | None:
    """The window in which most more began than chance gives, or None where no window may count.

    Of windows that are equally unlikely it is the one with the most beginnings, then the
    shortest, then the earliest.

    Args:
        begun: how many began in each period, shape (periods,), whole numbers.
        expected: how many begin by chance at most, of the same shape, as the watched units and
            their budget give it. It may differ from period to period.
        longest: length of the longest window in periods.
        year: periods a year; the p-value allows for the windows that begin in so many.
        fewest: a window with fewer beginnings does not count.
        excess: neither does one with fewer than so many above what is expected.

    Raises ``ValueError`` for shapes that differ, negative, infinite or missing numbers, beginnings
    that are not whole or lie where none is expected, or settings out of range.

    >>> scan_beginnings([0, 1, 0, 6, 3, 0], [0.5] * 6, longest=2).observed
    9
    """
    counts, means = _checked(begun, expected)
    check_whole("longest", longest, 1)
    check_whole("year", year, 1)
    check_whole("fewest", fewest, 1)
    if not excess >= 0.0:
        raise ValueError(f"excess must not be negative, not {excess}")
    found: tuple[float, int, int, int] | None = None
    sums = np.concatenate([[0.0], np.cumsum(counts)])
    chances = np.concatenate([[0.0], np.cumsum(means)])
    for length in range(1, min(longest, len(counts)) + 1):
        observed, mean = sums[length:] - sums[:-length], chances[length:] - chances[:-length]
        counted = np.flatnonzero((observed >= fewest) & (observed - mean >= excess))
        tails = tail(observed[counted], mean[counted])
        for start, chance in zip(counted.tolist(), tails.tolist(), strict=True):
            one = (chance, -int(observed[start]), length, start)
            found = one if found is None else min(found, one)
    if found is None:
        return None
    chance, observed_negated, length, start = found
    return Window(
        start=start,
        stop=start + length,
        observed=-observed_negated,
        expected=float(means[start : start + length].sum()),
        chance=chance,
        p_value=min(1.0, longest * year * chance),
    )


def usual(begun: ArrayLike, watched: ArrayLike, *, longest: int = 4, year: int = 52) -> Floats:
    """How many usually begin in each period, by the year before it, shape (periods,).

    It is the median, over the windows of ``longest`` periods of that year, of what began a unit
    watched, times the units watched now; NaN where less than a quarter of a year of windows is
    known. The year ends ``longest`` periods before the period, so that no window is held against
    itself.

    Args:
        begun: how many began in each period, shape (periods,).
        watched: how many units were watched in each period, of the same shape.
        longest: length of the windows in periods.
        year: periods a year.

    Raises ``ValueError`` as ``scan_beginnings`` does.
    """
    counts, units = _checked(begun, watched)
    check_whole("longest", longest, 1)
    check_whole("year", year, 1)
    periods = len(counts)
    found = np.full(periods, np.nan)
    if periods < longest:
        return found
    ones = np.ones(longest)
    sums, seen = np.convolve(counts, ones, "valid"), np.convolve(units, ones, "valid")
    # Infinity stands for a window that is not known, and sorts behind those that are.
    rates = np.divide(sums, seen, out=np.full(len(sums), np.inf), where=seen > 0.0)
    width = max(1, year - longest + 1)
    padded = np.concatenate([np.full(width + 2 * longest - 2, np.inf), rates])
    before = np.sort(np.lib.stride_tricks.sliding_window_view(padded, width)[:periods], axis=1)
    known = np.isfinite(before).sum(axis=1)
    at = np.flatnonzero(known >= max(1, year // 4))
    low, high = before[at, (known[at] - 1) // 2], before[at, known[at] // 2]
    found[at] = (low + high) / 2.0 * units[at]
    return found


def tail(observed: ArrayLike, mean: ArrayLike) -> Floats:
    """P(N >= observed) of a Poisson count with this mean, not below ``LEAST``.

    It is the regularised incomplete gamma function P(observed, mean); 1 where nothing is observed.
    """
    at = np.asarray(observed, np.float64)
    # A sum of means may come out a rounding error below zero.
    chance = gammainc(np.maximum(at, 1.0), np.maximum(mean, 0.0))
    return np.maximum(np.where(at < 1.0, 1.0, chance), LEAST)


def _checked(begun: ArrayLike, expected: ArrayLike) -> tuple[Floats, Floats]:
    counts, means = numbers("begun", begun), numbers("expected", expected)
    if counts.ndim != 1 or counts.shape != means.shape or not counts.size:
        raise ValueError(f"begun and expected must be rows alike: {counts.shape} and {means.shape}")
    for name, values in (("begun", counts), ("expected", means)):
        if not (np.isfinite(values) & (values >= 0.0)).all():
            raise ValueError(f"{name} must be finite and not negative")
    if (counts != np.round(counts)).any():
        raise ValueError("begun must be whole numbers")
    if (counts[means == 0.0] > 0.0).any():
        raise ValueError("begun must be 0 where expected is 0")
    return counts, means
