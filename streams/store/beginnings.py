"""Reading what alerts began when, and since when units are known: columns, not whole alerts.

Of an alert's record only what its signals are and when they opened is decoded; what explains
them, nine tenths of it, is passed over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import msgspec
from sqlalchemy import func, select

from streams.alerts.lifecycle import State
from streams.facts.periods import JUDGED, Grid, first_day
from streams.store import schema
from streams.store.connection import Tables

_ALERT = schema.alert.c
_OUTBOX = schema.outbox.c
_TALLY = schema.tally.c
_UNIT = schema.unit.c
_AT_ONCE = 5000
"""Changes that are read by the alerts they name; after more of them all alerts are read."""


class BegunSignal(msgspec.Struct, frozen=True, gc=False):
    """One signal of an alert: its detector, when it opened (RFC 3339), the feeds it names."""

    detector: str = ""
    opened: str = ""
    feeds: tuple[str, ...] = ()


class BegunSeries(msgspec.Struct, frozen=True, gc=False):
    """One series of an alert's signals, in their order."""

    indicator: str = ""
    grid: str = ""


class _Evidence(msgspec.Struct, frozen=True):
    signals: tuple[BegunSignal, ...] = ()
    series: tuple[BegunSeries, ...] = ()


class _Record(msgspec.Struct, frozen=True):
    direction: str
    unit_kind: str
    evidence: _Evidence


@dataclass(frozen=True, slots=True)
class BegunRow:
    """An alert with its signals and the series that they rest on."""

    id: str
    provider: str
    unit: str
    unit_kind: str
    direction: str
    state: State
    signals: tuple[BegunSignal, ...]
    series: tuple[BegunSeries, ...]


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """A unit and the first UTC day of the first period that has a fact of its own, or None.

    What lies below it is not counted in.
    """

    code: str
    kind: str
    parent: str | None
    provider: str
    first_day: int | None


@dataclass(frozen=True, slots=True)
class BegunChanges:
    """Alerts that were read, and the ids of those that are ``gone`` since the reading before.

    ``gone`` is None where these are all alerts. ``seq`` is where the next reading goes on.
    """

    seq: int
    rows: list[BegunRow]
    gone: frozenset[str] | None = None


_DECODER = msgspec.json.Decoder(_Record)


class Beginnings(Tables):
    """Readers for what began together."""

    def begun(self, after: int | None = None) -> BegunChanges:
        """The alerts that are not retracted, or those of them that changed.

        Args:
            after: ``seq`` of the reading before; None for all alerts.
        """
        query = select(
            _ALERT.id, _ALERT.provider, _ALERT.unit, _ALERT.state, _ALERT.record
        ).order_by(_ALERT.id)
        span = select(func.min(_OUTBOX.seq), func.max(_OUTBOX.seq))
        with self._database.snapshot() as connection:
            first, last = connection.execute(span).one()
            # What was pruned, or comes from another copy, cannot say what changed.
            told = after is not None and first is not None and first <= after + 1
            if not told or not 0 <= last - after <= _AT_ONCE:
                rows = connection.execute(query.where(_ALERT.state != State.RETRACTED)).all()
                found = [_row(*row) for row in rows]
                return BegunChanges(last or 0, found)
            named = select(_OUTBOX.alert).where(_OUTBOX.seq > after).distinct()
            changed = list(connection.scalars(named))
            rows = connection.execute(query.where(_ALERT.id.in_(changed))).all()
        found = [_row(*row) for row in rows]
        kept = [row for row in found if row.state is not State.RETRACTED]
        return BegunChanges(last, kept, gone=frozenset(changed) - {row.id for row in kept})

    def known_units(self, providers: Collection[str] | None = None) -> list[KnownUnit]:
        """All units, or those of some providers, by code, with the first period of each."""
        firsts = [
            select(func.min(_TALLY.period))
            .where(
                _TALLY.provider == _UNIT.provider,
                _TALLY.unit == _UNIT.code,
                _TALLY.grid == int(grid),
            )
            .scalar_subquery()
            for grid in JUDGED
        ]
        query = select(_UNIT.code, _UNIT.kind, _UNIT.parent, _UNIT.provider, *firsts)
        if providers is not None:
            query = query.where(_UNIT.provider.in_(providers))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_UNIT.code)).all()
        return [
            KnownUnit(code, kind, parent, provider, _first_day(firsts_of))
            for code, kind, parent, provider, *firsts_of in rows
        ]


@lru_cache(maxsize=4096)
def _day(grid: Grid, period: int) -> int:
    """The first day of a period; thousands of units have the same."""
    return first_day(grid, period)


def _first_day(firsts: Collection[int | None]) -> int | None:
    days = [
        _day(grid, period)
        for grid, period in zip(JUDGED, firsts, strict=True)
        if period is not None
    ]
    return min(days, default=None)


def _row(alert: str, provider: str, unit: str, state: str, packed: bytes) -> BegunRow:
    record = _DECODER.decode(packed)
    return BegunRow(
        alert,
        provider,
        unit,
        record.unit_kind,
        record.direction,
        State(state),
        record.evidence.signals,
        record.evidence.series,
    )
