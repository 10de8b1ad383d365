"""Units that changed within their own history, which a fleet's fit must not learn from.

A unit that changed before it was watched makes its fleet look restless: dispersion,
common effect and trend all rise, and with them every threshold. So the evidence of a change
is first run over the history itself, and units beyond a bar that chance rarely passes are
left out of what is common. They keep their own rates and are watched like all others.
The calibration does the same to its simulated fleets, so that the few stable units left
out by chance are paid for. What such a unit's own history hides is for ``peers``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.evidence.counts import F64, FeedCounts
from detectors.evidence.model import EvidenceModel
from detectors.evidence.statistic import Tables, accumulate, onset_sums, tables

# Of stable units one in some hundreds passes this in a year.
BAR = 8.0
EVERY = 13  # periods between looks at the history
FIRST_ONSET = 8  # periods that must lie before an onset
LARGEST_SHARE = 0.25  # of the units; if more changed, the fleet did


def changed_units(history: FeedCounts, model: EvidenceModel) -> npt.NDArray[np.bool_]:
    """Mark the units, ``bool[U]``, whose own history shows a rise beyond doubt.

    None is marked where more than a quarter would be: that is a change of the fleet, or a
    model that fits badly, and leaving them out would make either worse.
    """
    expected = history.exposure * model.seasonal(history.week0, history.periods)
    counts = np.where(history.exposure > 0, history.counts, 0.0)
    highest = _highest(counts, expected, tables(model, model.patterns))
    marked = highest > math.exp(BAR)
    if marked.sum() > LARGEST_SHARE * len(marked):
        return np.zeros(len(marked), dtype=np.bool_)
    return np.asarray(marked)


def without(history: FeedCounts, units: npt.NDArray[np.bool_]) -> FeedCounts:
    """Give the history with the marked units as never observed."""
    exposure = np.where(units[:, None, None], 0.0, history.exposure)
    return FeedCounts(history.counts, exposure, history.week0, history.daily, history.daily_feeds)


@compiled
def _highest(counts: F64, expected: F64, tab: Tables) -> F64:
    """The greatest evidence of each unit at the looks over its history."""
    units, feeds, periods = counts.shape
    sums, mass = np.zeros((periods + 1, feeds)), np.zeros((periods + 1, feeds))
    drag = np.zeros((periods, feeds))
    cumulative = np.zeros(tab.ages.shape[0])
    factor = np.ones((feeds, tab.gain.shape[1], tab.ages.shape[0]))
    highest = np.zeros(units)
    for u in range(units):
        accumulate(counts[u], expected[u], tab, sums, mass, drag)
        t = periods - 1
        while t >= FIRST_ONSET:
            reach = onset_sums(
                sums[t + 1], mass[t + 1], sums, mass, t, FIRST_ONSET, tab, factor, cumulative
            )
            if reach > 0:
                highest[u] = max(highest[u], cumulative[reach - 1])
            t -= EVERY
    return highest
