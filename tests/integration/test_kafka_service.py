"""Both halves, a broker, a database and Prometheus: as an operator runs it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from streams.facts.messages import Message
from tests.kafka_broker import KafkaBroker, free_ports
from tests.kafka_workers import (
    EARSHOT,
    Scene,
    organisations_file,
    region_events,
    scene,
    send,
    undisturbed,
    wait_for,
)
from tests.postgres import PostgresServer
from tests.prometheus_server import program, scraping

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(240)]

DEPLOY = Path(__file__).parents[2] / "deploy"


def call(port: int, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, Any]:
    """A call of an HTTP half on this machine: status and JSON (or text)."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=body,
        headers={"content-type": kind} if kind else {},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            status, text = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    except OSError:
        return 0, None
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode()


@dataclass
class Deployment:
    """A scene with the HTTP half before it."""

    scene: Scene
    port: int

    def call(self, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, Any]:
        """A call of the HTTP half: status and JSON (or text)."""
        return call(self.port, path, body, kind)

    def post(self, events: list[dict[str, Any]]) -> tuple[int, Any]:
        """Send events as NDJSON."""
        lines = b"\n".join(json.dumps(event).encode() for event in events)
        return self.call("/v1/events", lines, "application/x-ndjson")


@pytest.fixture(scope="module")
def deployment(
    kafka_broker: KafkaBroker,
    postgres_server: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    home = tmp_path_factory.mktemp("deployment")
    url = postgres_server.create_database()
    prefix = "service."
    (port,) = free_ports(1)
    with scene(kafka_broker.bootstrap, prefix, url, home, count=1) as it:
        it.workers[0].start()
        with (home / "api.log").open("wb") as output:
            api = subprocess.Popen(
                [EARSHOT, "api", "--kafka", it.bootstrap, "--topic-prefix", prefix,
                 "--database-url", url, "--port", str(port),
                 "--organisations", str(organisations_file(home))],
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            made = Deployment(it, port)
            wait_for(lambda: made.call("/readyz")[0] == 200, 60, "the HTTP half")
            it.wait_until_ready()
            yield made
        finally:
            api.terminate()
            api.wait(timeout=30)
    postgres_server.drop_database(url)


@pytest.fixture(scope="module")
def filled(deployment: Deployment) -> Deployment:
    """The deployment after the region's events came in over HTTP."""
    events = region_events()
    for start in range(0, len(events), 1000):
        status, receipt = deployment.post(events[start : start + 1000])
        assert status == 202, receipt
        assert receipt["rejected"] == []
    deployment.scene.events = len(events)
    deployment.scene.settle()
    return deployment


def test_events_over_http_end_in_the_store_of_an_embedded_run(
    filled: Deployment, tmp_path: Path
) -> None:
    assert undisturbed(tmp_path).digests() == filled.scene.store.digests()


def test_the_status_tells_that_all_is_reflected(filled: Deployment) -> None:
    wait_for(lambda: filled.call("/v1/status")[1]["lag"] == 0, 60, "no lag")
    _, status = filled.call("/v1/status")

    assert status["mode"] == "kafka"
    assert status["accepted"] == status["processed"] >= len(region_events())


def test_alerts_of_the_worker_are_read_at_the_other_half(filled: Deployment) -> None:
    _, page = filled.call("/v1/alerts?limit=100")
    _, one = filled.call(f"/v1/alerts/{page['items'][0]['id']}")

    assert one["statement"]
    assert one["evidence"]


def test_a_repeat_is_called_one(filled: Deployment) -> None:
    status, receipt = filled.post(region_events()[:50])

    assert status == 202
    assert receipt["accepted"] + receipt["duplicates"] == 50
    assert receipt["duplicates"] >= 49


def test_without_a_broker_what_is_here_is_read_and_readiness_says_what_is_missing(
    postgres_url: str, tmp_path: Path
) -> None:
    port, nobody = free_ports(2)
    with (tmp_path / "api.log").open("wb") as output:
        api = subprocess.Popen(
            [EARSHOT, "api", "--kafka", f"127.0.0.1:{nobody}", "--database-url", postgres_url,
             "--port", str(port), "--organisations", str(organisations_file(tmp_path))],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        wait_for(lambda: call(port, "/healthz")[0] == 200, 60, "the HTTP half")
        wait_for(lambda: "degraded: log" in call(port, "/readyz")[1], 30, "it is told")
        began = time.monotonic()
        answers = [call(port, path)[0] for path in ("/readyz", "/metrics", "/v1/status", "/")]
        assert answers == [200] * 4
        assert time.monotonic() - began < 8, "nobody waits for the broker"
        assert "earshot_log_up 0.0" in call(port, "/metrics")[1]
        event = json.dumps(region_events()[0]).encode()
        assert call(port, "/v1/events", event, "application/x-ndjson")[0] == 503
    finally:
        api.terminate()
        api.wait(timeout=30)


@pytest.mark.prometheus
def test_prometheus_finds_an_answer_to_every_question(filled: Deployment, tmp_path: Path) -> None:
    """Every expression of the dashboards is evaluated over a real scrape of both halves."""
    program("prometheus")
    worker = filled.scene.workers[0]
    targets = {"earshot-api": filled.port, "earshot-worker": worker.port}
    rules = DEPLOY / "prometheus" / "rules" / "earshot.yml"
    with scraping(tmp_path, targets, rules) as prometheus:
        wait_for(lambda: len(prometheus.value_of("up == 1")) == 2, 60, "both targets up")
        filled.post([{"specversion": "1.0", "id": "bad"}])
        filled.post(region_events()[:5])
        garbage = Message("incidents", 0, 0, b"RXX", b"garbage", 0)
        send(filled.scene.bootstrap, filled.scene.prefix, [garbage])
        wait_for(lambda: filled.scene.behind == 0, 60, "everything taken")
        time.sleep(6)
        silent = {}
        for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
            for panel in json.loads(path.read_text())["panels"]:
                for target in panel.get("targets", ()):
                    expression = target["expr"].replace("$__rate_interval", "30s")
                    if not prometheus.value_of(expression):
                        silent[panel["title"]] = expression
        groups = prometheus.ask("rules")["groups"]

    assert silent == {}
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok"}
    firing = {
        rule["name"] for group in groups for rule in group["rules"] if rule["state"] == "firing"
    }
    assert firing == set()


@pytest.mark.prometheus
def test_both_pages_follow_prometheus_conventions(filled: Deployment) -> None:
    pages = [
        filled.call("/metrics")[1],
        filled.scene.workers[0].ask("/metrics")[1],
    ]
    for page in pages:
        answer = subprocess.run(
            [program("promtool"), "check", "metrics"],
            input=page, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stdout + answer.stderr
