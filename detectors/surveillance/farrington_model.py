"""Expected count of a period from its baseline, for every series and period, compiled.

A model with a trend is fitted where one is asked for and the baseline spans three years. It
is kept when the trend is significant and the expected count does not exceed every count of
the baseline; otherwise the model is fitted again without it, weights included.
"""

from __future__ import annotations

import numpy as np

from detectors.compiled import compiled
from detectors.surveillance.past_outbreaks import residuals, weigh
from detectors.surveillance.quasi_poisson import (
    AFTER,
    CONVERGED,
    EXPOSURE,
    FIRST,
    FIT_VALUES,
    FRESH,
    LEVEL,
    LEVEL_ROWS,
    M0,
    M1,
    POINT_ROWS,
    RUN_ROWS,
    SLOPE,
    SPREAD,
    TIME,
    A,
    Y,
    describe,
    fit,
)
from detectors.surveillance.series import Floats, Ints

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
def gather(known: Ints, planned: Ints, runs: Ints, seen: Ints) -> tuple[int, int, int]:
    """Planned runs without their unknown periods into ``runs``: points, runs and levels.

    Levels that occur are numbered anew in order of appearance, ``seen`` giving the new number
    of each (-1 for those that do not occur).
    """
    seen[:] = -1
    n = found = groups = 0
    fresh = 1
    for run in range(planned.shape[1]):
        place = planned[LEVEL, run]
        if planned[FRESH, run]:
            fresh = 1
        inside = False
        for i in range(planned[FIRST, run], planned[AFTER, run]):
            if not known[i]:
                inside, fresh = False, 1
                continue
            if not inside:
                if seen[place] < 0:
                    seen[place] = groups
                    groups += 1
                runs[FIRST, found] = i
                runs[LEVEL, found] = seen[place]
                runs[FRESH, found] = fresh
                found += 1
                inside, fresh = True, 0
            runs[AFTER, found - 1] = i + 1
            n += 1
    return n, found, groups


@compiled
def fit_with_weights(
    points: Floats,
    runs: Ints,
    n: int,
    levels: Floats,
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
    weigh(points, runs, 1.0, np.inf)
    fit(points, runs, levels, trend, fitted)
    if fitted[CONVERGED] == 0.0:
        return 0
    scored = int(not np.isnan(threshold))
    pearson, package = residuals(points, runs, levels, fitted, trend, scored)
    if not scored:
        package = pearson
    out[LIGHTER] = 0.0
    if scored:
        out[LIGHTER] = weigh(points, runs, max(pearson / free, 1.0), threshold)
    if out[LIGHTER] > 0.0:  # otherwise the second fit would repeat the first
        fit(points, runs, levels, trend, fitted)
        pearson, package = residuals(points, runs, levels, fitted, trend, 0)
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
def largest(points: Floats, runs: Ints) -> float:
    """Largest count of the baseline."""
    most = 0.0
    for run in range(runs.shape[1]):
        for i in range(runs[FIRST, run], runs[AFTER, run]):
            most = max(most, points[Y, i])
    return most


@compiled
def choose(
    points: Floats,
    runs: Ints,
    n: int,
    levels: Floats,
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
        if fit_with_weights(points, runs, n, levels, fitted, 1, threshold, out):
            predict(levels, fitted, 1, g, now, out)
            out[ETA] += offset
            spread = out[PACKAGE] if package else out[DISPERSION]
            significant = abs(fitted[SLOPE]) > critical[free] * np.sqrt(spread / fitted[SPREAD])
            out[TREND_STATUS] = TREND_EXTRAPOLATES if significant else TREND_CHANCE
            if significant and np.exp(out[ETA]) <= largest(points, runs):
                out[TREND_STATUS] = TREND_KEPT
                out[TREND] = fitted[SLOPE]
                out[STATUS] = FITTED
                return
    if fit_with_weights(points, runs, n, levels, fitted, 0, threshold, out):
        out[STATUS] = FITTED
        predict(levels, fitted, 0, g, now, out)
        out[ETA] += offset
    else:
        out[STATUS] = NO_CASES if largest(points, runs) == 0.0 else NOT_CONVERGED


@compiled
def prepare(
    counts: Floats, exposures: Floats, used: Ints, tables: Floats, points: Floats, known: Ints
) -> None:
    """The rows of ``points`` for the used periods of one series, and which of them are known."""
    for k in range(len(used)):
        i = used[k]
        points[Y, i] = counts[i]
        points[EXPOSURE, i] = exposures[i] if len(exposures) else 1.0
        known[i] = not (np.isnan(counts[i]) or np.isnan(points[EXPOSURE, i]))
        if known[i]:
            describe(points, i, tables)


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
        tables: See ``describe``.

    """
    periods = counts.shape[1]
    out = np.full((len(counts), len(at), OUT_VALUES), np.nan)
    points, known = np.ones((POINT_ROWS, periods)), np.zeros(periods, np.int64)
    runs_room = np.empty(RUN_ROWS * periods, np.int64)
    level_room, fitted = np.empty(LEVEL_ROWS * (level_now + 1)), np.empty(FIT_VALUES)
    seen = np.empty(level_now + 1, np.int64)
    for s in range(len(counts)):
        prepare(counts[s], exposures[s], used, tables, points, known)
        for k in range(len(at)):
            row = out[s, k]
            row[STATUS], row[TREND_STATUS] = TOO_FEW_KNOWN, NO_TREND_ASKED
            plan = planned[:, bounds[k] : bounds[k + 1]]
            if plan.shape[1] == 0:
                continue
            whole = runs_room.reshape(RUN_ROWS, periods)
            n, found, groups = gather(known, plan, whole, seen)
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
            runs = whole[:, :found]
            centre = times[(plan[FIRST, 0] + at[k]) // 2]
            for run in range(found):
                for i in range(runs[FIRST, run], runs[AFTER, run]):
                    points[TIME, i] = times[i] - centre
            now = times[at[k]] - centre
            if package == 2:
                now -= times[runs[FIRST, 0]] - times[plan[FIRST, 0]]
            levels = level_room[: LEVEL_ROWS * groups].reshape(LEVEL_ROWS, groups)
            choose(
                points, runs, n, levels, fitted, g, now, offset,
                trend, critical, threshold, package, row,
            )  # fmt: skip
    return out
