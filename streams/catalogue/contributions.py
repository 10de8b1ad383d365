"""What one fact adds to the indicators: cells of whole millionths.

Sums of integers do not depend on their order, so histories built from cells are
the same however the facts arrived. What events add is said by ``streams.catalogue.rules``; a
metric adds the numbers given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import msgspec
import numpy as np
import numpy.typing as npt

from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.messages import Fact, Said
from streams.facts.periods import Grid, first_day, period_of_day

I64 = npt.NDArray[np.int64]

MILLION = 1_000_000
GRIDS = len(Grid)


class Cell(msgspec.Struct, frozen=True, gc=False):
    """A contribution to one period of one indicator of the fact's unit.

    ``indicator`` is the position in the catalogue; ``numerator`` and
    ``denominator`` are millionths; ``day`` is the day within the week (Monday 0)
    on the week grid and 0 on others.
    """

    indicator: int
    grid: Grid
    period: int
    numerator: int
    denominator: int
    day: int


@dataclass(frozen=True, slots=True)
class MetricRule:
    """What a ward metric accepts and how its numbers are kept.

    ``denominator`` is ``required``, ``optional`` or ``none``; ``whole`` asks for a
    whole numerator; ``bounded`` says the numerator cannot exceed the denominator;
    ``per`` is the multiplier of the indicator's unit (100 for per cent);
    ``measured`` marks a mean, whose plain value counts once.
    """

    position: int
    denominator: str
    whole: bool
    bounded: bool
    measured: bool
    per: float

    def refusal(self, numerator: float, denominator: float | None) -> str | None:
        """Why these numbers cannot be taken, or None."""
        if denominator is None:
            if self.denominator == "required":
                return "data.denominator: this metric needs one"
        elif self.bounded and numerator > denominator:
            return "data.numerator: cannot exceed the denominator of this metric"
        if self.whole and numerator != int(numerator):
            return "data.numerator: expected a whole number for this metric"
        return None


class MetricRules:
    """What ward metrics add: their rules as columns, asked for many facts at once.

    Args:
        by_name: the rules by the names of the metrics.
    """

    def __init__(self, by_name: Mapping[str, MetricRule]) -> None:
        self._place = {name: place for place, name in enumerate(by_name)}
        rules = by_name.values()
        # The last of each column is what -1 finds, the place of a metric without a rule.
        self._position = np.array([*(one.position for one in rules), -1], dtype=np.int64)
        self._divides = np.array([*(one.denominator != "none" for one in rules), False])
        self._measured = np.array([*(one.measured for one in rules), False])
        self._per = np.array([*(one.per for one in rules), 1.0])

    def counts(
        self,
        names: Sequence[str],
        numerators: Sequence[float],
        denominators: Sequence[float | None],
    ) -> tuple[I64, I64, I64]:
        """For each fact the indicator's position, numerator and denominator in millionths.

        The position is -1 where a fact adds nothing: its metric has no rule, or its denominator
        is empty. A plain value counts once where it is a mean, in the indicator's unit.
        """
        place_of = self._place
        rule = np.array([place_of.get(name, -1) for name in names])
        # Whole numbers of millionths up to a thousand million are exact in a double.
        above = np.array(numerators, dtype=np.float64) * MILLION
        below = np.array(denominators, dtype=np.float64)
        position, measured = self._position[rule], self._measured[rule]
        shares = self._divides[rule] & ~np.isnan(below)
        position = np.where(shares & (below == 0), -1, position)
        above = np.where(measured & ~shares, above / self._per[rule], above)
        below = np.where(shares, below * MILLION, np.where(measured, MILLION, 0))
        above, below = (np.where(position < 0, 0, np.rint(one)) for one in (above, below))
        return position, above.astype(np.int64), below.astype(np.int64)

    def additions(self, fact: Fact) -> tuple[Addition, ...]:
        """What one ward metric adds, on the grid that fits its own period."""
        name, numerator, denominator, span = metric_said(fact)
        (position,), (above,), (below,) = (
            column.tolist() for column in self.counts([name], [numerator], [denominator])
        )
        if position < 0:
            return ()
        return (Addition(position, Grid(span % GRIDS), above, below),)


def grid_of(start: int, end: int) -> Grid:
    """The grid that a metric's period (milliseconds) fits: weeks, months or quarters."""
    days = (end - start) / MS_PER_DAY
    if days <= 10:
        return Grid.WEEK
    return Grid.MONTH if days <= 45 else Grid.QUARTER


class Addition(msgspec.Struct, frozen=True, gc=False):
    """What a fact adds to one indicator, whatever its period: sums in millionths."""

    indicator: int
    grid: Grid
    numerator: int
    denominator: int


def cell_of(addition: Addition, day: int) -> Cell:
    """An addition placed on the period of a UTC day."""
    within = (day + 3) % 7 if addition.grid is Grid.WEEK else 0
    period = period_of_day(addition.grid, day)
    return Cell(
        addition.indicator,
        addition.grid,
        period,
        addition.numerator,
        addition.denominator,
        within,
    )


class _Span(msgspec.Struct):
    """The part of a body that says how long it speaks for."""

    period_end: str | None = None


_SPAN = msgspec.json.Decoder(_Span)


def end_day(fact: Fact) -> int | None:
    """The last UTC day of the period that a fact speaks for, or None for a fact of a moment."""
    if fact.feed in {Feed.WARDMETRICS, Feed.SPEAKUP} and fact.body:
        end = _SPAN.decode(fact.body).period_end
        if end is not None:
            return (moment_ms(end) - 1) // MS_PER_DAY
    return None


def day_of(fact: Fact) -> int:
    """The UTC day a fact counts on: its own, or the last of the period it speaks for."""
    day = end_day(fact)
    return fact.time // MS_PER_DAY if day is None else day


def ends_a_quarter(fact: Fact) -> bool:
    """Whether the period that a fact speaks for ends with a calendar quarter."""
    day = end_day(fact)
    if day is None:
        return False
    return first_day(Grid.QUARTER, period_of_day(Grid.QUARTER, day) + 1) == day + 1


class _Metric(msgspec.Struct):
    """What a ward metric says."""

    metric: str
    numerator: int | float
    period_start: str
    period_end: str
    denominator: int | float | None = None


_METRIC = msgspec.json.Decoder(_Metric)


def metric_said(fact: Fact) -> Said:
    """A ward metric's name, numerator, denominator (or None) and period (see ``span_of``)."""
    if fact.said is not None:
        return fact.said
    read = _METRIC.decode(fact.body)
    span = span_of(read.period_start, read.period_end)
    return read.metric, read.numerator, read.denominator, span


@lru_cache(maxsize=16_384)
def span_of(start: str, end: str) -> int:
    """A period as one number: its last UTC day times ``GRIDS``, plus the grid that it fits."""
    until = moment_ms(end)
    return (until - 1) // MS_PER_DAY * GRIDS + grid_of(moment_ms(start), until)


@lru_cache(maxsize=16_384)
def moment_ms(moment: str) -> int:
    """Milliseconds since 1970 UTC of a moment written out."""
    return round(datetime.fromisoformat(moment).timestamp() * 1_000_000) // 1000
