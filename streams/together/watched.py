"""Which units were watched when: the chance of a false alert counts from there.

A unit counts from its first fact to the last day that its provider's open feeds reached. Little can
be said of it in its first half year, and a ward may have closed before its provider's feeds end;
both make more be expected than chance gives, which is the careful side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.alerts.disclosure import calendar
from streams.evidence.evaluation import LEVELS
from streams.evidence.indications import MINIMUM
from streams.facts.effects import ProviderRecord
from streams.facts.periods import Grid, first_day, period_of_day
from streams.store.beginnings import KnownUnit

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Level:
    """The watched units of one level: since which day, until before which, of which provider."""

    since: I64
    until: I64
    providers: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Periods:
    """Numbers of units by period, from the period ``first`` on.

    ``watched`` are those with facts; ``judged`` are those of which enough is known for any
    detector to speak: half a year of weeks, a year of months, two of quarters.
    """

    first: int
    watched: I64
    judged: I64


class Watched:
    """The units that one reader may see, by level, with the days on which each was watched.

    Args:
        units: with the first day of each one's own facts.
        providers: with how far each one's feeds are known.
        among: only units of these codes count; None for all.

    ``until`` is the day before which the last of them was watched.
    """

    def __init__(
        self,
        units: Sequence[KnownUnit],
        providers: Iterable[ProviderRecord],
        *,
        among: Collection[str] | None = None,
    ) -> None:
        ends = {one.provider: calendar(one.watermarks) for one in providers}
        entered = entry_days(units)
        self.until = 0
        self._spans: dict[str, tuple[int, int]] = {}
        by_level: dict[str, list[KnownUnit]] = {level: [] for level in LEVELS}
        for unit in units:
            if among is not None and unit.code not in among:
                continue
            since, last = entered.get(unit.code), ends.get(unit.provider)
            if since is not None and last is not None and since <= last and unit.kind in by_level:
                self._spans[unit.code] = (since, last + 1)
                self.until = max(self.until, last + 1)
                by_level[unit.kind].append(unit)
        self._levels = {
            level: _Level(
                np.array([self._spans[one.code][0] for one in some], np.int64),
                np.array([self._spans[one.code][1] for one in some], np.int64),
                np.array([one.provider for one in some], np.str_),
            )
            for level, some in by_level.items()
        }

    def covers(self, unit: str, grid: Grid, day: int) -> bool:
        """Whether a unit was watched in the period that holds a day."""
        if unit not in self._spans:
            return False
        since, until = self._spans[unit]
        if since <= day < until:
            return True
        # A metric's day may be any of its month, and closes the whole of it.
        first, last = period_of_day(grid, since), period_of_day(grid, until - 1)
        return first <= period_of_day(grid, day) <= last

    def by_period(self, level: str, grid: Grid) -> Periods:
        """How many units of a level were watched, and how many judged, in each period."""
        of = self._levels[level]
        if not of.since.size:
            return Periods(0, np.zeros(0, np.int64), np.zeros(0, np.int64))
        first, last = (_periods(grid, days) for days in (of.since, of.until - 1))
        judged = first + MINIMUM[grid]
        long = judged <= last
        start, end = int(first.min()), int(last.max())
        return Periods(
            start,
            _present(first, last, start, end),
            _present(judged[long], last[long], start, end),
        )

    def within(self, level: str, since: int, until: int) -> tuple[int, int]:
        """How many units, and of how many providers, were watched on any of some days."""
        of = self._levels[level]
        inside = (of.since < until) & (of.until > since)
        return int(inside.sum()), len(set(of.providers[inside].tolist()))


def entry_days(units: Sequence[KnownUnit]) -> dict[str, int]:
    """The day from which each unit counts: its own first, or the first of what lies below it.

    Above wards a unit's own facts may be cases of speaking up; the day of the first of them is
    told as the start of its quarter, as it is elsewhere, and counts from there.
    """
    found: dict[str, int] = {}
    codes = {unit.code for unit in units}
    for kind in LEVELS:
        for unit in units:
            if unit.kind != kind:
                continue
            own = unit.first_day
            if own is not None and kind != "ward":
                own = first_day(Grid.QUARTER, period_of_day(Grid.QUARTER, own))
            days = [day for day in (own, found.get(unit.code)) if day is not None]
            if not days:
                continue
            found[unit.code] = min(days)
            if unit.parent in codes:
                found[unit.parent] = min(*days, found.get(unit.parent, days[0]))
    return found


def _present(first: I64, last: I64, start: int, end: int) -> I64:
    """How many are present in each period from ``start`` to ``end``, both included."""
    steps = np.zeros(end - start + 2, np.int64)
    np.add.at(steps, first - start, 1)
    np.add.at(steps, last + 1 - start, -1)
    found: I64 = np.cumsum(steps)[:-1]
    return found


def _periods(grid: Grid, days: I64) -> I64:
    """The period of each day; days repeat, so each is asked for once."""
    unique, place = np.unique(days, return_inverse=True)
    periods = np.array([period_of_day(grid, int(day)) for day in unique], np.int64)
    found: I64 = periods[place]
    return found
