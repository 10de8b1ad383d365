"""The dashboards and rules name what the service has, in a form that Grafana takes."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from streams.runners.worker_metrics import WorkerMetrics

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
RULES = ROOT / "deploy" / "prometheus" / "rules" / "earshot.yml"
PANEL_KINDS = {"timeseries", "stat"}
_HEADING = re.compile(r"^### (\w+)$", re.MULTILINE)
_METRIC = re.compile(r"\bearshot_[a-z0-9_]+")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """``deploy/grafana/build.py``, which is a script and no part of a package."""
    sys.path.insert(0, str(GRAFANA))
    try:
        spec = importlib.util.spec_from_file_location("dashboards_build", GRAFANA / "build.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(GRAFANA))
    return module


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*"))]


def expressions() -> list[str]:
    return [
        target["expr"]
        for dashboard in dashboards()
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    ]


def api_metrics() -> set[str]:
    """The names that the HTTP half's own module declares."""
    text = (ROOT / "api" / "metrics.py").read_text()
    return set(re.findall(r'"(earshot_[a-z0-9_]+)"', text))


def worker_metrics() -> set[str]:
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    return {family.name for family in registry.collect()}


def plain(name: str) -> str:
    """The family's name without what an exposition adds to it."""
    return re.sub(r"_(total|count|sum|bucket)$", "", name)


def named() -> set[str]:
    """The metrics that dashboards and rules ask for."""
    texts = [*expressions(), RULES.read_text()]
    return {plain(name) for text in texts for name in _METRIC.findall(text)}


def test_the_committed_dashboards_are_those_that_the_build_writes(build: ModuleType) -> None:
    written = {f"{one.uid}.json": build.text_of(one) for one in build.DASHBOARDS}
    committed = {path.name: path.read_text() for path in (GRAFANA / "dashboards").iterdir()}

    assert written == committed


def test_every_dashboard_has_an_address_of_its_own() -> None:
    uids = [dashboard["uid"] for dashboard in dashboards()]

    assert len(uids) == len(set(uids)) > 0
    assert all(len(uid) <= 40 for uid in uids)


def test_panels_lie_within_the_grid_and_do_not_overlap() -> None:
    for dashboard in dashboards():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells


def test_every_panel_says_what_it_shows() -> None:
    for dashboard in dashboards():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))
        for panel in dashboard["panels"]:
            assert panel["title"]
            if panel["type"] == "row":
                continue
            assert panel["type"] in PANEL_KINDS
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert panel["datasource"]["uid"] == "${datasource}"
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == sorted(set(letters))
            assert letters[0] == "A"
            for target in panel["targets"]:
                assert target["legendFormat"]
                assert target["datasource"]["uid"] == "${datasource}"
            if panel["type"] == "timeseries":
                assert panel["options"]["legend"]["showLegend"]


def test_every_expression_names_metrics_that_the_service_has() -> None:
    known = api_metrics() | worker_metrics()
    assert named() <= known


def test_every_metric_is_looked_at_somewhere() -> None:
    assert {plain(name) for name in api_metrics() | worker_metrics()} <= named()


def test_every_metric_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    explained = {plain(name) for name in _METRIC.findall(page)}

    assert {plain(name) for name in api_metrics() | worker_metrics()} == explained


def test_no_metric_is_labelled_by_an_organisation() -> None:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    labels = {
        name for value in vars(metrics).values() for name in getattr(value, "_labelnames", ())
    }

    assert labels == {"topic", "partition"}


def test_every_alert_has_a_runbook_that_exists() -> None:
    rules = RULES.read_text()
    names = re.findall(r"- alert: (\w+)", rules)
    headings = _HEADING.findall((ROOT / "docs" / "operations.md").read_text())

    assert names
    assert [f"docs/operations.md#{name.lower()}" for name in names] == re.findall(
        r"runbook_url: (\S+)", rules
    )
    assert set(names) == set(headings)


def test_every_alert_is_tested_firing_and_quiet() -> None:
    names = re.findall(r"- alert: (\w+)", RULES.read_text())
    told = re.findall(
        r"- name: (\w+) (fires|stays quiet)",
        (ROOT / "deploy" / "prometheus" / "tests" / "earshot.yml").read_text(),
    )

    assert {(name, how) for name in names for how in ("fires", "stays quiet")} == set(told)
