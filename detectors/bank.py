"""Many series at once: CUSUM, EWMA, three-sigma limits and the four NHS rules, in columns.

The state of each chart is one column over the series, and a step takes one value of every
series. With z = (x - mean) / sigma:

    CUSUM   C+ = max(0, C+ + z - k),  C- = max(0, C- - z - k),   signal when either > h
    EWMA    E = w z + (1 - w) E,  E_0 = 0,          signal when |E| > L sqrt(w / (2 - w))
    limits  |z| > 3, and the other NHS rules with near limits at 2 (``nhs_rules``)

Every comparison is strict, a tie being one within 1e-9: as on a chart of a single series, ten
times 0.1 is 1. With known mean and sigma and independent Gaussian data the
average run lengths to a false signal are: two-sided CUSUM with k = 0.5, 465 points at h = 5
and 168 at h = 4; EWMA with w = 0.2, 500 points at L = 2.962; three-sigma limits, 370; the
four NHS rules together, 86. These are tools for screening and for charts of measurements;
counts need a count model.

Sources: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954); S. W. Roberts,
"Control chart tests based on geometric moving averages", Technometrics 1 (1959);
J. M. Lucas & M. S. Saccucci, Technometrics 32 (1990).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats
from detectors.charts.nhs_rules import (
    SHIFT_POINTS,
    TREND_POINTS,
    check_lengths,
    extend,
    limit_bits,
    shift_bits,
    trend_bits,
    two_of_three_bits,
    variant_of,
    zone_of,
)
from detectors.compiled import compiled
from detectors.conformance import Subject
from detectors.demands import numbers
from detectors.sequential.cusum_recursion import TIE

# The low eight bits are those of ``nhs_rules``.
CUSUM_HIGH, CUSUM_LOW, EWMA_HIGH, EWMA_LOW = (1 << bit for bit in range(8, 12))

_CHUNK = 1024  # series whose state stays in the processor's nearest cache while time passes

Marks = NDArray[np.int8]
"""Signed lengths of patterns, or zones."""
Bits = NDArray[np.uint16]

# One short loop per method, over few columns each and without branches: that is what lets
# the compiler use vector instructions. One loop over everything is six times slower.


@compiled
def _standardise(values: Floats, mean: Floats, scale: Floats, z: Floats) -> None:
    for s in range(len(z)):
        distance = (values[s] - mean[s]) * scale[s]
        z[s] = distance if abs(distance) < np.inf else np.nan


@compiled
def _cusum(
    z: Floats, high: Floats, low: Floats, k: float, h: float, keep: float, bits: Bits
) -> None:
    for s in range(len(z)):
        known = z[s] == z[s]
        up = max(0.0, high[s] + z[s] - k)
        down = max(0.0, low[s] - z[s] - k)
        bits[s] = (CUSUM_HIGH * int(up > h) + CUSUM_LOW * int(down > h)) * int(known)
        up = up * keep if up > h else up
        down = down * keep if down > h else down
        high[s] = up if known else high[s]
        low[s] = down if known else low[s]


@compiled
def _ewma(z: Floats, average: Floats, weight: float, reach: float, keep: float, bits: Bits) -> None:
    for s in range(len(z)):
        new = weight * z[s] + (1.0 - weight) * average[s]
        bits[s] += EWMA_HIGH * int(new > reach) + EWMA_LOW * int(new < -reach)
        new = new * keep if abs(new) > reach else new
        average[s] = new if abs(new) < np.inf else average[s]


@compiled
def _limits(z: Floats, zone: Marks, bits: Bits) -> None:
    for s in range(len(z)):
        zone[s] = zone_of(z[s], 0.0, -3.0 - TIE, 3.0 + TIE, -2.0 - TIE, 2.0 + TIE)
        bits[s] += limit_bits(zone[s])


@compiled
def _trend(
    values: Floats, z: Floats, previous: Floats, trend: Marks, steps: int, bits: Bits
) -> None:
    for s in range(len(z)):
        value = values[s] if z[s] == z[s] else np.nan
        trend[s] = extend(trend[s], value > previous[s], value < previous[s], steps)
        previous[s] = value
        bits[s] += trend_bits(trend[s], steps)


@compiled
def _two_of_three(
    z: Floats, zone: Marks, before: Marks, earlier: Marks, variant: int, bits: Bits
) -> None:
    for s in range(len(z)):
        known = int(z[s] == z[s])
        bits[s] += two_of_three_bits(zone[s], before[s], earlier[s], variant) * known
        earlier[s] = before[s]
        before[s] = zone[s]


@compiled
def _shift(zone: Marks, run: Marks, points: int, bits: Bits) -> None:
    for s in range(len(zone)):
        run[s] = extend(run[s], zone[s] > 0, zone[s] < 0, points)
        bits[s] += shift_bits(run[s], points)


@compiled
def _run(
    values: Floats,
    mean: Floats,
    scale: Floats,
    charts: Floats,
    patterns: Marks,
    k: float,
    h: float,
    weight: float,
    reach: float,
    keep: float,
    shift_points: int,
    trend_points: int,
    variant: int,
    signals: Bits,
) -> None:
    steps, series = values.shape
    for a in range(0, series, _CHUNK):
        b = min(a + _CHUNK, series)
        z = np.empty(b - a)
        zone = np.empty(b - a, np.int8)
        for t in range(steps):
            bits = signals[t, a:b]
            _standardise(values[t, a:b], mean[a:b], scale[a:b], z)
            _cusum(z, charts[0, a:b], charts[1, a:b], k, h, keep, bits)
            _ewma(z, charts[2, a:b], weight, reach, keep, bits)
            _limits(z, zone, bits)
            _trend(values[t, a:b], z, charts[3, a:b], patterns[0, a:b], trend_points - 1, bits)
            _two_of_three(z, zone, patterns[1, a:b], patterns[2, a:b], variant, bits)
            _shift(zone, patterns[3, a:b], shift_points, bits)


class Bank:
    """Charts over many series, one value of each series per step.

    A missing value (NaN, or infinite) gives no signal, leaves CUSUM and EWMA as they are and
    breaks runs and trends. A series whose sigma is not positive is never judged.

    Args:
        mean: In-control mean of each series, shape (series,).
        sigma: In-control standard deviation of each series, shape (series,).
        k: Allowance of the CUSUM in sigmas, half the shift it is quickest for. Smaller
            values see smaller shifts and need a greater ``h``.
        h: Decision interval of the CUSUM in sigmas. Greater values mean fewer false
            signals and later true ones.
        weight: Weight of the newest value in the EWMA, above 0 and at most 1. Smaller
            values see smaller, longer shifts.
        width: EWMA limit in standard deviations of the EWMA.
        shift_points: Points on one side of the mean that make a shift.
        trend_points: Points that make a trend.
        two_of_three: Reading of the two-of-three rule (``nhs_rules.TwoOfThree``).
        reset: Start a CUSUM or EWMA afresh once it has signalled, so that each signal is a
            new one; otherwise it goes on signalling while it stays beyond its limit.

    Example:
        >>> bank = Bank(mean=[10.0, 10.0], sigma=[1.0, 1.0])
        >>> bank.update([14.0, 10.5])  # three-sigma limit on the first
        array([1, 0], dtype=uint16)
    """

    def __init__(
        self,
        mean: ArrayLike,
        sigma: ArrayLike,
        *,
        k: float = 0.5,
        h: float = 5.0,
        weight: float = 0.2,
        width: float = 2.962,
        shift_points: int = SHIFT_POINTS,
        trend_points: int = TREND_POINTS,
        two_of_three: str = "plot_the_dots",
        reset: bool = True,
    ) -> None:
        check_lengths(shift_points, trend_points)
        finite = math.isfinite(k) and math.isfinite(h) and math.isfinite(width)
        if not (finite and k >= 0.0 and h > 0.0 and width > 0.0 and 0.0 < weight <= 1.0):
            raise ValueError(
                "k must not be negative, h and width positive and finite, weight in (0, 1]"
            )
        self.mean = np.array(mean, dtype=np.float64)
        self.sigma = np.array(sigma, dtype=np.float64)
        if self.mean.ndim != 1 or self.mean.shape != self.sigma.shape:
            raise ValueError("mean and sigma must have one entry per series")
        self.k = k
        self.h = h
        self.weight = weight
        self.width = width
        self.shift_points = shift_points
        self.trend_points = trend_points
        self.two_of_three = two_of_three
        self.reset = reset
        self._variant = variant_of(two_of_three)
        self._reach = width * float(np.sqrt(weight / (2.0 - weight)))
        usable = self.sigma > 0.0
        self._scale = np.where(usable, 1.0 / np.where(usable, self.sigma, 1.0), np.nan)
        self._charts = np.zeros((4, len(self.mean)))  # CUSUM up, down; EWMA; previous value
        self._charts[3] = np.nan
        self._patterns = np.zeros((4, len(self.mean)), np.int8)  # trend; two zones; run

    def update(self, values: ArrayLike) -> NDArray[np.uint16]:
        """Take the next value of every series, shape (series,), and give their signal bits."""
        signals: Bits = self.run(numbers("values", values)[np.newaxis])[0]
        return signals

    def run(self, values: ArrayLike) -> NDArray[np.uint16]:
        """Take several steps, shape (steps, series); the signals have the same shape.

        Raises ``ValueError`` when the second axis is not the bank's number of series.
        """
        block = np.ascontiguousarray(values, np.float64)
        if block.ndim != 2 or block.shape[1] != len(self.mean):
            raise ValueError(f"values must have shape (steps, {len(self.mean)})")
        signals = np.empty(block.shape, np.uint16)
        _run(
            block,
            self.mean,
            self._scale,
            self._charts,
            self._patterns,
            self.k,
            self.h + TIE,
            self.weight,
            self._reach + TIE,
            0.0 if self.reset else 1.0,
            self.shift_points,
            self.trend_points,
            self._variant,
            signals,
        )
        return signals

    @property
    def cusum(self) -> Floats:
        """Upper and lower CUSUM of every series in sigmas, shape (2, series), both positive."""
        return self._charts[:2].copy()

    @property
    def ewma(self) -> Floats:
        """EWMA of every series in sigmas, shape (series,)."""
        average: Floats = self._charts[2].copy()
        return average


def _make() -> Bank:
    return Bank(np.full(6, 10.0), np.full(6, 2.0), h=4.0)


def _sample(rng: np.random.Generator) -> Floats:
    values = np.round(rng.normal(10.0, 2.0, (80, 6)), 1)
    values[50:] += np.linspace(-3.0, 3.0, 6)
    return values


def _latest(history: Floats) -> NDArray[np.uint16]:
    signals: Bits = _make().run(history)[-1]
    return signals


CONFORMANCE = (Subject(name="bank", make=_make, sample=_sample, latest=_latest, missing="breaks"),)
