"""Blocks of weekly counts: what the evidence procedure looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
U16: TypeAlias = npt.NDArray[np.uint16]

DAYS = 7
WEEKS_PER_YEAR = 365.25 / 7


@dataclass(frozen=True, eq=False)
class FeedCounts:
    """Counts of a block of units of one class on consecutive periods.

    Args:
        counts: ``F64[U, F, T]``, events of each unit, feed and period.
        exposure: ``F64[U, F, T]``, relative exposure (for example bed days over a
            fixed reference, 1 where there is none). Zero means that the feed was
            not observed in that period: it was missing, is not yet closed, or
            lies before the unit's start. Its count is then not looked at.
        week0: absolute index of the first period (Monday weeks since 1969-12-29).
        daily: ``U16[U, F, T, 7]``, the same counts by day of the week, or None
            where only whole periods are known.
        daily_feeds: which feeds are known by day; None means all of them. A feed
            that is not joins a week at its close.

    Raises:
        ValueError: shapes that disagree, or counts or exposures that are negative
            or not finite.

    """

    counts: F64
    exposure: F64
    week0: int
    daily: U16 | None = None
    daily_feeds: tuple[bool, ...] | None = None

    def __post_init__(self) -> None:
        if self.counts.ndim != 3 or self.counts.shape != self.exposure.shape:
            raise ValueError("counts and exposure must both have shape (units, feeds, periods)")
        if self.daily is not None and self.daily.shape != (*self.counts.shape, DAYS):
            raise ValueError("daily counts must have shape (units, feeds, periods, 7)")
        if self.daily_feeds is not None and len(self.daily_feeds) != self.feeds:
            raise ValueError("daily_feeds must name each feed once")
        for name, values in (("counts", self.counts), ("exposure", self.exposure)):
            if values.size and not (np.isfinite(values).all() and values.min() >= 0):
                raise ValueError(f"{name} must be finite and not negative")

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.counts.shape[0])

    @property
    def feeds(self) -> int:
        """Number of feeds."""
        return int(self.counts.shape[1])

    @property
    def periods(self) -> int:
        """Number of periods (columns)."""
        return int(self.counts.shape[2])

    @property
    def by_day(self) -> I64:
        """1 for each feed that is known by day where days are known, ``I64[F]``."""
        known = self.daily_feeds or (True,) * self.feeds
        return np.array(known, dtype=np.int64)

    def select(self, units: I64) -> FeedCounts:
        """Give the block of the units at these positions."""
        daily = None if self.daily is None else self.daily[units]
        return FeedCounts(
            self.counts[units], self.exposure[units], self.week0, daily, self.daily_feeds
        )

    def until(self, periods: int) -> FeedCounts:
        """Give the block's first ``periods`` columns."""
        daily = None if self.daily is None else self.daily[:, :, :periods]
        return FeedCounts(
            self.counts[:, :, :periods],
            self.exposure[:, :, :periods],
            self.week0,
            daily,
            self.daily_feeds,
        )
