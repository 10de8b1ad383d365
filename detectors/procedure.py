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
from detectors.counts import F64, I64, U16
from detectors.evidence import (
    Tables,
    accumulate,
    log_terms,
    onset_sums,
    posterior,
)

# Columns of a row of the log.
WEEK, DAY, KIND, EVIDENCE, ONSET, FEEDS, SINCE = range(7)
ROW = 7
# Kinds of rows: a crossing of level 1, of level 2, an episode's end.
CROSSED, RAISED, SUBSIDED = 1.0, 2.0, 3.0
# Columns of the state before a period.
LAST1, LAST2, OPEN, LATEST, CUSUM, LEVEL = range(6)
STATE = 6

CLOSE = 7  # the "day" of a look at a period's close
SUBSIDE = 3.0  # log likelihood ratio for a return to the rate before the onset
GATE_SLACK = 0.7


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


class History(NamedTuple):
    """A unit's counts and what the formulae make of them."""

    counts: F64  # [F, T]
    expected: F64  # [F, T]
    daily: U16  # [F, T, 7], or empty
    by_day: I64  # [F], 1 where the feed is known by day
    shape: F64  # [F, 7]
    sums: F64  # [T + 1, F]
    mass: F64
    drag: F64  # [T, F]


class Looks(NamedTuple):
    """Room for the numbers of the look being taken."""

    totals: F64  # [F]
    masses: F64  # [F]
    so_far: F64  # [F], events of the period's days up to the look
    cumulative: F64  # [ages]
    factor: F64  # [F, L, ages]


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
def observed_before(expected: F64) -> I64:
    """Count, for every period, the earlier periods in which any feed was observed."""
    feeds, periods = expected.shape
    seen = np.zeros(periods + 1, dtype=np.int64)
    for t in range(periods):
        seen[t + 1] = seen[t]
        for f in range(feeds):
            if expected[f, t] > 0.0:
                seen[t + 1] += 1
                break
    return seen


@compiled
def first_with(seen: I64, periods: int) -> int:
    """Give the first period that has ``periods`` observed ones before it."""
    for t in range(seen.shape[0]):
        if seen[t] >= periods:
            return t
    return int(seen.shape[0])


@compiled
def watch_block(
    counts: F64,
    expected: F64,
    daily: U16,
    by_day: I64,
    shape: F64,
    tab: Tables,
    rules: Rules,
    start: I64,
    closed: I64,
    states: F64,
    rows: F64,
    used: I64,
    ready: I64,
) -> bool:
    """Watch every unit of a block from its period ``start`` on.

    ``states`` is ``[U, T + 1, STATE]``, row ``start`` of each unit being valid;
    ``rows`` is ``[U, R, ROW]``, of which ``used`` are of earlier periods. False means
    that some unit has too few rows; then nothing written may be used.
    """
    units, feeds, periods = counts.shape
    sums = np.zeros((periods + 1, feeds))
    mass = np.zeros((periods + 1, feeds))
    drag = np.zeros((periods, feeds))
    looks = make_looks(feeds, tab)
    state = np.zeros(STATE)
    for u in range(units):
        history = History(counts[u], expected[u], daily[u], by_day, shape, sums, mass, drag)
        accumulate(history.counts, history.expected, tab, sums, mass, drag)
        seen = observed_before(history.expected)
        first = first_with(seen, rules.baseline)
        ready[u] = first_with(seen, rules.minimum)
        if start[u] == 0:
            start_state(states[u, 0])
        for column in range(STATE):
            state[column] = states[u, start[u], column]
        for t in range(start[u], min(closed[u] + 1, periods)):
            if rows.shape[1] - used[u] < 2 * (CLOSE + 1) + 1:
                return False
            if t >= ready[u] and tab.weight.shape[0] > 0:
                used[u] = _look(
                    history, tab, rules, t, closed[u], first, state, looks, rows[u], used[u]
                )
            if t < closed[u]:
                used[u] = _subside(history, tab, rules, t, state, rows[u], used[u])
                for column in range(STATE):
                    states[u, t + 1, column] = state[column]
    return True


@compiled
def make_looks(feeds: int, tab: Tables) -> Looks:
    """Make room for looks at this many feeds."""
    return Looks(
        totals=np.zeros(feeds),
        masses=np.zeros(feeds),
        so_far=np.zeros(feeds),
        cumulative=np.zeros(tab.ages.shape[0]),
        factor=np.ones((feeds, tab.gain.shape[1], tab.ages.shape[0])),
    )


@compiled
def _look(
    history: History,
    tab: Tables,
    rules: Rules,
    t: int,
    closed: int,
    first: int,
    state: F64,
    looks: Looks,
    rows: F64,
    used: int,
) -> int:
    """Take the looks of one period: after each day with an event, then at its close."""
    begin = 0 if rules.by_day else CLOSE
    end = CLOSE + 1 if t < closed else CLOSE
    for f in range(history.counts.shape[0]):
        looks.so_far[f] = 0.0
    for day in range(begin, end):
        if bring_to_look(history, tab, t, day, state[LEVEL], looks) <= rules.look1:
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
def bring_to_look(
    history: History, tab: Tables, t: int, day: int, level: float, looks: Looks
) -> float:
    """Bring the sums to a look; give a log evidence that it cannot exceed.

    Given the last close's evidence ``level`` a look within the week can exceed it
    by no more than its own events allow (the slack covers onsets that move between
    two steps of the grid), so most of them need no closer look, and a day without
    an event never does. A close is always looked at.
    """
    if day == CLOSE:
        for f in range(history.counts.shape[0]):
            looks.totals[f] = history.sums[t + 1, f]
            looks.masses[f] = history.mass[t + 1, f]
        return math.inf
    events = False
    gain = 0.0
    for f in range(history.counts.shape[0]):
        m = history.expected[f, t] * history.shape[f, day]
        if history.by_day[f] == 0 or m <= 0.0:
            m = 0.0
        elif history.daily[f, t, day] > 0:
            events = True
            looks.so_far[f] += history.daily[f, t, day]
        omega = 1.0 / (1.0 + history.drag[t, f] * m)
        looks.totals[f] = history.sums[t, f] + omega * looks.so_far[f]
        looks.masses[f] = history.mass[t, f] + omega * m
        gain += omega * looks.so_far[f] * tab.steepest[f]
    return math.log(1.0 + level) + gain + GATE_SLACK if events else -math.inf


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
def eligible(cumulative: F64, reach: int, oldest: int, ages: I64) -> float:
    """Give the sum over the onsets that are at most ``oldest`` periods old."""
    n = reach
    while n > 0 and ages[n - 1] > oldest:
        n -= 1
    return float(cumulative[n - 1]) if n > 0 else 0.0


@compiled
def _attribute(history: History, looks: Looks, tab: Tables, t: int, first: int, row: F64) -> None:
    terms = np.empty((tab.ages.shape[0], tab.weight.shape[0]))
    reach = log_terms(looks.totals, looks.masses, history.sums, history.mass, t, first, tab, terms)
    probability = np.empty(history.counts.shape[0])
    row[EVIDENCE], median = posterior(terms, reach, tab, probability)
    row[ONSET] = t + 1 - tab.ages[median]
    row[SINCE] = first
    bits, likeliest = 0, 0
    for f in range(probability.shape[0]):
        if probability[f] > 0.5:
            bits |= 1 << f
        if probability[f] > probability[likeliest]:
            likeliest = f
    row[FEEDS] = float(bits if bits > 0 else 1 << likeliest)


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
