"""CUSUM charts of categories: multinomial, ordinal, and overdispersed proportions.

A point is a vector of counts y over K categories with in-control probabilities pi0 and
probabilities pi1 after the change:

    multinomial     LLR = sum_k y_k log(pi1_k / pi0_k)
    beta-binomial   LLR = l(a1, b1) - l(a0, b0),  l(a, b) = log(B(y + a, n - y + b) / B(a, b))

S = max(0, S + LLR), alarm when S > h. Two categories are the binomial chart. Ordered
categories (harm: none, low, moderate, severe) usually change by a common odds ratio of being
above any cut, the proportional odds model, which ``proportional_odds`` turns into pi1. The
beta-binomial has mean n pi and variance n pi (1 - pi) (1 + (n - 1) sigma / (1 + sigma)), a =
pi / sigma, b = (1 - pi) / sigma, in the parameters of Rigby & Stasinopoulos.

Probabilities may be given for each point (season, trend).

Source: M. Hoehle, "Online change-point detection in categorical time series", in *Statistical
Modelling and Regression Structures* (2010).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_positive, numbers
from detectors.sequential.cusum_recursion import CusumPath, Side, SidesState, follow_sides
from detectors.sequential.likelihood_ratios import check_counts, check_probability


def check_distribution(name: str, probabilities: ArrayLike) -> Floats:
    """Probabilities over categories, last axis. Raises ``ValueError`` unless they sum to 1."""
    pi = numbers("probabilities", probabilities)
    if pi.ndim == 0 or pi.shape[-1] < 2:
        raise ValueError(f"{name} needs at least two categories along its last axis")
    if not ((pi > 0.0).all() and np.allclose(pi.sum(axis=-1), 1.0, rtol=0.0, atol=1e-9)):
        raise ValueError(f"{name} must be positive and sum to 1 over the categories")
    return pi


def multinomial_ratio(counts: ArrayLike, before: ArrayLike, after: ArrayLike) -> Floats:
    """Log likelihood ratio of points of shape (..., categories); shape (...).

    ``before`` and ``after`` are probabilities of the same or a broadcastable shape. A point
    with a missing category is missing. Raises ``ValueError`` for values out of range.
    """
    y = check_counts("counts", counts)
    pi0, pi1 = check_distribution("before", before), check_distribution("after", after)
    if y.ndim == 0 or not y.shape[-1] == pi0.shape[-1] == pi1.shape[-1]:
        raise ValueError(
            "counts, before and after must have the same categories, not shapes "
            f"{y.shape}, {pi0.shape} and {pi1.shape}"
        )
    return np.asarray((y * np.log(pi1 / pi0)).sum(axis=-1))


def proportional_odds(probabilities: ArrayLike, odds_ratio: float) -> Floats:
    """Probabilities of ordered categories after every odds of being above a cut is multiplied.

    Shape (..., categories), lowest category first. Raises ``ValueError`` for values out of
    range.

    Example:
        >>> proportional_odds([0.5, 0.5], 3.0)
        array([0.25, 0.75])
    """
    pi = check_distribution("probabilities", probabilities)
    check_positive("odds_ratio", odds_ratio)
    above = np.flip(np.cumsum(np.flip(pi, -1), -1), -1)[..., 1:]
    moved = odds_ratio * above / (1.0 + above * (odds_ratio - 1.0))
    edges = np.concatenate(
        [np.ones_like(moved[..., :1]), moved, np.zeros_like(moved[..., :1])], axis=-1
    )
    return np.asarray(edges[..., :-1] - edges[..., 1:])


def beta_binomial_ratio(
    counts: ArrayLike,
    trials: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    dispersion: ArrayLike,
) -> Floats:
    """Log likelihood ratio of overdispersed proportions, elementwise; NaN where missing.

    ``before`` and ``after`` are probabilities, ``dispersion`` is sigma, positive, the same in
    and out of control. Raises ``ValueError`` for values out of range.
    """
    from scipy.special import betaln  # noqa: PLC0415 - costs a start 0.2 s

    y, n = check_counts("counts", counts), check_counts("trials", trials)
    if (y > n).any():
        raise ValueError("counts must not exceed trials")
    sigma = np.asarray(dispersion, np.float64)
    if not ((sigma > 0.0) & np.isfinite(sigma)).all():
        raise ValueError(f"dispersion must be positive and finite, not {dispersion!r}")
    logs = []
    for name, probability in (("after", after), ("before", before)):
        p = check_probability(name, probability)
        a, b = p / sigma, (1.0 - p) / sigma
        logs.append(betaln(y + a, n - y + b) - betaln(a, b))
    return np.asarray(logs[0] - logs[1])


class CategoricalCusum:
    """CUSUM of counts over categories, for one change; points with a gap are passed over.

    Args:
        before: In-control probabilities, one for each category, summing to one.
        after: Probabilities after the change. ``proportional_odds`` makes them for ordered
            categories.
        h: Decision interval in natural logarithms; more means fewer false alarms.
        head_start: Start, from 0 to below ``h``.
        reset: Start afresh after an alarm.
        alarm: ``"exceeded"`` for S > h, ``"reached"`` for S >= h.

    Example:
        >>> chart = CategoricalCusum(before=(0.7, 0.2, 0.1), after=(0.5, 0.3, 0.2), h=2.0)
        >>> [chart.update(point) for point in [(7, 2, 1), (5, 3, 2), (3, 4, 3)]]
        [0, 0, 1]

    Reference: Hoehle 2010, see the module.
    """

    def __init__(
        self,
        *,
        before: tuple[float, ...] = (0.5, 0.5),
        after: tuple[float, ...] = (1 / 3, 2 / 3),
        h: float = 4.0,
        head_start: float = 0.0,
        reset: bool = True,
        alarm: str = "exceeded",
    ) -> None:
        self.before = before
        self.after = after
        self.h = h
        self.head_start = head_start
        self.reset = reset
        self.alarm = alarm
        multinomial_ratio(np.zeros(np.shape(before)), before, after)  # says what is wrong
        self._side = Side(h, head_start, reset, alarm)
        self._state = SidesState(self._side, None)

    @property
    def statistic(self) -> float:
        """S at the last point, before any reset."""
        return self._state.upper

    def update(self, counts: ArrayLike) -> int:
        """Take the counts of a point, shape (categories,), and give 1 when it alarms, else 0.

        Raises ``ValueError`` for negative or infinite counts or another number of them.
        """
        increment = float(multinomial_ratio(counts, self.before, self.after))
        return self._state.advance(increment, math.nan)


def ratio_cusum(
    ratios: ArrayLike,
    *,
    h: float,
    head_start: float = 0.0,
    reset: bool = True,
    alarm: str = "exceeded",
) -> CusumPath:
    """The CUSUM of log likelihood ratios that were computed beforehand.

    For models whose parameters change from point to point. ``ratios`` has shape (points,) or
    (points, series), NaN where missing; the other arguments are those of
    ``CategoricalCusum``. Raises ``ValueError`` for values out of range.
    """
    increments = numbers("ratios", ratios)
    if np.isinf(increments).any():
        raise ValueError("ratios must be finite or NaN (missing)")
    return follow_sides((Side(h, head_start, reset, alarm), increments), None)


def categorical_cusum(
    counts: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    *,
    h: float,
    head_start: float = 0.0,
    reset: bool = True,
    alarm: str = "exceeded",
) -> CusumPath:
    """The categorical CUSUM of a whole series, shape (points, categories).

    ``before`` and ``after`` have shape (categories,), or (points, categories) when they
    change; the rest is as in ``CategoricalCusum``. ``upper`` of the path is the statistic.
    """
    ratios = multinomial_ratio(counts, before, after)
    return ratio_cusum(ratios, h=h, head_start=head_start, reset=reset, alarm=alarm)


_BEFORE = (0.6, 0.25, 0.1, 0.05)
_AFTER = (0.4, 0.3, 0.18, 0.12)


def _make() -> CategoricalCusum:
    return CategoricalCusum(before=_BEFORE, after=_AFTER, h=3.0)


def _sample(rng: np.random.Generator) -> Floats:
    totals = rng.integers(0, 20, 60)
    return np.concatenate(
        [rng.multinomial(totals[:40], _BEFORE), rng.multinomial(totals[40:], _AFTER)]
    ).astype(np.float64)


def _latest(history: Floats) -> int:
    return int(categorical_cusum(history, _BEFORE, _AFTER, h=3.0).signals[-1])


CONFORMANCE = (
    Subject(
        name="categorical_cusum",
        make=_make,
        sample=_sample,
        latest=_latest,
        missing="ignored",
    ),
)
