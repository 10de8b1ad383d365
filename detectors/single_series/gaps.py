"""Time between rare events: short gaps as evidence that they come more often.

A unit with an event in two months has nothing to count by the week. The gaps
themselves are the data: with a Weibull hazard, gap^c is exponential, so the
Gamma-Poisson form of ``detectors.single_series.silence_terms`` holds with one event per gap and
gap^c as its exposure, the rate multiplied by r = 1.5, 2, 3 for a concern or the
inverses for an improvement, and onsets counted in events.

Shape c below 1 means that events come in bursts, which looks like short gaps. It is
estimated from the coefficient of variation of the gaps (c^-0.926 for a Weibull, to
within 1 %), which unlike the spread of their logarithms hardly depends on how finely
short gaps are recorded; shrunken towards 1, and taken lower than estimated because
that is the safe side. The budget is by the year and the clock ticks by the event, so
the threshold is events per year over budget, with the unit's own mean gap.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.evidence.episodes import (
    AFTER,
    HELD,
    ROW,
    ROWS,
    Ledger,
    SeriesEpisode,
    decide,
    in_order,
    settle,
    watches,
)
from detectors.evidence.onsets import AGES, COUNT, F64, I64, log_sum, median_age, weighted_mean
from detectors.single_series.silence_terms import silence_terms

# Rate ratios tried for a concern; an improvement tries their inverses.
RATE_RATIOS = (1.5, 2.0, 3.0)
PRIOR = (0.5, 1e-6)
# How sure it is beforehand that log c is 0: its standard deviation.
SHAPE_SD = 0.25
_SHAPES = (0.4, 1.5)
# The newest gaps are left out of the estimate: a change would distort it.
LAG = 4
# log c is taken this much lower than estimated.
CAUTION = 0.12
# What calibration takes off the guaranteed threshold (see docs/methods-listening.md).
DISCOUNT = 0.0


@compiled
def weibull_shape(gaps: F64, last: int) -> float:
    """Shape c from the gaps up to ``last``, shrunken towards 1 (exponential) and bounded."""
    n = mean = squares = 0.0
    for i in range(last + 1):
        if gaps[i] > 0.0:
            n += 1.0
            step = gaps[i] - mean
            mean += step / n
            squares += step * (gaps[i] - mean)
    if n < 4.0 or squares <= 0.0:
        return 1.0
    # sd / mean of a Weibull is c^-0.926 to within 1 % from 0.5 to 2.
    log_shape = -math.log(math.sqrt(squares / (n - 1.0)) / mean) / 0.926
    precision = n / 2.0
    log_shape *= precision / (precision + 1.0 / (SHAPE_SD * SHAPE_SD))
    return min(_SHAPES[1], max(_SHAPES[0], math.exp(log_shape - CAUTION)))


@compiled
def _watch(
    gaps: F64, effects: F64, prior: F64, minimum: int, level1: float, level2: float,
    returned: float, table: I64, marks: F64,
) -> int:  # fmt: skip
    """Walk one series; ``level1`` and ``level2`` are log(1 / budget) less the log mean gap."""
    state = np.array([-1, -1, 0])
    terms = np.empty(COUNT)
    leans = np.empty(COUNT)
    since = np.empty(COUNT)
    counted = np.empty(COUNT)
    totals = np.empty(3)
    one = np.ones(gaps.size)
    exposure = np.zeros(gaps.size)
    elapsed = 0.0
    seen = 0
    back = was = held = shape = 0.0
    for t in range(gaps.size):
        if not gaps[t] > 0.0:
            continue
        elapsed += gaps[t]
        seen += 1
        if seen <= minimum:
            continue
        if state[ROW] >= 0:
            ratio = was - held - gaps[t] ** shape * (math.exp(was) - math.exp(held))
            back = settle(back, ratio, t, returned, state, table)
            if state[ROW] < 0:
                continue
        now = weibull_shape(gaps, t - LAG)
        for s in range(t + 1):
            exposure[s] = gaps[s] ** now if gaps[s] > 0.0 else 0.0
        silence_terms(
            one,
            exposure,
            t,
            state[AFTER],
            effects,
            prior,
            0.0,
            terms,
            leans,
            since,
            counted,
            totals,
        )
        evidence = log_sum(terms)
        if evidence == -math.inf:
            continue
        age = median_age(terms, evidence)
        pace = math.log(elapsed / seen)
        if decide(evidence, t + 1 - age, t, level1 - pace, level2 - pace, state, table, marks):
            at = np.searchsorted(AGES, age)
            shape = now
            before = prior[1] + totals[0] - since[at]
            was = math.log((prior[0] + totals[1] - counted[at]) / before)
            held = was + HELD * weighted_mean(terms, evidence, leans)
            back = 0.0
    return int(state[ROWS])


def watch_gaps(
    gaps: npt.ArrayLike,
    *,
    concern: Literal["rise", "fall"] = "rise",
    budget1: float,
    budget2: float,
    per_year: float = 365.25,
    minimum: int = 8,
    improvement_budget: float | None = None,
    resolution: float = 0.5,
    discount: float = DISCOUNT,
) -> list[SeriesEpisode]:
    """Episodes in which events came more (or less) often than before.

    Args:
        gaps: time between successive events, F64[series, events], NaN where a
            series has fewer. Periods in the episodes are positions of gaps, each
            known when the event that ends it has happened.
        concern: ``rise`` when events coming more often is the concern.
        budget1: false alerts per series and year, level 1.
        budget2: the same, level 2.
        per_year: units of the gaps in a year (365.25 for days).
        minimum: gaps that are baseline only.
        improvement_budget: also watch the other direction, with this budget.
        resolution: two events on one day have a gap of this.
        discount: log, off the guaranteed threshold.

    Raises:
        ValueError: negative gaps, or budgets that make no sense.

    Example:
        >>> import numpy as np
        >>> gaps = np.concatenate([np.full(12, 60.0), np.full(10, 12.0)])
        >>> [e.opened for e in watch_gaps(gaps, budget1=0.2, budget2=0.05)]
        [16]

    """
    g = np.atleast_2d(np.asarray(gaps, dtype=np.float64))
    if (g < 0).any() or np.isinf(g).any():
        raise ValueError("gaps cannot be negative or infinite; NaN means no event")
    if concern not in ("rise", "fall"):
        raise ValueError(f"concern must be 'rise' or 'fall', not {concern!r}")
    g = np.maximum(g, resolution)
    ledger = Ledger(g.shape[1])
    found: list[SeriesEpisode] = []
    for watch in watches(concern, budget1, budget2, improvement_budget, per_year, discount):
        effects = np.array(RATE_RATIOS) ** (1.0 if watch.way == "rise" else -1.0)
        limit = watch.bounds
        for series in range(g.shape[0]):
            rows = _watch(
                g[series], effects, np.array(PRIOR), minimum, limit.level1, limit.level2,
                limit.returned, ledger.table, ledger.marks,
            )  # fmt: skip
            found.extend(ledger.episodes(series, rows, watch, per_year))
    return in_order(found)
