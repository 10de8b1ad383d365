"""Expected count of a period from its baseline, for every series and period, compiled.

A model with a trend is fitted where one is asked for and the baseline spans three years. It
is kept when the trend is significant and the expected count does not exceed every count of
the baseline; otherwise the model is fitted again without it, weights included.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats, Ints
from detectors.compiled import compiled
from detectors.surveillance.layout import (
    AFTER,
    CONVERGED,
    FIRST,
    FIRST_CASES,
    FIT_VALUES,
    FRESH,
    KNOWN,
    LEVEL,
    LEVEL_ROWS,
    M0,
    M1,
    POINT_ROWS,
    POWER_ROWS,
    RUN_ROWS,
    RUNNING,
    SLOPE,
    SPREAD,
    TOTALS,
    A,
    Y,
)
from detectors.surveillance.past_outbreaks import BEYOND, residuals, weigh, weigh_equally
from detectors.surveillance.quasi_poisson import fit
from detectors.surveillance.running_totals import begin, prepare, start_equal

# Whether there is a model, and why not.
FITTED, TOO_FEW_KNOWN, NOT_CONVERGED, NO_CASES, NO_EXPOSURE = range(5)

# What became of the trend.
NO_TREND_ASKED, TREND_KEPT, TREND_NOT_FITTED, TREND_CHANCE, TREND_EXTRAPOLATES = range(5)

# Columns of the result: linear predictor with offset; its variance over the dispersion; the
# dispersion, and the package's variant; the slope (NaN without); points that count less; the
# codes above; whether the last fit converged; and the points used.
ETA, VARIANCE, DISPERSION, PACKAGE, TREND, LIGHTER, STATUS, TREND_STATUS, OK, POINTS = range(10)
OUT_VALUES = 10


@compiled
def gather(
    running: Floats,
    planned: Ints,
    times: Floats,
    centre: float,
    runs: Ints,
    starts: Floats,
    seen: Ints,
) -> tuple[int, int, int]:
    """Planned runs without their unknown periods, into ``runs`` and ``starts``.

    Gives the numbers of points, runs and levels. Levels that occur are numbered anew in order
    of appearance, ``seen`` giving the new number of each (-1 for those that do not occur).
    """
    seen[:] = -1
    n = found = groups = 0
    fresh = 1
    for run in range(planned.shape[1]):
        first, after, place = planned[FIRST, run], planned[AFTER, run], planned[LEVEL, run]
        if planned[FRESH, run]:
            fresh = 1
        known = int(running[after, KNOWN] - running[first, KNOWN])
        whole = known == after - first
        i = first
        while i < after:
            last = after
            if not whole:
                while i < after and running[i + 1, KNOWN] == running[i, KNOWN]:
                    i, fresh = i + 1, 1
                last = i
                while last < after and running[last + 1, KNOWN] > running[last, KNOWN]:
                    last += 1
            if last > i:
                if seen[place] < 0:
                    seen[place] = groups
                    groups += 1
                runs[FIRST, found], runs[AFTER, found] = i, last
                runs[LEVEL, found], runs[FRESH, found] = seen[place], fresh
                starts[found] = times[i] - centre
                found += 1
                fresh = 0
            i = last
        n += known
    return n, found, groups


@compiled
def fit_with_weights(
    points: Floats,
    runs: Ints,
    starts: Floats,
    powers: Floats,
    n: int,
    levels: Floats,
    totals: Floats,
    odd: Ints,
    fitted: Floats,
    trend: int,
    threshold: float,
    out: Floats,
) -> int:
    """Fit, and fit again with past outbreaks weighted down unless ``threshold`` is NaN.

    Gives whether the first fit converged; dispersions and diagnostics into ``out``. A second
    fit that does not converge is used as it stands and noted, as published software does.
    """
    free = float(n - levels.shape[1] - trend)
    start_equal(levels, totals)
    fit(points, runs, starts, powers, levels, totals, odd, trend, fitted)
    if fitted[CONVERGED] == 0.0:
        return 0
    scored = int(not np.isnan(threshold))
    pearson, package = residuals(points, runs, starts, powers, levels, fitted, trend, scored)
    if not scored:
        package = pearson
    out[LIGHTER] = 0.0
    if scored:
        phi = max(pearson / free, 1.0)
        out[LIGHTER] = weigh(points, runs, starts, n, phi, threshold, levels, totals, odd)
    if out[LIGHTER] > 0.0:  # otherwise the second fit would repeat the first
        fit(points, runs, starts, powers, levels, totals, odd, trend, fitted)
        pearson, package = residuals(points, runs, starts, powers, levels, fitted, trend, 0)
        weigh_equally(points, runs, odd)
    out[DISPERSION], out[PACKAGE] = pearson / free, package / free
    out[OK] = fitted[CONVERGED]
    return 1


@compiled
def predict(levels: Floats, fitted: Floats, trend: int, g: int, now: float, out: Floats) -> None:
    """Linear predictor of level ``g`` at time ``now`` and its variance over the dispersion."""
    out[ETA] = levels[A, g] + fitted[SLOPE] * now
    out[VARIANCE] = 1.0 / levels[M0, g]
    if trend:
        away = now - levels[M1, g] / levels[M0, g]
        out[VARIANCE] += away * away / fitted[SPREAD]


@compiled
def reached(points: Floats, runs: Ints, level: float) -> bool:
    """Whether any count of the baseline is as large as ``level``; ends at the first."""
    for run in range(runs.shape[1]):
        for i in range(runs[FIRST, run], runs[AFTER, run]):
            if points[Y, i] >= level:
                return True
    return False


@compiled
def choose(
    points: Floats,
    runs: Ints,
    starts: Floats,
    powers: Floats,
    n: int,
    levels: Floats,
    totals: Floats,
    odd: Ints,
    fitted: Floats,
    g: int,
    now: float,
    offset: float,
    trend: int,
    critical: Floats,
    threshold: float,
    package: int,
    out: Floats,
) -> None:
    """The model with a trend where it holds, without it otherwise; everything into ``out``."""
    free = n - levels.shape[1] - 1
    if trend and free > 0:
        out[TREND_STATUS] = TREND_NOT_FITTED
        if fit_with_weights(
            points, runs, starts, powers, n, levels, totals, odd, fitted, 1, threshold, out
        ):
            predict(levels, fitted, 1, g, now, out)
            out[ETA] += offset
            spread = out[PACKAGE] if package else out[DISPERSION]
            significant = abs(fitted[SLOPE]) > critical[free] * np.sqrt(spread / fitted[SPREAD])
            out[TREND_STATUS] = TREND_EXTRAPOLATES if significant else TREND_CHANCE
            if significant and reached(points, runs, np.exp(out[ETA])):
                out[TREND_STATUS] = TREND_KEPT
                out[TREND] = fitted[SLOPE]
                out[STATUS] = FITTED
                return
    if fit_with_weights(
        points, runs, starts, powers, n, levels, totals, odd, fitted, 0, threshold, out
    ):
        out[STATUS] = FITTED
        predict(levels, fitted, 0, g, now, out)
        out[ETA] += offset
    else:
        nothing = levels[FIRST_CASES].sum() == 0.0
        out[STATUS] = NO_CASES if nothing else NOT_CONVERGED


@compiled
def expect(
    counts: Floats,
    exposures: Floats,
    times: Floats,
    at: Ints,
    bounds: Ints,
    planned: Ints,
    used: Ints,
    level_now: int,
    trend: int,
    critical: Floats,
    threshold: float,
    package: int,
    tables: Floats,
) -> Floats:
    """Model of every (series, judged period), ``F64[series, judged, OUT_VALUES]``.

    Args:
        counts: ``F64[series, periods]``, NaN where missing.
        exposures: Likewise, or ``F64[series, 0]`` for none.
        times: Time of each period.
        at: Judged periods; the baseline of the k-th is ``planned[:, bounds[k]:bounds[k + 1]]``,
            empty when the history is too short (status TOO_FEW_KNOWN).
        bounds: See ``at``.
        planned: Runs of all baselines, ``I64[RUN_ROWS, runs]``.
        used: Periods that occur in any baseline.
        level_now: Level of the judged period.
        trend: Whether to try a trend.
        critical: Least significant ratio of the slope to its standard error, by degrees of
            freedom.
        threshold: Residual above which a point counts less, NaN for no reweighting.
        package: 1 to test the trend by the package's dispersion, 2 to date the period as well
            from the first known point of the baseline (``farrington``).
        tables: See ``running_totals.prepare``.

    """
    periods = counts.shape[1]
    longest = 0
    for run in range(planned.shape[1]):
        longest = max(longest, planned[AFTER, run] - planned[FIRST, run])
    out = np.full((len(counts), len(at), OUT_VALUES), np.nan)
    points, running = np.zeros((POINT_ROWS, periods)), np.zeros((periods + 1, RUNNING))
    runs_room, starts_room = np.empty(RUN_ROWS * periods, np.int64), np.empty(periods)
    level_room, fitted = np.empty(LEVEL_ROWS * (level_now + 1)), np.empty(FIT_VALUES)
    powers, totals = np.empty((POWER_ROWS, longest + 1)), np.empty((2, TOTALS))
    seen, plain = np.empty(level_now + 1, np.int64), int(exposures.shape[1] == 0)
    odd = np.full(periods + 1, BEYOND)
    for s in range(len(counts)):
        prepare(counts[s], exposures[s], times, used, tables, points, running)
        for k in range(len(at)):
            row = out[s, k]
            row[STATUS], row[TREND_STATUS] = TOO_FEW_KNOWN, NO_TREND_ASKED
            plan = planned[:, bounds[k] : bounds[k + 1]]
            if plan.shape[1] == 0:
                continue
            centre = times[(plan[FIRST, 0] + at[k]) // 2]
            whole = runs_room.reshape(RUN_ROWS, periods)
            n, found, groups = gather(running, plan, times, centre, whole, starts_room, seen)
            row[POINTS] = n
            g = seen[level_now]
            if g < 0 or n <= groups:
                continue
            offset = 0.0
            if exposures.shape[1]:
                offset = np.log(exposures[s, at[k]])
                if np.isnan(offset):
                    row[STATUS] = NO_EXPOSURE
                    continue
            runs, starts = whole[:, :found], starts_room[:found]
            now = times[at[k]] - centre
            if package == 2:
                now -= times[runs[FIRST, 0]] - times[plan[FIRST, 0]]
            levels = level_room[: LEVEL_ROWS * groups].reshape(LEVEL_ROWS, groups)
            begin(running, runs, centre, plain, levels, totals)
            choose(
                points, runs, starts, powers, n, levels, totals, odd, fitted, g, now, offset,
                trend, critical, threshold, package, row,
            )  # fmt: skip
    return out
