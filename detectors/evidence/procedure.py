"""The sequential procedure over one unit's history, compiled.

Levels 1 and 2 are two processes on the same sums: after an alert of a level only
onsets later than the alert's week count towards that level's next alert. Every
period is first looked at by day, where days are known, and then at its close.
What happens is written to a log of rows; the few numbers that the next period
needs are kept for every period, so that the procedure can resume anywhere.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64, U16
from detectors.evidence.looks import (
    CLOSE,
    History,
    Looks,
    bring_to_look,
    eligible,
    first_with,
    make_looks,
    most_at_look,
    observed_before,
)
from detectors.evidence.statistic import (
    Tables,
    accumulate,
    log_terms,
    named,
    onset_sums,
    posterior,
    unseen,
)

# Columns of a row of the log.
WEEK, DAY, KIND, EVIDENCE, ONSET, FEEDS, SINCE = range(7)
ROW = 7
# Kinds of rows: a crossing of level 1, of level 2, an episode's end.
CROSSED, RAISED, SUBSIDED = 1.0, 2.0, 3.0
# Columns of the state before a period.
LAST1, LAST2, OPEN, LATEST, CUSUM, LEVEL = range(6)
STATE = 6

SUBSIDE = 3.0  # log likelihood ratio for a return to the rate before the onset


class Rules(NamedTuple):
    """What the procedure compares with: bars on the log evidence, and histories."""

    close1: float
    close2: float
    look1: float
    look2: float
    minimum: int
    baseline: int
    by_day: bool
    smallest: float  # an episode's factor of change is taken within these bounds
    largest: float


@compiled
def start_state(state: F64) -> None:
    """Write the state before the first period."""
    state[LAST1] = -1.0
    state[LAST2] = -1.0
    state[OPEN] = -1.0
    state[LATEST] = -1.0
    state[CUSUM] = 0.0
    state[LEVEL] = 0.0


@compiled
def watch_block(
    counts: F64,
    expected: F64,
    daily: U16,
    by_day: I64,
    shape: F64,
    rising: Tables,
    falling: Tables,
    rules: tuple[Rules, Rules],
    start: I64,
    closed: I64,
    states: F64,
    rows: F64,
    used: I64,
    ready: I64,
) -> bool:
    """Watch every unit of a block from its period ``start`` on, for either way of change.

    ``states`` is ``[U, 2, T + 1, STATE]``, row ``start`` of each unit being valid;
    ``rows`` is ``[U, 2, R, ROW]``, of which ``used`` are of earlier periods. False means
    that some unit has too few rows; then nothing written may be used. Both tables are of
    one model, so the prefix sums of a unit serve both ways.
    """
    units, feeds, periods = counts.shape
    sums = np.zeros((periods + 1, feeds))
    mass = np.zeros((periods + 1, feeds))
    drag = np.zeros((periods, feeds))
    looks = make_looks(feeds, rising)
    state = np.zeros(STATE)
    for u in range(units):
        history = History(counts[u], expected[u], daily[u], by_day, shape, sums, mass, drag)
        accumulate(history.counts, history.expected, rising, sums, mass, drag)
        seen = observed_before(history.expected)
        ready[u] = first_with(seen, rules[0].minimum)
        for way in range(2):
            tab = rising if way == 0 else falling
            first = first_with(seen, rules[way].baseline)
            used[u, way] = _watch_unit(
                history, tab, rules[way], first, ready[u], start[u], closed[u], looks, state,
                states[u, way], rows[u, way], used[u, way],
            )  # fmt: skip
            if used[u, way] < 0:
                return False
    return True


@compiled
def _watch_unit(
    history: History,
    tab: Tables,
    rules: Rules,
    first: int,
    ready: int,
    start: int,
    closed: int,
    looks: Looks,
    state: F64,
    states: F64,
    rows: F64,
    used: int,
) -> int:
    """Watch one unit for one way of change; give the rows used, -1 where there are too few."""
    if start == 0:
        start_state(states[0])
    for column in range(STATE):
        state[column] = states[start, column]
    for t in range(start, min(closed + 1, history.counts.shape[1])):
        if rows.shape[0] - used < 2 * (CLOSE + 1) + 1:
            return -1
        if t >= ready and tab.weight.shape[0] > 0:
            # Before the first close is judged nothing is known of the evidence.
            level = state[LEVEL] if t > ready else np.inf
            used = _look(history, tab, rules, t, closed, first, level, state, looks, rows, used)
        if t < closed:
            used = _subside(history, tab, rules, t, state, rows, used)
            for column in range(STATE):
                states[t + 1, column] = state[column]
    return used


@compiled
def _look(
    history: History,
    tab: Tables,
    rules: Rules,
    t: int,
    closed: int,
    first: int,
    level: float,
    state: F64,
    looks: Looks,
    rows: F64,
    used: int,
) -> int:
    """Take the looks of one period: after each day with an event, then at its close.

    ``level`` is the evidence at the last close, infinite where there was none.
    """
    begin = 0 if rules.by_day else CLOSE
    end = CLOSE + 1 if t < closed else CLOSE
    for f in range(history.counts.shape[0]):
        looks.so_far[f] = 0.0
    for day in range(begin, end):
        if not bring_to_look(history, t, day, looks):
            continue
        if most_at_look(rules.look1, history, tab, t, day, level, looks) <= rules.look1:
            continue
        reach = onset_sums(
            looks.totals, looks.masses, history.sums, history.mass, t, first, tab,
            looks.factor, looks.cumulative,
        )  # fmt: skip
        used = _judge(history, tab, rules, t, day, first, reach, state, looks, rows, used)
        if day == CLOSE:
            state[LEVEL] = looks.cumulative[reach - 1] if reach > 0 else 0.0
    return used


@compiled
def _judge(
    history: History,
    tab: Tables,
    rules: Rules,
    t: int,
    day: int,
    first: int,
    reach: int,
    state: F64,
    looks: Looks,
    rows: F64,
    used: int,
) -> int:
    for level in range(2):
        bar = rules.close1 if level == 0 else rules.close2
        if day < CLOSE:
            bar = rules.look1 if level == 0 else rules.look2
        last = int(state[LAST1 + level])
        evidence = eligible(looks.cumulative, reach, t - last, tab.ages)
        if evidence > math.exp(bar):
            row = rows[used]
            row[WEEK] = t
            row[DAY] = day
            row[KIND] = CROSSED if level == 0 else RAISED
            _attribute(history, looks, tab, t, max(first, last + 1), row)
            state[LAST1 + level] = t
            state[LATEST] = t
            state[CUSUM] = 0.0
            if state[OPEN] < 0.0:
                state[OPEN] = used
            used += 1
    return used


@compiled
def _attribute(history: History, looks: Looks, tab: Tables, t: int, first: int, row: F64) -> None:
    terms = np.empty((tab.ages.shape[0], tab.weight.shape[0]))
    reach = log_terms(looks.totals, looks.masses, history.sums, history.mass, t, first, tab, terms)
    probability = np.empty(history.counts.shape[0])
    row[EVIDENCE], onset = posterior(terms, reach, tab, probability)
    row[ONSET] = t + 1 - tab.ages[onset]
    row[SINCE] = first
    unseen(looks.masses, history.mass[int(row[ONSET])], probability)
    row[FEEDS] = float(named(probability))


@compiled
def _subside(
    history: History, tab: Tables, rules: Rules, t: int, state: F64, rows: F64, used: int
) -> int:
    if state[OPEN] < 0.0 or state[LATEST] >= t:
        return used
    opening = rows[int(state[OPEN])]
    onset = int(opening[ONSET])
    latest = int(state[LATEST]) + 1
    bits = int(opening[FEEDS])
    step = 0.0
    for f in range(history.counts.shape[0]):
        if (bits >> f) & 1:
            before = history.mass[onset, f]
            rate = (tab.prior_a[f] + history.sums[onset, f]) / (tab.prior_b[f] + before)
            since = history.sums[latest, f] - history.sums[onset, f]
            ratio = (since + 1.0) / (rate * (history.mass[latest, f] - before) + 1.0)
            ratio = min(max(ratio, rules.smallest), rules.largest)
            step += rate * (history.mass[t + 1, f] - history.mass[t, f]) * (ratio - 1.0)
            step -= (history.sums[t + 1, f] - history.sums[t, f]) * math.log(ratio)
    state[CUSUM] = max(0.0, state[CUSUM] + step)
    if state[CUSUM] > SUBSIDE:
        row = rows[used]
        for column in range(ROW):
            row[column] = 0.0
        row[WEEK] = t
        row[DAY] = CLOSE
        row[KIND] = SUBSIDED
        state[OPEN] = -1.0
        state[CUSUM] = 0.0
        used += 1
    return used
