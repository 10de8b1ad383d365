from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import nbinom, t

from detectors.drift.bocpd import Bocpd, bocpd
from detectors.drift.bocpd_priors import Counts, Gaussian

unhurried = settings(deadline=None, max_examples=40)
VALUES = st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.7, 1.0, 6.0]), min_size=1, max_size=12)
COUNTS = st.lists(
    st.tuples(st.integers(0, 15).map(float), st.sampled_from([0.5, 1.0, 3.0])),
    min_size=1,
    max_size=12,
)


def slow_value(run, x):
    """Density of x after a run, from the sums of the run rather than step by step."""
    n = len(run)
    mean = sum(run) / (n + 1)
    strength, shape = 1 + n, 1 + n / 2
    scale = 1 + sum(value**2 for value in run) / 2 - strength * mean**2 / 2
    spread = scale * (strength + 1) / (shape * strength)
    return t.logpdf(x, 2 * shape, mean, math.sqrt(spread))


def slow_count(run, x):
    shape, rate = 2 + sum(count for count, _ in run), 1 + sum(exposure for _, exposure in run)
    return nbinom.logpmf(x[0], shape, rate / (rate + x[1]))


def slow_posterior(observations, density, hazard):
    """P(r_t) by enumerating all ways of cutting the series into runs."""
    n = len(observations)
    log_run = {}  # log-likelihood of observations i..j as one run
    for i in range(n):
        total = 0.0
        for j in range(i, n):
            total += density(observations[i:j], observations[j])
            log_run[i, j + 1] = total
    # ends[j]: log-probability of the first j observations with a change right after them.
    ends = [0.0]
    for j in range(1, n + 1):
        ways = [
            ends[i] + log_run[i, j] + (j - i - 1) * math.log1p(-hazard) + math.log(hazard)
            for i in range(j)
        ]
        ends.append(logsumexp(ways))
    joint = [ends[n]] + [
        ends[n - r] + log_run[n - r, n] + r * math.log1p(-hazard) for r in range(1, n + 1)
    ]
    return np.exp(joint - logsumexp(joint))


@unhurried
@given(VALUES)
def test_the_posterior_of_values_is_that_of_all_ways_to_cut_the_series(values):
    detector = Bocpd(expected_run=10.0, prune=0.0)
    for value in values:
        detector.update(value)

    np.testing.assert_allclose(
        detector.run_length_probabilities()[1],
        slow_posterior(values, slow_value, 0.1),
        rtol=1e-8,
    )


@unhurried
@given(COUNTS)
def test_the_posterior_of_counts_is_that_of_all_ways_to_cut_the_series(rows):
    detector = Bocpd(Counts(2.0, 1.0), expected_run=10.0, prune=0.0)
    for row in rows:
        detector.update(row)
    lengths, chances = detector.run_length_probabilities()
    expected = slow_posterior(rows, slow_count, 0.1)

    np.testing.assert_allclose(chances, expected[lengths], rtol=1e-8)


@unhurried
@given(
    st.lists(st.one_of(st.sampled_from([-1.0, 0.0, 5.0]), st.just(math.nan)), max_size=30),
    st.sampled_from([0.0, 1e-6, 1e-2]),
    st.sampled_from([12, 500]),
)
def test_streaming_is_the_whole_history_at_once(values, prune, most):
    path = bocpd(values, Gaussian(), prune=prune, most=most)
    detector = Bocpd(prune=prune, most=most)

    for i, value in enumerate(values):
        assert path.signals[i] == detector.update(value)
        if not math.isnan(value):
            assert path.recent_change[i] == detector.recent_change
            assert path.run_length[i] == detector.run_length
            assert path.log_predictive[i] == detector.log_predictive
