"""What a count is out of, where its facts bring no denominator that a rate could be of.

A count that is watched by itself is compared with its own past, so only changes of exposure
matter. A metric is out of the wards that reported it, each by its activity against its usual;
events are out of time, while their feed comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.catalogue.indicators import Indicator
from streams.facts.feeds import Feed
from streams.facts.periods import Grid
from streams.histories.windows import joined_units, window

if TYPE_CHECKING:
    from streams.histories.series import Block

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

# Activity is relative to a unit's first reported periods.
REFERENCE = {Grid.WEEK: 13, Grid.MONTH: 3, Grid.QUARTER: 1}


def exposure(
    block: Block,
    grid: Grid,
    slots: Sequence[int],
    indicator: Indicator,
    facts: I64,
    below: F64,
    first: int,
) -> F64:
    """Exposure (slots, periods) of a count, 0 where it was not observed.

    Args:
        block: the histories of a provider.
        grid: the periods.
        slots: the units.
        indicator: the count.
        facts: (slots, periods), how many facts of it there are.
        below: the same shape, denominators that came with them, 0 where none did.
        first: the first period.

    """
    if indicator.feed is not Feed.WARDMETRICS:
        return _time(block, grid, indicator, facts, first)
    each = np.full(facts.shape, np.nan)
    if indicator.denominator is not None:
        # By reporting ward, so that one ward's missing return is no fall.
        activity, behind = joined_units(
            block, grid, slots, indicator.denominator, first, facts.shape[1]
        )
        each = np.where(behind > 0, activity / np.maximum(behind, 1), np.nan)
    each = np.where((facts > 0) & (below > 0), below / np.maximum(facts, 1), each)
    return np.where(facts > 0, facts * _relative(each, REFERENCE[grid]), 0.0)


def _time(block: Block, grid: Grid, indicator: Indicator, facts: I64, first: int) -> F64:
    """One for a period since a unit's first event in which its provider's feed came at all."""
    began = np.maximum.accumulate(facts, axis=1) > 0
    provider = block.of_levels(frozenset({"provider"})).tolist()
    came = np.zeros(facts.shape[1], dtype=np.bool_)
    for position, other in enumerate(block.catalogue.indicators):
        if other.feed is indicator.feed and other.kind == "count" and other.grid is grid:
            of_feed = window(block, grid, provider, position, first, facts.shape[1])[0]
            came |= (of_feed > 0).any(axis=0)
    return np.where(began & came, 1.0, 0.0)


def _relative(each: F64, reference: int) -> F64:
    """Activity against the mean of its first known periods; 1 where it is not known."""
    known = each > 0
    early = known & (np.cumsum(known, axis=1) <= reference)
    usual = np.where(early, each, 0.0).sum(axis=1) / np.maximum(early.sum(axis=1), 1)
    return np.where(known, each / np.where(usual > 0, usual, 1.0)[:, None], 1.0)
