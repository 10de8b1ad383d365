"""Watching shares: harm share, anonymous share, share answered in time, whose voice is heard.

See ``share_terms`` for the evidence and ``episodes`` for what becomes of it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import check_positive, check_whole
from detectors.evidence.counts import F64, I64
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
from detectors.single_series.explanation import explain_share
from detectors.single_series.onset_sums import Room, make_room
from detectors.single_series.onsets import AGES, weighted_mean
from detectors.single_series.paths import SeriesPath
from detectors.single_series.share_terms import (
    CAUTION,
    DISCOUNT,
    OVERDISPERSION,
    PRIOR,
    bounded_block,
    checked,
    dispersion,
    log_bayes_factor,
    log_odds_ratios,
    share_terms,
    weight,
)
from detectors.single_series.trails import KEPT, Trail

__all__ = ["explain_share", "share_change", "watch_shares"]

# The correlation of a period's reports when the open episode began.
RHO = OWN
NUMBERS = OWN + 1


@compiled
def _return_ratio(y: float, n: float, rho: float, was: float, held: float) -> float:
    """Weighted log likelihood ratio of log odds ``was`` against ``held`` in one period."""
    spread = math.log1p(math.exp(held)) - math.log1p(math.exp(was))
    return weight(n, rho) * (y * (was - held) + n * spread)


@compiled
def _look(
    y: F64, n: F64, t: int, effects: F64, prior: F64, guess: float, guess_sd: float,
    bars: F64, state: F64, table: I64, marks: F64, room: Room,
) -> None:  # fmt: skip
    """Judge one period of a series that has a baseline."""
    # An open episode is told with its greatest evidence, so then all of it counts.
    bar = bars[0]
    if state[ROW] >= 0.0:
        bar = -math.inf
        ratio = _return_ratio(y[t], n[t], state[RHO], state[BEFORE], state[SINCE])
        if settle(ratio, t, bars[2], state, table):
            return
    rho = dispersion(y, n, t, guess, guess_sd)
    if not share_terms(
        y, n, t, state[AFTER], effects, prior, rho, room.terms, room.leans, room.since,
        room.counted, room.totals, bar,
    ):  # fmt: skip
        return
    age = decide(room.terms, t, bars[0], bars[1], state, table, marks)
    if age > 0:
        at = np.searchsorted(AGES, age)
        before = prior[0] + prior[1] + room.totals[0] - room.since[at]
        share = (prior[0] + room.totals[1] - room.counted[at]) / before
        state[BEFORE] = math.log(share / (1.0 - share))
        lean = weighted_mean(room.terms, state[GREATEST], room.leans)
        state[SINCE] = state[BEFORE] + HELD * lean
        # A changed share inflates later estimates; the return is judged by this one.
        state[RHO] = rho


@compiled
def _watch(
    y: F64, n: F64, effects: F64, prior: F64, guess: float, guess_sd: float, minimum: int,
    bars: F64, begin: I64, states: F64, tables: I64, marks: F64,
) -> bool:  # fmt: skip
    """Walk every series from ``begin`` on; false where one has no row for an episode."""
    room = make_room()
    for u in range(y.shape[0]):
        while begin[u] < y.shape[1]:
            t = begin[u]
            state = states[u, (t + 1) % KEPT]
            state[:] = states[u, t % KEPT]
            if state[ROWS] >= tables.shape[1]:
                return False
            if n[u, t] > 0.0 and began(minimum, state):
                _look(
                    y[u], n[u], t, effects, prior, guess, guess_sd, bars, state, tables[u],
                    marks[u], room,
                )  # fmt: skip
            begin[u] = t + 1
    return True


def watch_shares(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
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
    """Episodes of changed shares in a block of series, each judged by itself.

    Args:
        numerators: F64[series, periods], for example incidents with harm.
        denominators: the same shape, incidents; 0 where nothing was observed.
        concern: which way is worse: ``rise`` or ``fall`` (or ``both``).
        budget1: false alerts per series and year that level 1 may cost.
        budget2: the same for level 2; lower, so later and surer.
        per_year: periods in a year.
        minimum: observed periods that are baseline only. Fewer: earlier and shakier.
        improvement_budget: watch the other way too, with this budget at level 1.
        prior: Beta(a, b) of the share before anything is seen.
        overdispersion: what is thought of the correlation of one period's reports
            before any are seen: its mean and standard deviation.
        discount: log, taken off the guaranteed threshold.
        path: what a watch with these parameters has seen; only what is new is looked
            at, and the path goes on with it.
        keys: tells series apart between watches with one path.

    Raises:
        ValueError: shapes differ, a numerator exceeds its denominator, a value is not
            finite, or the budgets make no sense.

    Example:
        >>> import numpy as np
        >>> harmed = np.r_[np.full(40, 4.0), np.full(12, 10.0)]
        >>> found = watch_shares(harmed, np.full(52, 20.0), concern="rise",
        ...                      budget1=0.2, budget2=0.05, per_year=52.18, minimum=26)
        >>> [(e.opened, e.onset, e.level) for e in found]
        [(41, 40, 2)]

    """
    given, n = checked(numerators, denominators)
    y = np.empty_like(given)
    bounded_block(given, n, overdispersion[0], overdispersion[1], y)
    check_whole("minimum", minimum, 1)
    beta = np.array(prior, dtype=np.float64)

    def look(watch: Watch, trail: Trail) -> bool:
        return _watch(
            y, n, log_odds_ratios(watch.way), beta, overdispersion[0], overdispersion[1], minimum,
            watch.bounds.bars, trail.begin, trail.states, trail.table, trail.marks,
        )  # fmt: skip

    passes = watches(concern, budget1, budget2, improvement_budget, per_year, discount)
    seen = SeriesPath() if path is None else path
    return seen.follow((given, n), keys, passes, NUMBERS, look, per_year)


def share_change(
    num_before: npt.ArrayLike,
    den_before: npt.ArrayLike,
    num_after: npt.ArrayLike,
    den_after: npt.ArrayLike,
    odds_ratio: float,
    overdispersion: float = OVERDISPERSION[0],
    prior: tuple[float, float] = PRIOR,
) -> float:
    """Log Bayes factor of "the odds are multiplied by ``odds_ratio``" between two stretches.

    Tells a better reporting culture (more reports, a smaller share of them harmful)
    from a deterioration. Above 0 the data speak for the change, below 0 for an
    unchanged share; 1 is a factor of e, 3 strong.

    Args:
        num_before: numerators by period, or one total (which counts as one period,
            so that ``overdispersion`` then caps what it can say).
        den_before: denominators, the same shape.
        num_after: numerators of the later stretch.
        den_after: denominators of the later stretch.
        odds_ratio: below 1 a fall, above 1 a rise.
        overdispersion: correlation of the reports of one period.
        prior: Beta(a, b) of the share.

    Raises:
        ValueError: as for ``watch_shares``, or an odds ratio that is not positive.

    """
    check_positive("odds_ratio", odds_ratio)
    if not 0.0 <= overdispersion <= 1.0:
        raise ValueError(f"overdispersion must lie in 0 to 1, not {overdispersion}")
    y0, n0 = checked(np.ravel(num_before), np.ravel(den_before))
    y1, n1 = checked(np.ravel(num_after), np.ravel(den_after))
    w0 = 1.0 / (1.0 + CAUTION * overdispersion * np.maximum(n0 - 1.0, 0.0))
    w1 = 1.0 / (1.0 + CAUTION * overdispersion * np.maximum(n1 - 1.0, 0.0))
    changed = float((w1 * y1).sum())
    return log_bayes_factor(
        prior[0] + float((w0 * y0).sum()) + changed,
        prior[0] + prior[1] + float((w0 * n0).sum()),
        float((w1 * n1).sum()),
        changed,
        math.log(odds_ratio),
    )
