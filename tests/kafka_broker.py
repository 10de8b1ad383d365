"""A real Apache Kafka broker for the tests: KRaft, one node, loopback, thrown away afterwards.

Kafka's own artefacts are collected once by Maven (``tests/kafka/pom.xml``) into a cache
directory; a broker is then up in about four seconds. Without Java 17 or Maven the tests
that need it are skipped by name, unless ``EARSHOT_NO_SKIPS`` says that this machine is
meant to have everything.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.needs import lacking

VERSION = "4.1.1"
_POM = Path(__file__).parent / "kafka" / "pom.xml"
# The client compiler alone and the serial collector halve the start on two cores.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=ERROR")
_START_SECONDS = 60


def cache_directory() -> Path:
    """Where the broker's class path is kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "earshot" / f"kafka-{VERSION}"


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        lacking("Java 17 or later")
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', answer.stderr)
    if version is None or int(version.group(1)) < 17:
        lacking("Java 17 or later")
    return java


def class_path() -> Path:
    """The directory of the broker's jars, collected by Maven at the first call."""
    cache = cache_directory()
    if not cache.exists():
        maven = shutil.which("mvn")
        if maven is None:
            lacking("Maven, which collects Apache Kafka")
        cache.parent.mkdir(parents=True, exist_ok=True)
        # Collected aside and renamed, so that an interrupted run leaves no half of a broker.
        with tempfile.TemporaryDirectory(dir=cache.parent) as place:
            libs = Path(place) / "libs"
            answer = subprocess.run(
                [maven, "-q", "-B", "-f", _POM, "dependency:copy-dependencies",
                 f"-DoutputDirectory={libs}"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if answer.returncode != 0:
                lacking(f"Apache Kafka {VERSION} from Maven: {answer.stdout[-500:]}")
            if not cache.exists():
                libs.rename(cache)
    return cache


class KafkaBroker:
    """A broker that can be started, stopped, killed and started again on its own log."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port, self._controller = free_ports(2)
        self._java = _java()
        self._libs = class_path()
        self._properties = home / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        self._properties.write_text(self._settings())

    @property
    def bootstrap(self) -> str:
        """The bootstrap servers of a client."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start, format the log directory where it is new, and wait until clients are served."""
        if not (self.home / "logs" / "meta.properties").exists():
            command = self._command("kafka.tools.StorageTool")
            cluster = uuid.uuid4().hex[:22]
            subprocess.run(
                [*command, "format", "--ignore-formatted", "-t", cluster, "-c", self._properties,
                 *self._accounts()],
                check=True, capture_output=True,
            )  # fmt: skip
        with (self.home / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(
                [*self._command("kafka.Kafka"), self._properties],
                stdout=output, stderr=subprocess.STDOUT, cwd=self.home,
            )  # fmt: skip
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Stop as an operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _command(self, main: str) -> list[str]:
        return [self._java, *_JVM, "-cp", f"{self._libs}/*", main]

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        from kafka import KafkaAdminClient  # noqa: PLC0415 - only tests with a broker pay for it
        from kafka.errors import KafkaError  # noqa: PLC0415 - as above

        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                break
            if _listens(self.port):
                try:
                    admin = KafkaAdminClient(
                        bootstrap_servers=self._inside(), bootstrap_timeout_ms=5000
                    )
                except KafkaError:
                    continue
                admin.close()
                return
            time.sleep(0.1)
        log = (self.home / "broker.log").read_text()[-3000:]
        raise RuntimeError(f"Kafka did not come up:\n{log}")

    def _accounts(self) -> list[str]:
        """Arguments that make accounts while the log directory is formatted."""
        return []

    def _inside(self) -> str:
        """Where clients are served that need no sign-in."""
        return self.bootstrap

    def _more_settings(self) -> dict[str, object]:
        """Settings that come on top."""
        return {}

    def _settings(self) -> str:
        broker, controller = self.bootstrap, f"127.0.0.1:{self._controller}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{broker}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.home / "logs",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 2,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 3000,
            "num.network.threads": 2,
            "num.io.threads": 2,
            "log.cleaner.enable": "false",
            **self._more_settings(),
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


Broker = TypeVar("Broker", bound=KafkaBroker)


def run_kafka(kind: type[Broker]) -> Iterator[Broker]:
    """Start a broker in a temporary directory and take everything away afterwards."""
    home = Path(tempfile.mkdtemp(prefix="earshot-kafka-"))
    try:
        broker = kind(home)
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """The session's broker; each test takes a topic prefix of its own."""
    yield from run_kafka(KafkaBroker)


@pytest.fixture
def topic_prefix() -> str:
    """A topic prefix that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture
def own_kafka_broker() -> Iterator[KafkaBroker]:
    """A broker that this test may kill."""
    yield from run_kafka(KafkaBroker)
