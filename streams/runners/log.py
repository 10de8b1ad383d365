"""The log that intake writes to: the embedded journal or Kafka, seen from the doors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class LogUnavailable(Exception):  # noqa: N818 - named as the condition that callers tell senders
    """The log cannot take anything now. Nothing of this append was taken; try again."""


class MessageTooLarge(LogUnavailable):
    """The log never takes one of these messages, however often it is tried."""


class Packed(Protocol):
    """What a log takes: the message that ``streams.intake.packing`` makes of facts."""

    @property
    def topic(self) -> str:
        """The feed's topic without prefix."""

    @property
    def key(self) -> bytes:
        """The provider, which decides the partition."""

    @property
    def value(self) -> bytes:
        """A JSON array of CloudEvents of one provider and feed."""

    @property
    def events(self) -> int:
        """How many events ``value`` holds."""


class EventLog(Protocol):
    """Takes packets and answers when they are durable."""

    def append(self, packets: Sequence[Packed], now: datetime) -> None:
        """Make all packets durable, or raise ``LogUnavailable`` and take none."""
