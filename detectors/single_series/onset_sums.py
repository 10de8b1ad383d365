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
from detectors.evidence.onsets import AGES, COUNT, F64

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
def mean_over_effects(factors: F64, effects: F64, at: int, terms: F64, leans: F64) -> None:
    """Fill in an onset's log mean Bayes factor, and its posterior mean effect.

    ``factors`` are the log Bayes factors of the effects.
    """
    top = -math.inf
    for e in range(effects.size):
        top = max(top, factors[e])
    mean = lean = 0.0
    for e in range(effects.size):
        part = math.exp(factors[e] - top)
        mean += part
        lean += part * effects[e]
    terms[at] = top + math.log(mean / effects.size)
    leans[at] = lean / mean


@compiled
def excess_bound(excess: float, effects: F64) -> float:
    """The greatest that an onset's mean Bayes factor can be, from its excess D."""
    total = 0.0
    for e in range(effects.size):
        most = effects[e] * excess
        total += math.exp(min(700.0, most)) if most > 0.0 else 1.0
    return total / effects.size
