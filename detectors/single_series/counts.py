"""Watching counts of one series: pressure ulcers, infections, arrests; and silence.

See ``count_terms`` for the evidence and ``episodes`` for what becomes of it. Counts that rise
and fall together with others of their unit have more power in
``detectors.evidence``, which needs a fitted fleet; this needs nothing but the series.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import check_whole
from detectors.evidence.counts import F64, I64
from detectors.single_series.count_explanation import explain_counts
from detectors.single_series.count_terms import (
    CAUTION,
    DISCOUNT,
    OVERDISPERSION,
    PRIOR,
    bounded_block,
    burstiness,
    checked,
    count_terms,
    rate_ratios,
)
from detectors.single_series.episodes import (
    AFTER,
    BEFORE,
    GREATEST,
    HELD,
    OWN,
    ROW,
    ROWS,
    SINCE,
    SeriesEpisode,
    Watch,
    Way,
    began,
    decide,
    settle,
    watches,
)
from detectors.single_series.onset_sums import Room, make_room
from detectors.single_series.onsets import AGES, weighted_mean
from detectors.single_series.paths import SeriesPath
from detectors.single_series.trails import KEPT, Trail

__all__ = ["explain_counts", "follow", "watch_counts"]

# The dispersion when the open episode began.
ALPHA = OWN
NUMBERS = OWN + 1


@compiled
def _look(
    x: F64, m: F64, t: int, effects: F64, prior: F64, guess: float, guess_sd: float,
    bars: F64, state: F64, table: I64, marks: F64, room: Room,
) -> None:  # fmt: skip
    """Judge one period of a series that has a baseline."""
    # An open episode is told with its greatest evidence, so then all of it counts.
    bar = bars[0]
    if state[ROW] >= 0.0:
        bar = -math.inf
        rates = math.exp(state[BEFORE]) - math.exp(state[SINCE])
        ratio = x[t] * (state[BEFORE] - state[SINCE]) - m[t] * rates
        ratio /= 1.0 + CAUTION * state[ALPHA] * math.exp(state[BEFORE]) * m[t]
        if settle(ratio, t, bars[2], state, table):
            return
    alpha = burstiness(x, m, t, guess, guess_sd)
    if not count_terms(
        x, m, t, state[AFTER], effects, prior, alpha, room.terms, room.leans, room.since,
        room.counted, room.totals, bar,
    ):  # fmt: skip
        return
    age = decide(room.terms, t, bars[0], bars[1], state, table, marks)
    if age > 0:
        at = np.searchsorted(AGES, age)
        before = prior[1] + room.totals[0] - room.since[at]
        state[BEFORE] = math.log((prior[0] + room.totals[1] - room.counted[at]) / before)
        lean = weighted_mean(room.terms, state[GREATEST], room.leans)
        state[SINCE] = state[BEFORE] + HELD * lean
        state[ALPHA] = alpha


@compiled
def _watch(
    x: F64, m: F64, effects: F64, prior: F64, guess: float, guess_sd: float, minimum: int,
    bars: F64, begin: I64, states: F64, tables: I64, marks: F64,
) -> bool:  # fmt: skip
    """Walk every series from ``begin`` on; false where one has no row for an episode."""
    room = make_room()
    for u in range(x.shape[0]):
        while begin[u] < x.shape[1]:
            t = begin[u]
            state = states[u, (t + 1) % KEPT]
            state[:] = states[u, t % KEPT]
            if state[ROWS] >= tables.shape[1]:
                return False
            if m[u, t] > 0.0 and began(minimum, state):
                _look(
                    x[u], m[u], t, effects, prior, guess, guess_sd, bars, state, tables[u],
                    marks[u], room,
                )  # fmt: skip
            begin[u] = t + 1
    return True


def watch_counts(
    counts: npt.ArrayLike,
    exposure: npt.ArrayLike,
    *,
    concern: Way,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    improvement_budget: float | None = None,
    prior: tuple[float, float] = PRIOR,
    overdispersion: tuple[float, float] = OVERDISPERSION,
    discount: float = DISCOUNT,
    path: SeriesPath | None = None,
    keys: Sequence[Hashable] | None = None,
) -> list[SeriesEpisode]:
    """Episodes of a changed rate in a block of series, each judged by itself.

    Args:
        counts: F64[series, periods], events.
        exposure: the same shape, what the rate is of (bed days, admissions, 1 for an
            ordinary period); 0 where nothing was observed.
        concern: ``rise``, ``fall`` or ``both``.
        budget1: false alerts per series and year that level 1 may cost.
        budget2: the same for level 2; lower, so later and surer.
        per_year: periods in a year.
        minimum: observed periods that are baseline only.
        improvement_budget: the same as ``budget1`` for changes the other way; None looks
            for none.
        prior: Gamma(a, b) of the rate before anything is seen.
        overdispersion: mean and sd of what is thought of the dispersion beforehand.
        discount: log, taken off the guaranteed threshold.
        path: what a watch with these parameters has seen; only what is new is looked
            at, and the path goes on with it.
        keys: tells series apart between watches with one path.

    Raises:
        ValueError: shapes differ, something is negative or not finite, an unknown
            ``concern``, or budgets that make no sense.

    Example:
        >>> import numpy as np
        >>> ulcers = np.r_[np.tile([2.0, 4.0, 3.0], 10), np.full(8, 9.0)]
        >>> found = watch_counts(ulcers, np.ones(38), concern="rise", budget1=0.2,
        ...                      budget2=0.05, per_year=12, minimum=12)
        >>> [(e.opened, e.onset, e.level) for e in found]
        [(31, 30, 2)]

    """
    passes = watches(concern, budget1, budget2, improvement_budget, per_year, discount)
    given, m = checked(counts, exposure)
    x = np.empty_like(given)
    bounded_block(given, m, overdispersion[0], overdispersion[1], x)
    return follow(
        x, m, passes, {watch.way: rate_ratios(watch.way) for watch in passes}, minimum=minimum,
        per_year=per_year, prior=prior, overdispersion=overdispersion, path=path, keys=keys,
    )  # fmt: skip


def follow(
    x: F64,
    m: F64,
    passes: Sequence[Watch],
    effects: Mapping[Way, F64],
    *,
    minimum: int,
    per_year: float,
    prior: tuple[float, float],
    overdispersion: tuple[float, float],
    path: SeriesPath | None,
    keys: Sequence[Hashable] | None,
) -> list[SeriesEpisode]:
    """Walk series of counts ``x`` and exposure ``m`` once for each pass, with its rate ratios.

    Raises:
        ValueError: ``minimum`` that is not a whole number of 1 or more.

    """
    check_whole("minimum", minimum, 1)
    gamma = np.array(prior, dtype=np.float64)

    def look(watch: Watch, trail: Trail) -> bool:
        return _watch(
            x, m, effects[watch.way], gamma, overdispersion[0], overdispersion[1], minimum,
            watch.bounds.bars, trail.begin, trail.states, trail.table, trail.marks,
        )  # fmt: skip

    seen = SeriesPath() if path is None else path
    return seen.follow((x, m), keys, passes, NUMBERS, look, per_year)
