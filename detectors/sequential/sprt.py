"""Wald's sequential probability ratio test (SPRT), and its resetting forms.

The test adds up log-likelihood ratios l_n of an alternative against a null until

    S_n >= log((1 - beta) / alpha)    the alternative is accepted (signal 1), or
    S_n <= log(beta / (1 - alpha))    the null is accepted (signal -1),

with alpha the chance of a signal where there is no change and beta that of missing one, both
approximately: Wald's limits ignore the overshoot, which makes the test a little conservative.

A test that may only ever reject builds up credit while all is well: years of good results must be
worked off before bad ones show. What happens below is therefore a choice:

=============  ==================================================================================
``lower``      at the lower limit
=============  ==================================================================================
``"stop"``     the null is accepted and the test is over (Wald)
``"restart"``  the test starts again at zero (the resetting SPRT of Grigg, Farewell &
               Spiegelhalter)
``"hold"``     there is no lower limit, but S never falls below zero: the CUSUM
``"none"``     there is no lower limit and credit is kept
=============  ==================================================================================

Only the first has the error rates of a test; the other two that go on will sooner or later signal
by chance, so they have a run length instead.

Example, Dr Shipman's patients: deaths certified by him among women aged 65 and over, with the
number expected from local practices, tested for a doubling of risk. With alpha = beta = 1e-2, 1e-4
and 1e-6 the test crosses in 1979, 1981 and 1985; the arrest was in 1998. Among men it crosses in
1995, 1996 and 1996, held at zero in 1982, 1995 and 1995: the credit of a single good
year, 1977, cost thirteen years at 1e-2.

    >>> expected = [2.04, 3.9, 4.44, 4.02, 3.93, 2.9, 3.83, 4.47, 2.92]
    >>> deaths = [2, 9, 14, 7, 8, 5, 2, 13, 13]
    >>> shipman = np.column_stack([deaths, expected])
    >>> for error in (1e-2, 1e-4, 1e-6):
    ...     path = sprt(shipman, PoissonRisk(2.0), alpha=error, beta=error, lower="none")
    ...     print(1977 + int(np.argmax(path.signals)))
    1979
    1981
    1985

Sources: A. Wald, "Sequential tests of statistical hypotheses", Annals of Mathematical Statistics
16 (1945); D. Spiegelhalter, O. Grigg, R. Kinsman & T. Treasure, "Risk-adjusted sequential
probability ratio tests: applications to Bristol, Shipman and adult cardiac surgery",
International Journal for Quality in Health Care 15 (2003); O. Grigg, V. Farewell &
D. Spiegelhalter, "Use of risk-adjusted CUSUM and RSPRT charts for monitoring in medical
contexts", Statistical Methods in Medical Research 12 (2003).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.conformance import Subject
from detectors.demands import check_choice, check_kind
from detectors.sequential.sprt_models import (
    BinomialShift,
    GaussianShift,
    LikelihoodRatio,
    OddsRatio,
    PoissonRisk,
    rows_of,
)

LOWER = {"stop": 0, "restart": 1, "hold": 2, "none": 3}
UPPER = {"stop": 0, "restart": 1}
Lower = Literal["stop", "restart", "hold", "none"]
Upper = Literal["stop", "restart"]


@dataclass(frozen=True, slots=True)
class SprtPath:
    """What a test says at each observation; arrays of shape (points,).

    ``statistic`` is S_n, before any restart, and NaN where the observation is missing or the test
    is over; ``signals`` are 1 where the upper limit is reached, -1 at the lower one, else 0.
    """

    statistic: Floats
    signals: NDArray[np.int64]


def limits(alpha: float, beta: float) -> tuple[float, float]:
    """Wald's lower and upper limit of S.

    Raises ``ValueError`` unless alpha and beta are positive and sum to less than 1.
    """
    if not (alpha > 0 and beta > 0 and alpha + beta < 1):
        raise ValueError(f"alpha and beta must be positive and sum below 1, not {alpha}, {beta}")
    return math.log(beta / (1.0 - alpha)), math.log((1.0 - beta) / alpha)


@compiled
def _step(total: float, ratio: float, low: float, high: float, below: int) -> tuple[float, int]:
    """The next sum and 1, -1 or 0 for the limit it reaches."""
    total += ratio
    if below == 2:
        total = max(total, 0.0)
    if total >= high:
        return total, 1
    if below < 2 and total <= low:
        return total, -1
    return total, 0


@compiled
def _follow(
    ratios: Floats, low: float, high: float, below: int, above: int
) -> tuple[Floats, Floats]:
    statistic, signal = np.full(len(ratios), np.nan), np.zeros(len(ratios))
    total = 0.0
    for n in range(len(ratios)):
        if math.isnan(ratios[n]):
            continue
        total, reached = _step(total, ratios[n], low, high, below)
        statistic[n], signal[n] = total, reached
        if reached != 0:
            if (reached > 0 and above == 0) or (reached < 0 and below == 0):
                break
            total = 0.0
    return statistic, signal


class Sprt:
    """Sequential probability ratio test, one observation at a time.

    An observation is what the model takes, for example a pair (observed, expected); one with a
    NaN is missing and ignored. Once a test is over, later observations change nothing.

    Args:
        model: The two hypotheses (``sprt_models``).
        alpha: Chance of a signal where nothing changed. Smaller means later signals.
        beta: Chance of accepting the null where the alternative holds.
        lower: What happens at the lower limit (see the module).
        upper: ``"stop"`` at a signal, or ``"restart"`` from zero after it.

    Attributes:
        statistic: S at the last known observation.
        decision: 1 once the alternative is accepted for good, -1 the null, 0 while it goes on.

    Example:
        >>> test = Sprt(PoissonRisk(2.0), alpha=0.05, beta=0.05)
        >>> [test.update((observed, 2.0)) for observed in (3, 2, 5, 8, 4)]
        [0, 0, 0, 1, 0]
        >>> test.decision
        1

    Reference: Wald 1945, see the module.
    """

    def __init__(
        self,
        model: LikelihoodRatio = PoissonRisk(),  # noqa: B008 - a frozen value
        *,
        alpha: float = 0.01,
        beta: float = 0.01,
        lower: Lower = "stop",
        upper: Upper = "stop",
    ) -> None:
        check_kind("model", model, LikelihoodRatio)
        check_choice("lower", lower, LOWER)
        check_choice("upper", upper, UPPER)
        self.model = model
        self.alpha = alpha
        self.beta = beta
        self.lower = lower
        self.upper = upper
        self._low, self._high = limits(alpha, beta)
        self.reset()

    def reset(self) -> None:
        """Start the test from nothing."""
        self.statistic = 0.0
        self.decision = 0
        self._total = 0.0

    @property
    def limits(self) -> tuple[float, float]:
        """Lower and upper limit of S."""
        return (-math.inf if self.lower in {"hold", "none"} else self._low), self._high

    def update(self, observation: ArrayLike) -> int:
        """Take the next observation; 1 when the upper limit is reached, -1 the lower, else 0.

        Raises ``ValueError`` for an observation that the model refuses.
        """
        (ratio,) = self.model.ratios(rows_of(observation, self.model.width))
        if math.isnan(ratio) or self.decision:
            return 0
        self._total, reached = _step(
            self._total, float(ratio), self._low, self._high, LOWER[self.lower]
        )
        self.statistic = self._total
        if reached:
            self._total = 0.0
            if (self.upper if reached > 0 else self.lower) == "stop":
                self.decision = reached
        return reached

    def follow(self, observations: ArrayLike) -> SprtPath:
        """What a fresh test of the same settings says about a whole history."""
        ratios = self.model.ratios(rows_of(observations, self.model.width))
        statistic, signal = _follow(
            ratios, self._low, self._high, LOWER[self.lower], UPPER[self.upper]
        )
        return SprtPath(statistic, signal.astype(np.int64))


def sprt(
    observations: ArrayLike,
    model: LikelihoodRatio,
    *,
    alpha: float = 0.01,
    beta: float = 0.01,
    lower: Lower = "stop",
    upper: Upper = "stop",
) -> SprtPath:
    """The test of a whole history; settings and errors as for ``Sprt``."""
    return Sprt(model, alpha=alpha, beta=beta, lower=lower, upper=upper).follow(observations)


def _counts(rng: np.random.Generator) -> Floats:
    expected = np.full(60, 2.0)
    return np.column_stack([rng.poisson(expected * np.repeat([1.0, 2.5], 30)), expected])


def _outcomes(rng: np.random.Generator) -> Floats:
    risk = rng.beta(2.0, 18.0, 200)
    return np.column_stack([rng.random(200) < np.where(np.arange(200) < 80, 1, 4) * risk, risk])


def _events(rng: np.random.Generator) -> Floats:
    return np.column_stack([rng.binomial(20, np.repeat([0.1, 0.3], 20)), np.full(40, 20.0)])


def _values(rng: np.random.Generator) -> Floats:
    drawn: Floats = rng.normal(np.repeat([0.0, 1.5], 30))
    return drawn


def _subject(
    name: str,
    model: LikelihoodRatio,
    sample: Callable[[np.random.Generator], Floats],
    lower: Lower,
    upper: Upper,
) -> Subject:
    def make() -> Sprt:
        return Sprt(model, lower=lower, upper=upper)

    return Subject(
        name=name,
        make=make,
        sample=sample,
        latest=lambda history: int(make().follow(history).signals[-1]),
        missing="ignored",
    )


CONFORMANCE = (
    _subject("sprt_poisson", PoissonRisk(), _counts, "stop", "stop"),
    _subject("sprt_resetting", OddsRatio(4.0), _outcomes, "restart", "restart"),
    _subject("sprt_binomial", BinomialShift(), _events, "none", "stop"),
    _subject("sprt_held", GaussianShift(), _values, "hold", "restart"),
)
