"""Quasi-Poisson regression on time and season, compiled for very many short fits.

    log mu_i = log e_i + a_g(i) + beta t_i,     Var y_i = phi mu_i / omega_i

with a level a_g for each season g and one slope. Because each point has exactly one level,
the information matrix is an arrow: diagonal but for the slope's row and column. So a step of
iteratively reweighted least squares needs three sums a level and no linear algebra. Along
consecutive periods exp(beta t) grows by a constant factor, so a step costs an exponential a
level and one a gap, not one a point; and without a slope it costs nothing per point at all.

The iteration is that of R's ``glm.fit``, so that results agree with published analyses to
their last digits: start at mu = y + 0.1, stop when the deviance changes by less than 1e-8 of
itself plus 0.1, at most 25 steps, and take the information and the weights of the Pearson
statistic at the last but one iterate.

Source: P. McCullagh & J. A. Nelder, *Generalized Linear Models* (1989), section 2.5.
"""

from __future__ import annotations

import numpy as np

from detectors.compiled import compiled
from detectors.surveillance.series import Floats, Ints

LARGEST_STEPS = 25
TOLERANCE = 1e-8
START = 0.1
ALIASED = 1e-12

# Rows of ``points``, a column a period of the series: the count, its exposure, count over
# exposure and that to the power 2/3, prior weight, weight times exposure, three functions of
# the count (see ``describe``), and the squared residual.
Y, EXPOSURE, RATE, ROOT, OMEGA, WEIGHTED, START_Z, SATURATED, START_DEVIANCE, EXCESS, TIME = range(
    11
)
POINT_ROWS = 11

# Rows of ``runs``, a column a run of known consecutive periods of one level: its first period,
# the one after its last, its level, and 1 where the period before it is not in the baseline.
FIRST, AFTER, LEVEL, FRESH = range(4)
RUN_ROWS = 4

# Rows of ``levels``, a column a level: coefficients at the last and the last but one iterate;
# sums of mu, mu t and mu t^2 at the last but one (the information) and at the last; sums of
# counts and exposure; sums of weight times working response; and exponentials of multiples of
# the coefficients.
A, A_OLD, M0, M1, M2, NEW_M0, NEW_M1, NEW_M2, CASES, EXPOSED, RESPONSE = range(11)
FACTOR, FACTOR_OLD, PER_FACTOR, PER_ROOT = range(11, 15)
LEVEL_ROWS = 15

# Places in ``fitted``: slope at the last and the last but one iterate, its information,
# whether the iteration converged, and its steps.
SLOPE, SLOPE_OLD, SPREAD, CONVERGED, STEPS = range(5)
FIT_VALUES = 5


@compiled
def describe(points: Floats, i: int, tables: Floats) -> None:
    """Fill the rows of period ``i`` that depend on its count and exposure only.

    ``tables`` holds y log y, log(y + 0.1) and y^(2/3) of the small counts.
    """
    y, exposure = points[Y, i], points[EXPOSURE, i]
    small = int(y)
    if small < tables.shape[1] and small == y:
        y_log_y, log_start, root = tables[0, small], tables[1, small], tables[2, small]
    else:
        y_log_y, log_start, root = y * np.log(y), np.log(y + START), y ** (2.0 / 3.0)
        if y == 0.0:
            y_log_y = 0.0
    log_exposure = 0.0
    if exposure != 1.0:
        log_exposure = np.log(exposure)
        root *= exposure ** (-2.0 / 3.0)
    points[RATE, i] = y / exposure
    points[ROOT, i] = root
    points[START_Z, i] = (y + START) * (log_start - log_exposure) - START
    points[SATURATED, i] = y_log_y - y * log_exposure - y
    points[START_DEVIANCE, i] = y_log_y - y * log_start + START


@compiled
def begin(points: Floats, runs: Ints, levels: Floats, trend: int) -> tuple[float, ...]:
    """Sums at mu = y + 0.1: of w z t, of cases times t, the saturated part, the deviance."""
    for row in (M0, M1, M2, CASES, EXPOSED, RESPONSE):
        levels[row] = 0.0
    response_t = cases_t = saturated = deviance = 0.0
    for run in range(runs.shape[1]):
        g = runs[LEVEL, run]
        m0 = m1 = m2 = cases = exposed = response = 0.0
        for i in range(runs[FIRST, run], runs[AFTER, run]):
            omega, t, y = points[OMEGA, i], points[TIME, i], points[Y, i]
            w = omega * (y + START)
            z = omega * points[START_Z, i]
            m0 += w
            m1 += w * t
            m2 += w * t * t
            response += z
            response_t += z * t
            cases += omega * y
            cases_t += omega * y * t
            exposed += points[WEIGHTED, i]
            saturated += omega * points[SATURATED, i]
            deviance += omega * points[START_DEVIANCE, i]
        levels[M0, g] += m0
        levels[CASES, g] += cases
        levels[EXPOSED, g] += exposed
        levels[RESPONSE, g] += response
        if trend:
            levels[M1, g] += m1
            levels[M2, g] += m2
    return response_t, cases_t, 2.0 * saturated, 2.0 * deviance


@compiled
def solve(levels: Floats, response_t: float, trend: int) -> tuple[float, float]:
    """Weighted least squares by the M and RESPONSE rows: new levels; slope and its information.

    The information is 0 when the slope cannot be told from the levels.
    """
    slope = spread = 0.0
    groups = levels.shape[1]
    if trend:
        whole = right = 0.0
        for g in range(groups):
            centre = levels[M1, g] / levels[M0, g]
            whole += levels[M2, g]
            spread += levels[M2, g] - centre * levels[M1, g]
            right += centre * levels[RESPONSE, g]
        if not spread > ALIASED * whole:
            return 0.0, 0.0
        slope = (response_t - right) / spread
    for g in range(groups):
        levels[A, g] = (levels[RESPONSE, g] - levels[M1, g] * slope) / levels[M0, g]
    return slope, spread


@compiled
def add_up(points: Floats, runs: Ints, levels: Floats, slope: float, trend: int) -> float:
    """Sums of mu t^k by level at the current coefficients, into the NEW rows.

    Gives half the deviance, without its saturated part and the slope's.
    """
    groups = levels.shape[1]
    for g in range(groups):
        levels[FACTOR, g] = np.exp(levels[A, g])
        levels[NEW_M0, g] = 0.0 if trend else levels[FACTOR, g] * levels[EXPOSED, g]
        levels[NEW_M1, g] = 0.0
        levels[NEW_M2, g] = 0.0
    if trend:
        growth = np.exp(slope)
        x = 1.0
        for run in range(runs.shape[1]):
            first = runs[FIRST, run]
            if runs[FRESH, run]:
                x = np.exp(slope * points[TIME, first])
            m0 = m1 = m2 = 0.0
            for i in range(first, runs[AFTER, run]):
                t = points[TIME, i]
                m = x * points[WEIGHTED, i]
                mt = m * t
                m0 += m
                m1 += mt
                m2 += mt * t
                x *= growth
            g = runs[LEVEL, run]
            factor = levels[FACTOR, g]
            levels[NEW_M0, g] += factor * m0
            levels[NEW_M1, g] += factor * m1
            levels[NEW_M2, g] += factor * m2
    half = 0.0
    for g in range(groups):
        half += levels[NEW_M0, g] - levels[A, g] * levels[CASES, g]
    return half


@compiled
def respond(levels: Floats, slope: float, cases_t: float) -> float:
    """Take the NEW sums as the information; RESPONSE by level, and the sum of w z t."""
    response_t = cases_t
    for g in range(levels.shape[1]):
        a, m0, m1, m2 = levels[A, g], levels[NEW_M0, g], levels[NEW_M1, g], levels[NEW_M2, g]
        levels[A_OLD, g] = a
        levels[M0, g] = m0
        levels[M1, g] = m1
        levels[M2, g] = m2
        levels[RESPONSE, g] = a * m0 + slope * m1 + levels[CASES, g] - m0
        response_t += a * m1 + slope * m2 - m1
    return response_t


@compiled
def fit(points: Floats, runs: Ints, levels: Floats, trend: int, fitted: Floats) -> None:
    """Fit with the prior weights in OMEGA; results into ``levels`` and ``fitted``.

    Args:
        points: ``F64[POINT_ROWS, periods]``.
        runs: ``I64[RUN_ROWS, runs]``, in time order; every level occurs.
        levels: ``F64[LEVEL_ROWS, levels]``, overwritten.
        trend: 1 to fit a slope, 0 to leave it out.
        fitted: ``F64[FIT_VALUES]``, overwritten. A slope that cannot be told from the levels
            counts as not converged.

    """
    response_t, cases_t, saturated, before = begin(points, runs, levels, trend)
    slope, spread = solve(levels, response_t, trend)
    fitted[SLOPE_OLD] = np.nan
    fitted[CONVERGED] = 0.0
    for steps in range(1, LARGEST_STEPS + 1):
        fitted[SLOPE], fitted[SPREAD], fitted[STEPS] = slope, spread, steps
        if trend and spread == 0.0:
            return
        half = add_up(points, runs, levels, slope, trend) - slope * cases_t
        halvings = 0
        while not np.isfinite(half) and steps > 1 and halvings < LARGEST_STEPS:
            halvings += 1
            levels[A] = 0.5 * (levels[A] + levels[A_OLD])
            slope = 0.5 * (slope + fitted[SLOPE_OLD])
            fitted[SLOPE] = slope
            half = add_up(points, runs, levels, slope, trend) - slope * cases_t
        if not np.isfinite(half):
            return
        deviance = saturated + 2.0 * half
        if abs(deviance - before) < TOLERANCE * (abs(deviance) + 0.1):
            fitted[CONVERGED] = 1.0
            return
        if steps == LARGEST_STEPS:
            return
        before = deviance
        response_t = respond(levels, slope, cases_t)
        fitted[SLOPE_OLD] = slope
        slope, spread = solve(levels, response_t, trend)
