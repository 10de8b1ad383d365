"""What must hold for any series: causality, indifference to what is not observed, symmetry."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import count_terms, measurement_terms, share_terms
from detectors.single_series import simulated as made
from detectors.single_series.gaps import watch_gaps
from detectors.single_series.measurements import explain_measurement, watch_measurements
from detectors.single_series.onset_sums import SLACK
from detectors.single_series.onsets import COUNT
from detectors.single_series.recomputation import (
    recompute_counts,
    recompute_measurement,
    recompute_share,
)
from detectors.single_series.shares import explain_share, watch_shares
from detectors.single_series.silence import comparable_exposure, explain_silence, watch_silence

# A generous budget, so that random series have episodes at all.
WATCH = {"budget1": 4.0, "budget2": 1.0, "per_year": WEEKS_PER_YEAR, "minimum": 12}
GAPS = {"budget1": 0.5, "budget2": 0.2, "minimum": 6}

seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(14, 110)


def as_known_at(episodes, period):
    """The episodes as they stood when only periods up to ``period`` were known."""
    known = []
    for episode in episodes:
        if episode.opened > period:
            continue
        told = replace(episode, peak_log_evidence=0.0)
        if told.raised > period:
            told = replace(told, raised=-1, level=1)
        if told.subsided > period:
            told = replace(told, subsided=-1)
        known.append(told)
    return known


def share_block(seed):
    rng = np.random.default_rng(seed)
    y, n = made.shares(
        rng, series=3, periods=110, size=float(rng.choice([1, 6, 30])), share=0.3,
        changed=int(rng.integers(20, 100)), odds_ratio=float(rng.choice([0.3, 1.0, 3.0])),
    )  # fmt: skip
    hidden = rng.random(n.shape) < 0.1
    return np.where(hidden, 0.0, y), np.where(hidden, 0.0, n)


def measurement_block(seed):
    rng = np.random.default_rng(seed)
    x = made.measurements(
        rng, series=3, periods=110, autocorrelation=0.3, changed=int(rng.integers(20, 100)),
        shift=float(rng.choice([-2.0, 0.0, 2.0])),
    )  # fmt: skip
    x[rng.random(x.shape) < 0.1] = math.nan
    return x


def report_block(seed):
    rng = np.random.default_rng(seed)
    x = made.reports(
        rng, series=3, periods=110, rate=float(rng.choice([0.5, 4.0])), dispersion=0.2,
        changed=int(rng.integers(20, 100)), rate_ratio=float(rng.choice([0.0, 0.4, 1.0])),
    )  # fmt: skip
    m = rng.choice([0.0, 1.0, 1.0, 1.0], x.shape)
    return x * (m > 0), m


def shares(block, cut=None):
    y, n = block
    return watch_shares(y[:, :cut], n[:, :cut], concern="rise", improvement_budget=4.0, **WATCH)


def measurements(block, cut=None):
    return watch_measurements(block[:, :cut], concern="rise", improvement_budget=4.0, **WATCH)


def silences(block, cut=None):
    x, m = block
    return watch_silence(x[:, :cut], m[:, :cut], **WATCH)


FORMS = [(share_block, shares), (measurement_block, measurements), (report_block, silences)]


@pytest.mark.parametrize(("make", "watch"), FORMS)
@settings(max_examples=40, deadline=None)
@given(seed=seeds, cut=lengths)
def test_the_episodes_known_at_a_time_depend_on_nothing_later(make, watch, seed, cut):
    block = make(seed)

    early = [replace(e, peak_log_evidence=0.0) for e in watch(block, cut)]

    assert early == as_known_at(watch(block), cut - 1)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, cut=st.integers(8, 60))
def test_gaps_are_judged_by_what_came_before_them(seed, cut):
    g = made.gaps(
        np.random.default_rng(seed), series=3, events=60, mean=30, changed=25, rate_ratio=3
    )

    early = [replace(e, peak_log_evidence=0.0) for e in watch_gaps(g[:, :cut], **GAPS)]

    assert early == as_known_at(watch_gaps(g, **GAPS), cut - 1)


@pytest.mark.parametrize(("make", "watch"), FORMS)
@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_each_series_is_judged_by_itself(make, watch, seed):
    block = make(seed)
    together = watch(block)

    def only(row):
        return block[row : row + 1] if isinstance(block, np.ndarray) else [b[[row]] for b in block]

    alone = [replace(e, series=row) for row in range(3) for e in watch(only(row))]
    assert alone == together


@settings(max_examples=20, deadline=None)
@given(seed=seeds, more=st.integers(1, 30))
def test_periods_before_the_first_report_make_no_difference_to_a_share(seed, more):
    y, n = share_block(seed)
    empty = np.zeros((3, more))

    later = shares((np.hstack([empty, y]), np.hstack([empty, n])))

    assert [(e.series, e.opened - more, e.raised > 0, e.onset - more) for e in later] == [
        (e.series, e.opened, e.raised > 0, e.onset) for e in shares((y, n))
    ]


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_every_opening_can_be_computed_again_from_its_explanation(seed):
    y, n = share_block(seed)
    for episode in shares((y, n)):
        model = explain_share(y[episode.series], n[episode.series], episode)["model"]
        assert recompute_share(model) == pytest.approx(episode.log_evidence, abs=1e-9)
    x = measurement_block(seed)
    for episode in measurements(x):
        model = explain_measurement(x[episode.series], episode)["model"]
        assert recompute_measurement(model) == pytest.approx(episode.log_evidence, abs=1e-9)
    counts, exposure = report_block(seed)
    for episode in silences((counts, exposure)):
        model = explain_silence(counts[episode.series], exposure[episode.series], episode)["model"]
        assert recompute_counts(model) == pytest.approx(episode.log_evidence, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_an_episode_is_a_story_in_order(seed):
    found = [*shares(share_block(seed)), *measurements(measurement_block(seed))]
    for episode in found:
        assert episode.after < episode.onset <= episode.opened
        assert episode.raised == -1 or episode.raised >= episode.opened
        assert episode.subsided == -1 or episode.subsided > max(episode.opened, episode.raised)
        assert (episode.level == 2) == (episode.raised >= 0)
        assert episode.peak_log_evidence >= episode.log_evidence


@settings(max_examples=20, deadline=None)
@given(seed=seeds, cut=lengths)
def test_what_a_feed_allows_to_compare_depends_on_nothing_later(seed, cut):
    counts = made.reports(np.random.default_rng(seed), series=6, periods=110, rate=2)
    counts[:, 50:56] = 0.0
    ones = np.ones_like(counts)

    whole = comparable_exposure(counts, ones, counts.sum(axis=0))
    part = comparable_exposure(counts[:, :cut], ones[:, :cut], counts[:, :cut].sum(axis=0))

    assert (whole[:, :cut] == part).all()
    assert ((whole >= 0) & (whole <= 1)).all()


def excess_bound(excess: float, effects: np.ndarray) -> float:
    """The greatest that an onset's mean Bayes factor can be, from its excess."""
    return float(np.exp(np.maximum(0.0, effects * excess)).mean())


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_no_bayes_factor_passes_its_bound_by_the_excess(seed):
    rng = np.random.default_rng(seed)
    onset, width = sorted(rng.integers(1, 60, 2))
    effects = share_terms.log_odds_ratios("both")
    n = rng.integers(1, 40, width + 1).astype(float)
    y = rng.binomial(n.astype(int), rng.beta(1, 3)).astype(float)
    a, whole = 0.5 + y.sum(), 1.0 + n.sum()
    since, changed = n[onset:].sum(), y[onset:].sum()
    for effect in effects:
        bound = excess_bound(changed - since * a / whole, np.array([effect]))
        found = share_terms.log_bayes_factor(a, whole - since, since, changed, effect)
        assert found <= math.log(bound) + SLACK
    rates = np.array(count_terms.FALLS)
    shape, scale = 0.5 + y.sum(), width + 1.0
    for r in rates:
        bound = excess_bound(changed - (width + 1 - onset) * shape / scale, np.log([r]))
        found = count_terms.log_bayes_factor(shape, scale, changed, width + 1.0 - onset, r)
        assert found <= math.log(bound) + 1e-9


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_no_bayes_factor_of_a_level_passes_its_bound(seed):
    x = measurement_block(seed)[0]
    cosine, sine = measurement_terms.harmonics(x.size, 52.18)
    effects = measurement_terms.shifts("both")
    fit, inverse = np.zeros(measurement_terms.FIT), np.zeros(5)
    measurement_terms.fit_history(x, cosine, sine, 90, fit, inverse)
    terms, leans, gains, contrasts = (np.zeros(COUNT) for _ in range(4))
    measurement_terms.measurement_terms(
        x, cosine, sine, 90, -1, effects, fit, inverse, terms, leans, gains, contrasts
    )
    phi = fit[measurement_terms.PHI_AT]
    scale = math.sqrt(
        (1.0 - phi) / (1.0 + phi) * fit[measurement_terms.NU] / fit[measurement_terms.Q]
    )

    for term, contrast in zip(terms, contrasts, strict=True):
        assert term <= math.log(excess_bound(scale * contrast, effects)) + SLACK
