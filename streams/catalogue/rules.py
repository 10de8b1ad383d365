"""How indicators count events: populations, conditions and time limits.

A count adds one to a numerator; a share or proportion adds one to its denominator
where the fact is in its population and one to its numerator where the condition
holds. Many rules look at few fields, so they are asked together: what each value of
a field allows is a set of rules, kept as the bits of a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast

import msgspec

from streams.catalogue.contributions import MILLION, Addition, moment_ms
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from streams.facts.working_days import add_working_days

Values = Mapping[str, Any]

# What facts of the same kind add is kept; cleared when full.
_REMEMBERED = 65_536


@dataclass(frozen=True, slots=True)
class Clock:
    """A time limit: from the fact's time until the moment named ``until``.

    Either ``months`` or ``working_days`` is positive. The last day of the limit
    counts whole, in UTC.
    """

    until: str
    months: int
    working_days: int

    def due_day(self, day: int) -> int:
        """The last UTC day (from 1970) in time, for a fact of a day."""
        if self.working_days:
            return add_working_days(day, self.working_days)
        return _months_later(day, self.months)


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
    # Days that are written in UTC repeat.
    return moment_ms(moment[:10] + "T00:00:00Z" if moment[-1] == "Z" else moment) // MS_PER_DAY


Kept = tuple[bool | None, ...]
"""Whether each time limit was kept; None while that is open."""


@dataclass(frozen=True, slots=True)
class Condition:
    """All of these hold: fields given at all, and fields with one of the named values.

    A list has a value if any of its elements is one.
    """

    given: tuple[str, ...]
    one_of: tuple[tuple[str, frozenset[object]], ...]


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


class _Moments(msgspec.Struct):
    """The moments of a complaint, for what its time limits need."""

    acknowledged_at: str | None = None
    resolved_at: str | None = None


MOMENTS = _Moments.__struct_fields__
_MOMENTS = msgspec.json.Decoder(_Moments)
# What the names of moments end with, within a body.
_MOMENT_NAME = b'_at":'


class _Sieve:
    """Which of many conditions hold, as the bits of a number."""

    def __init__(self, conditions: Sequence[Condition]) -> None:
        self._all = (1 << len(conditions)) - 1
        names = dict.fromkeys(
            name for one in conditions for name in (*one.given, *(name for name, _ in one.one_of))
        )
        self._fields = [self._field(name, conditions) for name in names]

    def _field(
        self, name: str, conditions: Sequence[Condition]
    ) -> tuple[str, int, int, dict[object, int]]:
        """A field: what holds without it, with a value nobody names, and with each named one."""
        absent = other = 0
        allowed = [dict(one.one_of).get(name) for one in conditions]
        by_value = dict.fromkeys((value for values in allowed if values for value in values), 0)
        for number, (one, values) in enumerate(zip(conditions, allowed, strict=True)):
            bit = 1 << number
            if values is None:
                other |= bit
                if name not in one.given:
                    absent |= bit
            for value in by_value:
                if values is None or value in values:
                    by_value[value] |= bit
        return name, absent, other, by_value

    def holding(self, values: Values) -> int:
        """The conditions that hold for these values."""
        found = self._all
        for name, absent, other, by_value in self._fields:
            value = values.get(name)
            if value is None:
                found &= absent
            elif isinstance(value, list):
                any_of = other
                for element in value:
                    any_of |= by_value.get(element, other)
                found &= any_of
            else:
                found &= by_value.get(value, other)
        return found


class Rules:
    """The rules of one feed's events, asked together.

    ``clocks`` are the time limits among them.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._where = _Sieve([rule.where for rule in rules])
        self._having = _Sieve([rule.having for rule in rules])
        self.clocks = tuple(dict.fromkeys(rule.clock for rule in rules if rule.clock is not None))
        self._made: dict[tuple[int, int, Kept], tuple[Addition, ...]] = {}
        self._due: dict[int, tuple[tuple[str, int], ...]] = {}

    def additions(self, fact: Fact) -> tuple[Addition, ...]:
        """What an incident, a complaint or a speak-up case or aggregate adds."""
        values: dict[str, Any] = msgspec.json.decode(fact.body)
        if "counts" in values:
            return _aggregate_additions(self._rules, values)
        describe(fact.feed, values)
        kept = self._kept(values, fact)
        key = (self._where.holding(values), self._having.holding(values), kept)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            made = self._made[key] = self._make(*key)
        return made

    def _make(self, where: int, having: int, kept: Kept) -> tuple[Addition, ...]:
        additions = []
        limits = dict(zip(self.clocks, kept, strict=True))
        for number, rule in enumerate(self._rules):
            if not where >> number & 1:
                continue
            holds: bool | None = bool(having >> number & 1)
            if rule.clock is not None:
                holds = limits[rule.clock]
            if not rule.share:
                additions.append(Addition(rule.position, rule.grid, MILLION, 0))
            elif holds is not None:
                additions.append(Addition(rule.position, rule.grid, MILLION * holds, MILLION))
        return tuple(additions)

    def without_moments(self, fact: Fact) -> tuple[object, Kept]:
        """What a fact adds depends on this alone: its body without moments, limits kept."""
        values: dict[str, Any] = {}
        body: object = fact.body
        if fact.said is not None:
            like, *moments = fact.said
            body, values = like, dict(zip(like.moments, moments, strict=False))
        elif _MOMENT_NAME in fact.body:
            found = _MOMENTS.decode(fact.body)
            for name in MOMENTS:
                moment = getattr(found, name)
                if moment is not None:
                    body = cast("bytes", body).replace(moment.encode(), b"")
                    values[name] = moment
        describe(fact.feed, values)
        return body, self._kept(values, fact)

    def _kept(self, values: Values, fact: Fact) -> Kept:
        """Whether each limit was kept.

        A complaint without the moment is late once its record is younger than
        the limit; before that, or without a record time, nothing is known.
        """
        day = fact.time // MS_PER_DAY
        limits = self._due.get(day)
        if limits is None:
            if len(self._due) >= _REMEMBERED:
                self._due.clear()
            limits = tuple((clock.until, clock.due_day(day)) for clock in self.clocks)
            self._due[day] = limits
        recorded = None if fact.recorded is None else fact.recorded // MS_PER_DAY
        kept: list[bool | None] = []
        for until, due in limits:
            moment = values.get(until)
            if moment is not None:
                kept.append(_day(moment) <= due)
            else:
                kept.append(None if recorded is None or recorded <= due else False)
        return tuple(kept)


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
