"""Calibrating from stored history and from a file, to a version of its own."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from detectors.evidence import calibrate as simulation
from detectors.evidence.counts import FeedCounts
from detectors.evidence.explain import explain
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import widened
from streams.backtests.calibration import Calibration, from_store
from streams.catalogue.indicators import Catalogue
from streams.evidence.reference import Reference
from streams.facts.effects import AlertRecord, ProviderRecord, Tally
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from tests.alerts import alert
from tests.facts import fact

WEEKS = 34
MONDAY = datetime(2025, 1, 6, tzinfo=UTC)


class Remembered:
    """Histories that hold facts only, as a store does that has not been tallied yet."""

    def __init__(self, facts: dict[str, list[Fact]]) -> None:
        self._facts = facts

    def provider(self, _provider: str) -> ProviderRecord | None:
        """Nothing is held but facts."""
        return None

    def tallies(self, _provider: str) -> Iterable[Tally]:
        """No tallies."""
        return []

    def facts(self, provider: str) -> Iterable[Fact]:
        """All facts of a provider."""
        return self._facts[provider]


def year_of(provider: str, wards: int, seed: int) -> list[Fact]:
    """Incidents and complaints of a few wards, spread over weekdays only."""
    rng = np.random.default_rng(seed)
    facts = []
    for ward in range(wards):
        for feed, mean in ((Feed.INCIDENTS, 4.0), (Feed.COMPLAINTS, 0.8)):
            for number in range(rng.poisson(mean * WEEKS)):
                day = 7 * int(rng.integers(WEEKS)) + int(rng.integers(5))
                data = (
                    {"event_type": "incident", "category": "other"}
                    if feed is Feed.INCIDENTS
                    else {"subject": "patient_care", "complainant": "patient"}
                )
                facts.append(
                    fact(
                        f"{feed.name}-{ward}-{number}",
                        (MONDAY + timedelta(days=day, hours=9)).isoformat(),
                        feed,
                        provider=provider,
                        site=f"{provider}01",
                        ward=f"W{ward}",
                        **data,
                    )
                )
    return facts


def calibrated(before: Reference, confirmed: list[AlertRecord] | None = None) -> Calibration:
    """A calibration of two providers with four wards each."""
    codes = ["RAA", "RBB"]
    return from_store(
        Remembered({code: year_of(code, 4, n) for n, code in enumerate(codes)}),
        codes,
        catalogue=Catalogue.load(),
        before=before,
        version="mine",
        effective=date(2026, 1, 1),
        progress=lambda _what, _share: None,
        confirmed=confirmed,
    )


@pytest.fixture
def few_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate half a year on, of a few fleets: here only the way is tested."""
    monkeypatch.setattr(simulation, "YEARS", 0.5)
    monkeypatch.setattr(simulation, "MOST_FLEETS", 3)


@pytest.mark.usefixtures("few_simulations")
def test_stored_history_gives_a_new_version_and_thin_classes_keep_their_model():
    shipped = Reference.shipped()
    made = calibrated(shipped)
    ward = made.reference.models["ward"]

    assert made.reference.version == "mine"
    assert made.notes["ward"].startswith("fitted to 8 units")
    assert "only 2 units" in made.notes["site"]
    assert made.reference.models["site"] is shipped.models["site"]
    assert ward.prior_a[0] / ward.prior_b[0] == pytest.approx(4.0, rel=0.15)
    assert ward.week_shape[0, 4] > 0.95
    assert ward.threshold(0.2) != shipped.models["ward"].threshold(0.2)
    assert Reference.from_dict(made.reference.to_dict()).to_dict() == made.reference.to_dict()


def concerns(count: int, model: EvidenceModel | None = None) -> list[AlertRecord]:
    """Alerts of wards whose complaints trebled, as a model tells of them, else the shipped one."""
    model = model or Reference.shipped().models["ward"]
    rng = np.random.default_rng(5)
    made = []
    for number in range(count):
        mean = np.tile(model.prior_a / model.prior_b, (60, 1)).T
        mean[model.feeds.index("complaints"), 45:] *= 3.0
        block = FeedCounts(rng.poisson(mean)[None].astype(float), np.ones((1, *mean.shape)), 2800)
        told = json.loads(json.dumps(explain(block, 0, model, week=59).to_dict()))
        signal = {"detector": "evidence.counts", "explanation": told}
        made.append(alert(f"a{number}", evidence={"signals": [signal]}))
    return made


@pytest.mark.usefixtures("few_simulations")
@pytest.mark.parametrize(
    ("count", "least", "most", "note"),
    [
        (9, 0.999, 1.001, "ways of failing kept: 9 confirmed concerns, 10 are needed"),
        (12, 1.5, 4.0, "ways of failing learned from 12 confirmed concerns"),
    ],
)
def test_ways_of_failing_are_learned_from_ten_confirmed_concerns(
    count: int, least: float, most: float, note: str
):
    shipped = Reference.shipped()
    made = calibrated(shipped, concerns(count))
    before, after = (one.models["ward"].patterns for one in (shipped, made.reference))
    alone = [
        row
        for row in range(len(before.weight))
        if before.describe(row).startswith("complaints") and "," not in before.describe(row)
    ]

    assert made.notes["ward"].endswith(note)
    assert least < after.weight[alone].sum() / before.weight[alone].sum() < most
    assert after.weight.sum() == pytest.approx(1.0)
    assert note in made.reference.origin


@pytest.mark.usefixtures("few_simulations")
def test_a_count_that_was_added_stays_where_nobody_reports_it_any_more_and_ways_are_learned():
    shipped = Reference.shipped()
    held = shipped.models["ward"]
    feeds = (*held.feeds, "pressure_ulcers")
    wide = replace(
        EvidenceModel.plain(feeds, [6.5, 0.5, 1.0, 1.0], improvable=(*held.improvable, True)),
        patterns=widened(held.patterns, feeds),
    )
    before = replace(shipped, models={**shipped.models, "ward": wide})

    made = calibrated(before, concerns(12, wide))
    ward = made.reference.models["ward"]

    assert ward.feeds == feeds
    assert ward.improvable == wide.improvable
    assert made.notes["ward"].endswith("learned from 12 confirmed concerns")
    assert np.isfinite([ward.prior_a, ward.prior_b, ward.dispersion]).all()
    assert (ward.prior_a[3] / ward.prior_b[3]) > 0
    assert Reference.from_dict(made.reference.to_dict()).to_dict() == made.reference.to_dict()


def test_ways_are_not_learned_from_a_file_of_counts(tmp_path: Path):
    command = [sys.executable, "-m", "api.cli", "calibrate", "mine", "--counts", "counts.csv"]
    refused = subprocess.run(
        [*command, "--learn-ways"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert refused.returncode == 1
    assert "a counts file has none" in refused.stderr


def test_the_command_fits_a_counts_file_and_never_overwrites(tmp_path: Path):
    rng = np.random.default_rng(1)
    path = tmp_path / "counts.csv"
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("unit", "feed", "period_start", "period_end", "count"))
        for unit in range(40):
            rate = rng.gamma(4, 1)
            for week in range(30):
                begin = MONDAY.date() + timedelta(weeks=week)
                table.writerow((unit, "falls", begin, begin + timedelta(6), rng.poisson(rate)))
    command = [sys.executable, "-m", "api.cli", "calibrate", "mine", "--counts", "counts.csv"]
    first = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    used = subprocess.run(
        [*command[:3], "backtest", "counts.csv", "--calibration", "mine", "--history", "26"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert first.returncode == 0, first.stderr
    assert Reference.load(tmp_path / "mine.json").models["file"].feeds == ("falls",)
    assert again.returncode == 1
    assert "never overwritten" in again.stderr
    assert used.returncode == 0, used.stderr
