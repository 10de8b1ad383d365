from __future__ import annotations

import json
import math

import numpy as np
import pytest

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import simulated as made
from detectors.single_series.counts import explain_counts, watch_counts
from detectors.single_series.measurements import explain_measurement, watch_measurements
from detectors.single_series.recomputation import (
    recompute_counts,
    recompute_measurement,
    recompute_share,
)
from detectors.single_series.shares import explain_share, watch_shares
from detectors.single_series.silence import explain_silence, feed_outage, watch_silence

WATCH = {"budget1": 0.2, "budget2": 0.05, "per_year": WEEKS_PER_YEAR, "minimum": 26}


@pytest.fixture
def share():
    y, n = made.shares(
        np.random.default_rng(1), series=1, periods=140, size=20, share=0.2, changed=80,
        odds_ratio=2.5,
    )  # fmt: skip
    (episode, *_) = watch_shares(y, n, concern="rise", **WATCH)
    return y[0], n[0], episode


def test_the_evidence_on_a_share_can_be_computed_again_from_its_explanation(share):
    explanation = json.loads(json.dumps(explain_share(*share)))

    assert recompute_share(explanation["model"]) == pytest.approx(share[2].log_evidence)
    assert explanation["chance"]["log_evidence"] == pytest.approx(share[2].log_evidence)


def test_an_explanation_reads_nothing_after_the_opening(share):
    y, n, episode = share
    later = y.copy()
    later[episode.opened + 1 :] = 0.0

    assert explain_share(later, n, episode) == explain_share(y, n, episode)


def test_a_share_is_explained_by_what_was_what_is_and_what_was_expected(share):
    explanation = explain_share(*share)

    assert explanation["before"]["share"] == pytest.approx(0.2, abs=0.03)
    assert explanation["since"]["share"] > 0.3
    assert explanation["since"]["numerator"] > explanation["expected"]["high"]
    assert explanation["change"]["odds_ratio"] > 1.5
    assert explanation["onset"]["period"] == share[2].onset
    assert sum(part for _, part in explanation["onset"]["posterior"]) == pytest.approx(1)
    earliest, latest = explanation["onset"]["earliest"], explanation["onset"]["latest"]
    assert earliest <= explanation["onset"]["period"] <= latest


def test_the_evidence_on_a_measurement_can_be_computed_again():
    x = made.measurements(np.random.default_rng(2), series=1, periods=120, changed=80, shift=-1.5)[
        0
    ]
    (episode, *_) = watch_measurements(x, concern="fall", **WATCH)

    explanation = json.loads(json.dumps(explain_measurement(x, episode)))

    assert recompute_measurement(explanation["model"]) == pytest.approx(episode.log_evidence)
    assert explanation["since"]["mean"] < explanation["expected"]["low"]
    assert explanation["change"]["by"] < -0.5


def test_a_second_episode_is_explained_by_the_onsets_after_the_first():
    y, n = np.full(200, 4.0), np.full(200, 20.0)
    y[60:80] = y[140:160] = 12.0
    first, second = watch_shares(y, n, concern="rise", **WATCH)

    explanation = explain_share(y, n, second)

    assert second.after == first.subsided
    assert recompute_share(explanation["model"]) == pytest.approx(second.log_evidence)
    assert min(k for k, _ in explanation["onset"]["posterior"]) > first.subsided


@pytest.mark.parametrize(("concern", "factor"), [("rise", 3.0), ("fall", 0.1)])
def test_the_evidence_on_a_count_can_be_computed_again(concern, factor):
    x = np.tile([4.0, 7.0, 5.0, 6.0], 20)
    x[50:] = np.round(x[50:] * factor)
    m = np.full(80, 900.0)
    (episode, *_) = watch_counts(x, m, concern=concern, **WATCH)

    explanation = json.loads(json.dumps(explain_counts(x, m, episode)))

    assert recompute_counts(explanation["model"]) == pytest.approx(episode.log_evidence)
    assert explanation["before"]["rate"] == pytest.approx(5.5 / 900, rel=0.03)
    assert (
        not explanation["expected"]["low"]
        < explanation["since"]["count"]
        < explanation["expected"]["high"]
    )
    assert (explanation["change"]["rate_ratio"] > 1) is (factor > 1)


def test_silence_is_explained_by_its_gap_and_the_chance_of_it():
    x = np.tile([2.0, 4.0, 3.0], 30)
    x[60:] = 0.0
    (episode,) = watch_silence(x, np.ones(90), **WATCH)

    explanation = json.loads(json.dumps(explain_silence(x, np.ones(90), episode)))

    assert recompute_counts(explanation["model"]) == pytest.approx(episode.log_evidence)
    assert explanation["gap"]["periods"] == episode.opened - 59
    assert explanation["gap"]["chance"] < 0.02
    assert explanation["since"]["count"] == 0
    assert explanation["expected"]["value"] > 2


def test_an_outage_is_explained_with_the_falls_it_was_found_by():
    totals = np.tile([20.0, 30.0, 25.0], 20)
    totals[50:] = 0.0
    (episode,) = feed_outage(totals, **WATCH)

    explanation = explain_silence(totals, np.ones(60), episode)

    assert explanation["model"]["rate_ratios"] == [0.25, 0.1, 0.02]
    assert recompute_counts(explanation["model"]) == pytest.approx(episode.log_evidence)


def test_the_chance_is_the_run_length_bound_read_backwards(share):
    chance = explain_share(*share, discount=0.0)["chance"]

    expected = math.exp(share[2].log_evidence) / WEEKS_PER_YEAR
    assert chance["years_between"] == pytest.approx(expected)
    assert chance["per_year"] == pytest.approx(1 / expected)
