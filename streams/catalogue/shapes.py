"""What kinds of facts add, numbered: the form in which the kernels add them to histories.

Two facts of a shape add the same to the same indicators, each to the period of its
day. Facts repeat what they say, so most are recognised by their body: an incident
by all of it, a complaint by its body without moments and the time limits it kept, a
ward metric by its metric and grid, its numbers being added by themselves. What intake
read in a body (``said``) is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from streams.catalogue.contributions import (
    GRIDS,
    MILLION,
    Addition,
    MetricRules,
    day_of,
    ends_a_quarter,
    metric_said,
)
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.periods import Grid

if TYPE_CHECKING:
    from streams.facts.messages import Fact

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_METRICS = Feed.WARDMETRICS
# Shapes, and bodies recognised, up to here; full tables are begun anew.
_ROOM = 65_536


class Placed(NamedTuple):
    """Where facts go (one entry a fact), and the shapes that they have.

    ``shape`` says which cells a fact adds, on which UTC ``day``; ``above`` and ``below`` are
    what its cells get besides, in millionths. A shape's cells on a grid are
    ``cells[starts[shape, grid]:starts[shape, grid + 1]]`` (columns indicator, numerator,
    denominator); each has one count of its feed's activity as its last cell of a week, and
    an aggregate of speaking up that ends with its quarter another one there.
    """

    shape: I32
    day: I32
    above: I64
    below: I64
    starts: I32
    cells: I64


_Of = tuple[I32, I32, I64, I64]


class Counting(Protocol):
    """What says what facts add: a catalogue of indicators."""

    @property
    def indicators(self) -> Sequence[object]:
        """The indicators in their order."""

    @property
    def metric_rules(self) -> MetricRules:
        """What ward metrics add."""

    def recognition(self, feed: Feed) -> Callable[[Fact], object] | None:
        """What a feed's events are recognised by; None where that is their body."""

    def additions(self, fact: Fact, recognised: object = None) -> tuple[Addition, ...]:
        """What a fact adds to which indicators."""


class Shapes:
    """The shapes of facts as one growing table of cells, for all providers of a catalogue.

    Blocks of several threads may ask at the same time.
    """

    def __init__(self, catalogue: Counting) -> None:
        self._catalogue = catalogue
        self._feeds = len(catalogue.indicators)
        self._recognition = [catalogue.recognition(feed) for feed in Feed]
        self._lock = Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all shapes; numbers given before mean nothing any more."""
        self.number = 0
        self._used = 0
        self._starts = np.zeros((256, len(Grid) + 1), dtype=np.int32)
        self._cells = np.zeros((2048, 3), dtype=np.int64)
        self._new_starts: list[list[int]] = []
        self._new_cells: list[tuple[int, int, int]] = []
        self._numbers: dict[tuple[Feed, int, bool], tuple[int, tuple[Addition, ...]]] = {}
        self._by_kind = np.full((self._feeds + 1) * GRIDS, -1, dtype=np.int32)
        self._known: list[dict[object, int]] = [{} for _ in Feed]

    def place(self, by_feed: Sequence[Sequence[Fact]]) -> Placed:
        """Where facts go, given by feed and answered in this order."""
        with self._lock:
            parts = [self._of(feed, by_feed[feed]) for feed in Feed if by_feed[feed]]
            shape, day, above, below = map(np.concatenate, zip(*parts, strict=True))
            placed = Placed(shape, day, above, below, *self._tables())
            if self.number >= _ROOM or any(len(known) >= _ROOM for known in self._known):
                self.clear()
        return placed

    def _of(self, feed: Feed, facts: Sequence[Fact]) -> _Of:
        """Where the facts of one feed go."""
        if feed is _METRICS:
            return self._metrics(facts)
        known = self._known[feed]
        recognised = self._recognition[feed]
        keys: list[object] = (
            [one.body for one in facts] if recognised is None else list(map(recognised, facts))
        )
        shape = np.array([known.get(key, -1) for key in keys], dtype=np.int32)
        for at in np.flatnonzero(shape < 0).tolist():
            number = known.get(keys[at])
            if number is None:
                additions = self._catalogue.additions(facts[at], keys[at])
                closes = feed is Feed.SPEAKUP and ends_a_quarter(facts[at])
                number = known[keys[at]] = self._number(feed, additions, closes=closes)
            shape[at] = number
        day = np.array([one.time for one in facts]) // MS_PER_DAY
        if feed is Feed.SPEAKUP:
            day = np.array(list(map(day_of, facts)))
        nothing = np.zeros(len(facts), dtype=np.int64)
        return shape, day.astype(np.int32), nothing, nothing

    def _metrics(self, facts: Sequence[Fact]) -> _Of:
        """Where ward metrics go: a shape for each metric and grid, their numbers besides."""
        names, numerators, denominators, spans = zip(*map(metric_said, facts), strict=True)
        rules = self._catalogue.metric_rules
        position, above, below = rules.counts(names, numerators, denominators)
        day, grid = np.divmod(np.array(spans), GRIDS)
        kind = (position + 1) * GRIDS + grid
        shape = self._by_kind[kind]
        for new in np.unique(kind[shape < 0]).tolist():
            at, on = divmod(new, GRIDS)
            additions = (Addition(at - 1, Grid(on), 0, 0),) if at else ()
            self._by_kind[new] = self._number(_METRICS, additions)
        return self._by_kind[kind], day.astype(np.int32), above, below

    def _number(self, feed: Feed, additions: tuple[Addition, ...], *, closes: bool = False) -> int:
        """The number of a shape; ``closes`` says that its facts close the quarter they end with."""
        key = feed, id(additions), closes
        number, _ = self._numbers.get(key, (-1, additions))
        if number < 0:
            number = self.number
            # Held as well, so that the identity stays theirs.
            self._numbers[key] = number, additions
            by_grid: list[list[tuple[int, int, int]]] = [[] for _ in Grid]
            for one in additions:
                cell = one.indicator, one.numerator, one.denominator
                by_grid[one.grid].append(cell)
            for grid in (Grid.WEEK, Grid.QUARTER) if closes else (Grid.WEEK,):
                by_grid[grid].append((self._feeds + feed, MILLION, 0))
            starts = []
            for cells in by_grid:
                starts.append(self._used + len(self._new_cells))
                self._new_cells += cells
            self._new_starts.append([*starts, self._used + len(self._new_cells)])
            self.number += 1
        return number

    def _tables(self) -> tuple[I32, I64]:
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
