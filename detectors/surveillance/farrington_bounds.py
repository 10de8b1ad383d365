"""What Farrington's method says of a period, and why it may give no bound."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from detectors.arrays import Floats, Ints

BOUND_GIVEN = 0
HISTORY_TOO_SHORT = 1
TOO_FEW_KNOWN = 2
NOT_CONVERGED = 3
POPULATION_MISSING = 4
TOO_FEW_CASES = 5
NOT_FINITE = 6
REASONS = (
    "",
    "history_too_short",
    "too_few_known",
    "not_converged",
    "population_missing",
    "too_few_cases",
    "not_finite",
)
TREND_NOTES = ("not_asked", "kept", "not_fitted", "not_significant", "extrapolates")


@dataclass(frozen=True, slots=True)
class FarringtonBounds:
    """What was found at each judged period; arrays of shape (series, judged) or (judged,).

    Attributes:
        position: Judged periods, counted from 0; shape (judged,).
        bound: Largest count that is no signal, NaN where none can be given (``reason``).
        alarm: Whether the count exceeds the bound.
        expected: Expected count, NaN where there is no bound.
        score: (count - expected) / (bound - expected), above 1 for a signal; NaN where a
            whole-numbered bound lies below the expected count.
        p_value: Chance of a count as large or larger.
        mu0: Mean behind ``nbPlugin``; else the (1 - alpha) quantile of the estimated mean.
        phi: Dispersion, at least 1.
        trend: Slope of the log mean per period, NaN without a trend.
        reason: Why there is no bound, as a position in ``REASONS``.
        trend_note: What became of the trend, as a position in ``TREND_NOTES``.
        converged: Whether the last fit converged; False where a bound rests on one that did not.
        lighter: Points of the baseline that count less, being likely past outbreaks.
        points: Known points of the baseline.

    """

    position: Ints
    bound: Floats
    alarm: NDArray[np.bool_]
    expected: Floats
    score: Floats
    p_value: Floats
    mu0: Floats
    phi: Floats
    trend: Floats
    reason: Ints
    trend_note: Ints
    converged: NDArray[np.bool_]
    lighter: Ints
    points: Ints

    @property
    def reasons(self) -> NDArray[np.str_]:
        """``reason`` in words, empty where a bound is given."""
        return np.array(REASONS)[self.reason]

    def of_one_period(self) -> FarringtonBounds:
        """The only judged period of one series, as arrays of no dimension."""
        return FarringtonBounds(
            *(np.asarray(getattr(self, one.name)).reshape(()) for one in fields(self))
        )
