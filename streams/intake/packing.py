"""Facts packed into messages: one provider and feed a message, the fewer the better.

A log's cost is by message, so a hundred events travel as one JSON array.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.facts.envelope import encoded
from streams.facts.messages import Fact

EVENTS_A_PACKET = 100
BYTES_A_PACKET = 200_000


@dataclass(frozen=True, slots=True)
class Packet:
    """One message to be written: ``topic`` without prefix, ``key`` the provider's code."""

    topic: str
    key: bytes
    value: bytes
    events: int


@dataclass(slots=True)
class _Open:
    """A packet that is being filled; ``size`` counts its brackets and commas."""

    topic: str
    key: bytes
    parts: list[bytes] = field(default_factory=list)
    size: int = 2

    def closed(self) -> Packet:
        value = b"[" + b",".join(self.parts) + b"]"
        return Packet(self.topic, self.key, value, len(self.parts))


def pack(facts: Iterable[Fact]) -> list[Packet]:
    """Pack facts, in the order given within each provider and feed."""
    packets: list[Packet] = []
    filling: dict[tuple[str, int], _Open] = {}
    for fact in facts:
        place = (fact.provider, int(fact.feed))
        part = encoded(fact)
        box = filling.get(place)
        if box is not None and (
            len(box.parts) == EVENTS_A_PACKET or box.size + len(part) > BYTES_A_PACKET
        ):
            packets.append(box.closed())
            box = None
        if box is None:
            box = filling[place] = _Open(fact.feed.topic, fact.provider.encode())
        box.parts.append(part)
        box.size += len(part) + 1
    packets += [box.closed() for box in filling.values()]
    return packets
