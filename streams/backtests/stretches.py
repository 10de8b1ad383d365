"""Declared new beginnings: what of a series may be looked at, and when again.

Where somebody declares that a series begins anew (wards that merged, a definition that
changed), what came before says nothing of what follows. From that period on the series
rests, as a new unit's does, until it has a baseline of its own; the unit's other series
go on as they were. Nothing is known of a declaration before its period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.evidence.counts import I64, FeedCounts
from detectors.evidence.looks import first_with, observed_before


@dataclass(frozen=True, slots=True)
class Stretch:
    """One series from a declared new beginning on.

    ``begin`` is its first column, ``ripe`` the first one that may be judged (the number
    of columns where there is none), ``end`` the next declared beginning.
    """

    unit: int
    feed: int
    begin: int
    ripe: int
    end: int


def stretches(
    block: FeedCounts, rebases: tuple[tuple[int, int, int], ...], needed: int
) -> list[Stretch]:
    """Make the stretches of declared beginnings (unit, feed, column), sorted as they are."""
    found = []
    for number, (unit, feed, begin) in enumerate(rebases):
        later = rebases[number + 1] if number + 1 < len(rebases) else (-1, -1, -1)
        end = later[2] if later[:2] == (unit, feed) else block.periods
        series = np.ascontiguousarray(block.exposure[unit, feed : feed + 1, begin:end])
        seen = observed_before(series)
        found.append(Stretch(unit, feed, begin, begin + first_with(seen, needed), end))
    return found


def boundaries(found: list[Stretch], periods: int) -> set[int]:
    """Columns at which what may be looked at changes."""
    moments = {stretch.begin for stretch in found}
    moments.update(stretch.ripe for stretch in found if stretch.ripe < stretch.end)
    return {moment for moment in moments if moment < periods}


def seen_at(block: FeedCounts, found: list[Stretch], column: int) -> FeedCounts:
    """What may be looked at from a column on, until the next boundary."""
    begun = [stretch for stretch in found if stretch.begin <= column < stretch.end]
    if not begun:
        return block
    exposure = block.exposure.copy()
    for stretch in begun:
        until = stretch.begin if stretch.ripe <= column else block.periods
        exposure[stretch.unit, stretch.feed, :until] = 0.0
    return FeedCounts(block.counts, exposure, block.week0)


def learnt_until(found: list[Stretch], ready: I64, feeds: int, column: int) -> I64:
    """The first column of each series, ``I64[U, F]``, that is no longer baseline only."""
    until = np.repeat(ready[:, None], feeds, axis=1)
    for stretch in found:
        if stretch.ripe <= column < stretch.end:
            until[stretch.unit, stretch.feed] = stretch.ripe
    return until
