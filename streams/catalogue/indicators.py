"""The indicator catalogue: what is counted, read from a TOML file.

The file is data that a quality team can read and extend; its format is described
in ``docs/indicators.md``. Loading it checks every entry, so that a mistake is a
``CatalogueError`` naming the entry and never a silent gap in what is watched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from streams.catalogue.contributions import (
    Addition,
    Cell,
    MetricRule,
    MetricRules,
    cell_of,
    day_of,
)
from streams.catalogue.definitions import CatalogueError, Entry, Kind, Values, checked, read
from streams.catalogue.rules import Condition, Rule, Rules
from streams.catalogue.shapes import Shapes
from streams.catalogue.time_limits import Clock
from streams.facts.feeds import FEED_OF_TOPIC, Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid

_SHIPPED = Path(__file__).with_name("indicators.toml")
# Goes up when facts come to add other cells than the indicators say; stored tallies of
# before are then made anew from the facts.
_CELLS = 2


@dataclass(frozen=True, slots=True)
class Indicator:
    """One thing that is counted or measured.

    ``direction`` says which way is better; ``concern`` which change evidence is
    sought for; ``denominator`` names the indicator whose periods divide this one
    (joined by unit and period) where a fact brings no denominator of its own;
    ``numerator`` names the indicator whose cells a derived rate shows (it has none
    of its own); values are numerator / denominator * ``per`` in ``unit``.
    """

    key: str
    name: str
    feed: Feed
    kind: Kind
    grid: Grid
    levels: frozenset[str]
    direction: str
    chart: str
    domain: str
    denominator: str | None
    numerator: str | None
    per: float
    unit: str
    target: float | None
    daily: bool
    evidence: str | None
    concern: str | None
    description: str
    metric: str | None


class Catalogue:
    """The indicators in their order, and what a fact adds to each of them.

    ``metrics`` maps each metric name that ward metrics may carry to its rule;
    ``digest`` identifies the definitions and what facts add besides, so that stored
    tallies can be told from those of another catalogue or an older version.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.indicators: tuple[Indicator, ...] = tuple(
            _indicator(key, entry) for key, entry in entries.items()
        )
        self._position = {one.key: index for index, one in enumerate(self.indicators)}
        # Lists by feed, because members of an enumeration are slow to hash.
        self._rules = [
            Rules(
                [
                    _rule(self._position[key], entry)
                    for key, entry in entries.items()
                    if entry.input == "events"
                    and entry.numerator is None
                    and FEED_OF_TOPIC[entry.feed] is feed
                ]
            )
            for feed in Feed
        ]
        self._conditions = {
            key: _condition(entry.given, entry.where)
            for key, entry in entries.items()
            if entry.input == "events" and entry.numerator is None
        }
        self.metrics: Mapping[str, MetricRule] = _metrics(entries, self._position)
        self.metric_rules = MetricRules(self.metrics)
        self.shapes = Shapes(self)
        shape = msgspec.json.encode([_CELLS, {key: entries[key] for key in entries}])
        self.digest = hashlib.blake2b(shape, digest_size=8).hexdigest()

    @classmethod
    def load(cls, path: Path | None = None) -> Catalogue:
        """Read a catalogue file, or the shipped one.

        A file with ``extends = true`` adds to the shipped indicators and changes
        those it names (only the settings it gives); any other file replaces them.

        Raises:
            CatalogueError: the file is missing, is not TOML or has a wrong entry.
        """
        shipped = read(_SHIPPED)
        merged = shipped.indicators
        if path is not None:
            given = read(path)
            if given.extends:
                merged = dict(merged)
                for key, entry in given.indicators.items():
                    merged[key] = {**merged.get(key, {}), **entry}
            else:
                merged = given.indicators
        return cls(checked(merged))

    def __getitem__(self, key: str) -> Indicator:
        """The indicator of a key; raises KeyError."""
        return self.indicators[self._position[key]]

    def __contains__(self, key: object) -> bool:
        return key in self._position

    def position(self, key: str) -> int:
        """Where an indicator stands in ``indicators``; raises KeyError."""
        return self._position[key]

    def condition(self, key: str) -> Condition | None:
        """Which events of its feed an indicator looks at; None where it looks at none itself."""
        return self._conditions.get(key)

    def additions(self, fact: Fact, recognised: object = None) -> tuple[Addition, ...]:
        """What a fact adds to which indicators, whatever its period.

        Events of the same shape give the same tuple object, wherever and whenever they
        happened. Withdrawn facts add nothing. ``recognised`` is what an event is recognised
        by, where that was asked before.
        """
        if fact.withdrawn:
            return ()
        if fact.feed is Feed.WARDMETRICS:
            return self.metric_rules.additions(fact)
        rules = self._rules[fact.feed]
        return rules.additions(fact, recognised or rules.recognised(fact))

    def recognition(self, feed: Feed) -> Callable[[Fact], object] | None:
        """What a feed's events are recognised by; None where that is their body."""
        rules = self._rules[feed]
        return rules.recognised if rules.clocks else None

    def cells(self, fact: Fact) -> tuple[Cell, ...]:
        """What a fact adds, placed on its periods."""
        day = day_of(fact)
        return tuple(cell_of(addition, day) for addition in self.additions(fact))


@cache
def shipped_metrics() -> Mapping[str, MetricRule]:
    """The metrics of the shipped catalogue."""
    return Catalogue.load().metrics


def _indicator(key: str, entry: Entry) -> Indicator:
    return Indicator(
        key=key,
        name=entry.name,
        feed=FEED_OF_TOPIC[entry.feed],
        kind=entry.kind,
        grid=Grid[entry.grid.upper()],
        levels=frozenset(entry.levels),
        direction=entry.direction,
        chart=entry.chart,
        domain=entry.domain,
        denominator=entry.denominator,
        numerator=entry.numerator,
        per=entry.per,
        unit=entry.unit,
        target=entry.target,
        daily=entry.daily,
        evidence=entry.evidence,
        concern=entry.concern,
        description=entry.description,
        metric=(entry.metric or key) if entry.input == "metric" else None,
    )


def _condition(given: list[str], one_of: Values) -> Condition:
    return Condition(
        given=tuple(given),
        one_of=tuple(
            (name, frozenset(value if isinstance(value, list) else [value]))
            for name, value in one_of.items()
        ),
    )


def _rule(position: int, entry: Entry) -> Rule:
    clock = None if entry.clock is None else Clock(entry.clock.until, *entry.clock.limit)
    aggregate = entry.aggregate
    return Rule(
        position=position,
        grid=Grid[entry.grid.upper()],
        share=entry.kind in {"share", "proportion"},
        where=_condition(entry.given, entry.where),
        having=_condition([], entry.having),
        clock=clock,
        aggregate=None if aggregate is None else (aggregate.numerator, aggregate.denominator),
    )


def _metrics(entries: Mapping[str, Entry], position: Mapping[str, int]) -> dict[str, MetricRule]:
    rules: dict[str, MetricRule] = {}
    for key, entry in entries.items():
        if entry.input != "metric" or entry.numerator is not None:
            continue
        name = entry.metric or key
        if name in rules:
            raise CatalogueError(f"{key}: another indicator takes the same metric")
        rules[name] = MetricRule(
            position=position[key],
            denominator=entry.given_denominator,
            whole=entry.whole,
            bounded=entry.kind in {"share", "proportion"},
            measured=entry.kind == "measurement",
            per=entry.per,
        )
    return rules
