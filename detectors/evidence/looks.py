"""Looks at a unit's history: its sums at the end of a day or at a period's close."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64, U16
from detectors.evidence.statistic import Tables

CLOSE = 7  # the "day" of a look at a period's close
GATE_SLACK = 0.7


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
def bring_to_look(history: History, t: int, day: int, looks: Looks) -> bool:
    """Bring the sums to a look; say whether there is anything new to look at.

    That is a period's close, and a day with an event.
    """
    if day == CLOSE:
        for f in range(history.counts.shape[0]):
            looks.totals[f] = history.sums[t + 1, f]
            looks.masses[f] = history.mass[t + 1, f]
        return True
    events = False
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
    return events


@compiled
def most_at_look(
    bar: float, history: History, tab: Tables, t: int, day: int, level: float, looks: Looks
) -> float:
    """Give a log evidence that a look in period ``t`` cannot exceed, told exactly above ``bar``.

    Given the evidence ``level`` at the last close (infinite where there was none) a look within
    the period can exceed it by no more than the period's own events allow (the slack covers
    onsets that move between two steps of the grid), so most looks need not be taken. A close
    is always looked at.
    """
    if day == CLOSE:
        return math.inf
    before = math.log(1.0 + level) + GATE_SLACK
    most = before
    for f in range(history.counts.shape[0]):
        most += (looks.totals[f] - history.sums[t, f]) * tab.steepest[f]
    if most <= bar:
        return most
    most = before
    for f in range(history.counts.shape[0]):
        counted = looks.totals[f] - history.sums[t, f]
        if counted > 0.0:
            exposed = looks.masses[f] - history.mass[t, f]
            shape = tab.prior_a[f] + history.sums[t, f]
            scale = tab.prior_b[f] + history.mass[t, f]
            most += _most_grown(shape, scale, counted, exposed, tab.gain[f])
    return most


@compiled
def _most_grown(shape: float, scale: float, counted: float, exposed: float, gains: F64) -> float:
    """The most by which new events can raise a feed's log Bayes factor, whatever the onset.

    Let B and N (``shape``, ``scale``) be a + A and b + M before, x and m (``counted``,
    ``exposed``) what is new, and u = 1 + (r - 1) M1 / N, from 1 for an onset today to r for one
    before everything. Then log BF grows by

        x log r - (B + x) log((N u + m r) / (N + m)) + B log u,

    which is greatest at u = B m r / (x N) or at the end of its range next to that.
    """
    most = 0.0
    for gain in gains:
        r = 1.0 + gain
        u = shape * exposed * r / (counted * scale)
        u = min(max(u, min(r, 1.0)), max(r, 1.0))
        grown = counted * math.log(r) + shape * math.log(u)
        grown -= (shape + counted) * math.log((scale * u + exposed * r) / (scale + exposed))
        most = max(most, grown)
    return most


@compiled
def eligible(cumulative: F64, reach: int, oldest: int, ages: I64) -> float:
    """Give the sum over the onsets that are at most ``oldest`` periods old."""
    n = reach
    while n > 0 and ages[n - 1] > oldest:
        n -= 1
    return float(cumulative[n - 1]) if n > 0 else 0.0
