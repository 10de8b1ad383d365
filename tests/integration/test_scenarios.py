"""What is expected of the named scenarios holds over seeds that nobody chose.

Each scenario is played under five seeds. A signal has to come in time in four of them, and
silence means that the alerts of all five together are no more than the budget explains
(see ``streams.backtests.scenario_verdict``).
"""

from __future__ import annotations

from functools import cache

import pytest

from streams.backtests import backtest
from streams.backtests.scenario_verdict import WAYS, Outcome, by_chance, play, told, verdict
from streams.backtests.scenarios import names, scenario

SEEDS = 5
# Controls that would raise alerts if what tells them were not known.
TELLING = ("case-mix", "definition-change", "reporting-culture", "ward-merge")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backtest, "PSEUDO_UNITS", 500)


@cache
def runs(name: str, *, withheld: bool = False, seeds: int = SEEDS) -> tuple[Outcome, ...]:
    read = scenario(name)
    return tuple(
        play(read, seed=read.seed + 100 * number, withheld=withheld) for number in range(seeds)
    )


@pytest.mark.parametrize("name", names())
def test_the_evidence_does_what_the_file_expects(name: str):
    found = verdict(runs(name))

    assert found.kept, found


@pytest.mark.parametrize("name", names())
def test_peers_have_no_more_alerts_than_the_budget_explains(name: str):
    found = verdict(runs(name))

    assert by_chance(found.false, 0.2 * found.quiet_years, SEEDS) > 0.001, found


@pytest.mark.parametrize("name", TELLING)
def test_what_is_withheld_would_have_raised_alerts(name: str):
    assert not verdict(runs(name, withheld=True, seeds=1)).kept


def test_better_reporting_is_told_as_that_where_it_happens_and_seldom_elsewhere():
    here, elsewhere = set(), set()
    for number, outcome in enumerate(runs("reporting-culture")):
        for alert in outcome.test.improvements:
            if alert.kind == "listening":
                (here if alert.unit in outcome.drawn.affected else elsewhere).add(
                    (number, alert.unit)
                )
    affected = SEEDS * scenario("reporting-culture").affected

    assert len(here) > 0.8 * affected
    assert len(elsewhere) < 0.1 * affected


def test_the_return_of_a_feed_that_was_taken_for_silent_wards_is_no_rise():
    assert verdict(runs("feed-outage", withheld=True, seeds=3)).kept


def test_an_outage_is_heard_as_an_outage_within_two_weeks():
    outcome = runs("feed-outage")[0]
    begun = outcome.drawn.scenario.outages[0].at

    assert outcome.outage is not None
    assert 0 < (outcome.outage - begun).days <= 14


def test_an_outcome_is_told_as_plain_data():
    plain = told(runs("mid-staffordshire")[0])

    assert plain["expected"]["kept"] is True
    assert set(plain["heard"]) == set(WAYS) - {"reference_rate"}
    assert plain["official"][0]["date"] == "2008-03-01"
    assert plain["heard"]["earshot"]["first_signal_at"] < "2007-03-01"
