"""The format of the indicator file: entries, their defaults and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from streams.facts.feeds import FEED_OF_TOPIC
from streams.facts.vocabulary import AGGREGATE_COUNTS, VOCABULARY

_KEY = re.compile(r"[a-z][a-z0-9_]{1,59}")
_WITHIN = re.compile(r"([1-9][0-9]{0,3}) (months?|working days?)")

Level = Literal["ward", "site", "provider"]
Kind = Literal["count", "rate", "proportion", "measurement", "share", "gap"]
# The charts that are not for every kind of indicator, and what they need of one.
_PARTS = (frozenset({"share", "proportion"}), "a numerator that is part of its denominator")
_RATIO = (frozenset({"rate", "share", "proportion", "measurement"}), "a denominator")
_GAP = (frozenset({"gap"}), "the time between events")
_CHARTS: Mapping[str, tuple[frozenset[str], str]] = {
    "p": _PARTS,
    "np": _PARTS,
    "p_prime": _PARTS,
    "u": _RATIO,
    "u_prime": _RATIO,
    "i_prime": _RATIO,
    "c": (frozenset({"count"}), "a count"),
    "g": _GAP,
    "t": _GAP,
}
Values = dict[str, str | bool | int | list[str | bool | int]]


class CatalogueError(ValueError):
    """The indicator file cannot be used; the message names the entry and the reason."""


class ClockEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A time limit: from the fact's time until ``until``, ``within`` months or working days."""

    until: Literal["acknowledged_at", "resolved_at"]
    within: str

    @property
    def limit(self) -> tuple[int, int]:
        """The limit as (months, working days), one of them 0; (0, 0) where it cannot be read."""
        found = _WITHIN.fullmatch(self.within)
        if found is None:
            return 0, 0
        number = int(found[1])
        return (number, 0) if found[2].startswith("month") else (0, number)


class AggregateEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Which counts of a speak-up aggregate are numerator and denominator."""

    numerator: str
    denominator: str | None = None


class Entry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One indicator as the file gives it; ``docs/indicators.md`` describes each setting."""

    name: str
    description: str
    feed: Literal["incidents", "complaints", "speakup", "wardmetrics"]
    kind: Kind
    grid: Literal["week", "month", "quarter"]
    levels: Annotated[list[Level], Meta(min_length=1)]
    direction: Literal["up", "down", "neutral"]
    chart: Literal["xmr", "mr", "i_prime", "p", "np", "u", "c", "p_prime", "u_prime", "t", "g"]
    domain: Literal["safety", "effectiveness", "experience", "listening"]
    unit: str
    per: Annotated[float, Meta(gt=0)] = 1.0
    target: float | None = None
    daily: bool = False
    evidence: Literal["counts", "share", "measurement", "silence"] | None = None
    concern: Literal["rise", "fall"] | None = None
    denominator: str | None = None
    numerator: str | None = None
    input: Literal["events", "metric"] = "events"
    metric: str | None = None
    given_denominator: Literal["required", "optional", "none"] = "none"
    whole: bool = False
    given: list[str] = []
    where: Values = {}
    having: Values = {}
    clock: ClockEntry | None = None
    aggregate: AggregateEntry | None = None


class File(msgspec.Struct, forbid_unknown_fields=True):
    """An indicator file. ``extends`` adds to the shipped indicators instead of replacing them."""

    indicators: dict[str, dict[str, Any]]
    extends: bool = False


def read(path: Path) -> File:
    """Read a file without checking its entries; raises CatalogueError."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=File)
    except OSError as error:
        raise CatalogueError(f"{path}: cannot be read ({error.strerror})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: {error}") from error


def checked(merged: Mapping[str, Mapping[str, Any]]) -> dict[str, Entry]:
    """The entries as they stand together; raises CatalogueError."""
    entries = {}
    for key, raw in merged.items():
        if _KEY.fullmatch(key) is None:
            raise CatalogueError(f"{key}: a key is lower case letters, digits and underscores")
        try:
            entries[key] = msgspec.convert(raw, Entry)
        except msgspec.ValidationError as error:
            raise CatalogueError(f"{key}: {error}") from error
    for key, entry in entries.items():
        problem = _problem(entry, entries) or _unsuited_chart(entry) or _unknown_words(entry)
        if problem is not None:
            raise CatalogueError(f"{key}: {problem}")
    return entries


def _problem(entry: Entry, entries: Mapping[str, Entry]) -> str | None:
    """What is wrong with an entry in itself or beside the others, or None."""
    metric = entry.input == "metric"
    numerator = None if entry.numerator is None else entries.get(entry.numerator)
    proportion = entry.kind == "proportion"
    speakup = entry.feed == "speakup"
    checks = (
        (
            entry.denominator is not None and entry.denominator not in entries,
            "its denominator is not an indicator",
        ),
        (
            entry.numerator is not None and (numerator is None or numerator.numerator is not None),
            "its numerator is not an indicator that counts",
        ),
        (metric != (entry.feed == "wardmetrics"), "`metric` input and wardmetrics go together"),
        (speakup and "ward" in entry.levels, "speaking up is never shown below site"),
        (entry.aggregate is not None and not speakup, "aggregates are for speaking up"),
        (entry.clock is not None and entry.feed != "complaints", "clocks are for complaints"),
        (
            entry.clock is not None and entry.clock.limit == (0, 0),
            '`within` is a number of months or working days, such as "6 months"',
        ),
        (entry.kind == "share" and not entry.having, "a share needs `having`"),
        (
            proportion and not metric and entry.clock is None and not entry.having,
            "a proportion of events needs `having` or `clock`",
        ),
        (
            proportion and metric and entry.given_denominator != "required",
            'a proportion of a metric needs given_denominator = "required"',
        ),
        (
            entry.kind == "rate"
            and entry.denominator is None
            and entry.given_denominator == "none",
            "a rate needs a denominator",
        ),
    )
    return next((message for wrong, message in checks if wrong), None)


def _unsuited_chart(entry: Entry) -> str | None:
    """Why a chart cannot be made of what an entry counts or measures, or None."""
    kinds, need = _CHARTS.get(entry.chart, (frozenset({entry.kind}), ""))
    if entry.kind not in kinds:
        fitting = ", ".join(sorted(name for name, (of, _) in _CHARTS.items() if entry.kind in of))
        return (
            f"a {entry.chart} chart needs {need}, which a {entry.kind} has not; "
            f"there are {', '.join(filter(None, (fitting, 'mr and xmr')))} for it"
        )
    return None


def _unknown_words(entry: Entry) -> str | None:
    """A field or value of a condition that events do not have, or None.

    A misspelt condition would count nothing and look like a quiet ward.
    """
    words = VOCABULARY[FEED_OF_TOPIC[entry.feed]]
    if entry.input == "metric" and (entry.given or entry.where or entry.having):
        return "conditions are for events, not for metrics"
    for name in (*entry.given, *entry.where, *entry.having):
        if name not in words:
            return f"its events have no field `{name}` to count by"
    for name, value in (*entry.where.items(), *entry.having.items()):
        allowed = words[name]
        wanted = value if isinstance(value, list) else [value]
        if allowed is not None and not allowed.issuperset(wanted):
            return f"`{name}` never has one of the values named"
    if entry.aggregate is not None:
        named = {entry.aggregate.numerator, entry.aggregate.denominator} - {None}
        if not named <= AGGREGATE_COUNTS:
            return "its aggregate names counts that aggregates do not have"
    return None
