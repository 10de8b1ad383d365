"""What a log holds and what comes out of opening it.

Kafka and the embedded journal hold the same thing: messages, each of them one
structured CloudEvent or a JSON array of them, all of one provider. The place of
an event is (topic, partition, offset, index).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import msgspec.structs

from streams.facts.feeds import Feed


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a log. ``topic`` is the feed's name without prefix."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Likeness:
    """What bodies of complaints have in common that differ in these moments only.

    Two bodies are alike if they have the same likeness object.
    """

    __slots__ = ("moments",)

    def __init__(self, moments: tuple[str, ...]) -> None:
        self.moments = moments


Rank = tuple[int, bool, tuple[bytes, int, str, str, int, int]]
"""Revision, whether it is a withdrawal, and the content: body, feed, place and moments."""

Said = tuple[Any, ...]
"""What intake read in a body on its way, so that nobody need read it again.

Of a complaint whom it is like (``Likeness``) and its moments, as they are written in UTC. Of a
ward metric its name, numerator, denominator (or None) and period, as
``streams.catalogue.contributions.metric_said`` gives them.
"""


class Fact(msgspec.Struct, frozen=True, gc=False, eq=False):
    """One validated event: a fact about one provider, in one of its versions.

    ``key`` (16 bytes) identifies the fact for ever: a hash of source and id.
    Versions of a fact are ordered by ``rank``; the greatest wins whatever the
    order of arrival. ``body`` is the canonical JSON of the allow-listed data
    (empty for a withdrawal). ``time`` and ``recorded`` are milliseconds since
    1970 UTC. ``said`` saves others from reading the body again; it says nothing that the
    body does not say, is not stored and makes no two facts different.
    """

    key: bytes
    source: str
    event_id: str
    feed: Feed
    revision: int
    withdrawn: bool
    provider: str
    site: str | None
    ward: str | None
    time: int
    recorded: int | None
    body: bytes
    said: Said | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fact):
            return NotImplemented
        return msgspec.structs.astuple(self)[:-1] == msgspec.structs.astuple(other)[:-1]

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def rank(self) -> Rank:
        """Total order over the versions of one fact."""
        recorded = -1 if self.recorded is None else self.recorded
        content = (self.body, int(self.feed), self.site or "", self.ward or "", self.time, recorded)
        return (self.revision, self.withdrawn, content)


def held(fact: Fact, known: Mapping[str, Mapping[bytes, Fact]]) -> Fact | None:
    """The version of a fact among those known by provider and key, or None."""
    return known.get(fact.provider, {}).get(fact.key)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was not taken, with its reason.

    ``code`` is from the closed list in ``streams.intake.receiving``; ``detail`` never
    repeats a value of the event. ``raw`` is None where the personal-data screen
    refused the event: then only its hash and size are kept.
    """

    index: int
    event_id: str | None
    code: str
    detail: str
    raw: bytes | None
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A message or request body after validation."""

    facts: list[Fact] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
