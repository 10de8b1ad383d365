"""The histories of one provider: facts in, series of any of its units out.

A ``Block`` holds every series of a provider and of its sites and wards. A fact
is added to the unit that reported it and to those above it; a corrected fact is
taken away and added again, so a block never depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain, islice
from typing import Protocol

import numpy as np
import numpy.typing as npt

from streams.catalogue.indicators import Catalogue
from streams.facts.effects import ProviderRecord, Tally
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from streams.histories.cell_entry import LEAF, add, allocate, gathered, packed, tallies_of
from streams.histories.event_time import EventTime, Watermarks
from streams.histories.matrices import CLEAN, Matrix
from streams.histories.slots import Slot, Slots, kind_of
from streams.histories.tallies import CELL_BYTES, CELL_NUMBERS, unpacked
from streams.histories.views import SeriesView, listed, view

__all__ = ["Block", "Histories", "kind_of"]

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

_GRIDS = (Grid.DAY, Grid.WEEK, Grid.MONTH, Grid.QUARTER)
_ALL = frozenset({"ward", "site", "provider"})
# Facts are added, and tallies packed and unpacked, so many at a time.
_AT_ONCE = 65_536
_PACKED_AT_ONCE = 64
_UNPACKED_AT_ONCE = 1024


class Histories(Protocol):
    """What a block is loaded from: the store, or anything that answers like it."""

    def provider(self, provider: str) -> ProviderRecord | None:
        """What is held of a provider, or None."""

    def tallies(self, provider: str) -> Iterable[Tally]:
        """All tallies of a provider."""

    def facts(self, provider: str) -> Iterable[Fact]:
        """The winning version of every fact of a provider."""


@cache
def _months() -> I32:
    """The month of every day from 1970 to the end of 2099."""
    days = np.arange(np.datetime64("1970-01-01"), np.datetime64("2100-01-01"))
    return days.astype("datetime64[M]").astype(np.int32)


class Block:
    """All histories of one provider.

    Args:
        catalogue: the indicators; four more rows a unit count the facts of each
            feed by day, from which watermarks and silence are read, and on quarters the
            aggregates that close them.
        provider: ODS code.
    """

    def __init__(self, catalogue: Catalogue, provider: str) -> None:
        self.catalogue = catalogue
        self.provider = provider
        self._width = len(catalogue.indicators) + len(Feed)
        self.columns = {grid: Matrix(grid, self._width) for grid in _GRIDS}
        levels = [indicator.levels for indicator in catalogue.indicators]
        self._units = Slots(provider, [*levels, *[_ALL] * len(Feed)], self._add_slots)
        self._daily = np.array(
            [indicator.daily for indicator in catalogue.indicators] + [True] * len(Feed)
        )
        self._touched: dict[Grid, list[I64]] = {grid: [] for grid in _GRIDS}
        weeks, quarters = self.columns[Grid.WEEK], self.columns[Grid.QUARTER]
        self._time = EventTime(weeks, quarters, self.activity_row, provider)
        self._changed: dict[Grid, I32] = {}

    # -- units ---------------------------------------------------------------

    @property
    def slots(self) -> list[Slot]:
        """What histories are kept of: totals of units, and what some say of themselves."""
        return self._units.slots

    def units(self) -> list[str]:
        """Public codes of the provider and of every site and ward seen."""
        return self._units.units()

    def codes(self, slots: Iterable[int]) -> list[str]:
        """The public codes of the units of these slots."""
        held = self._units.slots
        return [held[slot].code for slot in slots]

    def of_levels(self, kinds: frozenset[str]) -> I64:
        """The slots of the totals of all units of these levels, in order."""
        return self._units.of_levels(kinds)

    def slot(self, code: str) -> int | None:
        """The slot that holds a unit's totals, or None for a unit never seen."""
        return self._units.total(code)

    def own_slots(self, slots: I64) -> I64:
        """The slots of what these units report for themselves, -1 where they do not."""
        return self._units.own_of(slots)

    def named(self, code: str) -> bool:
        """Whether any fact that stands names the unit, or one below it."""
        return any(self.first_week(code, feed) is not None for feed in Feed)

    def _add_slots(self, number: int) -> None:
        for columns in self.columns.values():
            columns.add_slots(number)

    # -- facts ---------------------------------------------------------------

    def change(self, added: Iterable[Fact], taken_away: Iterable[Fact] = ()) -> None:
        """Add facts, and take away those that were added before and no longer count."""
        for sign, facts in ((-1, taken_away), (1, added)):
            standing = (fact for fact in facts if not fact.withdrawn)
            while part := list(islice(standing, _AT_ONCE)):
                self._apply(part, sign)

    def _apply(self, facts: list[Fact], sign: int) -> None:
        self._forget()
        by_feed: list[list[Fact]] = [[] for _ in Feed]
        for fact in facts:
            by_feed[fact.feed].append(fact)
        facts = list(chain.from_iterable(by_feed))
        known = self._units.leaves
        leaf = np.array([known.get((one.site, one.ward), -1) for one in facts], dtype=np.int32)
        for new in np.flatnonzero(leaf < 0).tolist():
            leaf[new] = self._units.leaf_of(facts[new])
        shape, day, above, below, starts, shapes = self.catalogue.shapes.place(by_feed)
        months = _months()
        tally = np.empty(leaf.size, dtype=np.int64)
        for grid, columns in self.columns.items():
            number = tallies_of(leaf, shape, day, starts, int(grid), months, tally)
            if not number:
                continue
            order = np.argsort(tally, kind="stable")[np.count_nonzero(tally < 0) :]
            room = np.empty((number, CELL_NUMBERS + 2), dtype=np.int64)
            touched, where = np.empty_like(order), np.full(self._width, -1)
            cells, tallies = gathered(
                tally, order, shape, day, sign, above, below, starts, shapes, int(grid),
                where, room, touched,
            )  # fmt: skip
            self._enter(columns, room[:cells])
            self._touched[grid].append(touched[:tallies])

    def _enter(self, columns: Matrix, placed: I64) -> None:
        """Enter cells (leaf, period, numbers) into the series of their leaves and above."""
        links = self._units.chain
        rows = allocate(placed, links, self._units.wanted, columns.table, columns.rows)
        columns.span(int(placed[:, 1].min()), int(placed[:, 1].max()))
        columns.add_rows(rows, self._daily)
        at = np.zeros(2, dtype=np.int64)
        while not add(placed, links, columns.cells, columns.dirty, at):
            columns.more_room()

    def _forget(self) -> None:
        """Forget what followed from the facts before they changed."""
        self._changed.clear()
        self._time.forget()

    # -- tallies -------------------------------------------------------------

    def take_tallies(self) -> list[Tally]:
        """The tallies touched since the last call, as they stand now."""
        tallies: list[Tally] = []
        indicators = np.arange(self._width, dtype=np.int32)
        days = np.empty((self._width, 1, 7), dtype=np.int32)
        room = np.empty(self._width * CELL_BYTES * _PACKED_AT_ONCE, dtype=np.uint8)
        ends = np.empty(_PACKED_AT_ONCE, dtype=np.int64)
        for grid, touched in self._touched.items():
            if not touched:
                continue
            places = touched[0] if len(touched) == 1 else np.unique(np.concatenate(touched))
            for start in range(0, places.size, _PACKED_AT_ONCE):
                part = places[start : start + _PACKED_AT_ONCE]
                packed(self.columns[grid].cells, part, indicators, days, room, ends)
                cells, begin = room[: ends[part.size - 1]].tobytes(), 0
                for place, end in zip(part.tolist(), ends.tolist(), strict=False):
                    leaf, period = divmod(place, LEAF)
                    unit = self.slots[leaf].code
                    tallies.append(Tally(self.provider, unit, grid, period, cells[begin:end]))
                    begin = end
            touched.clear()
        return tallies

    def restore(self, tallies: Iterable[Tally], wanted: Bool | None = None) -> None:
        """Fill an empty block from stored tallies; the same as changing in their facts.

        Args:
            tallies: as the store gives them.
            wanted: (indicators and activity counts of the catalogue) the only ones that are
                taken; None for all of them. A comparison needs two or three of eighty.
        """
        self._forget()
        taken = np.ones(self._width, dtype=np.bool_) if wanted is None else wanted
        leaves: dict[str, int] = {}
        by_grid: dict[int, list[I64]] = {}
        waiting = iter(tallies)
        while part := list(islice(waiting, _UNPACKED_AT_ONCE)):
            cells = unpacked(part, taken)
            # A unit of which nothing is taken has no place here.
            places = np.zeros((len(part), 3), dtype=np.int64)
            for at in np.unique(cells[:, 0]).tolist():
                tally = part[at]
                leaf = leaves.get(tally.unit)
                if leaf is None:
                    leaf = leaves[tally.unit] = self._units.leaf_of_code(tally.unit)
                places[at] = leaf, tally.period, tally.grid
            grids = places[cells[:, 0], 2]
            cells[:, :2] = places[cells[:, 0], :2]
            for grid in np.unique(grids).tolist():
                by_grid.setdefault(grid, []).append(cells[grids == grid])
        for grid, parts in by_grid.items():
            self._enter(self.columns[Grid(grid)], np.concatenate(parts))

    # -- event time ----------------------------------------------------------

    def activity_row(self, code: str, feed: Feed, grid: Grid = Grid.WEEK) -> int:
        """The row of a grid that counts a unit's facts of a feed, or -1."""
        slot = self.slot(code)
        if slot is None:
            return -1
        position = len(self.catalogue.indicators) + int(feed)
        return int(self.columns[grid].table[slot, position])

    @property
    def watermarks(self) -> Watermarks:
        """For each feed the last UTC day with a fact at the provider, or None."""
        return self._time.watermarks

    def closed(self, feed: Feed, grid: Grid) -> int | None:
        """The first period of a grid that a feed has not closed yet, or None without facts."""
        return self._time.closed(feed, grid)

    def first_week(self, code: str, feed: Feed) -> int | None:
        """The first week with a fact of a feed in a unit, or None."""
        return self._time.first_week(code, feed)

    # -- evaluation ----------------------------------------------------------

    def changed_before(self, grid: Grid, position: int, period: int) -> bool:
        """Whether any series of an indicator changed before a period since the last evaluation."""
        return bool(self.changed(grid)[position] < period)

    def changed(self, grid: Grid) -> I32:
        """The earliest period changed since the last evaluation, by indicator, or ``CLEAN``."""
        changed = self._changed.get(grid)
        if changed is None:
            changed = self._changed[grid] = self.columns[grid].changed()
        return changed

    def clean(self) -> None:
        """Forget which series changed: they have been evaluated."""
        self._changed.clear()
        for columns in self.columns.values():
            columns.dirty[:] = CLEAN

    # -- reading -------------------------------------------------------------

    def series(self, unit: str, indicator: str, grid: Grid) -> SeriesView | None:
        """The series of an indicator of a unit, or None where there is none."""
        return view(self, unit, indicator, grid)

    def indicators(self, unit: str) -> list[tuple[str, Grid]]:
        """The series a unit has, as indicator key and grid."""
        return listed(self, unit)

    @classmethod
    def load(cls, store: Histories, catalogue: Catalogue, provider: str) -> Block:
        """Read a provider's histories.

        Tallies made with another catalogue are passed over: the histories are
        then made from the facts.
        """
        block = cls(catalogue, provider)
        held = store.provider(provider)
        if held is not None and held.catalogue == catalogue.digest:
            block.restore(store.tallies(provider))
        else:
            block.change(store.facts(provider))
        return block
