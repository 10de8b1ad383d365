"""Where each quantity of a fit lies in the arrays that the compiled kernels share.

The arrays are made once for very many fits, so that no loop allocates. ``points`` has a row a
quantity and a column a period of the series, ``levels`` a column a level of the season, ``runs``
a column a run of consecutive periods of one level, ``running`` a row a period.
"""

from __future__ import annotations

# Rows of ``points``: the count, its exposure (0 where either is unknown), count over exposure
# and that to the power 2/3, prior weight, weight times exposure, three functions of the count
# (``running_totals.prepare``), the squared residual times 1 - leverage, and 1 - leverage.
Y, EXPOSURE, RATE, ROOT, OMEGA, WEIGHTED, START_Z, SATURATED, START_DEVIANCE, EXCESS, LEFT = range(
    11
)
POINT_ROWS = 11

# Rows of ``runs``: its first period, the one after its last, its level, and 1 where the period
# before it is not in the baseline or not a step of 1 earlier.
FIRST, AFTER, LEVEL, FRESH = range(4)
RUN_ROWS = 4

# Rows of ``levels``: coefficients at the last and the last but one iterate; sums of mu and mu t
# at the last but one (the information) and at the last; sums of counts and exposure; sums of
# weight times working response; exponentials of multiples of the coefficients; and the five
# sums M0, M1, CASES, EXPOSED and RESPONSE that a fit with equal weights starts from.
A, A_OLD, M0, M1, NEW_M0, NEW_M1, CASES, EXPOSED, RESPONSE = range(9)
FACTOR, FACTOR_OLD, PER_FACTOR, PER_ROOT = range(9, 13)
FIRST_M0, FIRST_M1, FIRST_CASES, FIRST_EXPOSED, FIRST_RESPONSE = range(13, 18)
LEVEL_ROWS = 18

# Columns of ``totals``: the sums over all points of w t^2, w z t and y t; the saturated part of
# the deviance; the deviance at the start; the weight of a point that is no outbreak; and
# 1 where every exposure is 1. Its rows: with equal weights, and as
# weighted now.
TIMED_TWICE, TIMED_RESPONSE, TIMED_CASES, SATURATED_PART, DEVIANCE_AT_START, SHARE, PLAIN = range(7)
TOTALS = 7
EQUAL, NOW = range(2)

# Columns of ``running``, sums over the periods before one: known points; count; count plus 0.1,
# that times t and t^2; count times t; weight times working response, and that times t;
# exposure; and the two parts of half the deviance.
KNOWN, COUNT, WEIGHT, WEIGHT_T, WEIGHT_TT, COUNT_T, Z, Z_T, OPEN, HALF_SATURATED, HALF_START = (
    range(11)
)
RUNNING = 11

# Places in ``fitted``: slope at the last and the last but one iterate, its information,
# whether the iteration converged, and its steps.
SLOPE, SLOPE_OLD, SPREAD, CONVERGED, STEPS = range(5)
FIT_VALUES = 5

# Rows of ``powers``, as long as the longest run and one more: g^k, k g^k and k^2 g^k for
# k = 0, 1, 2, ... and a growth g, and the sums of each over smaller k.
POWER, POWER_T, POWER_TT, SUM, SUM_T, SUM_TT = range(6)
POWER_ROWS = 6
