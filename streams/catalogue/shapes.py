"""What kinds of facts add, numbered: the form in which the kernels add them to histories.

Two facts of a shape add the same to the same indicators, each to the period of its
day. Facts repeat what they say, so most are recognised by their body: an incident
by all of it, a complaint by its body without moments and the time limits it kept, a
ward metric by its metric and grid, its numbers being added by themselves. What intake
read in a body (``said``) is not read again.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from streams.catalogue.contributions import MILLION, Addition, Stated, end_day, stated_metric
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.periods import Grid

if TYPE_CHECKING:
    from streams.catalogue.indicators import Catalogue
    from streams.facts.messages import Fact, Likeness

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_METRICS = Feed.WARDMETRICS
# Shapes, and bodies recognised, up to here; full tables are begun anew.
_ROOM = 65_536


class Shapes:
    """The shapes of one block's facts as one growing table of cells.

    A shape's cells on a grid are ``cells[starts[shape, grid]:starts[shape, grid + 1]]``
    (``cells`` with room; columns indicator, numerator, denominator). Every shape has
    one count of its feed's activity as its last cell of a week.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._feeds = len(catalogue.indicators)
        self._timed = [catalogue.is_timed(feed) for feed in Feed]
        self.clear()

    def clear(self) -> None:
        """Forget all shapes; numbers given before mean nothing any more."""
        self.number = 0
        self._used = 0
        self._starts = np.zeros((256, len(Grid) + 1), dtype=np.int32)
        self._cells = np.zeros((2048, 3), dtype=np.int64)
        self._new_starts: list[list[int]] = []
        self._new_cells: list[tuple[int, int, int]] = []
        self._numbers: dict[tuple[int, tuple[Addition, ...]], int] = {}
        self._metrics: dict[tuple[int, int], int] = {}
        self._stated: dict[Likeness, Stated] = {}
        self._known: list[dict[object, tuple[int, int, int, int | None]]] = [{} for _ in Feed]

    @property
    def full(self) -> bool:
        """Whether it is time to begin anew."""
        tables: tuple[Sized, ...] = (*self._known, self._stated)
        return self.number >= _ROOM or any(len(known) >= _ROOM for known in tables)

    def place(self, fact: Fact) -> tuple[int, int, int, int]:
        """The shape of a fact, its UTC day, and what its cells get besides (millionths)."""
        feed = fact.feed
        if feed is _METRICS:
            return self._metric(fact)
        of_feed = self._known[feed]
        key = self._catalogue.recognised(fact) if self._timed[feed] else fact.body
        known = of_feed.get(key)
        if known is None:
            known = of_feed[key] = self._read(fact)
        shape, above, below, day = known
        return shape, fact.time // MS_PER_DAY if day is None else day, above, below

    def _read(self, fact: Fact) -> tuple[int, int, int, int | None]:
        additions = self._catalogue.additions(fact)
        shape = self._number(int(fact.feed), additions)
        return shape, 0, 0, end_day(fact)

    def _metric(self, fact: Fact) -> tuple[int, int, int, int]:
        said = fact.said
        stated = None if said is None else self._stated.get(said[0])
        if said is None or stated is None:
            stated, above, below = stated_metric(self._catalogue.metrics, fact)
            if said is not None:
                self._stated[said[0]] = stated
        else:
            _, above, below = said
        rule, grid, day = stated
        counts = None if rule is None else rule.counts(above, below)
        position = -1 if rule is None or counts is None else rule.position
        shape = self._metrics.get((position, grid))
        if shape is None:
            additions = () if position < 0 else (Addition(position, grid, 0, 0),)
            shape = self._metrics[position, grid] = self._number(int(_METRICS), additions)
        return (shape, day, 0, 0) if counts is None else (shape, day, *counts)

    def _number(self, feed: int, additions: tuple[Addition, ...]) -> int:
        number = self._numbers.get((feed, additions))
        if number is None:
            number = self._numbers[feed, additions] = self.number
            by_grid: list[list[tuple[int, int, int]]] = [[] for _ in Grid]
            for one in additions:
                cell = one.indicator, one.numerator, one.denominator
                by_grid[one.grid].append(cell)
            by_grid[Grid.WEEK].append((self._feeds + feed, MILLION, 0))
            starts = []
            for cells in by_grid:
                starts.append(self._used + len(self._new_cells))
                self._new_cells += cells
            self._new_starts.append([*starts, self._used + len(self._new_cells)])
            self.number += 1
        return number

    def tables(self) -> tuple[I32, I64]:
        """``starts`` and ``cells`` of all shapes; new ones are written in one go."""
        if self._new_starts:
            end = self._used + len(self._new_cells)
            while end > self._cells.shape[0]:
                self._cells = np.pad(self._cells, ((0, self._cells.shape[0]), (0, 0)))
            while self.number > self._starts.shape[0]:
                self._starts = np.pad(self._starts, ((0, self._starts.shape[0]), (0, 0)))
            self._cells[self._used : end] = self._new_cells
            self._starts[self.number - len(self._new_starts) : self.number] = self._new_starts
            self._used = end
            self._new_starts.clear()
            self._new_cells.clear()
        return self._starts, self._cells
