"""One event is counted once: which feeds of the joint evidence lose what another counts.

An event may be told twice: a fall as an incident and in the ward's audited count. Weighed as
two feeds both would rise together by themselves, and feeds that rise together are what the
evidence looks for. So the larger feed loses the part that another one counts: for ward metrics
by the table here, for events where the conditions of one count include those of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.catalogue.indicators import Catalogue

INCIDENTS = "incidents"
RECORDED_AS: Mapping[str, str] = MappingProxyType(
    {
        "falls": "fall_incidents",
        "pressure_ulcers": "pressure_ulcer_incidents",
        "hospital_infections": "infection_incidents",
        "cdi": "infection_incidents",
        "mrsa_bsi": "infection_incidents",
    }
)
"""Metrics whose events are also reported as incidents, and the count of those."""
PART_OF: Mapping[str, str] = MappingProxyType(
    {"cdi": "hospital_infections", "mrsa_bsi": "hospital_infections"}
)
"""Metrics whose events another metric counts as well."""


@dataclass(frozen=True, slots=True)
class Twice:
    """What two feeds would count: ``whole`` loses ``part`` where ``other`` is observed."""

    whole: str
    other: str
    part: str


def counted_twice(catalogue: Catalogue, feeds: Sequence[str]) -> tuple[Twice, ...]:
    """What feeds that are weighed together would count twice, in their order."""
    return _counted_twice(catalogue, tuple(feeds))


# Asked with every batch; a catalogue never changes and is compared by identity.
@lru_cache(maxsize=64)
def _counted_twice(catalogue: Catalogue, feeds: tuple[str, ...]) -> tuple[Twice, ...]:
    found = []
    for other in feeds:
        if other not in catalogue:
            continue
        recorded = RECORDED_AS.get(other)
        if recorded is not None and recorded in catalogue and INCIDENTS in feeds:
            found.append(Twice(INCIDENTS, other, recorded))
        found += [
            Twice(whole, other, other)
            for whole in feeds
            if whole != other and whole in catalogue and _within(catalogue, other, whole)
        ]
    return tuple(found)


def _within(catalogue: Catalogue, part: str, whole: str) -> bool:
    """Whether every event that ``part`` counts is one that ``whole`` counts."""
    if catalogue[part].feed is not catalogue[whole].feed:
        return False
    narrow, wide = catalogue.condition(part), catalogue.condition(whole)
    if narrow is None or wide is None:
        return False
    return narrow.implies(wide) and not wide.implies(narrow)


def conflict(catalogue: Catalogue, feeds: Sequence[str]) -> tuple[str, str] | None:
    """Two feeds that would count the same events and of which none can lose them, or None.

    Feeds share no event, or one is a part of another that is itself no part: a part of a part
    would be taken from the whole twice. Two metrics may be reported by the same incidents,
    which are taken once.
    """
    twice = counted_twice(catalogue, feeds)
    # What does not lie within a feed cannot be taken from it.
    handled = {
        frozenset((one.whole, one.other))
        for one in twice
        if _within(catalogue, one.part, one.whole)
    }
    parts = {one.other for one in twice}
    for first, second in combinations(feeds, 2):
        pair = {first, second}
        if frozenset(pair) in handled:
            if pair <= parts:
                return first, second
        elif second == PART_OF.get(first) or first == PART_OF.get(second):
            return first, second
        else:
            told = _told_by(first), _told_by(second)
            by_metrics = pair <= RECORDED_AS.keys() and told[0] == told[1]
            if not by_metrics and _overlap(catalogue, *told):
                return first, second
    return None


def _told_by(feed: str) -> str:
    """The count of events that tells of a feed: a metric's incidents, or itself."""
    return RECORDED_AS.get(feed, feed)


def _overlap(catalogue: Catalogue, first: str, second: str) -> bool:
    """Whether some event may be counted by both."""
    if first not in catalogue or second not in catalogue:
        return False
    one, other = catalogue.condition(first), catalogue.condition(second)
    if one is None or other is None or catalogue[first].feed is not catalogue[second].feed:
        return False
    return not one.excludes(other)
