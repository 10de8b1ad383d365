"""What a fit starts from, by differences of running totals instead of a pass over points.

At mu = y + 0.1, where every fit starts, the sums of weighted least squares are sums of
functions of the counts alone. Their running totals over the periods of a series serve every
judged period: the sum over a run of periods is a difference of two of them. The totals begin
anew after every gap in the periods used. Points that count less take their part off again.

An unknown period has exposure and prior weight 0 and adds nothing to any sum.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats, Ints
from detectors.compiled import compiled
from detectors.surveillance.layout import (
    AFTER,
    CASES,
    COUNT,
    COUNT_T,
    DEVIANCE_AT_START,
    EQUAL,
    EXPOSED,
    EXPOSURE,
    FIRST,
    FIRST_CASES,
    FIRST_EXPOSED,
    FIRST_M0,
    FIRST_M1,
    FIRST_RESPONSE,
    HALF_SATURATED,
    HALF_START,
    KNOWN,
    LEVEL,
    M0,
    M1,
    NOW,
    OMEGA,
    OPEN,
    PLAIN,
    POINT_ROWS,
    RATE,
    RESPONSE,
    ROOT,
    SATURATED,
    SATURATED_PART,
    SHARE,
    START_DEVIANCE,
    START_Z,
    TIMED_CASES,
    TIMED_RESPONSE,
    TIMED_TWICE,
    WEIGHT,
    WEIGHT_T,
    WEIGHT_TT,
    WEIGHTED,
    Z_T,
    Y,
    Z,
)

START = 0.1
"""Added to every count for the first mean, as R's ``glm`` does."""


@compiled
def prepare(
    counts: Floats,
    exposures: Floats,
    times: Floats,
    used: Ints,
    tables: Floats,
    points: Floats,
    running: Floats,
) -> None:
    """``points`` and ``running`` of the used periods of one series.

    ``tables`` holds, a row a small count, y log y, log(y + 0.1) and y^(2/3).
    """
    before = -2
    known = y_0 = y_t = w_0 = w_t = w_tt = z_0 = z_t = opened = saturated = start = 0.0
    for j in range(len(used)):
        i = used[j]
        if i != before + 1:
            known = y_0 = y_t = w_0 = w_t = w_tt = z_0 = z_t = opened = saturated = start = 0.0
            running[i] = 0.0
        before = i
        y, exposure = counts[i], exposures[i] if len(exposures) else 1.0
        if np.isnan(y) or np.isnan(exposure):
            for row in range(POINT_ROWS):
                points[row, i] = 0.0
        else:
            small = int(y)
            if small < len(tables) and small == y:
                y_log_y, log_start, root = tables[small, 0], tables[small, 1], tables[small, 2]
            else:
                y_log_y, log_start, root = y * np.log(y), np.log(y + START), y ** (2.0 / 3.0)
                if y == 0.0:
                    y_log_y = 0.0
            rate, log_exposure = y, 0.0
            if exposure != 1.0:
                rate /= exposure
                log_exposure = np.log(exposure)
                root *= exposure ** (-2.0 / 3.0)
            time, w = times[i], y + START
            z = w * (log_start - log_exposure) - START
            half_saturated = y_log_y - y * log_exposure - y
            half_start = y_log_y - y * log_start + START
            points[Y, i], points[EXPOSURE, i], points[RATE, i] = y, exposure, rate
            points[ROOT, i], points[OMEGA, i], points[WEIGHTED, i] = root, 1.0, exposure
            points[START_Z, i], points[SATURATED, i] = z, half_saturated
            points[START_DEVIANCE, i] = half_start
            known += 1.0
            y_0 += y
            y_t += y * time
            w_0 += w
            w_t += w * time
            w_tt += w * time * time
            z_0 += z
            z_t += z * time
            opened += exposure
            saturated += half_saturated
            start += half_start
        running[i + 1, KNOWN], running[i + 1, COUNT], running[i + 1, COUNT_T] = known, y_0, y_t
        running[i + 1, WEIGHT], running[i + 1, WEIGHT_T] = w_0, w_t
        running[i + 1, WEIGHT_TT], running[i + 1, OPEN] = w_tt, opened
        running[i + 1, Z], running[i + 1, Z_T] = z_0, z_t
        running[i + 1, HALF_SATURATED], running[i + 1, HALF_START] = saturated, start


@compiled
def begin(
    running: Floats, runs: Ints, centre: float, plain: int, levels: Floats, totals: Floats
) -> None:
    """Sums at mu = y + 0.1 with equal weights and time from ``centre``: FIRST rows, EQUAL."""
    levels[FIRST_M0 : FIRST_RESPONSE + 1] = 0.0
    w_tt = z_t = y_t = saturated = deviance = 0.0
    for run in range(runs.shape[1]):
        g, a, b = runs[LEVEL, run], runs[FIRST, run], runs[AFTER, run]
        w = running[b, WEIGHT] - running[a, WEIGHT]
        w_t = running[b, WEIGHT_T] - running[a, WEIGHT_T]
        y = running[b, COUNT] - running[a, COUNT]
        z = running[b, Z] - running[a, Z]
        levels[FIRST_M0, g] += w
        levels[FIRST_M1, g] += w_t - centre * w
        levels[FIRST_CASES, g] += y
        levels[FIRST_EXPOSED, g] += running[b, OPEN] - running[a, OPEN]
        levels[FIRST_RESPONSE, g] += z
        w_tt += running[b, WEIGHT_TT] - running[a, WEIGHT_TT] - centre * (2.0 * w_t - centre * w)
        z_t += running[b, Z_T] - running[a, Z_T] - centre * z
        y_t += running[b, COUNT_T] - running[a, COUNT_T] - centre * y
        saturated += running[b, HALF_SATURATED] - running[a, HALF_SATURATED]
        deviance += running[b, HALF_START] - running[a, HALF_START]
    totals[EQUAL, TIMED_TWICE] = w_tt
    totals[EQUAL, TIMED_RESPONSE] = z_t
    totals[EQUAL, TIMED_CASES] = y_t
    totals[EQUAL, SATURATED_PART] = 2.0 * saturated
    totals[EQUAL, DEVIANCE_AT_START] = 2.0 * deviance
    totals[EQUAL, SHARE], totals[EQUAL, PLAIN] = 1.0, plain


@compiled
def start_equal(levels: Floats, totals: Floats) -> None:
    """Start from equal weights."""
    for g in range(levels.shape[1]):
        levels[M0, g] = levels[FIRST_M0, g]
        levels[M1, g] = levels[FIRST_M1, g]
        levels[CASES, g] = levels[FIRST_CASES, g]
        levels[EXPOSED, g] = levels[FIRST_EXPOSED, g]
        levels[RESPONSE, g] = levels[FIRST_RESPONSE, g]
    totals[NOW] = totals[EQUAL]


@compiled
def take_off(
    points: Floats, i: int, g: int, time: float, part: float, levels: Floats, totals: Floats
) -> None:
    """Leave ``part`` of the weight of period ``i`` out of what the fit starts from."""
    y = part * points[Y, i]
    w = part * (points[Y, i] + START)
    z = part * points[START_Z, i]
    levels[M0, g] -= w
    levels[M1, g] -= w * time
    levels[CASES, g] -= y
    levels[EXPOSED, g] -= part * points[EXPOSURE, i]
    levels[RESPONSE, g] -= z
    totals[NOW, TIMED_TWICE] -= w * time * time
    totals[NOW, TIMED_RESPONSE] -= z * time
    totals[NOW, TIMED_CASES] -= y * time
    totals[NOW, SATURATED_PART] -= 2.0 * part * points[SATURATED, i]
    totals[NOW, DEVIANCE_AT_START] -= 2.0 * part * points[START_DEVIANCE, i]


@compiled
def scale_up(share: float, levels: Floats, totals: Floats) -> None:
    """Multiply every weight in what the fit starts from by ``share``."""
    for g in range(levels.shape[1]):
        levels[M0, g] *= share
        levels[M1, g] *= share
        levels[CASES, g] *= share
        levels[EXPOSED, g] *= share
        levels[RESPONSE, g] *= share
    for k in range(TIMED_TWICE, SHARE + 1):
        totals[NOW, k] *= share
