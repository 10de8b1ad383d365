"""Grouping beginnings: of which claim more began in a window than chance gives, or is usual.

Every claim is scanned at every level of units. The least likely window of all is taken first, with
the beginnings of that claim at the other levels, because a rise of a site is that of its wards.
What it took is then gone for other claims, so that no signal is in two groups. Windows of one
claim that touch are one group: a cause that is told slowly fills several of them.

The budget says what begins by chance. Where units change more often than that for reasons of their
own, what usually began in the year before stands in its place; so there is no group before that
is known, for much of what is told at first had come about over a long time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from detectors.many_series.beginnings import scan_beginnings, usual
from streams.facts.periods import PER_YEAR, Grid, first_day, period_of_day
from streams.together.begun import Beginning
from streams.together.claims import Claim, Key
from streams.together.watched import Periods, Watched

F64 = npt.NDArray[np.float64]

LIMIT = 0.01
"""Groups told by chance a year, at most, of all that one reader sees."""
FEWEST = 5
"""Units that make a group."""
EXCESS = 3.0
"""How many of them at least are more than was expected."""
LONGEST = {Grid.WEEK: 4, Grid.MONTH: 1, Grid.QUARTER: 1}
"""The longest window, in periods; by month and quarter all that is judged begins on one day."""
_YEAR = {Grid.WEEK: 52, Grid.MONTH: 12, Grid.QUARTER: 4}
_SHOWN_BEFORE, _SHOWN_AFTER = 40, 12


@dataclass(frozen=True, slots=True)
class Period:
    """How many units began in a period, and how many were expected; ``start`` is its day."""

    start: int
    begun: int
    expected: float


@dataclass(frozen=True, slots=True)
class Group:
    """Signals of one claim that began together.

    Days are UTC, ``until`` exclusive. ``units`` are those of ``level``, at which it is least
    likely, ``watched`` how many of them were watched then; ``providers`` and
    ``providers_watched`` are those they are of. ``others`` counts the units of other levels
    that began too. ``by_budget`` is what chance gives at most; ``expected`` is the same, or what
    usually begins where that is more. ``p_value`` is how often in a year that gives any such
    group, at most. ``alerts`` are the ids of the alerts, ``open`` counts those not closed.
    """

    id: str
    claim: Claim
    level: str
    since: int
    until: int
    units: frozenset[str]
    watched: int
    providers: frozenset[str]
    providers_watched: int
    others: Mapping[str, int]
    expected: float
    by_budget: float
    p_value: float
    alerts: tuple[str, ...]
    open: int
    periods: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class _Window:
    """A window of a claim at a level: periods ``start`` up to ``stop``."""

    p_value: float
    level: str
    start: int
    stop: int


def together(
    begun: Iterable[Beginning], claims: Mapping[Key, Claim], watched: Watched
) -> list[Group]:
    """The groups, the newest first.

    Args:
        begun: the beginnings that a reader may see.
        claims: what may begin, and how often by chance.
        watched: the units that the reader may see.
    """
    rows = {
        key: _Row(claims[key], some, watched)
        for key, some in _by_claim(begun, claims, watched).items()
        if len({one.unit for one in some}) >= FEWEST
    }
    windows = {key: row.window() for key, row in rows.items()}
    while True:
        left = {key: window for key, window in windows.items() if window is not None}
        if not left:
            break
        key = min(left, key=lambda one: (left[one].p_value, one))
        taken = rows[key].take(left[key])
        for other in {key}.union(*(one.keys for one in taken)):
            if other in rows:
                rows[other].leave(taken)
                windows[other] = rows[other].window()
    found = [group for row in rows.values() for group in row.groups()]
    return sorted(found, key=lambda group: (-group.until, group.p_value, group.id))


def _by_claim(
    begun: Iterable[Beginning], claims: Mapping[Key, Claim], watched: Watched
) -> dict[Key, list[Beginning]]:
    """The beginnings of each claim, of units while they were watched."""
    found: defaultdict[Key, list[Beginning]] = defaultdict(list)
    for one in begun:
        for key in one.keys:
            claim = claims.get(key)
            if claim is None or one.level not in claim.levels:
                continue
            if watched.covers(one.unit, claim.grid, one.day):
                found[key].append(one)
    return found


class _Row:
    """The beginnings of one claim by level and period, and what was taken of them."""

    def __init__(self, claim: Claim, begun: Sequence[Beginning], watched: Watched) -> None:
        self.claim = claim
        self._watched = watched
        self._longest = LONGEST[claim.grid]
        self._all = _once(begun, claim.grid, self._longest)
        self._left = dict(self._all)
        self._windows: list[_Window] = []
        self._taken: list[Beginning] = []
        self._first: dict[str, int] = {}
        self._budget: dict[str, F64] = {}
        self._expected: dict[str, F64] = {}
        for level in claim.levels:
            self._hold(level, watched.by_period(level, claim.grid))

    def _hold(self, level: str, units: Periods) -> None:
        """What is expected at a level; before it is known what is usual, nothing is left there."""
        grid = self.claim.grid
        self._first[level] = units.first
        budget = np.asarray(units.watched * (self.claim.rate / PER_YEAR[grid]), np.float64)
        counts = self._counts(level, self._all, len(budget))
        self._budget[level] = self._expected[level] = budget
        if counts.sum() < FEWEST:
            return
        counts[units.judged == 0] = 0.0
        often = usual(counts, units.judged, longest=self._longest, year=_YEAR[grid])
        self._expected[level] = np.fmax(budget, often)
        for one, at in self._all.items():
            if one.level == level and np.isnan(often[at - units.first]):
                self._left.pop(one, None)

    def window(self) -> _Window | None:
        """The least likely window among what is left, or None where chance is enough."""
        best: _Window | None = None
        for level, first in self._first.items():
            counts = self._counts(level, self._left, len(self._expected[level]))
            if counts.sum() < FEWEST:
                continue
            found = scan_beginnings(
                counts, self._expected[level], longest=self._longest,
                year=_YEAR[self.claim.grid], fewest=FEWEST, excess=EXCESS,
            )  # fmt: skip
            if found is None:
                continue
            # Everything that is scanned shares the chance of a false group, by its weight.
            p_value = found.p_value / self.claim.weight
            if p_value <= LIMIT and (best is None or p_value < best.p_value):
                best = _Window(p_value, level, first + found.start, first + found.stop)
        return best

    def take(self, window: _Window) -> list[Beginning]:
        """Take what began in a window, at whatever level."""
        self._windows.append(window)
        taken = [one for one, at in self._left.items() if window.start <= at < window.stop]
        self._taken += taken
        return taken

    def leave(self, taken: Iterable[Beginning]) -> None:
        """Leave what another claim, or this one, has taken."""
        for one in taken:
            self._left.pop(one, None)

    def groups(self) -> list[Group]:
        """What was taken, windows that touch in one."""
        found: list[list[_Window]] = []
        for window in sorted(self._windows, key=lambda one: (one.start, one.stop)):
            if found and window.start <= max(one.stop for one in found[-1]):
                found[-1].append(window)
            else:
                found.append([window])
        return [self._group(windows) for windows in found]

    def _counts(self, level: str, begun: Mapping[Beginning, int], periods: int) -> F64:
        counts = np.zeros(periods)
        for one, at in begun.items():
            if one.level == level:
                counts[at - self._first[level]] += 1.0
        return counts

    def _group(self, windows: Sequence[_Window]) -> Group:
        grid, likeliest = self.claim.grid, min(windows, key=lambda one: one.p_value)
        start, stop = min(one.start for one in windows), max(one.stop for one in windows)
        level = likeliest.level
        # Windows of other levels may reach beyond what was watched of this one.
        inside = slice(max(0, start - self._first[level]), stop - self._first[level])
        # A week that is under way is told up to the day that is known.
        since, until = first_day(grid, start), min(first_day(grid, stop), self._watched.until)
        members = [one for one in self._taken if start <= self._all[one] < stop]
        units = {one.unit: one for one in members}
        by_level = Counter(one.level for one in units.values())
        alerts = {one.alert: one for one in members}
        watched, providers = self._watched.within(level, since, until)
        named = "\0".join((self.claim.detector, self.claim.indicator, grid.name, str(since)))
        return Group(
            id=blake2b(named.encode(), digest_size=6).hexdigest(),
            claim=self.claim,
            level=level,
            since=since,
            until=until,
            units=frozenset(code for code, one in units.items() if one.level == level),
            watched=watched,
            providers=frozenset(one.provider for one in units.values() if one.level == level),
            providers_watched=providers,
            others={one: by_level[one] for one in self.claim.levels if one != level},
            expected=float(self._expected[level][inside].sum()),
            by_budget=float(self._budget[level][inside].sum()),
            p_value=likeliest.p_value,
            alerts=tuple(sorted(alerts)),
            open=sum(one.open for one in alerts.values()),
            periods=self._periods(level, start, stop),
        )

    def _periods(self, level: str, start: int, stop: int) -> tuple[Period, ...]:
        """The periods around a group, with everything that began in them."""
        expected = self._expected[level]
        counts = self._counts(level, self._all, len(expected))
        first = self._first[level]
        shown = range(
            max(0, start - first - _SHOWN_BEFORE), min(len(expected), stop - first + _SHOWN_AFTER)
        )
        return tuple(
            Period(first_day(self.claim.grid, first + at), int(counts[at]), float(expected[at]))
            for at in shown
        )


def _once(begun: Sequence[Beginning], grid: Grid, longest: int) -> dict[Beginning, int]:
    """Beginnings with their periods; of one unit only those that no window holds together."""
    found: dict[Beginning, int] = {}
    last: dict[str, int] = {}
    for one in sorted(begun, key=lambda one: (one.day, one.alert)):
        at = period_of_day(grid, one.day)
        if one.unit not in last or at - last[one.unit] >= longest:
            last[one.unit] = at
            found[one] = at
    return found
