"""Watching against a reference rate: the way to hear what precedes all history.

The national maternity signal system and the English mortality alerts compare a unit with
a rate from outside rather than with its own past. Here the rate is the fleet's own in the
baseline year, the chart a Poisson CUSUM of doubling, started afresh at each alarm, with the
threshold 7 on the log scale that the mortality alerts use (A. Bottle and P. Aylin,
Journal of the Operational Research Society 62, 2011).
"""

from __future__ import annotations

import numpy as np

from detectors.sequential.likelihood_cusum import poisson_cusum
from streams.backtests.backtest import Backtest
from streams.backtests.scenario_fleet import Drawn

THRESHOLD = 7.0
DOUBLING = 2.0


def reference_alerts(drawn: Drawn, test: Backtest) -> list[tuple[int, int]]:
    """Alerts (unit, column) on the scenario's outcomes with a reference rate, any of them."""
    found: set[tuple[int, int]] = set()
    counts = drawn.counts
    for name in drawn.scenario.reference_feeds:
        feed = counts.feeds.index(name)
        events = counts.block.counts[:, feed].T
        exposure = counts.block.exposure[:, feed].T
        learnt = np.arange(counts.block.periods) < test.history
        rate = events[learnt].sum() / exposure[learnt].sum()
        # Nothing is known of a unit while it is baseline only, as for the other ways.
        observed = np.where(test.judged.T & (exposure > 0), events, np.nan)
        path = poisson_cusum(
            observed, np.where(exposure > 0, rate * exposure, 1.0), rise=DOUBLING, h=THRESHOLD
        )
        found.update((int(unit), int(column)) for column, unit in np.argwhere(path.signals))
    return sorted(found)
