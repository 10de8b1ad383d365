"""The units of one provider, and the slots in which their histories are kept.

Every unit has a slot for its totals. A site or provider that reports for itself has a
second one for what it says, so that its tallies are whole; such a slot, and that of a
ward, is a leaf. What a leaf reports counts in its chain: itself and all units above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.catalogue.organisations import unit_codes
from streams.facts.messages import Fact

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

LINKS = 4


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


class Slots:
    """The slots of one provider, numbered in the order in which they were first needed.

    ``chain`` (slots, 4) int32 lists the slots that a leaf adds to, itself first, padded
    with -1; ``wanted`` (slots, rows a slot) says which series a slot keeps.

    Args:
        provider: ODS code.
        levels: the kinds of units that keep each of the series a slot may have.
        added: told the number of slots whenever it grows.
    """

    def __init__(
        self, provider: str, levels: Sequence[frozenset[str]], added: Callable[[int], None]
    ) -> None:
        self.provider = provider
        self.slots: list[Slot] = []
        self.chain: I32 = np.zeros((0, LINKS), dtype=np.int32)
        self.wanted: Bool = np.zeros((0, len(levels)), dtype=np.bool_)
        self.leaves: dict[tuple[str | None, str | None], int] = {}
        self._levels = levels
        self._added = added
        self._slot_of: dict[tuple[str, bool], int] = {}
        self._of_levels: dict[frozenset[str], I64] = {}
        self._own: I64 = np.zeros(0, dtype=np.int64)
        self._total(provider)

    def units(self) -> list[str]:
        """Public codes of the provider and of every site and ward seen."""
        return [slot.code for slot in self.slots if not slot.own]

    def of_levels(self, kinds: frozenset[str]) -> I64:
        """The slots of the totals of all units of these levels, in order."""
        found = self._of_levels.get(kinds)
        if found is None:
            slots = enumerate(self.slots)
            numbers = [n for n, slot in slots if slot.kind in kinds and not slot.own]
            found = self._of_levels[kinds] = np.array(numbers, dtype=np.int64)
        return found

    def total(self, code: str) -> int | None:
        """The slot that holds a unit's totals, or None for a unit never seen."""
        return self._slot_of.get((code, False))

    def own_of(self, slots: I64) -> I64:
        """The slots of what these units report for themselves, -1 where they do not."""
        if self._own.size != len(self.slots):
            own = [self._slot_of.get((s.code, True), -1) for s in self.slots]
            self._own = np.array(own, dtype=np.int64)
        found: I64 = self._own[slots]
        return found

    def leaf_of(self, fact: Fact) -> int:
        """The leaf slot of the unit that reported a fact."""
        place = (fact.site, fact.ward)
        leaf = self.leaves.get(place)
        if leaf is None:
            leaf = self._leaf(unit_codes(self.provider, fact.site, fact.ward))
            self.leaves[place] = leaf
        return leaf

    def leaf_of_code(self, code: str) -> int:
        """The leaf slot of a unit by its public code."""
        if kind_of(self.provider, code) != "ward":
            return self._leaf([self.provider] if code == self.provider else [self.provider, code])
        above = code.split(":", 1)[0]
        return self._leaf(
            [self.provider, code] if above == self.provider else [self.provider, above, code]
        )

    def _add(self, code: str, *, own: bool) -> int:
        number = len(self.slots)
        kind = kind_of(self.provider, code)
        self.slots.append(Slot(code=code, kind=kind, own=own))
        self._slot_of[code, own] = number
        self._of_levels.clear()
        # A leaf keeps all it reported, so that its tallies are whole.
        kept = [own or kind == "ward" or kind in levels for levels in self._levels]
        self.wanted = np.vstack([self.wanted, np.array(kept)])
        self.chain = np.vstack([self.chain, np.full((1, LINKS), -1, dtype=np.int32)])
        self._added(len(self.slots))
        return number

    def _total(self, code: str) -> int:
        number = self._slot_of.get((code, False))
        return self._add(code, own=False) if number is None else number

    def _leaf(self, codes: Sequence[str]) -> int:
        """The slot that the facts of the last of ``codes`` (top down) are kept in."""
        totals = [self._total(code) for code in reversed(codes)]
        if kind_of(self.provider, codes[-1]) == "ward":
            chain = totals
        else:
            own = self._slot_of.get((codes[-1], True))
            chain = [self._add(codes[-1], own=True) if own is None else own, *totals]
        self.chain[chain[0], : len(chain)] = chain
        return chain[0]
