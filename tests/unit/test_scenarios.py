"""Scenario files and the fleets that are drawn from them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from streams.backtests.countsfile import Counts
from streams.backtests.scenario_fleet import draw
from streams.backtests.scenarios import LABEL, Scenario, ScenarioError, names, scenario
from streams.evidence.culture import ANY_HARM

EVERY = names()
FOLDER = Path(__file__).parents[2] / "streams" / "backtests" / "scenario_files"
FAILINGS = ("mid-staffordshire", "morecambe-bay", "neonatal-cluster", "shrewsbury-telford")
CONTROLS = (
    "case-mix", "definition-change", "feed-outage", "reporting-culture", "ward-merge", "winter",
)  # fmt: skip


def small(name: str, **changes: object) -> Scenario:
    """A scenario with few peers."""
    read = scenario(name)
    return replace(
        read, peers=max(4, min(read.affected, 6)), affected=min(read.affected, 3), **changes
    )


def feed(counts: Counts, name: str) -> np.ndarray:
    return counts.block.counts[:, counts.feeds.index(name)]


def test_failings_come_first_then_controls():
    assert EVERY == FAILINGS + CONTROLS


@pytest.mark.parametrize("name", EVERY)
def test_every_file_names_its_sources_and_says_that_it_is_simulated(name: str):
    read = scenario(name)

    assert read.sources
    assert read.notes
    assert read.expect.why
    assert (FOLDER / f"{name}.toml").read_text("utf-8").startswith("# Illustrative and simulated")
    assert all(one.source for one in read.official)
    assert "simulated" in LABEL


@pytest.mark.parametrize("name", FAILINGS)
def test_a_failing_names_official_action_and_the_change_that_delay_is_counted_from(name: str):
    read = scenario(name)

    assert sum(change.truth for change in read.changes) == 1
    assert read.official
    assert read.expect.result in {"signal", "hidden"}
    if read.expect.before:
        assert read.expect.before <= read.official[0].date


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_says_through_what_it_keeps_silent(name: str):
    read = scenario(name)

    assert read.expect.result == "silence"
    assert read.expect.through
    assert not any(change.truth for change in read.changes)


@pytest.mark.parametrize("name", EVERY)
def test_the_same_seed_draws_the_same_fleet_and_a_larger_one_holds_the_smaller(name: str):
    read = small(name)
    counts = draw(read).counts
    larger = draw(replace(read, peers=read.peers + 2)).counts

    assert np.array_equal(draw(read).counts.block.counts, counts.block.counts)
    assert np.array_equal(larger.block.counts[: read.peers], counts.block.counts)
    assert not np.array_equal(draw(read, seed=99).counts.block.counts, counts.block.counts)


def test_counts_have_the_rates_of_the_file():
    read = replace(scenario("case-mix"), peers=60, affected=1, size_spread=0.1, workloads=())
    counts = draw(read).counts

    for name, told in read.feeds.items():
        assert feed(counts, name).mean() == pytest.approx(told.rate, rel=0.15)


def test_a_change_grows_over_its_ramp():
    read = scenario("mid-staffordshire")
    plain = replace(read, peers=1, changes=())
    many = [draw(replace(read, peers=1), seed=seed).counts for seed in range(30)]
    still = [draw(plain, seed=seed).counts for seed in range(30)]
    week = (date(2006, 4, 3) - read.start).days // 7

    def ratio(weeks: slice) -> float:
        return sum(feed(one, "falls")[0, weeks].sum() for one in many) / sum(
            feed(one, "falls")[0, weeks].sum() for one in still
        )

    assert ratio(slice(0, week)) == pytest.approx(1.0, abs=1e-9)
    assert 1.0 < ratio(slice(week + 10, week + 25)) < 1.35
    assert ratio(slice(week + 39, None)) == pytest.approx(1.4, abs=0.05)


def test_changes_of_the_affected_leave_their_peers_alone():
    read = small("reporting-culture")
    changed, plain = draw(read).counts, draw(replace(read, changes=())).counts

    assert np.array_equal(changed.block.counts[3:], plain.block.counts[3:])
    assert feed(changed, "incidents")[:3].sum() > 1.1 * feed(plain, "incidents")[:3].sum()


def test_harm_shares_come_with_the_incidents_that_they_are_of():
    counts = draw(small("reporting-culture")).counts
    share = counts.feeds.index(ANY_HARM)

    assert np.array_equal(counts.block.exposure[:, share], feed(counts, "incidents"))
    assert (counts.block.counts[:, share] <= counts.block.exposure[:, share]).all()


def test_a_stopped_feed_is_not_observed_and_withheld_it_is_without_events():
    read = small("feed-outage")
    out = slice(
        (read.outages[0].at - read.start).days // 7, (read.outages[0].until - read.start).days // 7
    )
    told, careless = draw(read).counts, draw(read, withheld=True).counts

    assert not told.block.exposure[:3, 0, out].any()
    assert told.block.exposure[3:, 0, out].all()
    assert careless.block.exposure.all()
    assert not careless.block.counts[:3, 0, out].any()


def test_a_workload_is_known_as_exposure_and_withheld_it_is_not():
    read = small("case-mix")

    assert draw(read).counts.block.exposure[0, 0, -1] == 1.65
    assert (draw(read, withheld=True).counts.block.exposure == 1).all()
    assert np.array_equal(
        draw(read).counts.block.counts, draw(read, withheld=True).counts.block.counts
    )


def test_declarations_reach_every_feed_of_the_affected_units():
    merged, form = draw(small("ward-merge")).counts, draw(small("definition-change")).counts

    assert {(unit, name) for unit, name, _ in merged.rebases} == {
        (u, f) for u in range(3) for f in range(4)
    }
    assert {form.feeds[name] for _, name, _ in form.rebases} == {"incidents"}
    assert draw(small("ward-merge"), withheld=True).counts.rebases == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "there is no scenario nowhere; there are mid-staffordshire"),
        ("../secret", "there is no scenario"),
        ("missing.toml", "there is no scenario file missing.toml"),
    ],
)
def test_a_scenario_that_does_not_exist_is_told(name: str, words: str):
    with pytest.raises(ScenarioError, match=words):
        scenario(name)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('result = "silence"', 'result = "perhaps"', "must be one of signal"),
        ("start = 2022-04-04", "start = 2022-04-05", "must be a Monday"),
        ("peers = 60", "peers = 6", "some of the peers"),
        ("peers = 60", "pears = 60", "unknown entries pears"),
        ("factor = 1.65", "factor = 0", "factors must be positive"),
        ("rate = 8.0", "rate = 0", "rates must be positive"),
        ("[[workloads]]", "[[changes]]\nfeed = 'x'", "x is no feed"),
        ("[expect]", "[expects]", "expect"),
        ("seed = 46", "seed = ", "case-mix"),
    ],
)
def test_a_file_of_ones_own_that_cannot_be_used_is_told(
    tmp_path: Path, old: str, new: str, words: str
):
    path = tmp_path / "case-mix.toml"
    text = (FOLDER / "case-mix.toml").read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ScenarioError, match=words):
        scenario(str(path))


def test_a_file_of_ones_own_is_read(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text((FOLDER / "winter.toml").read_text("utf-8"), "utf-8")

    assert scenario(str(path)) == replace(scenario("winter"), name="mine")
