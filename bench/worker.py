"""The worker on a real broker, all statistics and commits included, against counting per key.

    python -m bench.worker [--events 150000]

Three consumers of one region's events, one after the other on the same broker: a minimal
Faust agent that counts per key with one event a message; Quix Streams' stateful count, also
one event a message, in an environment of its own because it cannot share ours; and the
worker, with the events packed as the HTTP half packs them and everything committed to a
PostgreSQL that syncs its disk. The clock of each runs from its first event to its last, so
that no start is counted. Beside the rate by the clock stands the rate per second of processor
time that the consumer itself used, which other work on the machine hardly disturbs. What a
machine lacks is left out by name.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from streams.catalogue.organisations import Organisations
from streams.intake.packing import Packet, pack
from streams.intake.receiving import Context, open_request
from streams.region.plan import Plan, events
from streams.runners import topics
from streams.runners.behind import messages_behind
from streams.runners.producer import KafkaLog
from streams.store import Store
from tests.kafka_broker import KafkaBroker, run_kafka
from tests.kafka_workers import EARSHOT
from tests.postgres import run_postgres

HERE = Path(__file__).parent
QUIX = "quixstreams==3.28.1"
PARTITIONS = 4
# What one request of a sender brings, in the order of time over all providers.
REQUEST = 20_000
PLAN = Plan(end=date(2025, 6, 2), weeks=104, live_weeks=0, providers=8, sites=3, wards=6)


def region(most: int) -> tuple[list[dict[str, object]], str]:
    """The region's events in the order they are sent, and its organisations."""
    return [one.event for one in events(PLAN)][-most:], PLAN.organisations()


def packed(sent: list[dict[str, object]], organisations: Path) -> list[Packet]:
    """The same events as the HTTP half packs them."""
    context = Context(
        organisations=Organisations.load(organisations),
        now=datetime.now(UTC),
        open_registration=False,
        scope=None,
    )
    found: list[Packet] = []
    for start in range(0, len(sent), REQUEST):
        body = b"\n".join(json.dumps(event).encode() for event in sent[start : start + REQUEST])
        opened = open_request(body, "application/x-ndjson", context)
        if opened.rejections:
            raise RuntimeError(f"refused: {opened.rejections[0]}")
        found += pack(opened.facts)
    return found


def write_singly(bootstrap: str, topic: str, sent: Iterable[dict[str, object]]) -> None:
    """One event a message, into a topic of its own."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": PARTITIONS}}, wait_for_metadata=True)
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, batch_size=500_000)
    for event in sent:
        data = event["data"]
        producer.send(topic, key=data["provider"].encode(), value=json.dumps(event).encode())
    producer.flush()
    producer.close()


@dataclass(frozen=True)
class Speed:
    """Events, and the seconds by the clock and of the consumer's own process for them."""

    events: float
    seconds: float
    own_seconds: float

    @property
    def rate(self) -> float:
        """Events a second by the clock."""
        return self.events / self.seconds

    @property
    def own_rate(self) -> float:
        """Events a second of one core that the process has for itself."""
        return self.events / self.own_seconds


def counted(python: Path, script: str, bootstrap: str, topic: str, expected: int) -> Speed:
    """The speed of a counting script."""
    answer = subprocess.run(
        [python, HERE / script, bootstrap, topic, str(expected)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    rate = re.search(r"RATE ([0-9.]+) ([0-9.]+)", answer.stdout)
    if rate is not None:
        return Speed(expected - 1, float(rate.group(1)), float(rate.group(2)))
    raise RuntimeError(f"{script} ended without a rate:\n{answer.stdout}\n{answer.stderr[-3000:]}")


def quix_python() -> Path | None:
    """The interpreter of an environment with Quix Streams, made at the first run."""
    base = os.environ.get("XDG_CACHE_HOME")
    home = (Path(base) if base else Path.home() / ".cache") / "earshot" / QUIX.replace("==", "-")
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", QUIX], check=False)
        if done.returncode:
            return None
        (home / "ready").touch()
    return python


def worked(
    bootstrap: str, url: str, packets: list[Packet], organisations: Path, total: int
) -> Speed:
    """The speed of the worker, everything committed."""
    prefix = "bench."
    topics.create(bootstrap, prefix, partitions=PARTITIONS)
    log = KafkaLog(bootstrap, prefix, patience=60)
    for start in range(0, len(packets), 200):
        log.append(packets[start : start + 200], datetime.now(UTC))
    store = Store.open(url)
    with tempfile.TemporaryFile() as said:
        worker = subprocess.Popen(
            [EARSHOT, "worker", "--kafka", bootstrap, "--topic-prefix", prefix, "--database-url",
             url, "--worker-id", "bench", "--metrics-port", "0",
             "--organisations", organisations],
            stdout=said, stderr=said,
        )  # fmt: skip
        try:
            first = began = own = 0.0
            while True:
                if worker.poll() is not None:
                    said.seek(0)
                    raise RuntimeError(said.read().decode()[-3000:])
                done = store.counters().processed
                if done and not first:
                    first, began, own = done, time.perf_counter(), own_seconds(worker.pid)
                if done >= total:
                    break
                time.sleep(0.05)
            elapsed, own = time.perf_counter() - began, own_seconds(worker.pid) - own
            if messages_behind(log.ends(), store.positions()) or store.dead_letter_counts():
                raise RuntimeError("the worker left something out")
        finally:
            worker.terminate()
            worker.wait(timeout=30)
            log.close()
            store.close()
    return Speed(total - first, elapsed, own)


def own_seconds(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def machinery(stack: ExitStack):  # noqa: ANN201 - a pair of running servers
    broker, database = run_kafka(KafkaBroker), run_postgres(durable=True)
    stack.callback(broker.close)
    stack.callback(database.close)
    yield next(broker), next(database)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=150_000, help="for the worker")
    parser.add_argument("--single", type=int, default=40_000, help="for the two that count")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        try:
            broker, database = stack.enter_context(machinery(stack))
        except pytest.skip.Exception as lack:
            print(f"left out: {lack}")
            return
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sent, organisations_text = region(chosen.events)
        organisations = home / "organisations.csv"
        organisations.write_text(organisations_text)
        packets = packed(sent, organisations)
        singly = sent[: chosen.single]
        write_singly(broker.bootstrap, "single", singly)
        speeds: dict[str, Speed] = {}
        speeds["Faust, counting, one event a message"] = counted(
            Path(sys.executable), "_faust_count.py", broker.bootstrap, "single", len(singly)
        )
        python = quix_python()
        if python is None:
            print(f"left out: {QUIX} cannot be installed here")
        else:
            speeds["Quix Streams, stateful count, one event a message"] = counted(
                python, "_quix_count.py", broker.bootstrap, "single", len(singly)
            )
        url = database.create_database()
        speeds["Earshot's worker, all statistics, committed"] = worked(
            broker.bootstrap, url, packets, organisations, len(sent)
        )
    base = speeds["Faust, counting, one event a message"]
    print(f"{len(sent):,} events, {len(sent) / len(packets):.0f} a message for the worker")
    print(f"{'':<52}{'by the clock':>24}{'per core of its own':>26}")
    for name, speed in speeds.items():
        clock = f"{speed.rate:>12,.0f}/s{speed.rate / base.rate:>7.1f} x"
        own = f"{speed.own_rate:>14,.0f}/s{speed.own_rate / base.own_rate:>7.1f} x"
        print(f"{name:<52}{clock:>24}{own:>26}")


if __name__ == "__main__":
    main()
