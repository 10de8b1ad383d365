"""Log-likelihood ratios of one simple hypothesis against another, for sequential tests.

Each model turns observations into l = log f(x; alternative) / f(x; null):

    Poisson, relative risk R      l = O log R - E (R - 1)                         rows (O, E)
    binomial, p0 against p1       l = y log(p1 / p0) + (n - y) log((1 - p1) / (1 - p0))   (y, n)
    odds ratio R, own risks p     l = y log R - log(1 - p + R p)                  rows (y, p)
    Gaussian mean m0 against m1   l = (m1 - m0) (x - (m0 + m1) / 2) / sigma^2     values x

O and E are observed and expected counts, y events in n trials. The odds-ratio form is for patients
with a predicted risk each; the Poisson one must not be fed with odds, nor the other way round.

Sources: A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics
16 (1945); D. Spiegelhalter, O. Grigg, R. Kinsman & T. Treasure, "Risk-adjusted sequential
probability ratio tests", International Journal for Quality in Health Care 15 (2003).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.demands import check_finite, check_inside, check_positive, numbers
from detectors.sequential.likelihood_ratios import check_ratio


@runtime_checkable
class LikelihoodRatio(Protocol):
    """Two simple hypotheses about an observation of ``width`` numbers."""

    width: ClassVar[int]

    def ratios(self, rows: Floats) -> Floats:
        """Log-likelihood ratios of rows of shape (points, width), shape (points,)."""


@dataclass(frozen=True, slots=True)
class PoissonRisk:
    """Counts against expected counts: relative risk ``ratio`` against 1, rows (O, E).

    A ratio below 1 tests for improvement.
    """

    width: ClassVar[int] = 2
    ratio: float = 2.0

    def __post_init__(self) -> None:
        check_ratio("ratio", self.ratio)

    def ratios(self, rows: Floats) -> Floats:
        """O log R - E (R - 1). Raises ``ValueError`` for negative counts or expectations."""
        observed, expected = rows[:, 0], rows[:, 1]
        _check(observed, observed >= 0, "an observed count must not be negative")
        _check(expected, expected >= 0, "an expected count must not be negative")
        return observed * math.log(self.ratio) - expected * (self.ratio - 1.0)


@dataclass(frozen=True, slots=True)
class BinomialShift:
    """Events in trials: probability ``alternative`` against ``null``, rows (y, n)."""

    width: ClassVar[int] = 2
    null: float = 0.1
    alternative: float = 0.2

    def __post_init__(self) -> None:
        for name in ("null", "alternative"):
            check_inside(name, getattr(self, name))
        if self.null == self.alternative:
            raise ValueError(f"alternative must differ from null, not {self.alternative}")

    def ratios(self, rows: Floats) -> Floats:
        """Raises ``ValueError`` unless 0 <= events <= trials."""
        events, trials = rows[:, 0], rows[:, 1]
        _check(events, events >= 0, "a number of events must not be negative")
        _check(trials, trials >= np.nan_to_num(events), "trials must not be fewer than events")
        with_event = math.log(self.alternative / self.null)
        without = math.log1p(-self.alternative) - math.log1p(-self.null)
        return events * with_event + (trials - events) * without


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """Outcomes of patients with a predicted risk each: odds times ``ratio``, rows (y, p)."""

    width: ClassVar[int] = 2
    ratio: float = 2.0

    def __post_init__(self) -> None:
        check_ratio("ratio", self.ratio)

    def ratios(self, rows: Floats) -> Floats:
        """Raises ``ValueError`` for outcomes other than 0 and 1 and risks outside 0 to 1."""
        outcome, risk = rows[:, 0], rows[:, 1]
        _check(outcome, (outcome == 0) | (outcome == 1), "an outcome must be 0 or 1")
        _check(risk, (risk >= 0) & (risk <= 1), "a risk must lie in 0 to 1")
        return outcome * math.log(self.ratio) - np.log1p((self.ratio - 1.0) * risk)


@dataclass(frozen=True, slots=True)
class GaussianShift:
    """Values with known standard deviation: mean ``alternative`` against ``null``."""

    width: ClassVar[int] = 1
    null: float = 0.0
    alternative: float = 1.0
    sigma: float = 1.0

    def __post_init__(self) -> None:
        check_finite("null", self.null)
        check_finite("alternative", self.alternative)
        check_positive("sigma", self.sigma)
        if self.null == self.alternative:
            raise ValueError(f"alternative must differ from null, not {self.alternative}")

    def ratios(self, rows: Floats) -> Floats:
        """(m1 - m0) (x - (m0 + m1) / 2) / sigma^2."""
        middle = (self.null + self.alternative) / 2.0
        return (self.alternative - self.null) * (rows[:, 0] - middle) / self.sigma**2


def rows_of(observations: ArrayLike, width: int) -> Floats:
    """Observations as rows of ``width`` numbers, NaN where missing.

    Raises ``ValueError`` for infinite numbers and for another width.
    """
    rows = numbers("observations", observations).copy()
    if rows.size % width or (rows.ndim > 1 and rows.shape[-1] != width):
        raise ValueError(f"an observation has {width} numbers; the shape given is {rows.shape}")
    if np.isinf(rows).any():
        raise ValueError("observations must be finite or NaN (missing)")
    return rows.reshape(-1, width)


def _check(values: Floats, holds: NDArray[np.bool_], demand: str) -> None:
    wrong = ~(holds | np.isnan(values))
    if wrong.any():
        raise ValueError(f"{demand}, not {values[wrong][0]}")
