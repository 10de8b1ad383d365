from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import nbinom, poisson

from detectors.sequential.glr import GlrChart, glr

unhurried = settings(deadline=None, max_examples=60)
PAIRS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 12).map(float), st.just(math.nan)),
        st.sampled_from([0.5, 2.0, 3.7]),
    ),
    min_size=1,
    max_size=14,
)
CHARTS = st.fixed_dictionaries(
    {
        "threshold": st.sampled_from([0.7, 2.0, 6.0]),
        "window": st.sampled_from([None, 3, 6]),
        "minimum": st.integers(1, 3),
        "compat": st.sampled_from(["published", "surveillance"]),
    }
)
FAMILIES = st.sampled_from(
    [
        {"direction": direction, "dispersion": dispersion}
        for direction in ("rise", "fall", "both")
        for dispersion in (0.0, 0.3)
    ]
    + [{"change": "epidemic"}, {"shift": 0.5}, {"shift": -0.7, "direction": "fall"}]
)


@unhurried
@given(PAIRS, CHARTS, FAMILIES)
def test_a_streaming_chart_is_the_chart_of_the_whole_series(pairs, chart, family):
    counts, means = np.array(pairs).T
    path = glr(counts, means, **chart, **family)
    streaming = GlrChart(**chart, **family)

    for i, pair in enumerate(pairs):
        assert path.signals[i] == streaming.update(pair)
        if not math.isnan(pair[0]):
            assert path.statistic[i] == streaming.statistic
            assert path.length[i] == streaming.length
            assert path.effect[i] == streaming.effect


def slow_glr(counts, means, dispersion, direction):
    """The definition: every start, the likelihood maximised numerically over the size."""

    def log_density(kappa, x, mu):
        mean = mu * math.exp(kappa)
        if dispersion == 0.0:
            return poisson.logpmf(x, mean).sum()
        return nbinom.logpmf(x, 1 / dispersion, 1 / (1 + dispersion * mean)).sum()

    best = 0.0
    bounds = (0.0, 6.0) if direction == "rise" else (-40.0, 0.0)
    for k in range(len(counts)):
        x, mu = counts[k:], means[k:]
        found = minimize_scalar(
            lambda kappa, x=x, mu=mu: -log_density(kappa, x, mu),
            bounds=bounds,
            method="bounded",
            options={"xatol": 1e-9},
        )
        best = max(best, -found.fun - log_density(0.0, x, mu))
    return best


@settings(deadline=None, max_examples=25)
@given(
    PAIRS.filter(lambda pairs: len(pairs) <= 8 and not any(math.isnan(x) for x, _ in pairs)),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from(["rise", "fall"]),
)
def test_the_statistic_is_the_likelihood_ratio_maximised_over_start_and_size(
    pairs, dispersion, direction
):
    counts, means = np.array(pairs).T
    path = glr(counts, means, dispersion=dispersion, direction=direction, threshold=1e9)
    slow = slow_glr(counts, means, dispersion, direction)

    np.testing.assert_allclose(path.statistic[-1], slow, rtol=1e-6, atol=1e-6)
