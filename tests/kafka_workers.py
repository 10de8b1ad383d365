"""Workers as processes of their own, and a region's events as a sender puts them into Kafka."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.feeds import FEED_OF_TYPE
from streams.facts.messages import Message
from streams.region.plan import Plan, events
from streams.runners import topics
from streams.runners.behind import messages_behind
from streams.runners.embedded import EmbeddedRunner
from streams.runners.engine import Engine
from streams.runners.journal import Journal
from streams.runners.log import LogUnavailable
from streams.runners.producer import KafkaLog
from streams.store import Store
from tests.kafka_broker import free_ports
from tests.packets import SmallPacket

EARSHOT = str(Path(sys.executable).parent / "earshot")
LATENESS_MS = 21 * 86_400_000
# In the past of any machine that runs this, because Kafka stamps messages with its own time.
PLAN = Plan(end=date(2025, 6, 2), weeks=60, live_weeks=0, providers=4, sites=1, wards=2)
STAMP = int(datetime(2025, 6, 2, tzinfo=UTC).timestamp() * 1000)

Event = dict[str, Any]


@cache
def _sent() -> tuple[Any, ...]:
    return tuple(events(PLAN))


def region_events() -> list[Event]:
    """The region's events as they are sent."""
    return [one.event for one in _sent()]


def shuffled_events(chance: random.Random, repeats: float = 0.3) -> list[Event]:
    """The region's events out of order within three weeks, some of them sent twice."""
    moved = [(one.at + chance.randrange(LATENESS_MS), one.event) for one in _sent()]
    again = [
        (at + chance.randrange(LATENESS_MS), event)
        for at, event in moved
        if chance.random() < repeats
    ]
    return [event for _, event in sorted([*moved, *again], key=lambda pair: pair[0])]


def pack_events(sequence: Sequence[Event], most: int, chance: random.Random) -> list[Message]:
    """Messages of 1 to ``most`` events of one provider and feed; place and time are not set."""
    waiting: dict[tuple[str, str], list[Event]] = {}
    found: list[Message] = []

    def close(place: tuple[str, str]) -> None:
        provider, topic = place
        value = json.dumps(waiting.pop(place)).encode()
        found.append(Message(topic, 0, 0, provider.encode(), value, STAMP))

    for event in sequence:
        place = (event["data"]["provider"], FEED_OF_TYPE[event["type"]].topic)
        box = waiting.setdefault(place, [])
        box.append(event)
        if len(box) >= chance.randrange(1, most + 1):
            close(place)
    for place in sorted(waiting):
        close(place)
    return found


def send(bootstrap: str, prefix: str, messages: Sequence[Message]) -> None:
    """Put messages into Kafka as a sender's own client does."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, linger_ms=5, batch_size=262_144)
    try:
        pending = [
            producer.send(prefix + m.topic, key=m.key, value=m.value, headers=list(m.headers))
            for m in messages
        ]
        for future in pending:
            future.get(timeout=30)
    finally:
        producer.close()


def organisations_file(directory: Path) -> Path:
    """The region's organisations as a file."""
    path = directory / "organisations.json"
    path.write_text(PLAN.organisations())
    return path


def undisturbed(directory: Path) -> Store:
    """The store after one embedded run over the events in their order."""
    store = Store.open(f"sqlite:///{directory}/earshot.db")
    machine = Engine(
        store,
        catalogue=Catalogue.load(),
        organisations=Organisations.load(organisations_file(directory)),
        reference=Reference.shipped(),
        budgets=Budgets(),
        clock=lambda: datetime.now(UTC),
        open_registration=False,
    )
    journal = Journal(store)
    runner = EmbeddedRunner(store, journal, machine)
    packets = [
        SmallPacket(m.topic, m.key or b"", m.value or b"", 0)
        for m in pack_events(region_events(), 100, random.Random(1))
    ]
    journal.append(packets, datetime.now(UTC))
    runner.start()
    try:
        assert runner.wait_idle(120)
    finally:
        runner.stop()
    return store


@dataclass
class WorkerProcess:
    """A worker under a stable name, which may be started many times."""

    name: str
    arguments: list[str]
    home: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it says goes to a file."""
        with (self.home / f"{self.name}.log").open("ab") as output:
            self.process = subprocess.Popen(
                [EARSHOT, "worker", "--worker-id", self.name,
                 "--metrics-port", str(self.port), *self.arguments],
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """End it as a supervisor does; the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def ask(self, path: str) -> tuple[int, str]:
        """An answer of its health port: status and body; (0, "") while there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """The sum of a metric's values."""
        _, text = self.ask("/metrics")
        values = [
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.split("{")[0].split(" ")[0] == name
        ]
        return sum(values)

    def log(self) -> str:
        """What it said."""
        return (self.home / f"{self.name}.log").read_text()


@contextmanager
def workers(
    count: int,
    bootstrap: str,
    prefix: str,
    database_url: str,
    home: Path,
    session: float = 4.0,
    batch: int = 1000,
    more: Sequence[str] = (),
) -> Iterator[list[WorkerProcess]]:
    """Workers, not yet started; all are gone afterwards."""
    arguments = [
        "--kafka", bootstrap, "--topic-prefix", prefix, "--database-url", database_url,
        "--organisations", str(organisations_file(home)),
        "--session-seconds", str(session), "--batch-messages", str(batch), *more,
    ]  # fmt: skip
    found = [WorkerProcess(f"w{number}", arguments, home) for number in range(count)]
    try:
        yield found
    finally:
        for one in found:
            if one.alive:
                one.signal(signal.SIGCONT)
            one.kill()


def wait_for(condition: Callable[[], bool], seconds: float, what: str | Callable[[], str]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds} s: {told}")
        time.sleep(0.1)


@dataclass
class Scene:
    """A broker, a database and the workers between them."""

    bootstrap: str
    prefix: str
    store: Store
    log: KafkaLog
    workers: list[WorkerProcess]
    events: int = 0

    def send(self, seed: int) -> None:
        """Send the region's events: shuffled, three in ten twice, in packets of any size."""
        chance = random.Random(seed)
        shuffled = shuffled_events(chance)
        send(self.bootstrap, self.prefix, pack_events(shuffled, 40, chance))
        self.events += len(shuffled)

    @property
    def behind(self) -> int:
        """Messages that are in Kafka and not in the store."""
        return messages_behind(self.log.ends(), self.store.positions())

    def _arrived(self, *, supervised: bool) -> bool:
        """Whether the store has everything; a broker that just came back may not answer yet."""
        if supervised:
            for one in self.workers:
                if not one.alive:
                    one.start()
        try:
            return self.behind == 0
        except LogUnavailable:
            return False

    def settle(self, seconds: float = 120, *, supervised: bool = False) -> None:
        """Wait until the store has everything, and check that it has it exactly once.

        A supervised worker that ends is started again, as a supervisor would.
        """
        wait_for(
            lambda: self._arrived(supervised=supervised), seconds, self.told("all in the store")
        )
        counters = self.store.counters()
        told = (counters, self.store.dead_letter_counts(), self.store.positions())
        assert counters.processed == self.events, self.told(str(told))()

    def wait_until_ready(self, seconds: float = 40) -> None:
        """Wait until every worker takes part."""
        for one in self.workers:
            wait_for(lambda w=one: w.ask("/readyz")[0] == 200, seconds, self.told("readiness"))

    def contents(self) -> tuple[object, ...]:
        """What a worker that lost its partitions must not move; claims move only versions."""
        return self.store.digests(), self.store.counters(), self.store.positions()

    def told(self, what: str) -> Callable[[], str]:
        """What was waited for, with the last that every worker said."""
        return lambda: what + "\n" + "\n".join(one.log()[-2000:] for one in self.workers)


@contextmanager
def scene(
    bootstrap: str,
    prefix: str,
    database_url: str,
    home: Path,
    *,
    count: int,
    partitions: int = 4,
    batch: int = 1000,
) -> Iterator[Scene]:
    """Topics, a store and workers that are not yet started."""
    topics.create(bootstrap, prefix, partitions=partitions)
    store = Store.open(database_url)
    log = KafkaLog(bootstrap, prefix)
    try:
        with workers(count, bootstrap, prefix, database_url, home, batch=batch) as started:
            yield Scene(bootstrap, prefix, store, log, started)
    finally:
        log.close()
        store.close()
