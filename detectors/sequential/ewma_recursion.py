"""The recursion of an EWMA and of its variance, in standard deviations of one value.

``barrier`` is 1 for a chart of rises, held at or above the target, -1 for one of falls, held
at or below it, and 0 for a chart of both sides.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Bits, Floats
from detectors.compiled import compiled
from detectors.sequential.cusum_recursion import FALL, RISE, beyond


@compiled
def step(
    value: float,
    size: float,
    average: float,
    variance: float,
    weight: float,
    barrier: int,
) -> tuple[float, float]:
    """EWMA and its variance after a point, in standard deviations of a value from the target."""
    average = weight * value + (1.0 - weight) * average
    if barrier > 0:
        average = max(average, 0.0)
    elif barrier < 0:
        average = min(average, 0.0)
    return average, weight * weight / size + (1.0 - weight) * (1.0 - weight) * variance


@compiled
def judge(average: float, reach: float, barrier: int, reached: int) -> int:
    """The bits of the sides on which the EWMA is ``reach`` from the target."""
    up = barrier >= 0 and beyond(average, reach, reached)
    down = barrier <= 0 and beyond(-average, reach, reached)
    return RISE * int(up) + FALL * int(down)


@compiled
def run(
    z: Floats,
    sizes: Floats,
    weight: float,
    width: float,
    start: Floats,
    barrier: int,
    exact: int,
    reached: int,
    reset: int,
    average: Floats,
    reach: Floats,
    signals: Bits,
) -> None:
    """Charts over z, shape (points, series), filling three arrays of that shape."""
    points, series = z.shape
    now, variance = start.copy(), np.zeros(series)
    limit = np.full(series, np.nan)
    for t in range(points):
        for s in range(series):
            value, size = z[t, s], sizes[t, s]
            signal = 0
            if not np.isnan(value) and not np.isnan(size):
                now[s], variance[s] = step(value, size, now[s], variance[s], weight, barrier)
                final = weight / (2.0 - weight) / size
                limit[s] = width * np.sqrt(variance[s] if exact else final)
                signal = judge(now[s], limit[s], barrier, reached)
            average[t, s] = now[s]
            reach[t, s] = limit[s]
            signals[t, s] = signal
            if signal and reset:
                now[s], variance[s] = start[s], 0.0
