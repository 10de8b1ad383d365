"""When a change may have begun: the grid of onsets and the sum over it.

The start of a change is unknown, so evidence is summed over the periods in which
it may have begun. Recent onsets are tried one by one and older ones on a widening
grid, each standing for the onsets up to the next; the sum is then close to the
Shiryaev-Roberts statistic over all onsets of the window, at a fixed cost (A. N. Shiryaev,
Theory of Probability and its Applications 8 (1963) 22; S. W. Roberts, Technometrics 8 (1966) 411).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64

# Age 1 is a change that began with the current period: 1 to 13 by 1, to 29 by 2, to 53 by 8.
# The last three are for slow series (a share of four reports a week): they bring alerts
# a tenth sooner there and change nothing where a change is plain within half a year.
AGES: I64 = np.array([*range(1, 14), *range(15, 30, 2), 37, 45, 53], dtype=np.int64)
# How many onsets an age stands for: the step to the next age (53 stands for 53 to 60).
STEPS: F64 = np.append(np.diff(AGES), 8).astype(np.float64)
LOG_STEPS: F64 = np.log(STEPS)
COUNT = AGES.size


@compiled
def log_sum(terms: F64) -> float:
    """Log of the sum over onsets of step times evidence, from log evidence by age.

    An onset that must not count has the term -inf.
    """
    top = -np.inf
    for i in range(COUNT):
        top = max(top, terms[i] + LOG_STEPS[i])
    if top == -np.inf:
        return top
    total = 0.0
    for i in range(COUNT):
        total += math.exp(terms[i] + LOG_STEPS[i] - top)
    return top + math.log(total)


@compiled
def median_age(terms: F64, log_total: float) -> int:
    """The age at which the posterior of the onset, youngest first, reaches one half."""
    reached = 0.0
    last = 0
    for i in range(COUNT):
        if terms[i] == -np.inf:
            continue
        last = i
        reached += math.exp(terms[i] + LOG_STEPS[i] - log_total)
        if reached >= 0.5:
            break
    return int(AGES[last])


@compiled
def weighted_mean(terms: F64, log_total: float, values: F64) -> float:
    """The posterior mean over onsets of a value given by onset."""
    total = 0.0
    for i in range(COUNT):
        total += math.exp(terms[i] + LOG_STEPS[i] - log_total) * values[i]
    return total


@dataclass(frozen=True, slots=True)
class Onset:
    """What the evidence says of the start of a change.

    Attributes:
        period: posterior median.
        earliest: the start lies at or after this with probability 0.95.
        latest: the start lies at or before this with probability 0.95.
        posterior: pairs of period and probability, oldest first. An old period
            stands for itself and those between it and the next older one tried.

    """

    period: int
    earliest: int
    latest: int
    posterior: list[tuple[int, float]]


def posterior(terms: F64, period: int) -> Onset:
    """The posterior of the onset at ``period`` from log evidence by age.

    Raises:
        ValueError: no onset counts at this period.

    """
    total = log_sum(terms)
    if total == -math.inf:
        raise ValueError(f"no change can be dated at period {period}: nothing lies before it")
    shares = np.exp(terms + LOG_STEPS - total)
    reached = np.cumsum(shares)

    def at(part: float) -> int:
        return period + 1 - int(AGES[min(int(np.searchsorted(reached, part)), COUNT - 1)])

    dated = [
        (period + 1 - int(age), float(share))
        for age, share in zip(AGES, shares, strict=True)
        if share > 0
    ]
    return Onset(period=at(0.5), earliest=at(0.95), latest=at(0.05), posterior=dated[::-1])
