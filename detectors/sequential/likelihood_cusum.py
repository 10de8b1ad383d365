"""CUSUM charts of log likelihood ratios of counts, of rises and falls.

    S = max(0, S + log f1(x) / f0(x)),     alarm when S > h (or S >= h)

with the ratios of ``likelihood_ratios``. The chart for falls has a ratio below 1, adds its own
ratios and is positive too. ``h`` is in natural logarithms: at S = h the observations since the
last zero are e^h times likelier after the change than before it, and in control S is beyond h
with chance at most e^-h at any given time. Run lengths are exact for constant parameters
(``detectors.run_lengths.counts``); varying exposure needs simulation.

Sources: E. S. Page, Biometrika 41 (1954); J. M. Lucas, "Counted data CUSUM's", Technometrics
27 (1985); M. Hoehle & M. Paul (2008) for the negative binomial.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_not_negative, check_positive
from detectors.sequential.cusum_recursion import (
    CusumPath,
    Side,
    SidesState,
    TwoSidedCusum,
    follow_sides,
    pair,
)
from detectors.sequential.likelihood_ratios import (
    check_counts,
    check_ratio,
    negative_binomial_ratio,
    poisson_ratio,
)


class LikelihoodCusum(TwoSidedCusum, ABC):
    """What the charts share: the sides and the walk."""

    def __init__(
        self,
        rise: float | None,
        fall: float | None,
        h: float,
        head_start: float,
        reset: bool,  # noqa: FBT001 - private and always given in order
        alarm: str,
    ) -> None:
        self.rise = rise
        self.fall = fall
        self.h = h
        self.head_start = head_start
        self.reset = reset
        self.alarm = alarm
        if rise is None and fall is None:
            raise ValueError("rise or fall must be given")
        if rise is not None:
            check_ratio("rise", rise)
            if rise < 1.0:
                raise ValueError(f"rise must be above 1, not {rise}")
        if fall is not None:
            check_ratio("fall", fall)
            if fall > 1.0:
                raise ValueError(f"fall must be below 1, not {fall}")
        self._side = Side(h, head_start, reset, alarm)
        self._state = self._fresh()

    def _fresh(self) -> SidesState:
        side = self._side
        return SidesState(
            side if self.rise is not None else None, side if self.fall is not None else None
        )

    @abstractmethod
    def _ratios(self, x: ArrayLike, second: ArrayLike, ratio: float) -> Floats:
        """Log likelihood ratios of counts with their exposures or trials."""

    def update(self, observation: ArrayLike) -> int:
        """Take a count, or (count, exposure or trials), and give the bits of the alarms.

        Without a second number it is 1. A NaN in either is a missing observation and is
        passed over. Raises ``ValueError`` for values that the model does not allow.
        """
        x, second = pair(observation)
        if math.isnan(x) or math.isnan(second):
            return self._state.advance(math.nan, math.nan)
        up = math.nan if self.rise is None else self._ratio(x, second, self.rise)
        down = math.nan if self.fall is None else self._ratio(x, second, self.fall)
        return self._state.advance(up, down)

    def _ratio(self, x: float, second: float, ratio: float) -> float:
        """The log likelihood ratio of one point; the same number as ``_ratios`` gives."""
        return float(self._ratios(x, second, ratio))

    def follow(self, counts: ArrayLike, seconds: ArrayLike = 1.0) -> CusumPath:
        """The chart of whole series from its start, whatever this one has seen.

        ``counts`` has shape (points,) or (points, series); ``seconds`` (exposures or trials)
        is broadcast over it. Raises ``ValueError`` as ``update`` does.
        """
        rise, fall = (
            None
            if ratio is None
            else (self._side, np.asarray(self._ratios(counts, seconds, ratio)))
            for ratio in (self.rise, self.fall)
        )
        return follow_sides(rise, fall)


class PoissonCusum(LikelihoodCusum):
    """CUSUM of Poisson counts, or of (count, exposure).

    Args:
        mean: Expected count of a point with exposure 1 in control. With expected counts that
            vary, take ``mean=1`` and give them as exposures.
        rise: Ratio of rates to find above 1, or ``None`` not to look for rises. The chart is
            quickest at this ratio and still finds others.
        fall: Ratio of rates to find below 1, or ``None`` not to look for falls.
        h: Decision interval in natural logarithms; more means fewer false alarms and later
            true ones.
        head_start: Start of the sides, from 0 to below ``h``.
        reset: Start afresh after an alarm.
        alarm: ``"exceeded"`` for S > h, ``"reached"`` for S >= h.

    Example:
        >>> chart = PoissonCusum(mean=2.0, rise=2.0, h=2.5)
        >>> [chart.update(x) for x in [2, 1, 4, 5, 3, 4]]
        [0, 0, 0, 0, 0, 1]

    Reference: Lucas 1985, see the module.
    """

    def __init__(
        self,
        *,
        mean: float = 1.0,
        rise: float | None = 2.0,
        fall: float | None = None,
        h: float = 4.0,
        head_start: float = 0.0,
        reset: bool = True,
        alarm: str = "exceeded",
    ) -> None:
        check_not_negative("mean", mean)
        self.mean = mean
        super().__init__(rise, fall, h, head_start, reset, alarm)

    def _ratios(self, x: ArrayLike, second: ArrayLike, ratio: float) -> Floats:
        exposure = check_counts("exposure", second)
        return poisson_ratio(x, self.mean * exposure, ratio)

    def _ratio(self, x: float, second: float, ratio: float) -> float:
        # Checks of single numbers cost a tenth of those of arrays.
        if x < 0.0:
            raise ValueError(f"counts must not be negative, not {x}")
        if second < 0.0:
            raise ValueError(f"exposure must not be negative, not {second}")
        return x * math.log(ratio) - self.mean * second * (ratio - 1.0)


class NegativeBinomialCusum(LikelihoodCusum):
    """CUSUM of counts with variance mu + dispersion mu^2, or of (count, exposure).

    Args:
        mean: Expected count of a point with exposure 1 in control.
        dispersion: Dispersion, positive; the variance of a count over its mean is
            1 + dispersion * mean. Ignoring it makes a Poisson chart cry wolf.
        rise: Ratio of means to find above 1, or ``None``.
        fall: Ratio of means to find below 1, or ``None``.
        h: Decision interval in natural logarithms.
        head_start: Start of the sides, from 0 to below ``h``.
        reset: Start afresh after an alarm.
        alarm: ``"exceeded"`` for S > h, ``"reached"`` for S >= h.

    Example:
        >>> chart = NegativeBinomialCusum(mean=2.0, dispersion=0.5, h=1.5)
        >>> [chart.update(x) for x in [2, 1, 4, 8, 9, 4]]
        [0, 0, 0, 1, 1, 0]

    Reference: Hoehle & Paul 2008, see the module.
    """

    def __init__(
        self,
        *,
        mean: float = 1.0,
        dispersion: float = 0.1,
        rise: float | None = 2.0,
        fall: float | None = None,
        h: float = 4.0,
        head_start: float = 0.0,
        reset: bool = True,
        alarm: str = "exceeded",
    ) -> None:
        check_not_negative("mean", mean)
        check_positive("dispersion", dispersion)
        self.mean = mean
        self.dispersion = dispersion
        super().__init__(rise, fall, h, head_start, reset, alarm)

    def _ratios(self, x: ArrayLike, second: ArrayLike, ratio: float) -> Floats:
        exposure = check_counts("exposure", second)
        return negative_binomial_ratio(x, self.mean * exposure, ratio, self.dispersion)


def poisson_cusum(counts: ArrayLike, exposures: ArrayLike = 1.0, **settings: object) -> CusumPath:
    """The Poisson CUSUM of whole series, shape (points,) or (points, series).

    ``exposures`` is broadcast over ``counts``; ``settings`` are those of ``PoissonCusum``.
    """
    return PoissonCusum(**settings).follow(counts, exposures)  # type: ignore[arg-type] # as there


def negative_binomial_cusum(
    counts: ArrayLike, exposures: ArrayLike = 1.0, **settings: object
) -> CusumPath:
    """The negative binomial CUSUM of whole series, shape (points,) or (points, series).

    ``exposures`` is broadcast over ``counts``; ``settings`` are those of
    ``NegativeBinomialCusum``.
    """
    chart = NegativeBinomialCusum(**settings)  # type: ignore[arg-type] # as there
    return chart.follow(counts, exposures)


def _poisson() -> PoissonCusum:
    return PoissonCusum(mean=1.0, rise=2.0, fall=0.5, h=2.5, head_start=1.0)


def _negative_binomial() -> NegativeBinomialCusum:
    return NegativeBinomialCusum(mean=3.0, dispersion=0.2, rise=1.5, fall=0.6, h=2.0)


def _counts_with_exposure(rng: np.random.Generator) -> Floats:
    exposure = rng.uniform(1.0, 4.0, 90)
    rate = np.repeat([1.0, 0.4, 2.2], 30)
    return np.column_stack([rng.poisson(rate * exposure), exposure]).astype(np.float64)


def _plain_counts(rng: np.random.Generator) -> Floats:
    return rng.negative_binomial(5.0, 5.0 / (5.0 + np.repeat([3.0, 1.0, 7.0], 30))).astype(float)


def latest_of_pairs(chart: LikelihoodCusum, history: Floats) -> int:
    """The signal at the last of (count, exposure or trials), by the chart of them all."""
    return int(chart.follow(history[:, 0], history[:, 1]).signals[-1])


CONFORMANCE = (
    Subject(
        name="poisson_cusum",
        make=_poisson,
        sample=_counts_with_exposure,
        latest=lambda history: latest_of_pairs(_poisson(), history),
        missing="ignored",
    ),
    Subject(
        name="negative_binomial_cusum",
        make=_negative_binomial,
        sample=_plain_counts,
        latest=lambda history: int(_negative_binomial().follow(history).signals[-1]),
        missing="ignored",
    ),
)
