"""The picture of a backtest: whole, told in words, shapes for every way of watching."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from api.cli.backtest_picture import LANES, draw
from streams.backtests import backtest
from streams.backtests.backtest import run
from streams.backtests.report import report
from streams.backtests.scenario_verdict import play
from streams.backtests.scenarios import LABEL, scenario
from tests.unit.test_backtest_rivals import counts_of

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def small_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "PSEUDO_UNITS", 60)


def text_of(picture: str) -> str:
    return " ".join(element.text or "" for element in ET.fromstring(picture).iter())  # noqa: S314 - drawn here


def test_a_file_s_picture_has_a_lane_for_a_dozen_units_and_no_counts():
    values = np.random.default_rng(1).poisson(6.0, size=(20, 1, 120)).astype(float)
    values[3, 0, 90:] *= 3
    changed = tuple(7.0 * 90 if unit == 3 else None for unit in range(20))
    counts = counts_of(values, units=tuple(f"<unit {n}>" for n in range(20)), changed_at=changed)
    found = run(counts, budget=0.2, budget2=0.05, history=52)
    picture = draw(found, report(found))
    said = text_of(picture)

    assert said.count("<unit") == LANES
    assert "<unit 3>" in said
    assert "8 more units" in said
    assert "1 of 1" in said
    assert "a week" not in said
    assert ET.fromstring(picture).find(f"{SVG}desc").text.startswith("Earshot: ")  # noqa: S314 - drawn here


@pytest.mark.parametrize("name", ["mid-staffordshire", "feed-outage"])
def test_a_scenario_s_picture_says_that_it_is_simulated_and_draws_its_feeds(name: str):
    read = replace(scenario(name), peers=14)
    outcome = play(read, budget=0.2)
    said = text_of(draw(outcome.test, report(outcome.test), outcome))

    assert LABEL in said
    assert all(feed in said for feed in read.feeds)
    assert all(one.what in said for one in read.official)
    assert "nan" not in draw(outcome.test, report(outcome.test), outcome)


def test_a_picture_is_drawn_where_nothing_alerted_and_nothing_changed():
    values = np.tile(np.resize([9.0, 11.0], 70), (6, 1, 1))
    found = run(counts_of(values), budget=0.2, budget2=0.05, history=52)

    assert "Earshot" in text_of(draw(found, report(found)))
