"""Watching a block of units: alerts, episodes, and resuming after a correction.

``watch`` is causal (a look in week t uses only data up to it) and a pure function
of the counts in the order in which they happened: resumed from a path at the
first week that changed it gives the same path, bit for bit, as a run from the
start.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from detectors.demands import check_kind
from detectors.evidence.counts import DAYS, I64, FeedCounts
from detectors.evidence.crossings import WatchPath, Way
from detectors.evidence.kept import KeptPath
from detectors.evidence.model import EvidenceModel
from detectors.evidence.procedure import ROW, STATE, WEEK, Rules, watch_block
from detectors.evidence.statistic import Tables, tables

NEVER = 1e9  # a bar that no evidence reaches
FIRST_ROWS = 24


def watch(
    block: FeedCounts,
    model: EvidenceModel,
    *,
    budget1: float,
    budget2: float,
    path: WatchPath | KeptPath | None = None,
    dirty_from: I64 | None = None,
    closed: I64 | None = None,
) -> WatchPath:
    """Watch every unit of a block and give its alerts.

    Args:
        block: counts, exposures and, where known, counts by day.
        model: the calibrated model of the block's class of units.
        budget1: false alerts per unit and year of level 1.
        budget2: false alerts per unit and year of level 2.
        path: an earlier path of the same units from the same first week, or what was
            kept of it. It is read, never changed.
        dirty_from: ``I64[U]``, first column whose facts differ from those the path
            saw; columns that the path had not closed are always looked at again.
            None: nothing before those differs.
        closed: ``I64[U]``, closed columns of each unit; None closes all. The column
            after them is the open week, judged by day.

    Returns:
        The path after all closed periods and the looks within the open week.

    Raises:
        ValueError: a model of other feeds, a budget that is not positive or a
            level 2 larger than level 1.
        TypeError: a block or model of another kind.

    """
    check_kind("block", block, FeedCounts)
    check_kind("model", model, EvidenceModel)
    if block.feeds != len(model.feeds):
        raise ValueError(f"the model has {len(model.feeds)} feeds, the block {block.feeds}")
    if budget2 > budget1:
        raise ValueError("the budget of level 2 must not exceed that of level 1")
    periods = block.periods
    ends = np.full(block.units, periods, dtype=np.int64) if closed is None else closed
    ends = np.clip(ends, 0, periods).astype(np.int64)
    kept, start = _resume(block, path, dirty_from, ends)
    expected = block.exposure * model.seasonal(block.week0, periods)
    none = np.zeros((block.units, block.feeds, 0, DAYS), dtype=np.uint16)
    daily = none if block.daily is None else block.daily
    shape = model.shape_of_week()
    within_week = block.daily is not None
    rules, rising, falling = _ways(model, budget1, budget2, within_week=within_week)
    earlier = kept.used.copy()
    while not watch_block(
        block.counts, expected, daily, block.by_day, shape, rising, falling, rules,
        start, ends, kept.states, kept.rows, kept.used, kept.ready,
    ):  # fmt: skip
        kept.rows = np.concatenate([kept.rows, np.zeros_like(kept.rows)], axis=2)
        kept.used = earlier.copy()
    kept.closed = ends
    return kept


# A model is compared by identity and never changes, so what follows from it is kept.
@lru_cache(maxsize=64)
def _ways(
    model: EvidenceModel, budget1: float, budget2: float, *, within_week: bool
) -> tuple[tuple[Rules, Rules], Tables, Tables]:
    """The rules and tables of concerns and of improvements, in the order of ``Way``."""
    level1 = model.threshold(budget1, within_week=within_week)
    level2 = model.threshold(budget2, within_week=within_week)
    minimum, baseline = model.minimum_history, model.baseline
    rising = Rules(
        level1.close, level2.close, level1.look, level2.look, minimum, baseline,
        within_week, smallest=1.1, largest=5.0,
    )  # fmt: skip
    fall = model.improvement_threshold()
    falling = Rules(
        fall, NEVER, NEVER, NEVER, minimum, baseline,
        by_day=False, smallest=0.2, largest=0.9,
    )  # fmt: skip
    return (
        (rising, falling),
        tables(model, model.patterns),
        tables(model, model.improvements),
    )


def _resume(
    block: FeedCounts, path: WatchPath | KeptPath | None, dirty_from: I64 | None, ends: I64
) -> tuple[WatchPath, I64]:
    """Copy what an earlier path still says and give the column to go on from."""
    units, periods = block.units, block.periods
    if path is None or path.week0 != block.week0 or path.closed.shape[0] != units:
        return _fresh(block, ends), np.zeros(units, dtype=np.int64)
    if isinstance(path, KeptPath):
        found = path.path(periods)
    else:
        found = _fresh(block, ends)
        known = min(periods + 1, path.states.shape[2])
        found.states[:, :, :known] = path.states[:, :, :known]
        found.rows, found.used = path.rows.copy(), path.used
        found.oldest = path.oldest.copy()
    start = np.minimum(path.closed, ends)
    if dirty_from is not None:
        start = np.minimum(start, np.clip(dirty_from, 0, None))
    # What is older than the states that are known is watched from the start.
    start[start < path.oldest] = 0
    found.oldest[start == 0] = 0
    if found.used.any():
        in_use = np.arange(found.rows.shape[2]) < found.used[:, :, None]
        earlier = in_use & (found.rows[:, :, :, WEEK] < start[:, None, None])
        found.used = earlier.sum(axis=2).astype(np.int64)
    else:
        found.used = np.zeros_like(found.used)
    return found, start.astype(np.int64)


def _fresh(block: FeedCounts, ends: I64) -> WatchPath:
    units = block.units
    return WatchPath(
        week0=block.week0,
        closed=ends,
        states=np.zeros((units, len(Way), block.periods + 1, STATE)),
        rows=np.zeros((units, len(Way), FIRST_ROWS, ROW)),
        used=np.zeros((units, len(Way)), dtype=np.int64),
        ready=np.zeros(units, dtype=np.int64),
        feeds=block.feeds,
    )
