"""Which periods of a file are baseline only."""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import I64, FeedCounts
from detectors.evidence.looks import first_with, observed_before


def first_judged(block: FeedCounts, history: int) -> I64:
    """Each unit's first column with ``history`` observed ones before it."""
    return np.array(
        [first_with(observed_before(unit), history) for unit in block.exposure], dtype=np.int64
    )


def baseline(block: FeedCounts, until: I64, cutoff: int) -> FeedCounts:
    """Give the baseline periods that lie before a column.

    ``until`` is the first column after the baseline, of each unit (``I64[U]``) or of
    each series (``I64[U, F]``).
    """
    ends = until[:, None, None] if until.ndim == 1 else until[:, :, None]
    exposure = np.where(np.arange(cutoff) < ends, block.exposure[:, :, :cutoff], 0.0)
    return FeedCounts(
        np.where(exposure > 0, block.counts[:, :, :cutoff], 0.0), exposure, block.week0
    )


def without_gaps(history: FeedCounts) -> FeedCounts:
    """The same baselines, each moved to the end of the block.

    The simulation that sets the thresholds goes on from the end of the block. A unit whose
    baseline ended long before would be taken as judged, and silent, through a time in
    which it was not observed, and the thresholds would come out too low. What is moved are
    exposures to simulate by; nothing is fitted to moved counts.
    """
    counts, exposure = np.zeros_like(history.counts), np.zeros_like(history.exposure)
    for unit, feed in np.argwhere((history.exposure > 0).any(axis=2)).tolist():
        last = int(np.flatnonzero(history.exposure[unit, feed] > 0)[-1]) + 1
        counts[unit, feed, history.periods - last :] = history.counts[unit, feed, :last]
        exposure[unit, feed, history.periods - last :] = history.exposure[unit, feed, :last]
    return FeedCounts(counts, exposure, history.week0)
