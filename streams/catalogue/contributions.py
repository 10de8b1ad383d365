"""What one fact adds to the indicators: cells of whole millionths.

Sums of integers do not depend on their order, so histories built from cells are
the same however the facts arrived. What events add is said by ``streams.catalogue.rules``; a
metric adds the numbers given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid, period_of_day

MILLION = 1_000_000


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

    def counts(self, numerator: float, denominator: float | None) -> tuple[int, int] | None:
        """Numerator and denominator in millionths; None for an empty denominator."""
        if denominator is not None and self.denominator != "none":
            if denominator == 0:
                return None
            return round(numerator * MILLION), round(denominator * MILLION)
        if self.measured:
            return round(numerator * MILLION / self.per), MILLION
        return round(numerator * MILLION), 0


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


class _Metric(msgspec.Struct):
    """What a ward metric says."""

    metric: str
    numerator: int | float
    period_start: str
    period_end: str
    denominator: int | float | None = None


_METRIC = msgspec.json.Decoder(_Metric)


class Stated(NamedTuple):
    """A ward metric: its rule (None: it is not one here), its grid, the UTC day it counts on."""

    rule: MetricRule | None
    grid: Grid
    day: int


def stated_metric(
    rules: Mapping[str, MetricRule], fact: Fact
) -> tuple[Stated, float, float | None]:
    """What a ward metric states, with its numerator and denominator."""
    stated = _METRIC.decode(fact.body)
    grid, day = _span(stated.period_start, stated.period_end)
    return Stated(rules.get(stated.metric), grid, day), stated.numerator, stated.denominator


def metric_additions(rules: Mapping[str, MetricRule], fact: Fact) -> tuple[Addition, ...]:
    """What a ward metric adds, on the grid that fits its own period."""
    (rule, grid, _), numerator, denominator = stated_metric(rules, fact)
    counts = None if rule is None else rule.counts(numerator, denominator)
    return () if rule is None or counts is None else (Addition(rule.position, grid, *counts),)


@lru_cache(maxsize=16_384)
def _span(start: str, end: str) -> tuple[Grid, int]:
    """The grid that a period fits, and its last UTC day."""
    until = moment_ms(end)
    return grid_of(moment_ms(start), until), (until - 1) // MS_PER_DAY


@lru_cache(maxsize=16_384)
def moment_ms(moment: str) -> int:
    """Milliseconds since 1970 UTC of a moment written out."""
    return round(datetime.fromisoformat(moment).timestamp() * 1_000_000) // 1000
