"""A house that counts pressure ulcers by week weighs them with its other feeds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.evidence.reference import Reference
from streams.region.plan import Plan, events
from streams.store import AlertRow, Store
from tests.integration.earshot_process import earshot, serving
from tests.integration.test_one_truth import run
from tests.region_log import batches, log

WEEKS, RISE = 100, 78
PLAN = Plan(
    end=date(2026, 11, 2), weeks=WEEKS, live_weeks=0, providers=2, sites=1, wards=6, troubled=False
)
ULCERS = "pressure_ulcers"


def sent() -> tuple[list[dict[str, Any]], str]:
    """A calm region whose wards count ulcers by week; on one, ulcers and falls rise."""
    found = [one.event for one in events(PLAN)]
    falls = [e for e in found if e["data"].get("metric") == "falls"]
    places = sorted({(e["data"]["site"], e["data"]["ward"]) for e in falls})
    rng = np.random.default_rng(8)
    rates = dict(zip(places, rng.gamma(8, 1 / 8, len(places)), strict=True))
    rise = PLAN.start + timedelta(weeks=RISE)
    for event in falls:
        data = event["data"]
        place = (data["site"], data["ward"])
        troubled = place == places[0] and datetime.fromisoformat(data["period_start"]) >= rise
        ulcers = int(rng.poisson(rates[place] * (3.0 if troubled else 1.0)))
        told = {**data, "metric": ULCERS, "numerator": ulcers}
        found.append({**event, "id": event["id"].replace("falls", ULCERS), "data": told})
        data["numerator"] += int(troubled and rng.poisson(1.5))
    return sorted(found, key=lambda e: e["time"]), f"{places[0][0]}:{places[0][1]}"


def alerts_of(data: Path, unit: str) -> list[AlertRow]:
    store = Store.open(f"sqlite:///{data}/earshot.db")
    try:
        return [row for row in store.list_alerts(limit=1000).items if row.unit == unit]
    finally:
        store.close()


def told_of_ulcers(rows: list[AlertRow]) -> list[AlertRow]:
    """Concerns that rest on pressure ulcers, the earliest first."""
    found = [
        row
        for row in rows
        if row.direction == "concern" and row.retraction is None
        if any(series["indicator"] == ULCERS for series in row.evidence["series"])
    ]
    return sorted(found, key=lambda row: row.first_signal_at)


@dataclass(frozen=True)
class House:
    """A store of the region, the calibration made of it, and what the command said."""

    data: Path
    unit: str
    mine: Path
    said: str
    before: list[AlertRow]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    data = tmp_path_factory.mktemp("house")
    mine = data / "mine.json"
    all_events, unit = sent()
    store = Store.open(f"sqlite:///{data}/earshot.db")
    run(store, batches(log(all_events), 50))
    store.close()
    before = alerts_of(data, unit)
    made = earshot("calibrate", "mine", "--with", ULCERS, "--data", data, "--out", mine)
    assert made.returncode == 0, made.stderr
    replayed = earshot("replay", "--data", data, "--reference", mine)
    assert replayed.returncode == 0, replayed.stderr
    return House(data, unit, mine, made.stdout, before)


def test_wards_that_report_it_weigh_it_and_classes_too_small_say_so(house: House) -> None:
    models = Reference.load(house.mine).models
    by_level = dict(line.split(": ", 1) for line in house.said.splitlines() if ": " in line)

    assert models["ward"].feeds == ("incidents", "complaints", "falls", ULCERS)
    assert models["ward"].improvable == (False, False, True, True)
    assert "pressure_ulcers added: 12 units reported it by week" in by_level["ward"]
    for level in ("site", "provider"):
        assert ULCERS not in models[level].feeds
        assert "only 2 units" in by_level[level]
        assert "pressure_ulcers not added" in by_level[level]


def test_ulcers_and_falls_are_told_together_and_no_longer_alone(house: House) -> None:
    rows = told_of_ulcers(alerts_of(house.data, house.unit))
    first = rows[0]
    (signal,) = first.evidence["signals"]
    weighed = {feed["feed"]: feed for feed in signal["explanation"]["feeds"]}
    rise = PLAN.start + timedelta(weeks=RISE)

    assert "falls and pressure ulcers may have risen since about" in first.statement
    assert {one["detector"] for row in rows for one in row.evidence["signals"]} == {
        "evidence.counts"
    }
    assert weighed[ULCERS]["contributes"]
    assert weighed[ULCERS]["ratio"] > 1.5
    assert rise <= datetime.fromisoformat(first.first_signal_at) < rise + timedelta(weeks=8)
    # By itself it was told later, if it was at all, and by the watch of single counts.
    for row in told_of_ulcers(house.before):
        assert {one["detector"] for one in row.evidence["signals"]} >= {"evidence.count"}
        assert row.first_signal_at > first.first_signal_at


def test_the_alert_is_computed_again_field_by_field(house: House) -> None:
    told = told_of_ulcers(alerts_of(house.data, house.unit))[0]
    verified = earshot(
        "explain", told.id, "--verify", "--data", house.data, "--reference", house.mine
    )

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "pressure_ulcers" in verified.stdout


def test_its_page_has_the_chart_of_the_added_count(house: House) -> None:
    told = told_of_ulcers(alerts_of(house.data, house.unit))[0]
    with serving(house.data, "--reference", house.mine) as service:
        page = service.page(f"/alerts/{told.id}")

    assert "Pressure ulcers acquired in care" in page
    assert page.count("<svg") >= 2


def test_a_calibration_after_it_keeps_the_count_without_being_asked(house: House) -> None:
    again = earshot(
        "calibrate", "again", "--data", house.data, "--reference", house.mine,
        "--out", house.data / "again.json",
    )  # fmt: skip
    twice = earshot(
        "calibrate", "twice", "--with", "incidents", "--data", house.data,
        "--reference", house.mine, "--out", house.data / "twice.json",
    )  # fmt: skip

    assert again.returncode == 0, again.stderr
    one, other = (Reference.load(house.data / f"{name}.json") for name in ("mine", "again"))
    assert other.models["ward"].feeds == one.models["ward"].feeds
    assert other.models["ward"].patterns.weight.tolist() == (
        one.models["ward"].patterns.weight.tolist()
    )
    assert twice.returncode == 1
    assert "incidents cannot be added to the joint watch" in twice.stderr
    assert not (house.data / "twice.json").exists()
