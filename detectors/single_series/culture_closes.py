"""One close after the other, where incidents may have risen: the compiled walk.

Levels 1 and 2 are two processes on the same terms, as in ``detectors.evidence.procedure``:
after an alert of a level only later onsets count towards its next. A crossing that
incidents have a part in waits until the odds of ``reporting_culture`` pass the bar too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64
from detectors.evidence.statistic import Tables, log_terms, named, posterior, unseen
from detectors.single_series.reporting_culture import (
    AGES,
    PRIOR_ODDS,
    Harm,
    culture,
    failing_terms,
    log_sum,
)

# Better reporting is told where it is so much more probable (log), and harm says as much.
ENOUGH = 1.0
# What waited so many years for harm to speak is told unless harm does speak for better
# reporting: it is then thought less likely beforehand by this (log).
PATIENCE = 0.15
IMPATIENCE = math.log(2.0)
# A concern is asked about again for as long; later a new alert would say it.
ASKED_AGAIN = 52
# Kinds of rows: level 1, level 2, better reporting, a concern that it explains.
CONCERN, RAISED, BETTER, EXPLAINED = range(4)
# Columns of a row.
PERIOD, KIND, ONSET, FEEDS, EVIDENCE = range(5)
ROW = 5
# The state before a period: each level's last alert, since when a crossing of it waits, the
# onset of better reporting last told, the period of the concern that is asked about; -1: none.
LAST, WAITS, TOLD, ASKED = 0, 2, 4, 5
STATE = 6


class Past(NamedTuple):
    """A unit's prefix sums (``[T + 1, F]``), its harm, and what may be looked at.

    ``feed`` is the place of incidents, ``first`` the earliest onset, ``settled`` the
    periods after an onset of better reporting that are baseline only, ``patience`` those
    that a crossing waits for harm to speak.
    """

    sums: F64
    mass: F64
    harm: Harm
    feed: int
    first: int
    settled: int
    patience: int


@compiled
def log_culture(past: Past, tab: Tables, t: int, now: int) -> tuple[float, float, int]:
    """Log of C exp(h) at a look in period ``t``, what harm adds, and its likeliest onset.

    Harm counts in periods before ``now``.
    """
    f = past.feed
    found, harm, onset = culture(
        past.sums[t + 1, f], past.mass[t + 1, f], past.sums[:, f], past.mass[:, f], past.harm,
        t, now, past.first, tab.prior_a[f], tab.prior_b[f], tab.log_ratio[f],
    )  # fmt: skip
    return found + math.log(PRIOR_ODDS), harm, onset


@compiled
def fill(past: Past, tab: Tables, t: int, since: int, weight: float, onset: int, terms: F64) -> int:
    """Fill the terms of the odds at log C = ``weight``; give the number of ages."""
    terms[:] = -np.inf
    return failing_terms(
        past.sums[t + 1], past.mass[t + 1], past.sums, past.mass, t, max(past.first, since),
        tab, past.feed, weight, onset, past.settled, terms,
    )  # fmt: skip


@compiled
def walk(past: Past, tab: Tables, start: int, end: int, bars: F64, state: F64, rows: F64) -> int:
    """Judge the closes of periods ``start`` to ``end``; give the number of rows filled."""
    terms = np.empty((AGES.shape[0], tab.weight.shape[0]))
    changed = np.zeros(past.sums.shape[1])
    used = 0
    for t in range(start, end):
        used = _cross(past, tab, t, bars, state, terms, changed, rows, used)
        if state[WAITS] >= 0.0 or state[WAITS + 1] >= 0.0 or state[ASKED] >= 0.0:
            weight, harm, onset = log_culture(past, tab, t, t + 1)
            used = _tell(past, tab, t, weight, onset, bars, state, terms, changed, rows, used)
            if harm > ENOUGH and weight > bars[0] + ENOUGH:
                used = _listen(past, tab, t, weight, onset, bars, state, terms, changed, rows, used)
        if t >= state[ASKED] + ASKED_AGAIN:
            state[ASKED] = -1.0
    return used


@compiled
def _cross(
    past: Past, tab: Tables, t: int, bars: F64, state: F64, terms: F64, changed: F64, rows: F64,
    used: int,
) -> int:  # fmt: skip
    """Look for crossings; those that incidents have no part in are told at once."""
    for level in range(2):
        since = max(past.first, int(state[LAST + level]) + 1)
        if state[WAITS + level] >= 0.0 or t < since:
            continue
        reach = log_terms(
            past.sums[t + 1], past.mass[t + 1], past.sums, past.mass, t, since, tab, terms
        )
        evidence, at = posterior(terms, reach, tab, changed)
        unseen(past.mass[t + 1], past.mass[t + 1 - AGES[at]], changed)
        if evidence > bars[level] and changed[past.feed] > 0.5:
            state[WAITS + level] = t
        elif evidence > bars[level]:
            used = _note(rows, used, t, level, t + 1 - AGES[at], changed, evidence)
            state[LAST + level] = t
            if level == 0:
                state[ASKED] = -1.0
    return used


@compiled
def _tell(
    past: Past, tab: Tables, t: int, weight: float, onset: int, bars: F64, state: F64, terms: F64,
    changed: F64, rows: F64, used: int,
) -> int:  # fmt: skip
    """Tell the crossings that better reporting does not explain."""
    for level in range(2):
        if state[WAITS + level] < 0.0:
            continue
        since, against = int(state[LAST + level]) + 1, weight - bars[level]
        if t >= state[WAITS + level] + past.patience:
            against -= IMPATIENCE
        reach = fill(past, tab, t, since, against, onset, terms)
        evidence, at = posterior(terms, reach, tab, changed)
        unseen(past.mass[t + 1], past.mass[t + 1 - AGES[at]], changed)
        if evidence > bars[level]:
            used = _note(rows, used, t, level, t + 1 - AGES[at], changed, evidence)
            state[LAST + level], state[WAITS + level] = t, -1.0
            if level == 0:
                # What passed in spite of better reporting is not explained by it later.
                asked = changed[past.feed] > 0.5 and weight < bars[0]
                state[ASKED] = t if asked else -1.0
    return used


@compiled
def _listen(
    past: Past, tab: Tables, t: int, weight: float, onset: int, bars: F64, state: F64, terms: F64,
    changed: F64, rows: F64, used: int,
) -> int:  # fmt: skip
    """Tell better reporting where it is the likelier explanation, over all onsets."""
    asked = state[ASKED] >= 0.0
    new = state[TOLD] < 0.0 or onset > state[TOLD] + past.settled
    if asked or (state[WAITS] >= 0.0 and new):
        fill(past, tab, t, past.first, -np.inf, -1, terms)
        if weight > ENOUGH + log_sum(terms):
            changed[:] = 0.0
            changed[past.feed] = 1.0
            kind = EXPLAINED if asked else BETTER
            used = _note(rows, used, t, kind, onset, changed, weight - bars[0])
            state[ASKED], state[TOLD] = -1.0, onset
    return used


@compiled
def _note(
    rows: F64, used: int, t: int, kind: int, onset: int, changed: F64, evidence: float
) -> int:
    rows[used, PERIOD] = t
    rows[used, KIND] = kind
    rows[used, ONSET] = onset
    rows[used, FEEDS] = float(named(changed))
    rows[used, EVIDENCE] = evidence
    return used + 1
