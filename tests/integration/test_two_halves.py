"""Kafka and PostgreSQL, as operated: topics, worker, HTTP half, and pushes through both doors."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.earshot_process import Running, earshot, environment
from tests.integration.pushed_files import incident, write

pytestmark = [pytest.mark.kafka, pytest.mark.postgres, pytest.mark.slow]


def incidents(first, number):
    start = datetime.now(UTC) - timedelta(days=60)
    for index in range(first, first + number):
        provider = f"RZ{index % 3 + 1}"
        yield incident(index, provider=provider, day=start + timedelta(minutes=index))


def start(log, *arguments):
    with log.open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "api.cli", *map(str, arguments)],
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )


def address(process, log):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text()):
            return found.group()
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_events_pushed_over_http_and_straight_to_kafka_meet_in_one_store(
    tmp_path, kafka_broker, topic_prefix, postgres_url
):
    organisations = tmp_path / "organisations.csv"
    organisations.write_text(
        "code,kind,name,parent,valid_from,valid_to\n"
        + "".join(f"RZ{n},provider,Number {n},Y56,,\n" for n in (1, 2, 3))
    )
    kafka = ("--kafka", kafka_broker.bootstrap, "--topic-prefix", topic_prefix)
    store = ("--database-url", postgres_url, "--organisations", organisations)
    early = earshot("worker", *kafka, *store)
    made = earshot("topics", "create", *kafka, "--partitions", "2")
    checked = earshot("check", *kafka, "--database-url", postgres_url)
    http, straight = (
        write(tmp_path / "http.ndjson", incidents(0, 900)),
        write(tmp_path / "kafka.ndjson", incidents(600, 900)),
    )
    started = []
    try:
        worker_log, api_log = tmp_path / "worker.log", tmp_path / "api.log"
        started.append(start(worker_log, "worker", *kafka, *store, "--metrics-port", "0"))
        api = start(api_log, "api", *kafka, *store, "--port", "0")
        started.append(api)
        service = Running(api, address(api, api_log), api_log)
        first = earshot("push", http, "--url", service.url)
        second = earshot("push", straight, *kafka)
        status = _settled(service, 1800, worker_log)
        replayed = earshot("replay", "--dry-run", *kafka, *store)
        for process in started:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=60) for process in started]
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()

    assert early.returncode != 0
    assert "earshot topics create" in early.stderr + early.stdout
    assert made.returncode == 0, made.stderr
    assert "four topics with 2 partition(s)" in checked.stdout, checked.stdout
    assert "900 accepted" in first.stdout, first.stderr
    assert "900 accepted" in second.stdout, second.stderr
    assert status["mode"] == "kafka"
    assert re.findall(r"(\d+) facts, 0 tallies changed, alerts: as they were", replayed.stdout) == [
        "500",
        "500",
        "500",
    ], replayed.stdout + replayed.stderr
    assert codes == [0, 0], worker_log.read_text()[-2000:] + api_log.read_text()[-2000:]


def _settled(service, events, worker_log):
    """The status once the workers have taken in all the events sent."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        status = service.get("/v1/status")
        if status["processed"] >= events and status["lag"] == 0:
            return status
        time.sleep(0.5)
    raise AssertionError(f"{status}\n{worker_log.read_text()[-3000:]}")
