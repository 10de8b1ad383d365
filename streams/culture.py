"""Telling an improving reporting culture from a deterioration.

More reports are not worse care. Where incidents rise and, from the onset on, the share
of them that is harmful has fallen, with more evidence for that than the other feeds
give for a rise of their own, people report more of what went right in time. The
question is asked again with every evaluation, of all that is known by then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from detectors.single_series.shares import share_change
from streams.contributions import MILLION
from streams.feeds import Feed
from streams.periods import first_day
from streams.signals import Signal
from streams.statements import BETTER_REPORTING
from streams.windows import window

if TYPE_CHECKING:
    from streams.counting import CountWatch
    from streams.series import Block

ANY_HARM = "any_harm_share"
# A share of harm that falls: odds of this ratio against no change ...
SAFER_ODDS = 0.6
# ... and how much evidence (log Bayes factor) it takes.
ENOUGH = 1.0


def told_rightly(block: Block, counts: CountWatch, signal: Signal) -> Signal:
    """The signal, or the improvement in listening that it is instead."""
    if signal.direction != "concern" or Feed.INCIDENTS.topic not in signal.feeds:
        return signal
    worse = max(0.0, sum(counts.borne_out(block, signal, but="incidents")))
    if safer_share(block, signal) <= ENOUGH + worse:
        return signal
    return replace(
        signal,
        kind="listening",
        direction="improvement",
        feeds=(Feed.INCIDENTS.topic,),
        domains=("listening",),
        words={"text": BETTER_REPORTING},
    )


def safer_share(block: Block, signal: Signal) -> float:
    """Log Bayes factor of a fallen share of harmful incidents since a signal's onset."""
    slot = block.slot(signal.unit)
    if slot is None or ANY_HARM not in block.catalogue:
        return 0.0
    indicator = block.catalogue[ANY_HARM]
    columns = block.columns[indicator.grid]
    position, first, width = block.catalogue.position(ANY_HARM), columns.first, columns.width
    cells = window(block, indicator.grid, [slot], position, first, width)[:, 0]
    harmed, graded = cells[1] / MILLION, cells[2] / MILLION
    starts = np.array([first_day(indicator.grid, first + step) for step in range(width)])
    before, since = starts < signal.onset, starts >= signal.onset
    if signal.subsided is not None:
        since &= starts < signal.subsided
    if graded[before].sum() <= 0 or graded[since].sum() <= 0:
        return 0.0
    return share_change(
        harmed[before], graded[before], harmed[since], graded[since], odds_ratio=SAFER_ODDS
    )
