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
    feed_masses,
    log_terms,
    median_age,
    onset_sums,
    total_of,
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
def run_unit(
    history: History,
    tab: Tables,
    rules: Rules,
    start: int,
    closed: int,
    states: F64,
    rows: F64,
    used: int,
) -> int:
    """Watch one unit from period ``start`` on; return the rows used, -1 if too few.

    ``states`` is ``[T + 1, STATE]`` with row ``start`` valid; ``rows`` is
    ``[R, ROW]`` with ``used`` rows of earlier periods.
    """
    periods = history.counts.shape[1]
    accumulate(history.counts, history.expected, tab, history.sums, history.mass, history.drag)
    seen = observed_before(history.expected)
    first = first_with(seen, rules.baseline)
    ready = first_with(seen, rules.minimum)
    cumulative = np.zeros(tab.ages.shape[0])
    state = states[start].copy()
    for t in range(start, min(closed + 1, periods)):
        if rows.shape[0] - used < 2 * (CLOSE + 1) + 1:
            return -1
        watched = t >= ready and tab.weight.shape[0] > 0
        if watched and rules.by_day:
            used = _look_by_day(history, tab, rules, t, first, state, cumulative, rows, used)
        if t == closed:
            break
        state[LEVEL] = 0.0
        if watched:
            totals, masses = history.sums[t + 1], history.mass[t + 1]
            reach = onset_sums(
                totals, masses, history.sums, history.mass, t, first, tab, cumulative
            )
            state[LEVEL] = cumulative[reach - 1] if reach > 0 else 0.0
            used = _judge(
                history, totals, masses, tab, rules, t, CLOSE, first, reach,
                state, cumulative, rows, used,
            )  # fmt: skip
        used = _subside(history, tab, rules, t, state, rows, used)
        states[t + 1] = state
    return used


@compiled
def _look_by_day(
    history: History,
    tab: Tables,
    rules: Rules,
    t: int,
    first: int,
    state: F64,
    cumulative: F64,
    rows: F64,
    used: int,
) -> int:
    feeds = history.counts.shape[0]
    totals = history.sums[t].copy()
    masses = history.mass[t].copy()
    so_far = np.zeros(feeds)
    for d in range(history.daily.shape[2]):
        events = False
        gain = 0.0
        for f in range(feeds):
            m = history.expected[f, t] * history.shape[f, d]
            if history.by_day[f] == 0 or m <= 0.0:
                continue
            events = events or history.daily[f, t, d] > 0
            so_far[f] += history.daily[f, t, d]
            omega = 1.0 / (1.0 + history.drag[t, f] * m)
            totals[f] = history.sums[t, f] + omega * so_far[f]
            masses[f] = history.mass[t, f] + omega * m
            gain += omega * so_far[f] * tab.log_ratio[f].max()
        # No look can exceed last close's evidence by more than its own events
        # allow; the slack covers onsets that move between two steps of the grid.
        if events and math.log(1.0 + state[LEVEL]) + gain + GATE_SLACK > rules.look1:
            reach = onset_sums(
                totals, masses, history.sums, history.mass, t, first, tab, cumulative
            )
            used = _judge(
                history, totals, masses, tab, rules, t, d, first, reach,
                state, cumulative, rows, used,
            )  # fmt: skip
    return used


@compiled
def _judge(
    history: History,
    totals: F64,
    masses: F64,
    tab: Tables,
    rules: Rules,
    t: int,
    day: int,
    first: int,
    reach: int,
    state: F64,
    cumulative: F64,
    rows: F64,
    used: int,
) -> int:
    for level in range(2):
        bar = rules.close1 if level == 0 else rules.close2
        if day < CLOSE:
            bar = rules.look1 if level == 0 else rules.look2
        last = int(state[LAST1 + level])
        evidence = eligible(cumulative, reach, t - last, tab.ages)
        if evidence > math.exp(bar):
            row = rows[used]
            row[WEEK] = t
            row[DAY] = day
            row[KIND] = CROSSED if level == 0 else RAISED
            _attribute(history, totals, masses, tab, t, max(first, last + 1), row)
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
def _attribute(
    history: History, totals: F64, masses: F64, tab: Tables, t: int, first: int, row: F64
) -> None:
    terms = np.empty((tab.ages.shape[0], tab.weight.shape[0]))
    reach = log_terms(totals, masses, history.sums, history.mass, t, first, tab, terms)
    terms = terms[:reach]
    row[EVIDENCE] = total_of(terms)
    row[ONSET] = t + 1 - tab.ages[median_age(terms)]
    row[SINCE] = first
    probability = feed_masses(terms, tab)
    bits = 0.0
    for f in range(probability.shape[0]):
        if probability[f] > 0.5:
            bits += 2.0**f
    row[FEEDS] = bits if bits > 0.0 else 2.0 ** np.argmax(probability)


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
        row[:] = 0.0
        row[WEEK] = t
        row[DAY] = CLOSE
        row[KIND] = SUBSIDED
        state[OPEN] = -1.0
        state[CUSUM] = 0.0
        used += 1
    return used
