"""Time as an argument: what a clock is, the real one, and one that tests wind by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Anything that gives the present moment, aware, UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def system_clock() -> datetime:
    """The machine's time, aware, UTC."""
    return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self.now = now.astimezone(UTC)

    def __call__(self) -> datetime:
        """The time it shows."""
        return self.now

    def advance(self, step: timedelta) -> datetime:
        """Move forward by ``step`` and give the new time."""
        self.now += step
        return self.now


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC; ``ValueError`` for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("times are aware and in UTC")
    return (moment - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC time of ``milliseconds`` since 1970."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def iso(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: ``2026-01-05T09:30:00.000Z``."""
    return from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time with offset; ``ValueError`` without one."""
    return to_ms(datetime.fromisoformat(text))
