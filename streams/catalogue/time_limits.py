"""Time limits: whether a complaint was acknowledged and answered in time, as far as is known.

Whether a limit was kept depends on days only, so facts that differ in their moments are told
apart by which limits they kept and are else the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from streams.catalogue.contributions import moment_ms
from streams.facts.envelope import MS_PER_DAY
from streams.facts.messages import Fact
from streams.facts.working_days import add_working_days

Kept = tuple[bool | None, ...]
"""Whether each time limit was kept; None while that is open."""

_days: dict[str, int] = {}


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


class _Moments(msgspec.Struct):
    """The moments of a complaint, for what its time limits need."""

    acknowledged_at: str | None = None
    resolved_at: str | None = None


MOMENTS = _Moments.__struct_fields__
_MOMENTS = msgspec.json.Decoder(_Moments)
# What the names of moments end with, within a body.
_MOMENT_NAME = b'_at":'


def acknowledge(values: dict[str, Any]) -> None:
    """An answer acknowledges, where nothing else did before it."""
    if "resolved_at" in values:
        values.setdefault("acknowledged_at", values["resolved_at"])


class TimeLimits:
    """The time limits of one feed's events.

    Args:
        clocks: the limits, in the order in which ``Kept`` has them.
    """

    def __init__(self, clocks: Sequence[Clock]) -> None:
        self.clocks = tuple(clocks)
        self._due: dict[int, tuple[tuple[str, int], ...]] = {}

    def recognised(self, fact: Fact) -> tuple[object, Kept]:
        """A fact's body without its moments, or whom it is like, and which limits it kept."""
        values: dict[str, Any] = {}
        body: object = fact.body
        if fact.said is not None:
            body, *moments = fact.said
            values = dict(zip(fact.said[0].moments, moments, strict=False))
        elif _MOMENT_NAME in fact.body:
            found = _MOMENTS.decode(fact.body)
            written = fact.body
            for name in MOMENTS:
                moment = getattr(found, name)
                if moment is not None:
                    written = written.replace(moment.encode(), b"")
                    values[name] = moment
            body = written
        acknowledge(values)
        return body, self._kept(values, fact)

    def _kept(self, values: dict[str, Any], fact: Fact) -> Kept:
        """Whether each limit was kept.

        A complaint without the moment is late once its record is younger than
        the limit; before that, or without a record time, nothing is known.
        """
        day = fact.time // MS_PER_DAY
        limits = self._due.get(day)
        if limits is None:
            # There are not many days that complaints can be of.
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


def _day(moment: str) -> int:
    """The UTC day (from 1970) of a moment."""
    if moment[-1] != "Z":
        return moment_ms(moment) // MS_PER_DAY
    # Days that are written in UTC repeat, and there are not many of them.
    day = _days.get(moment[:10])
    if day is None:
        day = _days[moment[:10]] = moment_ms(moment) // MS_PER_DAY
    return day
