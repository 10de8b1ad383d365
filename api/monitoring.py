"""Supporting monitors beside the evidence: river's drift detectors on ward metrics.

They have no budget of false alerts, so they raise nothing: they are shown so that
a reader may question a baseline, and start afresh where the series was rebased. What
they find depends on the values alone (KSWIN's
draws are seeded), so it is kept: KSWIN's test takes a third of a millisecond a value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from api.histories import History
from streams.facts.feeds import Feed
from streams.facts.periods import end_of
from streams.histories.points import stamp

# Residuals are standardised by the first two years of months, or half a year of weeks.
BASELINE = 24
_MINIMUM = 12
_KEPT = 512


def monitor_findings(history: History) -> list[dict[str, Any]]:
    """What ADWIN, Page-Hinkley and KSWIN find on a ward metric's closed periods, by time."""
    view = history.view
    if view.indicator.feed is not Feed.WARDMETRICS:
        return []
    closed = int(np.searchsorted(view.periods, view.open_from))
    begins = history.drawing.begins
    values = view.values[begins:closed]
    if np.count_nonzero(~np.isnan(values)) < _MINIMUM:
        return []
    return [
        {
            "monitor": name,
            "parameters": dict(parameters),
            "at": stamp(end_of(view.grid, int(view.periods[begins + index]))),
        }
        for name, parameters, index in _found(values.tobytes())
    ]


@lru_cache(maxsize=_KEPT)
def _found(values: bytes) -> tuple[tuple[str, tuple[tuple[str, float | int | str], ...], int], ...]:
    """Monitor, parameters and position of each finding in a series of doubles."""
    # river costs a second to import, which only readers of such a series pay.
    from detectors.drift.monitors import monitor  # noqa: PLC0415 - as said above
    from detectors.drift.supporting import standardised_residuals  # noqa: PLC0415 - the same

    found = monitor(standardised_residuals(np.frombuffer(values), BASELINE))
    return tuple((one.detector, tuple(one.parameters.items()), one.index) for one in found)
