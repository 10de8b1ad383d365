"""Simple bounds from the same season of past years: RKI, Bayes and the CDC's historical limits.

RKI 1 to 3 and Bayes 1 to 3 take the same reference counts, with mean m, sum S and number n:

=========  ==============================================================================
system 1   the 6 periods before
system 2   those, and 13 periods about the same one a year ago
system 3   9 periods about the same one a year ago, and 9 two years ago
=========  ==============================================================================

RKI
    Up to m = 20 the bound is the upper end of Crow and Gardner's 95 % interval for a Poisson
    mean, at m rounded down; above, m + 2 standard deviations (divisor n - 1).
Bayes
    With Jeffreys' prior Gamma(1/2, 0) for a Poisson mean, the next count is negative binomial
    with size S + 1/2 and probability n / (n + 1); the bound is its (1 - alpha) quantile.
CDC
    The total of 4 weeks against the totals of the same 4 weeks, and of ``m`` such months
    before and after, in ``b`` years past; with mean X and standard deviation s of these n
    totals the bound is X + z s sqrt(1 + 1 / n), z the (1 - alpha / 2) quantile of the
    Gaussian. For weeks only.

Reference counts that are missing are left out; a month with a missing week is.

Sources: M. Höhle, "surveillance: an R package for the monitoring of infectious diseases",
Computational Statistics 22 (2007) 571-582 (RKI, Bayes); E. L. Crow & R. S. Gardner,
"Confidence intervals for the expectation of a Poisson variable", Biometrika 46 (1959)
441-453; D. F. Stroup, G. D. Williamson, J. L. Herndon & J. M. Karon, "Detection of
aberrations in the occurrence of notifiable diseases surveillance data", Statistics in
Medicine 8 (1989) 323-329, with the prediction interval of C. P. Farrington & N. J. Andrews in
*Monitoring the Health of Populations* (2004), chapter 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats, Ints
from detectors.demands import check_inside, check_kind, check_whole
from detectors.surveillance.count_tails import gaussian_quantile, quantiles
from detectors.surveillance.reference_periods import WEEKLY
from detectors.surveillance.series import (
    check_years,
    counts_of,
    like_input,
    positions_of,
)

# Table 1 of Crow & Gardner: upper ends for counts 0 to 20, 95 %.
CROW_GARDNER = np.array([
    3.285, 5.323, 6.686, 8.102, 9.598, 11.177, 12.817,
    13.765, 14.921, 16.768, 17.633, 19.05, 20.335, 21.364,
    22.945, 23.762, 25.4, 26.306, 27.735, 28.966, 30.017,
])  # fmt: skip
LARGEST_TABLED = 20.0

BOUND_GIVEN = 0
HISTORY_TOO_SHORT = 1
TOO_FEW_KNOWN = 2
REASONS = ("", "history_too_short", "too_few_known")

WEEKS_OF_A_MONTH = 4


@dataclass(frozen=True, slots=True)
class PastWindows:
    """Which counts are the reference.

    Args:
        b: Years back.
        w: Periods on both sides of the same one in each, and before the judged one.
        current_year: Whether the ``w`` periods just before count.

    """

    b: int
    w: int
    current_year: bool

    def offsets(self, frequency: int) -> Ints:
        """How far each reference period lies back; raises ``ValueError`` if there is none."""
        check_years(self.b, self.w, frequency)
        back = np.arange(1, self.w + 1) if self.current_year else np.zeros(0, np.int64)
        about = np.arange(-self.w, self.w + 1)
        years = np.arange(1, self.b + 1) * frequency
        found = np.concatenate([back, (years[:, None] + about).ravel()])
        if not len(found):
            raise ValueError(f"{self} holds no reference period")
        return found


SYSTEMS = {
    1: PastWindows(0, 6, current_year=True),
    2: PastWindows(1, 6, current_year=True),
    3: PastWindows(2, 4, current_year=False),
}


@dataclass(frozen=True, slots=True)
class HistoricalBounds:
    """What was found at each judged period; arrays of shape (series, judged) or (judged,).

    Attributes:
        position: Judged periods, counted from 0; shape (judged,).
        observed: What is compared: the count, or the total of 4 weeks; NaN where missing.
        bound: Largest value that is no signal, NaN where none can be given.
        alarm: Whether ``observed`` exceeds the bound.
        points: Known reference values.
        reason: Why there is no bound, as a position in ``REASONS``.

    """

    position: Ints
    observed: Floats
    bound: Floats
    alarm: NDArray[np.bool_]
    points: Ints
    reason: Ints

    @property
    def reasons(self) -> NDArray[np.str_]:
        """``reason`` in words, empty where a bound is given."""
        return np.array(REASONS)[self.reason]


def rki(
    counts: ArrayLike,
    windows: PastWindows = SYSTEMS[3],
    *,
    frequency: int = WEEKLY,
    at: Sequence[int] | Ints | None = None,
) -> HistoricalBounds:
    """RKI over one or many series; ``SYSTEMS`` holds the published windows.

    Args:
        counts: Shape (series, periods) or (periods,), NaN where missing.
        windows: Reference periods.
        frequency: Periods in a year.
        at: Periods to judge, counted from 0; all for None.

    Raises:
        ValueError: For counts that are negative or infinite, or windows that hold no period
            or overlap.
        TypeError: For windows of another kind.

    """
    check_kind("windows", windows, PastWindows)
    values = counts_of(counts)
    positions = positions_of(at, values.shape[1])
    reference = _Reference(values, positions, windows.offsets(frequency))
    mean = reference.mean
    tabled = CROW_GARDNER[np.floor(np.nan_to_num(np.minimum(mean, LARGEST_TABLED))).astype(int)]
    bound = np.where(mean > LARGEST_TABLED, mean + 2.0 * reference.deviation, tabled)
    return _judge(counts, values[:, positions], bound, reference)


def bayes(
    counts: ArrayLike,
    windows: PastWindows = SYSTEMS[1],
    *,
    alpha: float = 0.05,
    frequency: int = WEEKLY,
    at: Sequence[int] | Ints | None = None,
) -> HistoricalBounds:
    """Bayes over one or many series; ``SYSTEMS`` holds the published windows.

    Args:
        counts: Shape (series, periods) or (periods,), NaN where missing.
        windows: Reference periods.
        alpha: Chance of a signal were all counts Poisson of one mean.
        frequency: Periods in a year.
        at: Periods to judge, counted from 0; all for None.

    Raises:
        ValueError: For counts that are negative or infinite, ``alpha`` not between 0 and 1, or
            windows that hold no period or overlap.
        TypeError: For windows of another kind.

    """
    check_kind("windows", windows, PastWindows)
    check_inside("alpha", alpha)
    values = counts_of(counts)
    positions = positions_of(at, values.shape[1])
    reference = _Reference(values, positions, windows.offsets(frequency))
    n = np.maximum(reference.points, 1)
    mean = (np.nan_to_num(reference.mean) * n + 0.5) / n
    phi = (n + 1.0) / n
    bound = quantiles(1.0 - alpha, mean.ravel(), phi.ravel()).reshape(mean.shape)
    return _judge(counts, values[:, positions], bound, reference)


def cdc(
    counts: ArrayLike,
    *,
    b: int = 5,
    m: int = 1,
    alpha: float = 0.025,
    at: Sequence[int] | Ints | None = None,
) -> HistoricalBounds:
    """The CDC's historical limits over one or many weekly series.

    Args:
        counts: Shape (series, weeks) or (weeks,), NaN where missing.
        b: Years back.
        m: Months of 4 weeks on both sides of the same one.
        alpha: Two-sided chance of a value beyond the limits.
        at: Weeks to judge, counted from 0; all for None.

    Raises:
        ValueError: For counts that are negative or infinite, or a setting outside its range.

    """
    check_inside("alpha", alpha)
    offsets = month_offsets(b, m)
    values = counts_of(counts)
    positions = positions_of(at, values.shape[1])
    totals = np.full(values.shape, np.nan)
    if values.shape[1] >= WEEKS_OF_A_MONTH:
        windows = np.lib.stride_tricks.sliding_window_view(values, WEEKS_OF_A_MONTH, axis=1)
        totals[:, WEEKS_OF_A_MONTH - 1 :] = windows.sum(axis=-1)
    reference = _Reference(totals, positions, offsets, unusable=WEEKS_OF_A_MONTH - 1)
    n = np.maximum(reference.points, 1)
    z = gaussian_quantile(1.0 - alpha / 2.0)
    bound = reference.mean + z * reference.deviation * np.sqrt(1.0 + 1.0 / n)
    return _judge(counts, totals[:, positions], bound, reference)


def month_offsets(b: int, m: int) -> Ints:
    """How many weeks each reference month ends before the judged week, shape (months,).

    Raises ``ValueError`` for ``b`` below 1, or ``m`` with which a month would count twice.
    """
    check_whole("b", b, 1)
    check_whole("m", m, 0)
    largest = (WEEKLY // WEEKS_OF_A_MONTH - 1) // 2
    if not 0 <= m <= largest:
        raise ValueError(f"m must be 0 to {largest}, so that no month is counted twice, not {m}")
    about = np.arange(-m, m + 1) * WEEKS_OF_A_MONTH
    return (np.arange(1, b + 1)[:, None] * WEEKLY + about).ravel()


class _Reference:
    """Number, mean and standard deviation of the known reference values; (series, judged)."""

    def __init__(
        self, values: Floats, positions: Ints, offsets: Ints, *, unusable: int = 0
    ) -> None:
        """Take the values ``offsets`` before ``positions``; the first ``unusable`` do not exist."""
        self.positions = positions
        self.short = positions - offsets.max() < unusable
        where = [np.where(self.short, 0, positions - back) for back in offsets]
        known = np.zeros((len(values), len(positions)), np.int64)
        total = np.zeros(known.shape)
        for column in where:
            known += ~np.isnan(values[:, column])
            total += np.nan_to_num(values[:, column])
        squares = np.zeros(known.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.mean = total / known
            for column in where:
                squares += np.nan_to_num((values[:, column] - self.mean) ** 2)
            self.deviation = np.sqrt(squares / (known - 1))
        self.points = np.where(self.short, 0, known)


def _judge(
    counts: ArrayLike, observed: Floats, bound: Floats, reference: _Reference
) -> HistoricalBounds:
    known = (reference.points > 0) & ~np.isnan(bound)
    reason = np.where(known, BOUND_GIVEN, TOO_FEW_KNOWN)
    reason = np.where(reference.short, HISTORY_TOO_SHORT, reason)
    bound = np.where(reason == BOUND_GIVEN, bound, np.nan)
    found = (observed, bound, observed > bound, reference.points, reason)
    return HistoricalBounds(
        reference.positions,
        *(like_input(counts, array) for array in found),  # type: ignore[arg-type] # each has its field's type
    )
