"""A running service behind its HTTP door: journal, runner and SQLite, nothing pretended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.service import Service
from api.settings import Settings
from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.clock import ManualClock
from streams.facts.effects import AlertChange, AlertRecord, Effects
from streams.region.plan import Plan, events
from streams.runners.embedded import EmbeddedRunner
from streams.runners.engine import Engine
from streams.runners.journal import Journal
from streams.store import Role, Store

END = date(2026, 3, 2)
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
NAMES = ("a1", "a2", "a3")
"""The alerts of a house that is ``signalled``."""
BATCH = {"content-type": "application/cloudevents-batch+json"}
LINES = {"content-type": "application/x-ndjson"}
ONE = {"content-type": "application/cloudevents+json"}


@dataclass
class House:
    """A service with everything behind it."""

    service: Service
    journal: Journal
    runner: EmbeddedRunner
    app: FastAPI
    client: TestClient
    clock: ManualClock

    @property
    def store(self) -> Store:
        """What it keeps."""
        return self.service.store

    def push(self, sent: list[dict[str, Any]], **headers: str) -> dict[str, Any]:
        """Send events, wait until they are reflected, give the receipt."""
        answer = self.client.post(
            "/v1/events", content=json.dumps(sent), headers={**BATCH, **headers}
        )
        assert answer.status_code in {202, 207, 422}, answer.text
        assert self.runner.wait_idle(120)
        return answer.json()

    def key(self, *scope: str, role: str = Role.PROVIDER) -> dict[str, str]:
        """A bearer header for these organisations."""
        token = self.store.create_key(scope, role=role, now=self.clock()).token
        return {"authorization": f"Bearer {token}"}


@contextmanager
def house(
    directory: Path, organisations: Path | None = None, url: str | None = None, **settings: Any
) -> Iterator[House]:
    """Open a house in a directory, or over another store."""
    clock = ManualClock(NOW)
    store = Store.open(url or f"sqlite:///{directory}/earshot.db")
    known = Settings(data=directory, organisations=organisations, **settings)
    catalogue, places = Catalogue.load(), Organisations.load(organisations)
    reference = Reference.shipped()
    engine = Engine(
        store,
        catalogue=catalogue,
        organisations=places,
        reference=reference,
        budgets=Budgets(known.budget_level1, known.budget_level2),
        clock=clock,
        open_registration=not known.keys_needed or known.keys_vouch,
    )
    journal = Journal(store)
    runner = EmbeddedRunner(store, journal, engine, clock=clock)
    service = Service(
        store=store,
        catalogue=catalogue,
        organisations=places,
        reference=reference,
        log=journal,
        progress=runner.progress,
        settings=known,
        clock=clock,
        accepted=runner.wake,
        failure=lambda: runner.failure,
    )
    app = create_app(service)
    runner.start()
    try:
        with TestClient(app, base_url="http://127.0.0.1:8470") as client:
            yield House(service, journal, runner, app, client, clock)
    finally:
        service.close()
        runner.stop()
        store.close()


def region(plan: Plan) -> list[dict[str, Any]]:
    """The events of a simulated region's history."""
    return [
        sent.event
        for sent in events(plan)
        if datetime.fromtimestamp(sent.at / 1000, UTC) < plan.cut
    ]


@pytest.fixture(scope="session")
def plan() -> Plan:
    """Two small providers with trouble."""
    return Plan(end=END, weeks=52, live_weeks=0, providers=2, sites=2, wards=3, seed=11)


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, plan: Plan) -> Iterator[House]:
    """A house that has heard a region's history. Tests only read it."""
    directory = tmp_path_factory.mktemp("told")
    file = directory / "organisations.csv"
    file.write_text(plan.organisations(), "utf-8")
    with house(directory, file) as opened:
        sent = region(plan)
        for start in range(0, len(sent), 5000):
            opened.push(sent[start : start + 5000])
        yield opened


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[House]:
    """An empty house on loopback without keys."""
    with house(tmp_path) as opened:
        yield opened


@pytest.fixture
def guarded(tmp_path: Path, plan: Plan) -> Iterator[House]:
    """An empty house that asks for keys and knows the region's organisations."""
    file = tmp_path / "organisations.csv"
    file.write_text(plan.organisations(), "utf-8")
    with house(tmp_path, file, auth=True) as opened:
        yield opened


def alert(alert_id: str, **changes: Any) -> AlertRecord:
    """An alert as the facts might give it."""
    series = {
        "id": "RXX01:W1~incidents~week",
        "indicator": "incidents",
        "unit": "RXX01:W1",
        "grid": "week",
        "role": "raises",
    }
    fields: dict[str, Any] = {
        "id": alert_id,
        "provider": "RXX",
        "unit": "RXX01:W1",
        "unit_name": "W1",
        "unit_kind": "ward",
        "level": 1,
        "direction": "concern",
        "kind": "quality",
        "domains": ("safety",),
        "feeds": ("incidents",),
        "first_signal_at": "2026-02-16T00:00:00Z",
        "raised_at": None,
        "onset": "2026-01-19T00:00:00Z",
        "subsided_at": None,
        "statement": "Incidents at ward W1 may have risen. Please check what is behind it.",
        "false_alert_interval": "about once in 5 years for a stable ward",
        "respond_by": 8,
        "evidence": {"reference": "test", "budget": 0.2, "series": [series], "signals": []},
    }
    return AlertRecord(**{**fields, **changes})


def commit(store: Store, *changes: tuple[str, AlertRecord], now: datetime = NOW) -> None:
    """Write changes of alerts as a runner would."""
    effects = Effects(alerts=[AlertChange(change, record) for change, record in changes])
    held = store.load_partition(0)
    store.commit(0, held.version, effects, held.positions, now)


def incident(
    number: int, provider: str = "RXX", day: datetime = NOW, **changes: Any
) -> dict[str, Any]:
    """A small valid event."""
    data = {"provider": provider, "site": f"{provider}01", "ward": "W1", "event_type": "incident"}
    return {
        "specversion": "1.0",
        "id": f"i-{number}",
        "source": f"urn:nhs:ods:{provider}",
        "type": "uk.nhs.quality.incident.v1",
        "time": (day - timedelta(days=1)).isoformat(),
        "data": {**data, **changes},
    }


@pytest.fixture
def signalled(fresh: House) -> House:
    """A house with a ward and three alerts about it, new and at version 1."""
    fresh.push([incident(1)])
    fresh.runner.stop()
    commit(fresh.store, *(("opened", alert(name)) for name in NAMES))
    return fresh
