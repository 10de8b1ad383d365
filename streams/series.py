"""The histories of one provider: facts in, series of any of its units out.

A ``Block`` holds every series of a provider and of its sites and wards. A fact
is added to the unit that reported it and to those above it; a corrected fact is
taken away and added again, so a block never depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import numpy.typing as npt

from streams.columns import CLEAN, Columns, add, add_placed, allocate, allocate_placed
from streams.effects import ProviderRecord, Tally
from streams.feeds import Feed
from streams.indicators import Catalogue
from streams.messages import Fact
from streams.organisations import unit_codes
from streams.periods import Grid, first_day, period_of_day
from streams.shapes import Shapes
from streams.tallies import CELL_BYTES, CELL_NUMBERS, pack, unpack
from streams.views import SeriesView, listed, view

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_GRIDS = (Grid.DAY, Grid.WEEK, Grid.MONTH, Grid.QUARTER)
# Facts are added so many at a time.
_AT_ONCE = 65_536


class Histories(Protocol):
    """What a block is loaded from: the store, or anything that answers like it."""

    def provider(self, provider: str) -> ProviderRecord | None:
        """What is held of a provider, or None."""

    def tallies(self, provider: str) -> Iterable[Tally]:
        """All tallies of a provider."""

    def facts(self, provider: str) -> Iterable[Fact]:
        """The winning version of every fact of a provider."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A unit of a block, or what a unit that is not a ward reports for itself."""

    code: str
    kind: str
    own: bool


def kind_of(provider: str, code: str) -> str:
    """The level of a unit by its public code: ward, site or provider."""
    if code == provider:
        return "provider"
    return "ward" if ":" in code else "site"


@cache
def _months() -> I32:
    """The month of every day from 1970 to the end of 2099."""
    days = np.arange(np.datetime64("1970-01-01"), np.datetime64("2100-01-01"))
    return days.astype("datetime64[M]").astype(np.int32)


class Block:
    """All histories of one provider.

    Args:
        catalogue: the indicators; four more rows a unit count the facts of each
            feed by day, from which watermarks and silence are read.
        provider: ODS code.
    """

    def __init__(self, catalogue: Catalogue, provider: str) -> None:
        self.catalogue = catalogue
        self.provider = provider
        self.slots: list[Slot] = []
        self._width = len(catalogue.indicators) + len(Feed)
        self.columns = {grid: Columns(grid, self._width) for grid in _GRIDS}
        self._chain = np.zeros((0, 4), dtype=np.int32)
        self._wanted = np.zeros((0, self._width), dtype=np.bool_)
        self._slot_of: dict[tuple[str, bool], int] = {}
        self._leaf_of: dict[tuple[str | None, str | None], int] = {}
        self._daily = np.array(
            [indicator.daily for indicator in catalogue.indicators] + [True] * len(Feed)
        )
        self._levels = [indicator.levels for indicator in catalogue.indicators]
        self._shapes = Shapes(catalogue)
        self._touched: dict[Grid, set[int]] = {grid: set() for grid in _GRIDS}
        # What follows from the facts and is asked for again and again between changes.
        self._changed: dict[Grid, list[int]] = {}
        self._watermarks: list[int | None] | None = None
        self._closes: dict[tuple[int, int], int | None] = {}
        self._total_slot(provider)

    # -- units ---------------------------------------------------------------

    def units(self) -> list[str]:
        """Public codes of the provider and of every site and ward seen."""
        return [slot.code for slot in self.slots if not slot.own]

    def slot(self, code: str) -> int | None:
        """The slot that holds a unit's totals, or None for a unit never seen."""
        return self._slot_of.get((code, False))

    def own_slot(self, code: str) -> int | None:
        """The slot that holds what a site or provider reports for itself, if it does."""
        return self._slot_of.get((code, True))

    def _add_slot(self, code: str, *, own: bool) -> int:
        number = len(self.slots)
        kind = kind_of(self.provider, code)
        self.slots.append(Slot(code=code, kind=kind, own=own))
        self._slot_of[code, own] = number
        # A leaf keeps all it reported, so that its tallies are whole.
        kept = [own or kind == "ward" or kind in levels for levels in self._levels]
        self._wanted = np.vstack([self._wanted, np.array([*kept, True, True, True, True])])
        self._chain = np.vstack([self._chain, np.full((1, 4), -1, dtype=np.int32)])
        for columns in self.columns.values():
            columns.add_slots(len(self.slots))
        return number

    def _total_slot(self, code: str) -> int:
        number = self._slot_of.get((code, False))
        return self._add_slot(code, own=False) if number is None else number

    def _leaf(self, codes: Sequence[str]) -> int:
        """The slot that the facts of the last of ``codes`` (top down) are kept in."""
        totals = [self._total_slot(code) for code in reversed(codes)]
        if kind_of(self.provider, codes[-1]) == "ward":
            chain = totals
        else:
            own = self._slot_of.get((codes[-1], True))
            chain = [self._add_slot(codes[-1], own=True) if own is None else own, *totals]
        self._chain[chain[0], : len(chain)] = chain
        return chain[0]

    def leaf_of(self, fact: Fact) -> int:
        """The leaf slot of the unit that reported a fact."""
        place = (fact.site, fact.ward)
        leaf = self._leaf_of.get(place)
        if leaf is None:
            leaf = self._leaf(unit_codes(self.provider, fact.site, fact.ward))
            self._leaf_of[place] = leaf
        return leaf

    def _leaf_of_code(self, code: str) -> int:
        if kind_of(self.provider, code) != "ward":
            return self._leaf([self.provider] if code == self.provider else [self.provider, code])
        above = code.split(":", 1)[0]
        return self._leaf(
            [self.provider, code] if above == self.provider else [self.provider, above, code]
        )

    # -- facts ---------------------------------------------------------------

    def change(self, changes: Iterable[tuple[Fact | None, Fact]]) -> None:
        """Replace facts: each pair is the version held before (or None) and the new one."""
        leaves: list[int] = []
        placed: list[tuple[int, int, int, int]] = []
        signs: list[int] = []
        leaf_of, place = self._leaf_of, self._shapes.place
        for before, after in changes:
            for fact, sign in ((after, 1),) if before is None else ((before, -1), (after, 1)):
                if fact.withdrawn:
                    continue
                leaf = leaf_of.get((fact.site, fact.ward))
                leaves.append(self.leaf_of(fact) if leaf is None else leaf)
                placed.append(place(fact))
                signs.append(sign)
            if len(placed) >= _AT_ONCE:
                self._apply(leaves, placed, signs)
                leaves, placed, signs = [], [], []
        self._apply(leaves, placed, signs)

    def _apply(
        self, leaves: list[int], placed: list[tuple[int, int, int, int]], signs: list[int]
    ) -> None:
        if not placed:
            return
        self._forget()
        leaf, sign = np.array(leaves, dtype=np.int32), np.array(signs, dtype=np.int32)
        shape, day, above, below = np.array(placed, dtype=np.int64).T
        shape, day = shape.astype(np.int32), day.astype(np.int32)
        above, below = np.ascontiguousarray(above), np.ascontiguousarray(below)
        (starts, cells), months = self._shapes.tables(), _months()
        touched = np.empty(leaf.size, np.int64)
        for grid, columns in self.columns.items():
            rows, first, last = allocate(
                leaf, shape, day, starts, cells, int(grid), months, self._chain, self._wanted,
                columns.table, columns.rows,
            )  # fmt: skip
            if last < first:
                continue
            columns.span(first, last)
            columns.add_rows(rows, self._daily)
            number = add(
                leaf, shape, day, sign, above, below, starts, cells, int(grid), months,
                self._chain, columns.table, columns.first, columns.facts, columns.numerators,
                columns.denominators, columns.days, columns.daily, columns.dirty, touched,
            )  # fmt: skip
            self._touched[grid].update(np.unique(touched[:number]).tolist())
        if self._shapes.full:
            self._shapes.clear()

    def _forget(self) -> None:
        """Forget what followed from the facts before they changed."""
        self._changed.clear()
        self._closes.clear()
        self._watermarks = None

    # -- tallies -------------------------------------------------------------

    def take_tallies(self) -> list[Tally]:
        """The tallies touched since the last call, as they stand now."""
        room = np.empty(self._width * CELL_BYTES, dtype=np.uint8)
        tallies = []
        for grid, touched in self._touched.items():
            columns = self.columns[grid]
            for place in sorted(touched):
                leaf, period = divmod(place, 1 << 32)
                length = pack(
                    columns.table[leaf], period - columns.first, columns.facts,
                    columns.numerators, columns.denominators, columns.days, columns.daily, room,
                )  # fmt: skip
                cells = room[:length].tobytes()
                tallies.append(Tally(self.provider, self.slots[leaf].code, grid, period, cells))
            touched.clear()
        return tallies

    def restore(self, tallies: Iterable[Tally]) -> None:
        """Fill an empty block from stored tallies; the same as changing in their facts."""
        self._forget()
        leaves: dict[str, int] = {}
        by_grid: dict[Grid, list[I64]] = {grid: [] for grid in _GRIDS}
        room = np.empty((self._width, CELL_NUMBERS), dtype=np.int64)
        for tally in tallies:
            leaf = leaves.get(tally.unit)
            if leaf is None:
                leaf = leaves[tally.unit] = self._leaf_of_code(tally.unit)
            number = unpack(np.frombuffer(tally.cells, dtype=np.uint8), room)
            placed = np.empty((number, CELL_NUMBERS + 2), dtype=np.int64)
            placed[:, 0], placed[:, 1], placed[:, 2:] = leaf, tally.period, room[:number]
            by_grid[tally.grid].append(placed)
        for grid, parts in by_grid.items():
            if parts:
                placed = np.concatenate(parts)
                columns = self.columns[grid]
                rows = allocate_placed(
                    placed, self._chain, self._wanted, columns.table, columns.rows
                )
                columns.span(int(placed[:, 1].min()), int(placed[:, 1].max()))
                columns.add_rows(rows, self._daily)
                add_placed(
                    placed, self._chain, columns.table, columns.first, columns.facts,
                    columns.numerators, columns.denominators, columns.days, columns.daily,
                    columns.dirty,
                )  # fmt: skip

    # -- event time ----------------------------------------------------------

    def activity_row(self, code: str, feed: Feed) -> int:
        """The week-grid row that counts a unit's facts of a feed, or -1."""
        slot = self.slot(code)
        if slot is None:
            return -1
        return int(self.columns[Grid.WEEK].table[slot, len(self._levels) + int(feed)])

    def watermark(self, feed: Feed) -> int | None:
        """The last UTC day with a fact of the feed at the provider, or None."""
        if self._watermarks is None:
            self._watermarks = [self._last_day(one) for one in Feed]
        return self._watermarks[feed]

    def _last_day(self, feed: Feed) -> int | None:
        row = self.activity_row(self.provider, feed)
        if row < 0:
            return None
        weeks = self.columns[Grid.WEEK]
        seen = np.flatnonzero(weeks.facts[row])
        if seen.size == 0:
            return None
        last = int(seen[-1])
        day = int(np.flatnonzero(weeks.daily[weeks.days[row], last])[-1])
        return 7 * (weeks.first + last) - 3 + day

    @property
    def watermarks(self) -> tuple[int | None, int | None, int | None, int | None]:
        """The watermarks of the four feeds, as days."""
        incidents, complaints, speakup, wardmetrics = (self.watermark(feed) for feed in Feed)
        return incidents, complaints, speakup, wardmetrics

    def closed(self, feed: Feed, grid: Grid) -> int | None:
        """The first period of a grid that a feed has not closed yet, or None without facts.

        A period of events is closed when a later one has a fact; a period of
        metrics when a metric has come whose own period ends with it or later.
        """
        key = (feed, grid)
        if key not in self._closes:
            self._closes[key] = self._closed(feed, grid)
        return self._closes[key]

    def _closed(self, feed: Feed, grid: Grid) -> int | None:
        day = self.watermark(feed)
        if day is None:
            return None
        period = period_of_day(grid, day)
        if feed is Feed.WARDMETRICS and first_day(grid, period + 1) == day + 1:
            return period + 1
        return period

    def first_week(self, code: str, feed: Feed) -> int | None:
        """The first week with a fact of a feed in a unit, or None."""
        row = self.activity_row(code, feed)
        if row < 0:
            return None
        weeks = self.columns[Grid.WEEK]
        seen = np.flatnonzero(weeks.facts[row])
        return None if seen.size == 0 else weeks.first + int(seen[0])

    def changed_before(self, grid: Grid, position: int, period: int) -> bool:
        """Whether any series of an indicator changed before a period since the last evaluation."""
        changed = self._changed.get(grid)
        if changed is None:
            changed = self._changed[grid] = self.columns[grid].changed().tolist()
        return changed[position] < period

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
            block.change((None, fact) for fact in store.facts(provider))
        return block

    def clean(self) -> None:
        """Forget which series changed: they have been evaluated."""
        self._changed.clear()
        for columns in self.columns.values():
            columns.dirty[:] = CLEAN
