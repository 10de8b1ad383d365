"""What the forms of evidence on a single series share: sums since an onset, means over effects.

**What need not be computed.** The evidence of a period only matters where it may pass
a bar. A Bayes factor BF(rho) of an effect rho on the log scale is log-concave in rho,
because the likelihood is log-concave in rho and the unknown baseline together, and
integrating out keeps that (Prekopa, Acta Sci. Math. 34 (1973) 335). With BF(0) = 1
and D the derivative of log BF at 0, the excess over what the whole history lets
expect since the onset, log BF(rho) is at most rho D: an effect against the direction
of the excess has a Bayes factor of at most 1, and a small excess settles the matter
without a single integral.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64
from detectors.evidence.elementary import exponentials
from detectors.single_series.onsets import AGES, COUNT, STEPS

# A period is passed over when a bound on its evidence (log) is so much below the bar:
# more than the error of the integrals.
SLACK = 0.05


class Room(NamedTuple):
    """Room for the numbers of one look, by onset age and for the whole history."""

    terms: F64
    leans: F64
    since: F64
    counted: F64
    totals: F64


@compiled
def make_room() -> Room:
    """Make room for looks."""
    return Room(
        terms=np.empty(COUNT),
        leans=np.empty(COUNT),
        since=np.empty(COUNT),
        counted=np.empty(COUNT),
        totals=np.empty(3),
    )


@compiled
def sums_since(
    values: F64, sizes: F64, weights: F64, period: int, since: F64, counted: F64, totals: F64
) -> int:
    """Weighted sums over the periods since each onset, and over all up to ``period``.

    Args:
        values: F64[periods], what was counted.
        sizes: the same shape, out of how many or in how much exposure; a period
            without any is not observed.
        weights: the same shape, used where there is a size.
        period: the last one that counts.
        since: F64[COUNT], filled with the sums of sizes by onset age.
        counted: F64[COUNT], filled with the sums of values.
        totals: its first two cells are filled with the sums over all periods.

    Returns:
        The number of ages whose onset lies within the history.

    """
    size = total = 0.0
    at = 0
    for age in range(1, period + 2):
        s = period + 1 - age
        if sizes[s] > 0.0:
            size += weights[s] * sizes[s]
            total += weights[s] * values[s]
        if at < COUNT and age == AGES[at]:
            since[at] = size
            counted[at] = total
            at += 1
    totals[0] = size
    totals[1] = total
    return at


@compiled
def means_over_effects(factors: F64, effects: F64, terms: F64, leans: F64) -> None:
    """Fill in each onset's log mean Bayes factor, and its posterior mean effect.

    ``factors`` (onset ages, effects) are the log Bayes factors of the effects, and are
    changed; onsets whose term is -inf do not count.
    """
    number = effects.size
    for i in range(COUNT):
        top = -math.inf
        if terms[i] > -math.inf:
            for e in range(number):
                top = max(top, factors[i, e])
            for e in range(number):
                factors[i, e] -= top
            terms[i] = top
    exponentials(factors.reshape(-1))
    for i in range(COUNT):
        if terms[i] > -math.inf:
            mean = lean = 0.0
            for e in range(number):
                mean += factors[i, e]
                lean += factors[i, e] * effects[e]
            terms[i] += math.log(mean / number)
            leans[i] = lean / mean


@compiled
def stays_below(bar: float, excess: F64, effects: F64, terms: F64, factors: F64) -> bool:
    """Whether the evidence certainly stays below a bar, from the ``excess`` D of each onset.

    ``factors`` (onset ages, effects) is room; onsets whose term is -inf do not count.
    """
    for i in range(COUNT):
        for e in range(effects.size):
            factors[i, e] = max(0.0, effects[e] * excess[i])
    exponentials(factors.reshape(-1))
    bound = 0.0
    for i in range(COUNT):
        if terms[i] > -math.inf:
            most = 0.0
            for e in range(effects.size):
                most += factors[i, e]
            bound += STEPS[i] * most / effects.size
    return math.log(max(bound, 1e-300)) + SLACK < bar
