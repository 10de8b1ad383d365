"""Ways of failing learned from confirmed concerns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detectors.evidence.counts import FeedCounts
from detectors.evidence.explain import explain, ways_of
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import rises
from detectors.evidence.ways import LEARNED, PRIOR_CONCERNS, learned_ways

FEEDS = ("incidents", "complaints", "speakup", "falls")
RATES = (8.0, 0.7, 0.15, 1.2)
MODEL = EvidenceModel.plain(FEEDS, RATES, dispersion=0.03, strength=5.0)
TABLE = rises(FEEDS)
WAYS = len(TABLE.weight)


def concern(factors: tuple[float, ...], seed: int) -> dict:
    """The explanation of a unit whose rates changed fifteen weeks ago."""
    mean = np.tile(np.array(RATES)[:, None], (1, 60))
    mean[:, 45:] *= np.array(factors)[:, None]
    counts = np.random.default_rng(seed).poisson(mean)[None].astype(float)
    block = FeedCounts(counts, np.ones((1, len(FEEDS), 60)), 2800)
    return explain(block, 0, MODEL, week=59).to_dict()


def test_what_is_certain_is_counted_beside_twenty_concerns_of_the_table_in_force():
    sure = np.eye(WAYS)[[0, 0, 0, 5]]

    found = learned_ways(TABLE, sure, learned=1.0).weight

    expected = (PRIOR_CONCERNS * TABLE.weight + sure.sum(axis=0)) / (PRIOR_CONCERNS + 4)
    assert found == pytest.approx(expected, rel=1e-9)


def test_no_concerns_teach_nothing():
    assert learned_ways(TABLE, np.empty((0, WAYS))).weight == pytest.approx(TABLE.weight)


def test_a_house_where_people_say_it_first_learns_to_listen_to_them():
    told = [concern((1.0, 2.5, 2.5, 1.0), seed) for seed in range(30)]

    found = learned_ways(TABLE, np.array([ways_of(one, MODEL) for one in told]))

    soft = [f for f, name in enumerate(FEEDS) if name in ("complaints", "speakup")]
    rows = [
        c for c in range(WAYS) if set(np.flatnonzero(TABLE.choice[c] > 0)) in ({*soft}, {soft[0]})
    ]
    assert found.weight[rows].sum() > 1.4 * TABLE.weight[rows].sum()


def test_weights_and_likelihoods_of_ways_give_the_explanations_own_posterior():
    told = concern((1.5, 1.5, 1.5, 1.5), 3)

    posterior = TABLE.weight * ways_of(told, MODEL)

    by_name = {TABLE.describe(c): p / posterior.sum() for c, p in enumerate(posterior.tolist())}
    for name, probability in told["ways"]:
        assert by_name[name] == pytest.approx(probability, rel=1e-9)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 40), st.just(WAYS)),
        elements=st.floats(1e-12, 1e6),
    )
)
def test_a_way_never_loses_more_than_half_its_weight(likelihoods: np.ndarray):
    found = learned_ways(TABLE, likelihoods).weight

    assert found.sum() == pytest.approx(1.0)
    assert (found >= (1.0 - LEARNED) * TABLE.weight - 1e-12).all()


@pytest.mark.parametrize(
    ("likelihoods", "words"),
    [
        (np.ones((3, WAYS + 1)), "shape"),
        (np.ones(WAYS), "shape"),
        (np.full((1, WAYS), np.nan), "finite"),
        (np.full((1, WAYS), -1.0), "not negative"),
        (np.zeros((1, WAYS)), "could explain"),
    ],
)
def test_likelihoods_that_cannot_be_are_refused(likelihoods: np.ndarray, words: str):
    with pytest.raises(ValueError, match=words):
        learned_ways(TABLE, likelihoods)


def test_a_concern_told_of_other_feeds_is_refused():
    told = concern((1.5, 1.5, 1.5, 1.5), 3)
    told["data"]["feeds"] = ["incidents"]

    with pytest.raises(ValueError, match="told of incidents"):
        ways_of(told, MODEL)


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        learned_ways(TABLE, np.ones((1, WAYS)), learned=1.5)
