"""Supporting monitors beside the evidence: river's drift detectors on ward metrics.

They have no budget of false alerts, so they raise nothing: they are shown so that
a reader may question a baseline.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from api.histories import History
from streams.feeds import Feed
from streams.periods import end_of
from streams.points import stamp

# Residuals are standardised by the first two years of months, or half a year of weeks.
BASELINE = 24
_MINIMUM = 12


def monitor_findings(history: History) -> list[dict[str, Any]]:
    """What ADWIN and Page-Hinkley find on a ward metric's closed periods, by time."""
    view = history.view
    if view.indicator.feed is not Feed.WARDMETRICS:
        return []
    closed = int(np.searchsorted(view.periods, view.open_from))
    values = view.values[:closed]
    if np.count_nonzero(~np.isnan(values)) < _MINIMUM:
        return []
    # river costs a second to import, which only readers of such a series pay.
    from detectors.drift.monitors import monitor, standardised_residuals  # noqa: PLC0415 - as said above

    found = monitor(standardised_residuals(values, BASELINE))
    return [
        {
            "monitor": finding.detector,
            "parameters": finding.parameters,
            "at": stamp(end_of(view.grid, int(view.periods[finding.index]))),
        }
        for finding in found
    ]
