"""The EWMA chart of measurements: exact or fixed limits, subgroups of any size, one side or two.

    E_t = w x_t + (1 - w) E_{t-1},              E_0 = target,
    v_t = w^2 sigma^2 / n_t + (1 - w)^2 v_{t-1},   v_0 = 0,
    limits  target +- L sqrt(v_t)   (exact),

x_t being the mean of n_t values with standard deviation sigma. With equal sizes v_t has the
closed form sigma^2 / n w / (2 - w) (1 - (1 - w)^2t), which differing sizes do not have.
``limits="fixed"`` uses its final value with the size of the point at hand; the chart is then
slower at the start and simpler to read.

One-sided charts have a barrier at the target, E = max(target, .) for rises, so that a long
fall does not hide the next rise (C. W. Champ, W. H. Woodall & H. A. Mohsen, Statistics &
Probability Letters 11, 1991).

For points between false alarms, known mean and sigma and fixed limits: 370.4 at L = 2.4901
(w = 0.05), 2.7015 (0.1), 2.8593 (0.2), 2.8980 (0.25), 2.9589 (0.4); ``thresholds`` finds
others.

Sources: S. W. Roberts, "Control chart tests based on geometric moving averages",
Technometrics 1 (1959); J. M. Lucas & M. S. Saccucci, Technometrics 32 (1990);
D. C. Montgomery, *Introduction to Statistical Quality Control*, section 9.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Bits, Floats
from detectors.conformance import Subject
from detectors.demands import check_choice, check_finite, check_part, check_positive
from detectors.sequential.cusum_recursion import (
    ALARMS,
    DIRECTIONS,
    check_scale,
    finite_or_missing,
    pair,
)
from detectors.sequential.ewma_recursion import judge, run, step

LIMITS = ("exact", "fixed")


@dataclass(frozen=True, slots=True)
class EwmaPath:
    """What a chart said, point by point; arrays of the observations' shape.

    ``average`` is the EWMA as judged, before any reset, in the unit of the values;
    ``deviation`` its standard deviation as the limits take it; ``lower`` and ``upper`` the
    limits (NaN before the first point, and on the side that is not watched); ``signals`` the
    bits ``RISE`` and ``FALL``.
    """

    average: Floats
    deviation: Floats
    lower: Floats
    upper: Floats
    signals: Bits


class Ewma:
    """EWMA chart of one series of measurements; missing values are passed over.

    Args:
        mean: Target, in the unit of the values.
        sigma: In-control standard deviation of a single value, positive.
        weight: Weight of the newest value, above 0 and at most 1. Smaller values see
            smaller, longer shifts; 1 is a Shewhart chart.
        width: Limit L in standard deviations of the EWMA.
        limits: ``"exact"`` for limits that grow with the variance from the known start,
            ``"fixed"`` for their final value.
        start: EWMA before the first value, the target unless given (a head start).
        reset: Start afresh after an alarm.
        alarm: ``"exceeded"`` for beyond the limit, ``"reached"`` for at it too.
        direction: ``"both"``, ``"rise"`` or ``"fall"``.

    Example:
        >>> chart = Ewma(mean=10.0, sigma=1.0)
        >>> [chart.update(x) for x in [10.2, 9.7, 12.1, 12.0, 11.8]]
        [0, 0, 0, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        mean: float = 0.0,
        sigma: float = 1.0,
        weight: float = 0.2,
        width: float = 2.962,
        limits: str = "exact",
        start: float | None = None,
        reset: bool = True,
        alarm: str = "exceeded",
        direction: str = "both",
    ) -> None:
        self.mean = mean
        self.sigma = sigma
        self.weight = weight
        self.width = width
        self.limits = limits
        self.start = start
        self.reset = reset
        self.alarm = alarm
        self.direction = direction
        self._barrier = _checked(mean, sigma, weight, width, limits, start, alarm, direction)
        self._start = 0.0 if start is None else float((start - mean) / sigma)
        self._standing = (self._start, 0.0)
        self._average = self._start

    @property
    def average(self) -> float:
        """The EWMA as the last value was judged, or as it stands since if one is missing."""
        return self.mean + self.sigma * self._average

    def update(self, observation: ArrayLike) -> int:
        """Take a value, or a subgroup's (mean, size), and give the bits of the limits crossed.

        Raises ``ValueError`` for an infinite value or a size that is not positive.
        """
        value, size = pair(observation)
        if not size > 0.0 and not math.isnan(size):
            raise ValueError(f"size must be positive, not {size}")
        if math.isnan(value) or math.isnan(size):
            self._average = self._standing[0]
            return 0
        z = (value - self.mean) / self.sigma
        average, variance = step(z, size, *self._standing, float(self.weight), self._barrier)
        if self.limits == "fixed":
            reach = self.width * math.sqrt(self.weight / (2.0 - self.weight) / size)
        else:
            reach = self.width * math.sqrt(variance)
        signal = int(judge(average, reach, self._barrier, int(self.alarm == "reached")))
        self._average = average
        self._standing = (self._start, 0.0) if signal and self.reset else (average, variance)
        return signal


def ewma(
    values: ArrayLike,
    *,
    sizes: ArrayLike = 1.0,
    mean: ArrayLike = 0.0,
    sigma: ArrayLike = 1.0,
    weight: float = 0.2,
    width: float = 2.962,
    limits: str = "exact",
    start: float | None = None,
    reset: bool = True,
    alarm: str = "exceeded",
    direction: str = "both",
) -> EwmaPath:
    """The EWMA chart of whole series: what ``Ewma`` says point by point.

    Args:
        values: Points, or means of subgroups, shape (points,) or (points, series); NaN is
            missing.
        sizes: Sizes of the subgroups, broadcast over ``values``.
        mean: Target, one or one of each series.
        sigma: In-control standard deviation of a single value, one or one of each series.
        weight: As in ``Ewma``.
        width: As in ``Ewma``.
        limits: As in ``Ewma``.
        start: As in ``Ewma``.
        reset: As in ``Ewma``.
        alarm: As in ``Ewma``.
        direction: As in ``Ewma``.

    Raises ``ValueError`` for values out of range.
    """
    x = finite_or_missing("values", values)
    n = finite_or_missing("sizes", sizes)
    if (n <= 0.0).any():
        raise ValueError("sizes must be positive or NaN (missing)")
    barrier = _checked(mean, sigma, weight, width, limits, start, alarm, direction)
    target, spread = np.asarray(mean, np.float64), np.asarray(sigma, np.float64)
    z = ((x - target) / spread).reshape(x.shape if x.ndim == 2 else (x.size, 1))
    average, reach = np.empty(z.shape), np.empty(z.shape)
    signals: Bits = np.empty(z.shape, np.uint8)
    first = np.asarray(0.0 if start is None else (start - target) / spread, np.float64)
    run(
        np.ascontiguousarray(z),
        np.ascontiguousarray(np.broadcast_to(n, x.shape)).reshape(z.shape),
        float(weight),
        float(width),
        np.ascontiguousarray(np.broadcast_to(first, z.shape[1:])),
        barrier,
        int(limits == "exact"),
        int(alarm == "reached"),
        int(reset),
        average,
        reach,
        signals,
    )
    reach = spread * reach.reshape(x.shape)
    nothing = np.full(x.shape, np.nan)
    return EwmaPath(
        average=target + spread * average.reshape(x.shape),
        deviation=reach / width,
        lower=nothing if direction == "rise" else target - reach,
        upper=nothing if direction == "fall" else target + reach,
        signals=signals.reshape(x.shape),
    )


def _checked(
    mean: ArrayLike,
    sigma: ArrayLike,
    weight: float,
    width: float,
    limits: str,
    start: float | None,
    alarm: str,
    direction: str,
) -> int:
    """The barrier: 1 below a chart for rises, -1 above one for falls, 0 for two sides."""
    check_scale(mean, sigma)
    if start is not None:
        check_finite("start", start)
    check_part("weight", weight)
    check_positive("width", width)
    check_choice("limits", limits, LIMITS)
    check_choice("alarm", alarm, ALARMS)
    check_choice("direction", direction, DIRECTIONS)
    return DIRECTIONS[direction]


def _make() -> Ewma:
    return Ewma(mean=10.0, sigma=2.0, width=2.7)


def _sample(rng: np.random.Generator) -> Floats:
    values = rng.normal(10.0, 2.0, 90)
    values[30:40] -= 3.0
    values[60:] += 3.0
    return values


def _latest(history: Floats) -> int:
    return int(ewma(history, mean=10.0, sigma=2.0, width=2.7).signals[-1])


CONFORMANCE = (Subject(name="ewma", make=_make, sample=_sample, latest=_latest, missing="ignored"),)
