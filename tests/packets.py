"""Packets for tests of logs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmallPacket:
    """What a log takes, with any bytes in it."""

    topic: str
    key: bytes
    value: bytes
    events: int


def packet(
    topic: str = "incidents", value: bytes = b"[]", events: int = 2, key: bytes = b"RXX"
) -> SmallPacket:
    """A packet of a provider."""
    return SmallPacket(topic, key, value, events)
