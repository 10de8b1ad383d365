"""Online testing agrees with its published sums, term by term, on any row of p-values."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.many_series.level_sequences import logarithmic, power
from detectors.many_series.lord_recent import RecentLord
from detectors.many_series.online_fdr import Addis, AlphaInvesting, Lord, Saffron

ALPHA = 0.05
LOG, POWER = logarithmic().shares(60), power().shares(60)
P_VALUES = st.lists(
    st.one_of(
        st.sampled_from([0.0, 1e-9, 1e-5, 3e-4, 0.004, 0.02, 0.25, 0.5, 1.0]), st.floats(0.0, 1.0)
    ),
    min_size=1,
    max_size=50,
)


def by_the_book(p, gamma, *, wealth, payout, scale, cap, ticks, of_level=lambda level: level):
    """The general formula with its sums written out: times, not clocks."""
    levels, found = [], []
    for t in range(len(p)):

        def passed(since, t=t):
            return sum(ticks(p[i], levels[i]) for i in range(since, t))

        total = wealth * gamma[passed(0)]
        for number, kappa in enumerate(found):
            earned = payout - wealth if number == 0 else payout
            total += earned * gamma[passed(kappa + 1)]
        levels.append(min(cap, of_level(scale * total)))
        if p[t] <= levels[t]:
            found.append(t)
    return levels


def agree(procedure, p, expected):
    decisions = procedure.decide(p)
    np.testing.assert_allclose(decisions.levels, expected, rtol=1e-12)
    np.testing.assert_array_equal(decisions.rejected, np.array(p) <= decisions.levels)


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_lord_plus_plus_is_its_published_sum(p):
    ticks = lambda *_: True  # noqa: E731 - one word of a formula
    kind = {"wealth": ALPHA / 10, "payout": ALPHA, "scale": 1.0, "cap": 1.0, "ticks": ticks}
    agree(Lord(), p, by_the_book(p, LOG, **kind))


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_lord_with_discarding_counts_the_selected_only(p):
    expected = by_the_book(
        p,
        LOG,
        wealth=ALPHA / 10,
        payout=0.5 * ALPHA,
        scale=1.0,
        cap=0.5,
        ticks=lambda one, _: one <= 0.5,
    )
    agree(Lord(version="discard"), p, expected)


@settings(max_examples=60, deadline=None)
@given(P_VALUES, st.sampled_from([0.3, 0.5, 0.8]))
def test_saffron_counts_tests_that_are_no_candidates(p, candidate):
    expected = by_the_book(
        p,
        POWER,
        wealth=ALPHA / 2,
        payout=ALPHA,
        scale=1.0 - candidate,
        cap=candidate,
        ticks=lambda one, _: one > candidate,
    )
    agree(Saffron(candidate=candidate), p, expected)


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_addis_counts_selected_tests_that_are_no_candidates(p):
    expected = by_the_book(
        p,
        POWER,
        wealth=ALPHA / 2,
        payout=ALPHA,
        scale=0.25,
        cap=0.25,
        ticks=lambda one, _: 0.25 < one <= 0.5,
    )
    agree(Addis(), p, expected)


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_alpha_investing_takes_its_own_level_as_the_threshold_of_a_candidate(p):
    expected = by_the_book(
        p,
        POWER,
        wealth=ALPHA / 2,
        payout=ALPHA,
        scale=1.0,
        cap=1.0,
        ticks=lambda one, level: one > level,
        of_level=lambda level: level / (1.0 + level),
    )
    agree(AlphaInvesting(), p, expected)


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_lord_3_spends_the_wealth_it_had_at_the_last_discovery(p):
    wealth, last, levels = [ALPHA / 10], 0, []
    for t in range(1, len(p) + 1):
        levels.append(LOG[t - last - 1] * wealth[last])
        found = p[t - 1] <= levels[-1]
        wealth.append(wealth[-1] - levels[-1] + 0.9 * ALPHA * found)
        last = t if found else last
    agree(RecentLord(), p, levels)


@settings(max_examples=40, deadline=None)
@given(P_VALUES, st.integers(0, 49))
def test_a_missing_p_value_spends_nothing(p, at):
    for make in (Lord, Saffron, Addis, AlphaInvesting, RecentLord):
        with_gap = make().decide([*p[:at], math.nan, *p[at:]])
        whole = make().decide(p).levels
        position = min(at, len(p))

        assert math.isnan(with_gap.levels[position])
        np.testing.assert_array_equal(np.delete(with_gap.levels, position), whole)
