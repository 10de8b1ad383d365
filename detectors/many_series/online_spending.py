"""Online testing that spends a budget along a clock: LOND, e-LOND, alpha-spending and kin.

With i the number of the test, D the discoveries before it, gamma a sequence of
``level_sequences`` and H(i) = 1 + 1/2 + ... + 1/i:

====================  ==================================  ==========================================
procedure             level of test i                     controls, for
====================  ==================================  ==========================================
LOND                  alpha gamma(i) (D + 1)              FDR, independent p-values
LOND, positive        alpha gamma(i) max(D, 1)            FDR, positive dependence (PRDS)
LOND, arbitrary       alpha gamma(i) (D + 1) / H(i)       FDR, any dependence
e-LOND                alpha gamma(i) (D + 1) on 1 / e     FDR, e-values with any dependence
alpha-spending        alpha gamma(i)                      any error (FWER), any dependence
online fallback       alpha gamma(i) + last level if the  any error (FWER), any dependence
                      last test was a discovery
ADDIS-spending        (tau - lambda) alpha gamma(U + 1)   any error (FWER), independent p-values
====================  ==================================  ==========================================

where U counts the earlier p-values in (lambda, tau].

Sources: Javanmard & Montanari, arXiv 1502.06197 (LOND); Zrnic, Ramdas & Jordan, Journal of
Machine Learning Research 22 (2021) (positive dependence); Xu & Ramdas, "Online multiple
testing with e-values", AISTATS 2024 (e-LOND); Tian & Ramdas, "Online control of the familywise
error rate", Statistical Methods in Medical Research 30 (2021) (fallback, ADDIS-spending). The
reference tests compare with onlineFDR 2.19.1.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats
from detectors.compiled import compiled
from detectors.demands import check_choice, check_inside, numbers
from detectors.many_series.level_sequences import LevelSequence, logarithmic, power, share
from detectors.many_series.online_testing import (
    OnlineDecisions,
    OnlineTesting,
    check_thresholds,
    subject,
)

_CLOCK, _FOUND, _HARMONIC, _KEPT = range(4)
_PLAIN, _PLUS_ONE, _AT_LEAST_ONE = range(3)


class _Spending(OnlineTesting):
    """The levels of this module; its kinds differ in clock, growth and what is kept."""

    def _start(
        self,
        alpha: float,
        gamma: LevelSequence,
        *,
        growth: int = _PLAIN,
        harmonic: bool = False,
        keeps: bool = False,
        ticks: tuple[float, float] = (-1.0, 1.0),
    ) -> None:
        check_inside("alpha", alpha)
        self._gamma = gamma
        self._budget = alpha
        self._growth = growth
        self._harmonic = harmonic
        self._keeps = keeps
        self._ticks = ticks
        self._state = np.zeros(4)

    def _advance(self, p: Floats, levels: Floats, rejected: Booleans) -> None:
        gamma = self._gamma
        _spend(
            p,
            levels,
            rejected,
            self._state,
            self._budget,
            *self._ticks,
            self._growth,
            self._harmonic,
            self._keeps,
            gamma.family,
            gamma.scale,
            gamma.exponent,
            gamma.table,
        )


class Lond(_Spending):
    """LOND: levels based on the number of discoveries.

    Args:
        alpha: Highest false discovery rate.
        dependence: What may be assumed of the p-values: ``"independent"``, ``"positive"``
            (PRDS) or ``"arbitrary"``. Assuming less costs power.
        gamma: How the rate is spread over the tests.

    Example:
        >>> lond = Lond()
        >>> [lond.update(p) for p in (0.0001, 0.2, 0.0001)]
        [1, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        dependence: Literal["independent", "positive", "arbitrary"] = "independent",
        gamma: LevelSequence | None = None,
    ) -> None:
        check_choice("dependence", dependence, ("independent", "positive", "arbitrary"))
        self.alpha = alpha
        self.dependence = dependence
        self.gamma = gamma
        self._start(
            alpha,
            gamma or logarithmic(),
            growth=_AT_LEAST_ONE if dependence == "positive" else _PLUS_ONE,
            harmonic=dependence == "arbitrary",
        )


class ELond(_Spending):
    """e-LOND: LOND on e-values, with no assumption about how they depend on one another.

    Each e-value needs expectation at most 1 when its own null is true, no more. ``update`` and
    ``decide`` take e-values: a discovery is e >= 1 / level.

    Args:
        alpha: Highest false discovery rate.
        gamma: How the rate is spread over the tests.

    Example:
        >>> e_lond = ELond()
        >>> [e_lond.update(e) for e in (1000.0, 1.2, 5000.0)]
        [1, 0, 1]

    Reference: Xu & Ramdas 2024, see the module.
    """

    def __init__(self, *, alpha: float = 0.05, gamma: LevelSequence | None = None) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self._start(alpha, gamma or logarithmic(), growth=_PLUS_ONE)

    def decide(self, p_values: ArrayLike) -> OnlineDecisions:
        """Decide the next tests by their e-values, shape (tests,), NaN where missing.

        Raises ``ValueError`` for negative e-values.
        """
        e = numbers("p_values", p_values)
        if (e < 0.0).any():
            raise ValueError(f"e-values must not be negative, not {e[e < 0.0][0]}")
        # 1 / e is compared with the level; above 1 it could never be a discovery.
        return super().decide(np.where(np.isnan(e), np.nan, 1.0 / np.maximum(e, 1.0)))


class AlphaSpending(_Spending):
    """Alpha-spending: Bonferroni over an endless row of tests.

    Args:
        alpha: Highest probability of any false discovery.
        gamma: How it is spread over the tests.

    Example:
        >>> spending = AlphaSpending()
        >>> [spending.update(p) for p in (0.0001, 0.2, 0.001)]
        [1, 0, 0]

    Reference: see the module.
    """

    def __init__(self, *, alpha: float = 0.05, gamma: LevelSequence | None = None) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self._start(alpha, gamma or logarithmic())


class OnlineFallback(_Spending):
    """Online fallback: alpha-spending that hands a discovery's level to the next test.

    Args:
        alpha: Highest probability of any false discovery.
        gamma: How it is spread over the tests.

    Example:
        >>> fallback = OnlineFallback()
        >>> [fallback.update(p) for p in (0.0001, 0.003, 0.2)]
        [1, 1, 0]

    Reference: Tian & Ramdas 2021, see the module.
    """

    def __init__(self, *, alpha: float = 0.05, gamma: LevelSequence | None = None) -> None:
        self.alpha = alpha
        self.gamma = gamma
        self._start(alpha, gamma or logarithmic(), keeps=True)


class AddisSpending(_Spending):
    """ADDIS-spending: alpha-spending whose clock stands still at likely signals and dull nulls.

    Args:
        alpha: Highest probability of any false discovery.
        candidate: Threshold lambda; p-values at or below it cost nothing.
        discard: Threshold tau; p-values above it are passed over.
        gamma: How alpha is spread over the tests.

    Example:
        >>> spending = AddisSpending()
        >>> [spending.update(p) for p in (0.0001, 0.9, 0.005)]
        [1, 0, 1]

    Reference: Tian & Ramdas 2021, see the module.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.05,
        candidate: float = 0.25,
        discard: float = 0.5,
        gamma: LevelSequence | None = None,
    ) -> None:
        check_thresholds(candidate, discard)
        self.alpha = alpha
        self.candidate = candidate
        self.discard = discard
        self.gamma = gamma
        self._start(alpha, gamma or power(), ticks=(candidate, discard))
        self._budget = alpha * (discard - candidate)


@compiled
def _spend(
    p: Floats,
    levels: Floats,
    rejected: Booleans,
    state: Floats,
    budget: float,
    above: float,
    upto: float,
    growth: int,
    harmonic: bool,  # noqa: FBT001 - a compiled kernel takes its arguments by position
    keeps: bool,  # noqa: FBT001 - as above
    family: int,
    gamma_scale: float,
    exponent: float,
    table: Floats,
) -> None:
    for i in range(len(p)):
        if np.isnan(p[i]):
            continue
        now = int(state[_CLOCK]) + 1
        level = budget * share(now, family, gamma_scale, exponent, table)
        if growth == _PLUS_ONE:
            level *= state[_FOUND] + 1.0
        elif growth == _AT_LEAST_ONE:
            level *= max(state[_FOUND], 1.0)
        if harmonic:
            level /= state[_HARMONIC] + 1.0 / now
        if keeps:
            level += state[_KEPT]
        levels[i] = level
        rejected[i] = p[i] <= level
        state[_FOUND] += 1.0 if rejected[i] else 0.0
        state[_KEPT] = level if rejected[i] else 0.0
        if above < p[i] <= upto:
            state[_CLOCK] = now
            state[_HARMONIC] += 1.0 / now


def _row_of_e_values(rng: np.random.Generator) -> Floats:
    e = np.exp(rng.normal(size=60) - 0.5)
    e[::6] *= 1e5
    return e


CONFORMANCE = (
    subject("lond", Lond),
    subject("e_lond", ELond, _row_of_e_values),
    subject("alpha_spending", AlphaSpending),
    subject("online_fallback", OnlineFallback),
    subject("addis_spending", AddisSpending),
)
