"""Debian's Prometheus for the tests: promtool, and a server that scrapes what it is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.kafka_broker import free_ports
from tests.needs import lacking


def program(name: str) -> str:
    """The path of one of Prometheus's programs, or a skip."""
    found = shutil.which(name)
    if found is None:
        lacking(f"{name} (Debian's prometheus packages)")
    return found


class Prometheus:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, **parameters: str) -> Any:
        """The ``data`` of an API call."""
        query = urllib.parse.urlencode(parameters)
        address = f"{self._url}/api/v1/{path}?{query}"
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - loopback
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def value_of(self, expression: str) -> list[Any]:
        """The samples of an instant query."""
        result: list[Any] = self.ask("query", query=expression)["result"]
        return result

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"{self._url}/-/ready", timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def scraping(home: Path, targets: Mapping[str, int], rules: Path) -> Iterator[Prometheus]:
    """A server that scrapes ``job: port`` pairs on loopback every second."""
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for job, port in targets.items()
    ]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
        "rule_files": [str(rules)],
        "scrape_configs": jobs,
    }
    # JSON is YAML too.
    (home / "prometheus.yml").write_text(json.dumps(config))
    (port,) = free_ports(1)
    with (home / "prometheus.log").open("wb") as output:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--log.level=warn",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        server = Prometheus(port)
        deadline = time.monotonic() + 30
        while not server.ready():
            assert process.poll() is None, (home / "prometheus.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)
