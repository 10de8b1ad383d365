"""What follows from the facts: tallies, watermarks, units, and when each feed spoke last."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, case, false, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from streams.facts.clock import iso, to_ms
from streams.facts.effects import ProviderRecord, Tally, UnitRecord
from streams.facts.feeds import TOPICS, Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from streams.store import bulk, schema
from streams.store.connection import Tables
from streams.store.rows import FeedRow, Page, decode_cursor, encode_cursor, page_size

# Rows are fetched so many at a time.
_READ_AHEAD = 2000
_GRIDS = {int(grid): grid for grid in Grid}

_TALLY = schema.tally.c
_UNIT = schema.unit.c
_FEED = schema.feed.c
_PROVIDER = (schema.provider.c.provider, *(schema.provider.c[TOPICS[feed]] for feed in Feed))
_UNIT_FIELDS = tuple(field.name for field in fields(UnitRecord))
_UNIT_COLUMNS = tuple(_UNIT[name] for name in _UNIT_FIELDS)


class Histories(Tables):
    """Readers of tallies, watermarks, units and feeds."""

    def tallies(
        self,
        provider: str,
        units: Sequence[str] | None = None,
        *,
        within: Mapping[Grid, tuple[int, int]] | None = None,
    ) -> list[Tally]:
        """The packed tallies of a provider by unit, grid and period.

        Args:
            provider: ODS code.
            units: only those of these units.
            within: only those of these grids, from a first period to before an end.
        """
        query = (
            select(_TALLY.unit, _TALLY.grid, _TALLY.period, _TALLY.cells)
            .where(_TALLY.provider == provider)
            .order_by(_TALLY.unit, _TALLY.grid, _TALLY.period)
        )
        if units is not None:
            query = query.where(_TALLY.unit.in_(units))
        if within is not None:
            query = query.where(
                or_(
                    false(),
                    *(
                        and_(_TALLY.grid == int(grid), _TALLY.period >= first, _TALLY.period < end)
                        for grid, (first, end) in within.items()
                    ),
                )
            )
        with self._database.read() as connection:
            return [
                Tally(provider, unit, _GRIDS[grid], period, cells)
                for rows in connection.execute(query).partitions(_READ_AHEAD)
                for unit, grid, period, cells in rows
            ]

    def provider(self, provider: str) -> ProviderRecord | None:
        """A provider's watermarks, or None where nothing of it is stored."""
        found = self._providers(provider)
        return found[0] if found else None

    def providers(self) -> list[ProviderRecord]:
        """All providers' watermarks, by code."""
        return self._providers(None)

    def unit(self, code: str) -> UnitRecord | None:
        """A unit by its public code."""
        with self._database.read() as connection:
            row = connection.execute(select(*_UNIT_COLUMNS).where(_UNIT.code == code)).first()
        return None if row is None else _unit(row)

    def units(self, provider: str | None = None) -> list[UnitRecord]:
        """All units, or those of a provider, by code."""
        query = select(*_UNIT_COLUMNS).order_by(_UNIT.code)
        if provider is not None:
            query = query.where(_UNIT.provider == provider)
        with self._database.read() as connection:
            return [_unit(row) for row in connection.execute(query)]

    def units_of(self, provider: str) -> list[UnitRecord]:
        """The stored units of one provider, by code."""
        return self.units(provider)

    def units_under(self, code: str) -> list[str]:
        """A unit's code and those of all units below it, sorted. Unknown codes stand alone."""
        below = select(_UNIT.code).where(_UNIT.code == code).cte("below", recursive=True)
        below = below.union(select(_UNIT.code).where(_UNIT.parent == below.c.code))
        with self._database.read() as connection:
            found = set(connection.scalars(select(below.c.code)))
        return sorted(found | {code})

    def list_units(
        self,
        *,
        kind: str | None = None,
        under: str | None = None,
        provider: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[UnitRecord]:
        """Units by code; ``under`` a unit means at any depth below it."""
        limit = page_size(limit)
        query = select(*_UNIT_COLUMNS).order_by(_UNIT.code).limit(limit + 1)
        if kind is not None:
            query = query.where(_UNIT.kind == kind)
        if provider is not None:
            query = query.where(_UNIT.provider == provider)
        if under is not None:
            below = select(_UNIT.code).where(_UNIT.parent == under).cte("below", recursive=True)
            below = below.union(select(_UNIT.code).where(_UNIT.parent == below.c.code))
            query = query.where(_UNIT.code.in_(select(below.c.code)))
        if cursor is not None:
            (after,) = decode_cursor(cursor, tuple[str])
            query = query.where(_UNIT.code > after)
        with self._database.read() as connection:
            found = [_unit(row) for row in connection.execute(query)]
        more = len(found) > limit
        return Page(found[:limit], encode_cursor(found[limit - 1].code) if more else None)

    def feeds(self, providers: Collection[str] | None = None) -> list[FeedRow]:
        """What has arrived of each feed of each provider, by provider and feed."""
        query = select(
            _FEED.provider, _FEED.feed, _FEED.last_event_time, _FEED.last_arrival, _FEED.events
        ).order_by(_FEED.provider, _FEED.feed)
        if providers is not None:
            query = query.where(_FEED.provider.in_(providers))
        with self._database.read() as connection:
            return [
                FeedRow(
                    provider,
                    Feed(feed),
                    None if last_event is None else iso(last_event),
                    iso(last_arrival),
                    events,
                )
                for provider, feed, last_event, last_arrival, events in connection.execute(query)
            ]

    def _providers(self, only: str | None) -> list[ProviderRecord]:
        query = select(*_PROVIDER, schema.provider.c.catalogue).order_by(_PROVIDER[0])
        if only is not None:
            query = query.where(_PROVIDER[0] == only)
        with self._database.read() as connection:
            return [
                ProviderRecord(row[0], (row[1], row[2], row[3], row[4]), row[5])
                for row in connection.execute(query)
            ]


def write_tallies(connection: Connection, tallies: Iterable[Tally]) -> None:
    """Store tallies; those without cells are removed."""
    kept: list[bulk.Row] = []
    gone: list[bulk.Row] = []
    for tally in tallies:
        key = (tally.provider, tally.unit, int(tally.grid), tally.period)
        if tally.cells:
            kept.append((*key, tally.cells))
        else:
            gone.append(key)
    bulk.upsert(connection, schema.tally, kept)
    bulk.remove(connection, schema.tally, gone)


def write_providers(connection: Connection, providers: Iterable[ProviderRecord]) -> None:
    """Store watermarks."""
    rows = [(record.provider, *record.watermarks, record.catalogue) for record in providers]
    bulk.upsert(connection, schema.provider, rows)


def write_units(connection: Connection, units: Iterable[UnitRecord]) -> None:
    """Store units, in one order whoever writes them, so that two writers never wait in a ring."""
    bulk.upsert(connection, schema.unit, sorted(astuple(record) for record in units))


def remove_units(connection: Connection, codes: Iterable[str]) -> None:
    """Remove units, in the same order."""
    bulk.remove(connection, schema.unit, [(code,) for code in sorted(codes)])


def count_arrivals(connection: Connection, facts: Iterable[Fact], now: datetime) -> None:
    """Note for each feed of each provider how many facts came, and the latest of them."""
    events: dict[tuple[str, int], int] = {}
    latest: dict[tuple[str, int], int] = {}
    for fact in facts:
        key = (fact.provider, int(fact.feed))
        events[key] = events.get(key, 0) + 1
        if not fact.withdrawn and fact.time > latest.get(key, fact.time - 1):
            latest[key] = fact.time
    if not events:
        return
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    insert = dialect.insert(schema.feed)
    new = insert.excluded
    statement = insert.on_conflict_do_update(
        index_elements=[_FEED.provider, _FEED.feed],
        set_={
            "events": _FEED.events + new.events,
            "last_arrival": new.last_arrival,
            "last_event_time": _later(_FEED.last_event_time, new.last_event_time),
        },
    )
    connection.execute(
        statement,
        [
            {
                "provider": key[0],
                "feed": key[1],
                "events": number,
                "last_arrival": to_ms(now),
                "last_event_time": latest.get(key),
            }
            for key, number in sorted(events.items())
        ],
    )


def _later(old: Any, new: Any) -> Any:  # noqa: ANN401 - column expressions
    """The greater of two times either of which may be null."""
    return case((old.is_(None), new), (new > old, new), else_=old)


def _unit(row: Sequence[Any]) -> UnitRecord:
    return UnitRecord(**dict(zip(_UNIT_FIELDS, row, strict=True)))
