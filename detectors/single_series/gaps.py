"""Time between rare events: short gaps as evidence that they come more often.

A unit with an event in two months has nothing to count by the week. The gaps
themselves are the data: with a Weibull hazard, gap^c is exponential, so the
Gamma-Poisson form of ``count_terms`` holds with one event per gap and
gap^c as its exposure, the rate multiplied by r = 1.5, 2, 3 for a concern or the
inverses for an improvement, and onsets counted in events.

Shape c below 1 means that events come in bursts, which looks like short gaps. It is
estimated from the coefficient of variation of the gaps (c^-0.926 for a Weibull, to
within 1 %), which unlike the spread of their logarithms hardly depends on how finely
short gaps are recorded; shrunken towards 1, and taken lower than estimated because
that is the safe side. The budget is by the year and the clock ticks by the event, so
the threshold is events per year over budget, with the unit's own mean gap.

Source of the Weibull form: L. S. Nelson, "A control chart for parts-per-million
nonconforming items", Journal of Quality Technology 26 (1994).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import check_choice, check_positive, check_whole, numbers
from detectors.evidence.counts import F64, I64
from detectors.single_series.count_terms import count_terms
from detectors.single_series.episodes import (
    AFTER,
    BEFORE,
    GREATEST,
    HELD,
    OWN,
    ROW,
    ROWS,
    SEEN,
    SINCE,
    SeriesEpisode,
    Watch,
    began,
    decide,
    settle,
    watches,
)
from detectors.single_series.onset_sums import Room, make_room
from detectors.single_series.onsets import AGES, weighted_mean
from detectors.single_series.paths import SeriesPath
from detectors.single_series.trails import KEPT, Trail

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
# Time so far, and the shape when the open episode began.
ELAPSED = OWN
SHAPE = OWN + 1
NUMBERS = OWN + 2


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
def _look(
    gaps: F64, t: int, effects: F64, prior: F64, bars: F64, state: F64, table: I64, marks: F64,
    room: Room, exposure: F64,
) -> None:  # fmt: skip
    """Judge one gap of a series that has a baseline."""
    if state[ROW] >= 0.0:
        rates = math.exp(state[BEFORE]) - math.exp(state[SINCE])
        ratio = state[BEFORE] - state[SINCE] - gaps[t] ** state[SHAPE] * rates
        if settle(ratio, t, bars[2], state, table):
            return
    now = weibull_shape(gaps, t - LAG)
    for s in range(t + 1):
        exposure[s] = gaps[s] ** now if gaps[s] > 0.0 else 0.0
    count_terms(
        np.ones(t + 1), exposure, t, state[AFTER], effects, prior, 0.0, room.terms, room.leans,
        room.since, room.counted, room.totals,
    )  # fmt: skip
    # The bars are by the year, the clock ticks by the event.
    pace = math.log(state[ELAPSED] / state[SEEN])
    age = decide(room.terms, t, bars[0] - pace, bars[1] - pace, state, table, marks)
    if age > 0:
        at = np.searchsorted(AGES, age)
        before = prior[1] + room.totals[0] - room.since[at]
        state[BEFORE] = math.log((prior[0] + room.totals[1] - room.counted[at]) / before)
        lean = weighted_mean(room.terms, state[GREATEST], room.leans)
        state[SINCE] = state[BEFORE] + HELD * lean
        state[SHAPE] = now


@compiled
def _watch(
    gaps: F64, effects: F64, prior: F64, minimum: int, bars: F64, begin: I64, states: F64,
    tables: I64, marks: F64,
) -> bool:  # fmt: skip
    """Walk every series from ``begin`` on; false where one has no row for an episode."""
    room = make_room()
    exposure = np.empty(gaps.shape[1])
    for u in range(gaps.shape[0]):
        while begin[u] < gaps.shape[1]:
            t = begin[u]
            state = states[u, (t + 1) % KEPT]
            state[:] = states[u, t % KEPT]
            if state[ROWS] >= tables.shape[1]:
                return False
            if gaps[u, t] > 0.0:
                state[ELAPSED] += gaps[u, t]
                if began(minimum, state):
                    _look(
                        gaps[u], t, effects, prior, bars, state, tables[u], marks[u], room,
                        exposure,
                    )  # fmt: skip
            begin[u] = t + 1
    return True


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
    g = np.atleast_2d(numbers("gaps", gaps))
    if g.ndim != 2:
        raise ValueError(f"gaps must have shape (series, events), not {g.shape}")
    if (g < 0).any() or np.isinf(g).any():
        raise ValueError("gaps cannot be negative or infinite; NaN means no event")
    check_choice("concern", concern, ("rise", "fall"))
    check_whole("minimum", minimum, 1)
    check_positive("resolution", resolution)
    g = np.maximum(g, resolution)

    def look(watch: Watch, trail: Trail) -> bool:
        effects = np.array(RATE_RATIOS) ** (1.0 if watch.way == "rise" else -1.0)
        return _watch(
            g, effects, np.array(PRIOR), minimum, watch.bounds.bars, trail.begin, trail.states,
            trail.table, trail.marks,
        )  # fmt: skip

    passes = watches(concern, budget1, budget2, improvement_budget, per_year, discount)
    return SeriesPath().follow((g,), None, passes, NUMBERS, look, per_year)
