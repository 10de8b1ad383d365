"""The distributions of counts that the run-length solvers and simulations need.

Each gives its probabilities and its upper tails, both computed without subtraction from one,
so that rare alarms keep their relative precision.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from detectors.arrays import Floats, Ints
from detectors.demands import check_inside, check_positive, check_whole


class CountDistribution(Protocol):
    """A distribution over 0, 1, 2, ..."""

    def probabilities(self, largest: int) -> tuple[Floats, Floats]:
        """P(X = x) for x = 0 to ``largest`` and P(X >= x) for x = 0 to ``largest`` + 1."""

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Ints:
        """Independent draws of the given shape."""


@dataclass(frozen=True, slots=True)
class Poisson:
    """Counts with variance equal to the mean.

    Raises ``ValueError`` unless ``mean`` is positive and finite.
    """

    mean: float

    def __post_init__(self) -> None:
        check_positive("mean", self.mean)

    def probabilities(self, largest: int) -> tuple[Floats, Floats]:
        """P(X = x) for x = 0 to ``largest`` and P(X >= x) for x = 0 to ``largest`` + 1."""
        from scipy.special import gammainc, gammaln  # noqa: PLC0415 - costs a start 0.2 s

        x = np.arange(largest + 1)
        probability = np.exp(x * math.log(self.mean) - self.mean - gammaln(x + 1))
        tail = np.concatenate([[1.0], gammainc(x + 1.0, self.mean)])
        return probability, tail

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Ints:
        """Independent draws of the given shape."""
        return generator.poisson(self.mean, shape).astype(np.int64)


@dataclass(frozen=True, slots=True)
class NegativeBinomial:
    """Counts with variance mean + dispersion * mean^2, the mixture of Poisson and gamma.

    Raises ``ValueError`` unless both parameters are positive and finite.
    """

    mean: float
    dispersion: float

    def __post_init__(self) -> None:
        check_positive("mean", self.mean)
        check_positive("dispersion", self.dispersion)

    def probabilities(self, largest: int) -> tuple[Floats, Floats]:
        """P(X = x) for x = 0 to ``largest`` and P(X >= x) for x = 0 to ``largest`` + 1."""
        from scipy.special import betainc, gammaln  # noqa: PLC0415 - costs a start 0.2 s

        x = np.arange(largest + 1)
        size = 1.0 / self.dispersion
        spread = self.mean * self.dispersion
        probability = np.exp(
            gammaln(x + size)
            - gammaln(size)
            - gammaln(x + 1)
            - size * math.log1p(spread)
            + x * (math.log(spread) - math.log1p(spread))
        )
        tail = np.concatenate([[1.0], betainc(x + 1.0, size, spread / (1.0 + spread))])
        return probability, tail

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Ints:
        """Independent draws of the given shape."""
        size = 1.0 / self.dispersion
        return generator.negative_binomial(size, size / (size + self.mean), shape).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Binomial:
    """Successes in ``trials`` trials of probability ``probability`` each; one trial is Bernoulli's.

    Raises ``ValueError`` unless there is a trial and the probability is inside (0, 1).
    """

    trials: int
    probability: float

    def __post_init__(self) -> None:
        check_whole("trials", self.trials, 1)
        check_inside("probability", self.probability)

    def probabilities(self, largest: int) -> tuple[Floats, Floats]:
        """P(X = x) for x = 0 to ``largest`` and P(X >= x) for x = 0 to ``largest`` + 1."""
        from scipy.special import betainc, gammaln  # noqa: PLC0415 - costs a start 0.2 s

        n, p = self.trials, self.probability
        known = np.arange(min(largest, n) + 1)
        probability = np.zeros(largest + 1)
        probability[known] = np.exp(
            gammaln(n + 1)
            - gammaln(known + 1)
            - gammaln(n - known + 1)
            + known * math.log(p)
            + (n - known) * math.log1p(-p)
        )
        tail = np.zeros(largest + 2)
        tail[0] = 1.0
        some = np.arange(1, min(largest + 1, n) + 1)
        tail[some] = betainc(some.astype(np.float64), n - some + 1.0, p)
        return probability, tail

    def draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Ints:
        """Independent draws of the given shape."""
        return generator.binomial(self.trials, self.probability, shape).astype(np.int64)
