"""The design of a one-sided CUSUM of counts, apart from any data: what has a run length."""

from __future__ import annotations

import math
from dataclasses import dataclass

from detectors.demands import check_choice
from detectors.sequential.cusum_recursion import ALARMS, check_interval
from detectors.sequential.likelihood_ratios import (
    check_probability,
    check_ratio,
    negative_binomial_ratio,
)


@dataclass(frozen=True, slots=True)
class CountCusum:
    """Design of a one-sided CUSUM of counts.

    S = max(0, S + slope x - intercept) with an alarm at ``h``: Lucas's chart for rises has
    slope 1 and intercept k, one for falls slope -1 and intercept -k; the log likelihood
    ratios of ``likelihood_ratios`` give others.

    Args:
        slope: Change of the increment with one more count, not zero.
        intercept: What every point takes off the statistic.
        h: Decision interval, in the unit of the statistic.
        alarm: ``"exceeded"`` when S > h alarms, ``"reached"`` when S >= h does.
        head_start: Value of S before the first point, from 0 to below ``h``.

    Raises ``ValueError`` for values out of range, and for a chart that could never fall back
    (or never rise), where slope and intercept have different signs.
    """

    slope: float
    intercept: float
    h: float
    alarm: str = "exceeded"
    head_start: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.slope) and self.slope != 0.0):
            raise ValueError(f"slope must be finite and not zero, not {self.slope}")
        if not (math.isfinite(self.intercept) and self.intercept / self.slope > 0.0):
            raise ValueError(
                f"intercept must be finite with the sign of slope {self.slope}, "
                f"not {self.intercept}"
            )
        check_interval(self.h, self.head_start)
        check_choice("alarm", self.alarm, ALARMS)

    @property
    def drift(self) -> float:
        """Reference value: the count per point at which the statistic stays where it is."""
        return self.intercept / self.slope


def poisson_chart(
    mean: float, ratio: float, h: float, *, head_start: float = 0.0, alarm: str = "exceeded"
) -> CountCusum:
    """A Poisson likelihood CUSUM: counts of ``mean`` in control, ``ratio`` times as many after.

    ``h`` is in natural logarithms. Raises ``ValueError`` for values out of range.
    """
    check_ratio("ratio", ratio)
    return CountCusum(math.log(ratio), mean * (ratio - 1.0), h, alarm, head_start)


def negative_binomial_chart(
    mean: float,
    dispersion: float,
    ratio: float,
    h: float,
    *,
    head_start: float = 0.0,
    alarm: str = "exceeded",
) -> CountCusum:
    """A negative binomial likelihood CUSUM: as ``poisson_chart``, variance mu + dispersion mu^2.

    Raises ``ValueError`` for values out of range.
    """
    check_ratio("ratio", ratio)
    zero, one = (float(negative_binomial_ratio(x, mean, ratio, dispersion)) for x in (0.0, 1.0))
    return CountCusum(one - zero, -zero, h, alarm, head_start)


def binomial_chart(
    trials: int,
    probability: float,
    odds_ratio: float,
    h: float,
    *,
    head_start: float = 0.0,
    alarm: str = "exceeded",
) -> CountCusum:
    """A binomial likelihood CUSUM: events in ``trials``, the odds ``odds_ratio`` times as great.

    One trial is a Bernoulli chart. Raises ``ValueError`` for values out of range.
    """
    check_ratio("odds_ratio", odds_ratio)
    check_probability("probability", probability)
    intercept = trials * math.log1p(probability * (odds_ratio - 1.0))
    return CountCusum(math.log(odds_ratio), intercept, h, alarm, head_start)
