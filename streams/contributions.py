"""What one fact adds to the indicators: cells of whole millionths.

Sums of integers do not depend on their order, so histories built from cells are
the same however the facts arrived. A count adds one to a numerator; a share or
proportion adds one to its denominator where the fact is in its population and
one to its numerator where the condition holds; a metric adds the numbers given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from streams.envelope import MS_PER_DAY
from streams.feeds import Feed
from streams.messages import Fact
from streams.periods import Grid, period_of_day
from streams.working_days import add_working_days

MILLION = 1_000_000

Values = Mapping[str, Any]


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
class Clock:
    """A time limit: from the fact's time until the moment named ``until``.

    Either ``months`` or ``working_days`` is positive. The last day of the limit
    counts whole, in UTC.
    """

    until: str
    months: int
    working_days: int

    def due_day(self, start: int) -> int:
        """The last day (from 1970) in time, for a fact of moment ``start`` (ms)."""
        day = start // MS_PER_DAY
        if self.working_days:
            return add_working_days(day, self.working_days)
        return _months_later(day, self.months)

    def kept(self, values: Values, fact: Fact) -> bool | None:
        """Whether the limit was kept; None while that is open.

        A complaint without the moment is late once its record is younger than
        the limit; before that, or without a record time, nothing is known.
        """
        due = self.due_day(fact.time)
        moment = values.get(self.until)
        if moment is not None:
            return _day(moment) <= due
        if fact.recorded is not None and fact.recorded // MS_PER_DAY > due:
            return False
        return None


@lru_cache(maxsize=16_384)
def _months_later(day: int, number: int) -> int:
    """The same day of the month so many months later, or that month's last day."""
    begun = datetime.fromtimestamp(day * 86_400, UTC)
    months = begun.year * 12 + begun.month - 1 + number
    first = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    following = (first + timedelta(days=32)).replace(day=1)
    last = (following - timedelta(days=1)).day
    due = first.replace(day=min(begun.day, last))
    return int(due.timestamp()) // 86_400


def _day(moment: str) -> int:
    """The UTC day (from 1970) of a moment."""
    # Written in UTC, its day is its first ten characters, and those repeat.
    return _milliseconds(moment[:10] + "T00:00:00Z" if moment[-1] == "Z" else moment) // MS_PER_DAY


@dataclass(frozen=True, slots=True)
class Condition:
    """All of these hold: fields given at all, and fields with one of the named values."""

    given: tuple[str, ...]
    one_of: tuple[tuple[str, frozenset[object]], ...]

    def holds(self, values: Values) -> bool:
        """Whether the condition holds; a list holds a value if any element does."""
        for name in self.given:
            if values.get(name) is None:
                return False
        for name, allowed in self.one_of:
            value = values.get(name)
            if isinstance(value, list):
                if allowed.isdisjoint(value):
                    return False
            elif value not in allowed:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Rule:
    """How an indicator counts the facts of its feed.

    ``where`` is the population, ``having`` the condition of a share's numerator,
    ``clock`` a proportion's time limit, ``aggregate`` the fields of a quarterly
    speak-up aggregate for numerator and denominator (None: none).
    """

    position: int
    grid: Grid
    share: bool
    where: Condition
    having: Condition
    clock: Clock | None
    aggregate: tuple[str, str | None] | None

    def counts(self, values: Values, fact: Fact) -> tuple[int, int] | None:
        """Numerator and denominator in millionths, or None where the fact is not counted."""
        if not self.where.holds(values):
            return None
        if not self.share:
            return MILLION, 0
        if self.clock is None:
            return (MILLION if self.having.holds(values) else 0), MILLION
        kept = self.clock.kept(values, fact)
        return None if kept is None else (MILLION * kept, MILLION)


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


_HARMS = ("none", "low", "moderate", "severe", "fatal")


def describe(feed: Feed, values: dict[str, Any]) -> dict[str, Any]:
    """Add the derived fields that conditions may name.

    Incidents: ``event_type`` (``incident`` where absent) and ``harm``, the worse of
    physical and psychological harm as far as given. Complaints: ``outcome`` (``open``
    where absent). Speaking up: ``anonymous``.
    """
    if feed is Feed.INCIDENTS:
        values.setdefault("event_type", "incident")
        harms = [values[name] for name in ("physical_harm", "psychological_harm") if name in values]
        if harms and values["event_type"] == "incident":
            values["harm"] = max(harms, key=_HARMS.index)
    elif feed is Feed.COMPLAINTS:
        values.setdefault("outcome", "open")
        # An answer acknowledges, where nothing else did before it.
        if "resolved_at" in values:
            values.setdefault("acknowledged_at", values["resolved_at"])
    elif feed is Feed.SPEAKUP and "route" in values:
        values["anonymous"] = values["route"] == "anonymous"
    return values


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


def event_additions(rules: Sequence[Rule], fact: Fact) -> tuple[Addition, ...]:
    """What an incident, a complaint or a speak-up case or aggregate adds."""
    values: dict[str, Any] = msgspec.json.decode(fact.body)
    if "counts" in values:
        return _aggregate_additions(rules, values)
    describe(fact.feed, values)
    return tuple(
        Addition(rule.position, rule.grid, *counts)
        for rule in rules
        if (counts := rule.counts(values, fact)) is not None
    )


def _aggregate_additions(rules: Sequence[Rule], values: Values) -> tuple[Addition, ...]:
    """What a quarterly aggregate adds, always on the quarter grid."""
    given: dict[str, int] = values["counts"]
    additions = []
    for rule in rules:
        if rule.aggregate is None:
            continue
        over, under = rule.aggregate
        # What an aggregate leaves out is unknown, not zero.
        if over not in given or (under is not None and not given.get(under)):
            continue
        below = MILLION * given[under] if under is not None else 0
        additions.append(Addition(rule.position, Grid.QUARTER, MILLION * given[over], below))
    return tuple(additions)


class Moments(msgspec.Struct):
    """The moments of a complaint, for what its time limits need."""

    acknowledged_at: str | None = None
    resolved_at: str | None = None


_MOMENTS = msgspec.json.Decoder(Moments)


def without_moments(clocks: Sequence[Clock], fact: Fact) -> tuple[bytes, tuple[bool | None, ...]]:
    """What a complaint adds depends on this alone: its body without moments, limits kept."""
    body = fact.body
    found = _MOMENTS.decode(body)
    values = {}
    for name in Moments.__struct_fields__:
        moment = getattr(found, name)
        if moment is not None:
            values[name] = moment
            body = body.replace(moment.encode(), b"")
    describe(fact.feed, values)
    return body, tuple([clock.kept(values, fact) for clock in clocks])


class _Span(msgspec.Struct):
    """The part of a body that says how long it speaks for."""

    period_end: str | None = None


_SPAN = msgspec.json.Decoder(_Span)


def end_day(fact: Fact) -> int | None:
    """The last UTC day of the period that a fact speaks for, or None for a fact of a moment."""
    if fact.feed in {Feed.WARDMETRICS, Feed.SPEAKUP} and fact.body:
        end = _SPAN.decode(fact.body).period_end
        if end is not None:
            return (_milliseconds(end) - 1) // MS_PER_DAY
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


def stated_metric(rules: Mapping[str, MetricRule], fact: Fact) -> tuple[int, Grid, int, int, int]:
    """A ward metric's indicator and grid, its numbers in millionths, and the day it counts on.

    The indicator is -1 where the metric is not one or has an empty denominator.
    """
    stated = _METRIC.decode(fact.body)
    grid, day = _span(stated.period_start, stated.period_end)
    rule = rules.get(stated.metric)
    counts = None if rule is None else rule.counts(stated.numerator, stated.denominator)
    if rule is None or counts is None:
        return -1, grid, 0, 0, day
    return rule.position, grid, *counts, day


def metric_additions(rules: Mapping[str, MetricRule], fact: Fact) -> tuple[Addition, ...]:
    """What a ward metric adds, on the grid that fits its own period."""
    position, grid, above, below, _ = stated_metric(rules, fact)
    return () if position < 0 else (Addition(position, grid, above, below),)


@lru_cache(maxsize=16_384)
def _span(start: str, end: str) -> tuple[Grid, int]:
    """The grid that a period fits, and its last UTC day."""
    until = _milliseconds(end)
    return grid_of(_milliseconds(start), until), (until - 1) // MS_PER_DAY


@lru_cache(maxsize=16_384)
def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000_000) // 1000
