"""What windows and views read: the histories of one provider, whoever holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from streams.catalogue.indicators import Catalogue
from streams.facts.feeds import Feed
from streams.facts.periods import Grid
from streams.histories.matrices import Matrix
from streams.histories.slots import Slot

I64 = npt.NDArray[np.int64]


class Held(Protocol):
    """The histories of a provider, of its sites and of its wards; ``Block`` is one."""

    @property
    def catalogue(self) -> Catalogue:
        """The indicators."""

    @property
    def columns(self) -> Mapping[Grid, Matrix]:
        """The cells of each grid."""

    @property
    def slots(self) -> Sequence[Slot]:
        """What histories are kept of."""

    def slot(self, code: str) -> int | None:
        """The slot that holds a unit's totals, or None for a unit never seen."""

    def own_slots(self, slots: I64) -> I64:
        """The slots of what these units report for themselves, -1 where they do not."""

    def closed(self, feed: Feed, grid: Grid) -> int | None:
        """The first period of a grid that a feed has not closed yet, or None without facts."""

    def first_week(self, code: str, feed: Feed) -> int | None:
        """The first week with a fact of a feed in a unit, or None."""
