"""Quasi-Poisson regression on time and season, compiled for very many short fits.

    log mu_i = log e_i + a_g(i) + beta t_i,     Var y_i = phi mu_i / omega_i

with a level a_g for each season g and one slope. Because each point has exactly one level,
the information matrix is an arrow: diagonal but for the slope's row and column. So a step of
iteratively reweighted least squares needs two sums a level, one in all, and no linear algebra.
Along consecutive periods exp(beta t) grows by a constant factor g, so that the sums over a run
are those of powers of g: one table of them serves all runs, and a step costs an exponential a
level and one a gap and nothing per point, but for points that weigh less than the others.
Only exposures make it pass over the points. The first step needs none either: its sums are
differences of running totals (``running_totals``), which all judged periods share.

The iteration is that of R's ``glm.fit``, so that results agree with published analyses to
their last digits: start at mu = y + 0.1, stop when the deviance changes by less than 1e-8 of
itself plus 0.1, at most 25 steps, and take the information and the weights of the Pearson
statistic at the last but one iterate. A second fit therefore starts at mu = y + 0.1 as well;
started from the first one it would end elsewhere in the fourth digit of the standard error.

Source: P. McCullagh & J. A. Nelder, *Generalized Linear Models* (1989), section 2.5.
"""

from __future__ import annotations

import numpy as np

from detectors.arrays import Floats, Ints
from detectors.compiled import compiled
from detectors.surveillance.layout import (
    A_OLD,
    AFTER,
    CASES,
    CONVERGED,
    DEVIANCE_AT_START,
    EXPOSED,
    FACTOR,
    FACTOR_OLD,
    FIRST,
    FRESH,
    LEVEL,
    M0,
    M1,
    NEW_M0,
    NEW_M1,
    NOW,
    PLAIN,
    POWER,
    POWER_T,
    POWER_TT,
    RESPONSE,
    SATURATED_PART,
    SHARE,
    SLOPE,
    SLOPE_OLD,
    SPREAD,
    STEPS,
    SUM,
    SUM_T,
    SUM_TT,
    TIMED_CASES,
    TIMED_RESPONSE,
    TIMED_TWICE,
    WEIGHTED,
    A,
)

LARGEST_STEPS = 25
TOLERANCE = 1e-8
ALIASED = 1e-12


@compiled
def powers_of(base: float, powers: Floats) -> None:
    """Powers 0, 1, 2, ... of ``base`` into ``powers``."""
    power = 1.0
    for k in range(len(powers)):
        powers[k] = power
        power *= base


@compiled
def raise_growth(growth: float, powers: Floats) -> None:
    """All rows of ``powers`` for a growth from one period to the next."""
    power, s0, s1, s2 = 1.0, 0.0, 0.0, 0.0
    for k in range(powers.shape[1]):
        timed = k * power
        powers[POWER, k], powers[POWER_T, k], powers[POWER_TT, k] = power, timed, k * timed
        powers[SUM, k], powers[SUM_T, k], powers[SUM_TT, k] = s0, s1, s2
        s0 += power
        s1 += timed
        s2 += k * timed
        power *= growth


@compiled
def solve(levels: Floats, timed_twice: float, response_t: float, trend: int) -> tuple[float, float]:
    """Weighted least squares by the M and RESPONSE rows: new levels; slope and its information.

    The information is 0 when the slope cannot be told from the levels.
    """
    slope = spread = 0.0
    groups = levels.shape[1]
    if trend:
        right = 0.0
        spread = timed_twice
        for g in range(groups):
            centre = levels[M1, g] / levels[M0, g]
            spread -= centre * levels[M1, g]
            right += centre * levels[RESPONSE, g]
        if not spread > ALIASED * timed_twice:
            return 0.0, 0.0
        slope = (response_t - right) / spread
    for g in range(groups):
        levels[A, g] = (levels[RESPONSE, g] - levels[M1, g] * slope) / levels[M0, g]
    return slope, spread


@compiled
def add_up(
    points: Floats,
    runs: Ints,
    starts: Floats,
    powers: Floats,
    levels: Floats,
    totals: Floats,
    odd: Ints,
    slope: float,
    trend: int,
) -> tuple[float, float]:
    """Sums of mu and mu t by level at the current coefficients, into the NEW rows.

    Where every exposure is 1, every point weighs the same but those in ``odd``: a run's sums
    are those of its powers, put right at these points.

    Gives half the deviance, without its saturated part and the slope's; and the sum of mu t^2.
    """
    groups = levels.shape[1]
    timed_twice = 0.0
    for g in range(groups):
        levels[FACTOR, g] = np.exp(levels[A, g])
        levels[NEW_M0, g] = 0.0 if trend else levels[FACTOR, g] * levels[EXPOSED, g]
        levels[NEW_M1, g] = 0.0
    if trend:
        raise_growth(np.exp(slope), powers)
        along = 1.0
        share, plain, at = totals[NOW, SHARE], totals[NOW, PLAIN] == 1.0, 0
        for run in range(runs.shape[1]):
            first, after, time = runs[FIRST, run], runs[AFTER, run], starts[run]
            if runs[FRESH, run]:
                along = np.exp(slope * time)
            length = after - first
            if plain:
                s0, s1 = share * powers[SUM, length], share * powers[SUM_T, length]
                s2 = share * powers[SUM_TT, length]
                while odd[at] < after:
                    k = odd[at] - first
                    less = points[WEIGHTED, odd[at]] - share
                    s0 += less * powers[POWER, k]
                    s1 += less * powers[POWER_T, k]
                    s2 += less * powers[POWER_TT, k]
                    at += 1
            else:
                s0 = s1 = s2 = 0.0
                for k in range(length):
                    w = points[WEIGHTED, first + k]
                    s0 += powers[POWER, k] * w
                    s1 += powers[POWER_T, k] * w
                    s2 += powers[POWER_TT, k] * w
            g = runs[LEVEL, run]
            scale = along * levels[FACTOR, g]
            m0, m1 = scale * s0, scale * s1
            levels[NEW_M0, g] += m0
            levels[NEW_M1, g] += time * m0 + m1
            timed_twice += scale * s2 + time * (2.0 * m1 + time * m0)
            along *= powers[POWER, length]
    half = 0.0
    for g in range(groups):
        half += levels[NEW_M0, g] - levels[A, g] * levels[CASES, g]
    return half, timed_twice


@compiled
def respond(levels: Floats, slope: float, cases_t: float, timed_twice: float) -> float:
    """Take the NEW sums as the information; RESPONSE by level, and the sum of w z t."""
    response_t = cases_t + slope * timed_twice
    for g in range(levels.shape[1]):
        a, m0, m1 = levels[A, g], levels[NEW_M0, g], levels[NEW_M1, g]
        levels[A_OLD, g] = a
        levels[FACTOR_OLD, g] = levels[FACTOR, g]
        levels[M0, g] = m0
        levels[M1, g] = m1
        levels[RESPONSE, g] = a * m0 + slope * m1 + levels[CASES, g] - m0
        response_t += a * m1 - m1
    return response_t


@compiled
def fit(
    points: Floats,
    runs: Ints,
    starts: Floats,
    powers: Floats,
    levels: Floats,
    totals: Floats,
    odd: Ints,
    trend: int,
    fitted: Floats,
) -> None:
    """Fit with the prior weights in OMEGA; results into ``levels`` and ``fitted``.

    Args:
        points: ``F64[POINT_ROWS, periods]``.
        runs: ``I64[RUN_ROWS, runs]``, in time order; every level has a known count.
        starts: Time of the first period of each run.
        powers: Room, ``F64[POWER_ROWS, longest run + 1]``, overwritten.
        levels: ``F64[LEVEL_ROWS, levels]``, with the rows M0, M1, CASES, EXPOSED and RESPONSE
            at mu = y + 0.1; overwritten.
        totals: ``F64[2, TOTALS]``, likewise in row NOW; left as it is.
        odd: Periods that weigh less than the others, in order, and then a number beyond all
            periods. Asked only where every exposure is 1.
        trend: 1 to fit a slope, 0 to leave it out.
        fitted: ``F64[FIT_VALUES]``, overwritten. A slope that cannot be told from the levels
            counts as not converged.

    """
    cases_t, before = totals[NOW, TIMED_CASES], totals[NOW, DEVIANCE_AT_START]
    slope, spread = solve(levels, totals[NOW, TIMED_TWICE], totals[NOW, TIMED_RESPONSE], trend)
    fitted[SLOPE_OLD] = np.nan
    fitted[CONVERGED] = 0.0
    for steps in range(1, LARGEST_STEPS + 1):
        fitted[SLOPE], fitted[SPREAD], fitted[STEPS] = slope, spread, steps
        if trend and spread == 0.0:
            return
        half, twice = add_up(points, runs, starts, powers, levels, totals, odd, slope, trend)
        half -= slope * cases_t
        halvings = 0
        while not np.isfinite(half) and steps > 1 and halvings < LARGEST_STEPS:
            halvings += 1
            levels[A] = 0.5 * (levels[A] + levels[A_OLD])
            slope = 0.5 * (slope + fitted[SLOPE_OLD])
            fitted[SLOPE] = slope
            half, twice = add_up(points, runs, starts, powers, levels, totals, odd, slope, trend)
            half -= slope * cases_t
        if not np.isfinite(half):
            return
        deviance = totals[NOW, SATURATED_PART] + 2.0 * half
        if abs(deviance - before) < TOLERANCE * (abs(deviance) + 0.1):
            fitted[CONVERGED] = 1.0
            return
        if steps == LARGEST_STEPS:
            return
        before = deviance
        response_t = respond(levels, slope, cases_t, twice)
        fitted[SLOPE_OLD] = slope
        slope, spread = solve(levels, twice, response_t, trend)
