"""CUSUM charts of log likelihood ratios of proportions and of single outcomes.

The recursion and the meaning of ``h`` are those of ``likelihood_cusum``; the alternative is a
ratio of odds, so it stays a probability whatever the proportion in control. Charts of single
outcomes (Bernoulli) see a cluster at once instead of at the end of a sample.

Source: M. R. Reynolds & Z. G. Stoumbos, "A CUSUM chart for monitoring a proportion when
inspecting continuously", Journal of Quality Technology 31 (1999).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_inside
from detectors.sequential.cusum_recursion import CusumPath
from detectors.sequential.likelihood_cusum import LikelihoodCusum, latest_of_pairs
from detectors.sequential.likelihood_ratios import binomial_ratio


class BinomialCusum(LikelihoodCusum):
    """CUSUM of (events, trials), or of single outcomes 0 and 1 (the Bernoulli CUSUM).

    Args:
        probability: Probability of an event in control, inside (0, 1).
        rise: Ratio of odds to find above 1, or ``None``.
        fall: Ratio of odds to find below 1, or ``None``.
        h: Decision interval in natural logarithms.
        head_start: Start of the sides, from 0 to below ``h``.
        reset: Start afresh after an alarm.
        alarm: ``"exceeded"`` for S > h, ``"reached"`` for S >= h.

    Example:
        >>> chart = BinomialCusum(probability=0.05, h=2.0)
        >>> [chart.update(y) for y in [0, 1, 0, 1, 1, 0, 1]]
        [0, 0, 0, 0, 0, 0, 1]

    Reference: Reynolds & Stoumbos 1999, see the module.
    """

    def __init__(
        self,
        *,
        probability: float = 0.1,
        rise: float | None = 2.0,
        fall: float | None = None,
        h: float = 4.0,
        head_start: float = 0.0,
        reset: bool = True,
        alarm: str = "exceeded",
    ) -> None:
        check_inside("probability", probability)
        self.probability = probability
        super().__init__(rise, fall, h, head_start, reset, alarm)

    def _ratios(self, x: ArrayLike, second: ArrayLike, ratio: float) -> Floats:
        return binomial_ratio(x, second, self.probability, ratio)

    def _ratio(self, x: float, second: float, ratio: float) -> float:
        if x < 0.0:
            raise ValueError(f"counts must not be negative, not {x}")
        if x > second:
            raise ValueError(f"counts must not exceed trials, not {x} of {second}")
        return x * math.log(ratio) - second * float(np.log1p(self.probability * (ratio - 1.0)))


def binomial_cusum(events: ArrayLike, trials: ArrayLike = 1.0, **settings: object) -> CusumPath:
    """The binomial CUSUM of whole series, shape (points,) or (points, series).

    ``trials`` is broadcast over ``events``, 1 for single outcomes; ``settings`` are those of
    ``BinomialCusum``.
    """
    return BinomialCusum(**settings).follow(events, trials)  # type: ignore[arg-type] # as there


def _binomial() -> BinomialCusum:
    return BinomialCusum(probability=0.1, rise=2.0, fall=0.5, h=2.0)


def _bernoulli() -> BinomialCusum:
    return BinomialCusum(probability=0.2, rise=2.5, h=2.0, alarm="reached")


def _events_of_trials(rng: np.random.Generator) -> Floats:
    trials = rng.integers(0, 30, 90)
    return np.column_stack([rng.binomial(trials, np.repeat([0.1, 0.03, 0.25], 30)), trials]).astype(
        np.float64
    )


def _outcomes(rng: np.random.Generator) -> Floats:
    return (rng.random(90) < np.repeat([0.2, 0.5], 45)).astype(np.float64)


CONFORMANCE = (
    Subject(
        name="binomial_cusum",
        make=_binomial,
        sample=_events_of_trials,
        latest=lambda history: latest_of_pairs(_binomial(), history),
        missing="ignored",
    ),
    Subject(
        name="bernoulli_cusum",
        make=_bernoulli,
        sample=_outcomes,
        latest=lambda history: int(_bernoulli().follow(history).signals[-1]),
        missing="ignored",
    ),
)
