"""How indicators count events: populations, conditions and time limits.

A count adds one to a numerator; a share or proportion adds one to its denominator
where the fact is in its population and one to its numerator where the condition
holds. Many rules look at few fields, so they are asked together: what each value of
a field allows is a set of rules, kept as the bits of a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from streams.catalogue.contributions import MILLION, Addition
from streams.catalogue.time_limits import Clock, Kept, TimeLimits, acknowledge
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from streams.facts.remembered import keep

Values = Mapping[str, Any]

# Fields that hold several values at once.
_LISTS = frozenset({"elements"})


@dataclass(frozen=True, slots=True)
class Condition:
    """All of these hold: fields given at all, and fields with one of the named values.

    A list has a value if any of its elements is one.
    """

    given: tuple[str, ...]
    one_of: tuple[tuple[str, frozenset[object]], ...]

    def implies(self, other: Condition) -> bool:
        """Whether all that this holds for the other holds for."""
        named = dict(self.one_of)
        return all(name in named or name in self.given for name in other.given) and all(
            name in named and named[name] <= values for name, values in other.one_of
        )

    def excludes(self, other: Condition) -> bool:
        """Whether nothing is held for by both, as far as fields of one value tell."""
        named = dict(other.one_of)
        return any(
            name in named and name not in _LISTS and not values & named[name]
            for name, values in self.one_of
        )


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
        self._asked: dict[object, tuple[int, int]] = {}
        self._made: dict[tuple[int, int, Kept], tuple[Addition, ...]] = {}
        self._same: dict[tuple[Addition, ...], tuple[Addition, ...]] = {}
        self._limits = TimeLimits(self.clocks)

    def recognised(self, fact: Fact) -> object:
        """What an event is recognised by: those that share it add the same.

        That is its body; where there are time limits, the body without its moments and which
        limits were kept.
        """
        return self._limits.recognised(fact) if self.clocks else fact.body

    def additions(self, fact: Fact, recognised: object) -> tuple[Addition, ...]:
        """What an incident, a complaint or a speak-up case or aggregate adds.

        Facts that add the same give the same tuple.
        """
        body, kept = cast("tuple[object, Kept]", recognised) if self.clocks else (recognised, ())
        asked = self._asked.get(body)
        if asked is None:
            values: dict[str, Any] = msgspec.json.decode(fact.body)
            if "counts" in values:
                return _aggregate_additions(self._rules, values)
            # No condition asks when a moment was, only whether there is one.
            describe(fact.feed, values)
            asked = self._where.holding(values), self._having.holding(values)
            keep(self._asked, body, asked)
        key = (*asked, kept)
        made = self._made.get(key)
        if made is None:
            made = self._make(*key)
            made = self._same.setdefault(made, made)
            keep(self._made, key, made)
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
        acknowledge(values)
    elif feed is Feed.SPEAKUP and "route" in values:
        values["anonymous"] = values["route"] == "anonymous"
    return values
