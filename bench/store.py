"""Facts committed a second by the store on each database, against bare inserts into it.

    python -m bench.store [--batches 12]

The fastest batch counts: the others tell what else the machine was doing.

A batch is 5,000 facts with the tallies they touch, in one durable transaction: fence,
facts, tallies, watermarks, positions. The bare row writes the same facts into a table
without a key or index by the driver's fastest way, so the ratio is what keys, merging
and everything else cost. PostgreSQL runs with fsync on; without its server programs
it is left out by name.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b

from streams.facts.effects import Effects, ProviderRecord, Tally
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from streams.runners.journal import Journal
from streams.store import Store
from streams.store.bulk import _copy_types
from streams.store.connection import driver_connection
from streams.store.facts import _row
from streams.store.schema import fact as fact_table
from tests.packets import packet
from tests.postgres import find_programs, run_postgres

NOW = datetime(2026, 1, 6, tzinfo=UTC)
BATCH = 5_000
WARDS = 40
APPENDS = 400
THREADS = 8
BODY = (
    b'{"provider":"RXX","site":"RXX01","ward":"W12","event_type":"incident","category":"fall",'
    b'"physical_harm":"low","psychological_harm":"none","patients":1,"reporter":"staff",'
    b'"anonymous":false,"never_event":false}'
)


def fact(number: int, revision: int = 1) -> Fact:
    key = blake2b(b"%d" % number, digest_size=16).digest()
    return Fact(
        key=key,
        source="urn:nhs:ods:RXX",
        event_id=f"RXX01-inc-{number:08}",
        feed=Feed.INCIDENTS,
        revision=revision,
        withdrawn=False,
        provider="RXX",
        site="RXX01",
        ward=f"W{number % WARDS}",
        time=1_700_000_000_000 + 1000 * number,
        recorded=1_700_000_300_000 + 1000 * number,
        body=BODY,
    )


def effects(start: int, revision: int = 1) -> Effects:
    """A batch of facts, and a tally of each grid for each ward and ten periods."""
    week = start // BATCH
    tallies = [
        Tally("RXX", f"RXX01:W{ward}", grid, week + period, bytes(60))
        for ward in range(WARDS)
        for grid in (Grid.WEEK, Grid.MONTH, Grid.QUARTER)
        for period in range(10)
    ]
    return Effects(
        facts=[fact(number, revision) for number in range(start, start + BATCH)],
        tallies=tallies,
        providers=[ProviderRecord("RXX", (week, None, None, None), "bench")],
        events=BATCH,
    )


def timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def bare(store: Store, batches: int) -> float:
    """Facts a second into a table without key or index, each batch a transaction."""
    rows = [_row(fact(number)) for number in range(BATCH)]
    names = ", ".join(fact_table.columns.keys())
    with store.database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE bare AS SELECT * FROM fact WHERE 1 = 0")

    def write() -> None:
        with store.database.write() as connection:
            raw = driver_connection(connection)
            if store.database.is_sqlite:
                places = ", ".join("?" * len(fact_table.columns))
                raw.executemany(f"INSERT INTO bare VALUES ({places})", rows)  # noqa: S608 - names
                return
            with (
                raw.cursor() as cursor,
                cursor.copy(f"COPY bare ({names}) FROM STDIN BINARY") as to,
            ):
                to.set_types(_copy_types(fact_table))
                for row in rows:
                    to.write_row(row)

    return BATCH / min(timed(write) for _ in range(batches))


def committed(store: Store, batches: int, revision: int = 1) -> float:
    """Facts a second through the one transaction."""
    version = store.load_partition(0).version
    times = []
    for number in range(batches):
        batch = effects(number * BATCH, revision)
        start = time.perf_counter()
        version = store.commit(0, version, batch, {"incidents": number}, NOW)
        times.append(time.perf_counter() - start)
    return BATCH / min(times)


def known(store: Store) -> float:
    """Facts looked up a second, all of them stored."""
    keys = [("RXX", fact(number).key) for number in range(BATCH)]
    return BATCH / min(timed(lambda: store.known(keys)) for _ in range(5))


def appended(store: Store, threads: int) -> float:
    """Durable appends a second of one packet of 20 kB each."""
    journal = Journal(store)
    value = BODY * 90

    def append(_number: int) -> None:
        journal.append([packet(value=value, events=100)], NOW)

    with ThreadPoolExecutor(threads) as pool:
        return APPENDS / timed(lambda: list(pool.map(append, range(APPENDS))))


@contextmanager
def sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield f"sqlite:///{directory}/earshot.db"


@contextmanager
def postgresql() -> Iterator[str]:
    servers = run_postgres(durable=True)
    server = next(servers)
    try:
        yield server.url("postgres")
    finally:
        servers.close()


def measure(url: str, batches: int) -> None:
    store = Store.open(url)
    plain = bare(store, batches)
    new = committed(store, batches)
    again = committed(store, batches, revision=2)
    rows = [
        ("bare insert, facts/s", plain),
        ("commit, new facts/s", new),
        ("commit, facts/s overwritten", again),
        ("known facts looked up/s", known(store)),
        ("durable appends/s, 1 thread", appended(store, 1)),
        (f"durable appends/s, {THREADS} threads", appended(store, THREADS)),
    ]
    for name, rate in rows:
        print(f"  {name:<32}{rate:>12,.0f}")
    print(f"  {'ratio commit : bare':<32}{new / plain:>12.2f}")
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", type=int, default=12)
    batches = parser.parse_args().batches
    for backend in (sqlite, postgresql):
        print(backend.__name__)
        if backend is postgresql and find_programs() is None:
            print("  left out: needs PostgreSQL's server programs (initdb, postgres)")
            continue
        with backend() as url:
            measure(url, batches)


if __name__ == "__main__":
    main()
