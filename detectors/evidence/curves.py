"""How often evidence passes each of many bars: one pass over simulated units.

Every bar has restarts of its own, so a single pass gives the whole curve of false
alerts against the threshold.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import DAYS, F64, I64, U16, FeedCounts
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
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import Patterns
from detectors.evidence.statistic import Tables, accumulate, onset_sums, tables


def count_alerts(
    block: FeedCounts,
    model: EvidenceModel,
    bars: F64,
    *,
    patterns: Patterns | None = None,
    within_week: bool = False,
) -> tuple[I64, int]:
    """Count the alerts of a block at each of several bars.

    Args:
        block: simulated counts, by day too if ``within_week``.
        model: the model to watch with; its own curves are not used.
        bars: bars on the log evidence at a close; within the week the model's
            ``look_margin`` is added.
        patterns: the table of changes; the model's ways of failing by default.
        within_week: whether to look after each day with an event.

    Returns:
        alerts per bar, and the unit-periods that were judged.

    Raises:
        ValueError: looks within the week of a block that is not known by day.

    """
    if within_week and block.daily is None:
        raise ValueError("looks within the week need counts by day")
    table = model.patterns if patterns is None else patterns
    expected = block.exposure * model.seasonal(block.week0, block.periods)
    none = np.zeros((block.units, block.feeds, 0, DAYS), dtype=np.uint16)
    daily = block.daily if within_week and block.daily is not None else none
    alerts = np.zeros(len(bars), dtype=np.int64)
    judged = _count_block(
        block.counts, expected, daily, block.by_day, model.shape_of_week(), tables(model, table),
        model.minimum_history, model.baseline, 0 if within_week else CLOSE,
        np.asarray(bars, dtype=np.float64), model.look_margin, alerts,
    )  # fmt: skip
    return alerts, int(judged)


@compiled
def _count_block(
    counts: F64,
    expected: F64,
    daily: U16,
    by_day: I64,
    shape: F64,
    tab: Tables,
    minimum: int,
    baseline: int,
    opening: int,
    bars: F64,
    margin: float,
    alerts: I64,
) -> int:
    units, feeds, periods = counts.shape
    sums = np.zeros((periods + 1, feeds))
    mass = np.zeros((periods + 1, feeds))
    drag = np.zeros((periods, feeds))
    looks = make_looks(feeds, tab)
    last = np.empty(bars.shape[0], dtype=np.int64)
    judged = 0
    for u in range(units):
        history = History(counts[u], expected[u], daily[u], by_day, shape, sums, mass, drag)
        accumulate(history.counts, history.expected, tab, sums, mass, drag)
        seen = observed_before(expected[u])
        first = first_with(seen, baseline)
        for g in range(bars.shape[0]):
            last[g] = -1
        level = np.inf  # no close has been judged yet
        for t in range(first_with(seen, minimum), periods):
            judged += seen[t + 1] - seen[t]  # a period without any feed is not watched time
            level = _count_period(
                history, tab, opening, t, first, level, looks, bars, margin, last, alerts
            )
    return judged


@compiled
def _count_period(
    history: History,
    tab: Tables,
    opening: int,
    t: int,
    first: int,
    level: float,
    looks: Looks,
    bars: F64,
    margin: float,
    last: I64,
    alerts: I64,
) -> float:
    """Take a period's looks from day ``opening`` on at each bar; give the evidence at its close."""
    for f in range(history.counts.shape[0]):
        looks.so_far[f] = 0.0
    for day in range(opening, CLOSE + 1):
        extra = margin if day < CLOSE else 0.0
        if not bring_to_look(history, t, day, looks):
            continue
        reachable = most_at_look(bars[0] + extra, history, tab, t, day, level, looks)
        if reachable <= bars[0] + extra:
            continue
        reach = onset_sums(
            looks.totals, looks.masses, history.sums, history.mass, t, first, tab,
            looks.factor, looks.cumulative,
        )  # fmt: skip
        for g in range(bars.shape[0]):
            evidence = eligible(looks.cumulative, reach, t - last[g], tab.ages)
            if reachable > bars[g] + extra and evidence > math.exp(bars[g] + extra):
                alerts[g] += 1
                last[g] = t
        if day == CLOSE:
            level = looks.cumulative[reach - 1] if reach > 0 else 0.0
    return level
