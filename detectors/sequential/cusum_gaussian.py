"""The tabular CUSUM of measurements: two sides, head start, subgroups of any size.

With z_t = (x_t - mean) sqrt(n_t) / sigma, x_t the mean of n_t values with standard deviation
sigma,

    C+ = max(0, C+ + z - k),     C- = max(0, C- - z - k),     alarm when either exceeds h.

k is half the shift to be found, in standard errors. A head start (fast initial response),
usually h / 2, finds a process that is off from the beginning sooner, at little cost later
(J. M. Lucas & R. B. Crosier, Technometrics 24, 1982). Known mean and sigma and independent
Gaussian points give, for k = 0.5, 465 points between false alarms at h = 5 and 168 at h = 4;
``thresholds`` finds h for other wishes.

``compat="qcc"`` is the chart of the R package qcc: it never resets, its ``se.shift`` is 2 k,
and the lower statistic is stored negative.

Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); D. C. Montgomery,
*Introduction to Statistical Quality Control*, section 9.1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import check_choice, check_not_negative
from detectors.sequential.cusum_recursion import (
    DIRECTIONS,
    CusumPath,
    Side,
    SidesState,
    TwoSidedCusum,
    check_scale,
    finite_or_missing,
    follow_sides,
    pair,
)


class GaussianCusum(TwoSidedCusum):
    """Tabular CUSUM of one series of measurements; missing values are passed over.

    Args:
        mean: In-control mean, in the unit of the values.
        sigma: In-control standard deviation of a single value, positive.
        k: Reference value in standard errors, half the shift the chart is quickest for.
            Smaller values see smaller shifts and need a greater ``h``.
        h: Decision interval in standard errors. Greater values mean fewer false alarms and
            later true ones.
        head_start: Start of both sides in standard errors, from 0 to below ``h``.
        reset: Start afresh at the head start after an alarm, so that each alarm is news;
            ``None`` means yes, and no with ``compat="qcc"``.
        alarm: ``"exceeded"`` for C > h, ``"reached"`` for C >= h.
        direction: ``"both"``, ``"rise"`` or ``"fall"``.
        compat: ``"published"`` or ``"qcc"``.

    Example:
        >>> chart = GaussianCusum(mean=10.0, sigma=1.0)
        >>> [chart.update(x) for x in [10.2, 9.7, 12.1, 12.0, 11.8, 12.4]]
        [0, 0, 0, 0, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        mean: float = 0.0,
        sigma: float = 1.0,
        k: float = 0.5,
        h: float = 5.0,
        head_start: float = 0.0,
        reset: bool | None = None,
        alarm: str = "exceeded",
        direction: str = "both",
        compat: str = "published",
    ) -> None:
        self.mean = mean
        self.sigma = sigma
        self.k = k
        self.h = h
        self.head_start = head_start
        self.reset = reset
        self.alarm = alarm
        self.direction = direction
        self.compat = compat
        one = _checked(mean, sigma, k, h, head_start, reset, alarm, direction, compat)
        self._state = SidesState(
            one if direction != "fall" else None, one if direction != "rise" else None
        )

    @property
    def lower(self) -> float:
        """As for every chart, but negative with ``compat="qcc"``."""
        return -super().lower if self.compat == "qcc" else super().lower

    def update(self, observation: ArrayLike) -> int:
        """Take a value, or a subgroup's (mean, size), and give the bits of the sides that alarm.

        Raises ``ValueError`` for an infinite value or a size that is not positive.
        """
        value, size = pair(observation)
        if not size > 0.0 and not math.isnan(size):
            raise ValueError(f"size must be positive, not {size}")
        z = (value - self.mean) / self.sigma * math.sqrt(size)
        return self._state.advance(z - self.k, -z - self.k)


def gaussian_cusum(
    values: ArrayLike,
    *,
    sizes: ArrayLike = 1.0,
    mean: ArrayLike = 0.0,
    sigma: ArrayLike = 1.0,
    k: float = 0.5,
    h: float = 5.0,
    head_start: float = 0.0,
    reset: bool | None = None,
    alarm: str = "exceeded",
    direction: str = "both",
    compat: str = "published",
) -> CusumPath:
    """The tabular CUSUM of whole series: what ``GaussianCusum`` says point by point.

    Args:
        values: Points, or means of subgroups, shape (points,) or (points, series); NaN is
            missing.
        sizes: Sizes of the subgroups, broadcast over ``values``.
        mean: In-control mean, one or one of each series.
        sigma: In-control standard deviation of a single value, one or one of each series.
        k: Reference value in standard errors.
        h: Decision interval in standard errors.
        head_start: Start of both sides.
        reset: As in ``GaussianCusum``.
        alarm: As in ``GaussianCusum``.
        direction: As in ``GaussianCusum``.
        compat: As in ``GaussianCusum``.

    Raises ``ValueError`` for values out of range.
    """
    x = finite_or_missing("values", values)
    n = finite_or_missing("sizes", sizes)
    if (n <= 0.0).any():
        raise ValueError("sizes must be positive or NaN (missing)")
    one = _checked(mean, sigma, k, h, head_start, reset, alarm, direction, compat)
    z = (x - np.asarray(mean, np.float64)) / np.asarray(sigma, np.float64) * np.sqrt(n)
    path = follow_sides(
        (one, z - k) if direction != "fall" else None,
        (one, -z - k) if direction != "rise" else None,
    )
    if compat == "qcc":
        return CusumPath(path.upper, -path.lower, path.signals)
    return path


def _checked(
    mean: ArrayLike,
    sigma: ArrayLike,
    k: float,
    h: float,
    head_start: float,
    reset: bool | None,  # noqa: FBT001 - private and always given in order
    alarm: str,
    direction: str,
    compat: str,
) -> Side:
    check_scale(mean, sigma)
    check_not_negative("k", k)
    check_choice("direction", direction, DIRECTIONS)
    check_choice("compat", compat, ("published", "qcc"))
    if compat == "qcc" and reset:
        raise ValueError("reset must not be True with compat 'qcc', which never resets")
    return Side(h, head_start, compat != "qcc" if reset is None else reset, alarm)


def _make() -> GaussianCusum:
    return GaussianCusum(mean=10.0, sigma=2.0, h=4.0, head_start=2.0)


def _sample(rng: np.random.Generator) -> Floats:
    values = rng.normal(10.0, 2.0, 90)
    values[30:40] -= 3.0
    values[60:] += 3.0
    return values


def _latest(history: Floats) -> int:
    path = gaussian_cusum(history, mean=10.0, sigma=2.0, h=4.0, head_start=2.0)
    return int(path.signals[-1])


CONFORMANCE = (
    Subject(name="gaussian_cusum", make=_make, sample=_sample, latest=_latest, missing="ignored"),
)
