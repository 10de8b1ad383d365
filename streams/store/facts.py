"""Facts: the winning version of everything that providers sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from detectors.evidence.reporting_delay import LONGEST
from streams.catalogue.organisations import unit_codes
from streams.facts.clock import to_ms
from streams.facts.envelope import MS_PER_DAY
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.store import bulk, schema
from streams.store.connection import Tables, driver_connection

_READ_AHEAD = 2000
# SQLite takes up to 32,766 values in one statement. Few sizes of statement mean
# that its compiled form is found again, so a list is filled up to the next one.
_CHUNKS = (1, 10, 100, 1000, 8000)

_YEAR_MS = 365 * MS_PER_DAY

_FACT = schema.fact.c
# In the order of Fact's own fields; what intake read besides the body is not stored.
_STORED = tuple(name for name in Fact.__struct_fields__ if name != "said")
_COLUMNS = tuple(_FACT[name] for name in _STORED)
_NAMES = ", ".join(_STORED)


class Facts(Tables):
    """Readers of the fact table."""

    def known(self, provider_keys: Iterable[tuple[str, bytes]]) -> dict[str, dict[bytes, Fact]]:
        """The stored facts among ``(provider, key)`` pairs, by provider and key."""
        keys: defaultdict[str, list[bytes]] = defaultdict(list)
        for provider, key in provider_keys:
            keys[provider].append(key)
        found: dict[str, dict[bytes, Fact]] = {}
        if not keys:
            return found
        with self._database.read() as connection:
            look_up = _look_up_sqlite if self._database.is_sqlite else _look_up_postgres
            for provider, wanted in keys.items():
                rows = look_up(connection, provider, wanted)
                found[provider] = {row[0]: _fact(row) for row in rows}
        return found

    def facts(self, provider: str) -> Iterator[Fact]:
        """All facts of a provider by time and key, withdrawn ones included."""
        yield from self._stream(
            select(*_COLUMNS).where(_FACT.provider == provider).order_by(_FACT.time, _FACT.key)
        )

    def facts_on(self, provider: str, unit_code: str, day: int) -> list[Fact]:
        """The facts of a UTC day (since 1970) that belong to a unit or lie under it."""
        start = day * MS_PER_DAY
        query = (
            select(*_COLUMNS)
            .where(_FACT.provider == provider)
            .where(_FACT.time >= start, _FACT.time < start + MS_PER_DAY)
            .order_by(_FACT.time, _FACT.key)
        )
        return [
            fact
            for fact in self._stream(query)
            if unit_code in unit_codes(fact.provider, fact.site, fact.ward)
        ]

    def recordings(
        self, provider: str, feed: Feed, now: datetime
    ) -> tuple[list[tuple[int, int, int]], int]:
        """When the facts of a feed's last year were recorded, and up to when it is known.

        The feed is known up to the newest moment that its facts speak of, recorded or
        happened, and never beyond ``now``: of a feed that stopped nothing is learnt by
        waiting. Withdrawn facts, those that do not say when they were recorded and those
        recorded after ``now`` are left out.

        Returns:
            Groups of facts as the UTC day of their time, the whole UTC days from there to
            their record (-1: before it; ``LONGEST + 1``: later than that) and their number;
            and the moment, in milliseconds since 1970 UTC. There are at most a year's days
            times the delays, however many facts there are.
        """
        until = to_ms(now)
        heard = schema.feed.c
        newest = select(heard.last_event_time).where(
            heard.provider == provider, heard.feed == int(feed)
        )
        day = _FACT.time // MS_PER_DAY
        waited = _FACT.recorded // MS_PER_DAY - day
        delay = case((waited < 0, -1), (waited > LONGEST, LONGEST + 1), else_=waited)
        with self._database.read() as connection:
            last = min(connection.scalar(newest) or 0, until)
            # Grouped by name: PostgreSQL takes an expression with a parameter for another
            # one each time it is written.
            one = (
                select(day.label("day"), delay.label("delay"), _FACT.recorded)
                .where(_FACT.provider == provider, _FACT.feed == int(feed))
                .where(_FACT.time > last - _YEAR_MS, _FACT.recorded <= until)
                .where(_FACT.withdrawn.is_(False))
                .subquery()
            )
            groups = one.c.day, one.c.delay
            query = select(*groups, func.count(), func.max(one.c.recorded)).group_by(*groups)
            rows = connection.execute(query).all()
        as_of = max([last, *(row[3] for row in rows)])
        return [(row[0], row[1], row[2]) for row in rows], as_of

    def providers_with_facts(self) -> list[str]:
        """The providers that any fact is known of, sorted."""
        query = select(schema.feed.c.provider).distinct().order_by(schema.feed.c.provider)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def _stream(self, query: Select[Any]) -> Iterator[Fact]:
        with self._database.read() as connection:
            result = connection.execution_options(yield_per=_READ_AHEAD).execute(query)
            for row in result:
                yield _fact(row)


def write_facts(connection: Connection, facts: Iterable[Fact]) -> None:
    """Store the winning versions, whatever was there before."""
    # In the order of the key, so that a batch visits each page of its index once.
    ordered = sorted(facts, key=attrgetter("provider", "key"))
    # A first revision is rarely there already, a later one mostly is.
    first = [_row(fact) for fact in ordered if fact.revision == 1]
    later = [_row(fact) for fact in ordered if fact.revision != 1]
    bulk.insert_or_upsert(connection, schema.fact, first)
    bulk.upsert(connection, schema.fact, later)


def _row(fact: Fact) -> bulk.Row:
    return (
        fact.provider, fact.key, fact.source, fact.event_id, int(fact.feed),
        fact.revision, fact.withdrawn, fact.site, fact.ward, fact.time, fact.recorded, fact.body,
    )  # fmt: skip


def _fact(row: Sequence[Any]) -> Fact:
    key, source, event_id, feed, revision, withdrawn, *rest = row
    return Fact(key, source, event_id, Feed(feed), revision, bool(withdrawn), *rest)


def _look_up_postgres(connection: Connection, provider: str, keys: list[bytes]) -> list[Any]:
    with driver_connection(connection).cursor(binary=True) as cursor:
        cursor.execute(
            f"SELECT {_NAMES} FROM fact WHERE provider = %s AND key = ANY(%b)",  # noqa: S608 - names
            (provider, keys),
        )
        found: list[Any] = cursor.fetchall()
        return found


def _look_up_sqlite(connection: Connection, provider: str, keys: list[bytes]) -> Iterator[Any]:
    raw = driver_connection(connection)
    largest = _CHUNKS[-1]
    for start in range(0, len(keys), largest):
        part = keys[start : start + largest]
        size = next(size for size in _CHUNKS if size >= len(part))
        part += part[-1:] * (size - len(part))
        places = ", ".join("?" * size)
        yield from raw.execute(
            f"SELECT {_NAMES} FROM fact WHERE provider = ? AND key IN ({places})",  # noqa: S608 - names
            (provider, *part),
        )
