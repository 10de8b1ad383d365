"""The rules and configurations as Prometheus's own tools see them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streams.runners.worker_metrics import WorkerMetrics
from tests.prometheus_server import program

pytestmark = pytest.mark.prometheus

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "earshot.yml"


def run(*command: str | Path, given: bytes = b"", cwd: Path = DEPLOY) -> str:
    answer = subprocess.run(command, input=given, capture_output=True, check=False, cwd=cwd)
    said = (answer.stdout + answer.stderr).decode()
    assert answer.returncode == 0, said
    return said


def test_the_rules_are_well_formed() -> None:
    run(program("promtool"), "check", "rules", "--lint-fatal", RULES)


def test_every_alert_fires_when_it_must_and_only_then() -> None:
    run(program("promtool"), "test", "rules", DEPLOY / "prometheus" / "tests" / "earshot.yml")


def test_the_scrape_configuration_is_well_formed() -> None:
    run(
        program("promtool"), "check", "config", "--syntax-only", "prometheus.yml",
        cwd=DEPLOY / "prometheus",
    )  # fmt: skip


def test_the_alertmanager_configuration_is_well_formed() -> None:
    run(program("amtool"), "check-config", DEPLOY / "alertmanager" / "alertmanager.yml")


def test_every_dashboard_expression_is_promql(tmp_path: Path) -> None:
    expressions = [
        target["expr"].replace("$__rate_interval", "1m")
        for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
        for panel in json.loads(path.read_text())["panels"]
        for target in panel.get("targets", ())
    ]
    rules = [
        {"record": f"dashboard:expression:{number}", "expr": expression}
        for number, expression in enumerate(expressions)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboards", "rules": rules}]}))

    assert f"{len(expressions)} rules found" in run(program("promtool"), "check", "rules", path)


def test_the_workers_page_follows_prometheus_conventions() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.lag.labels("incidents", "0").set(1)
    metrics.published.labels("alerts").inc()
    page = re.sub(rb"(?m)^.*_created.*\n", b"", generate_latest(registry))

    run(program("promtool"), "check", "metrics", given=page)
