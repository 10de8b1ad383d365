from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.charts.chart import chart
from detectors.charts.nhs_rules import (
    SHIFT_HIGH,
    SHIFT_LOW,
    TREND_DOWN,
    TREND_UP,
    TWO_HIGH,
    TWO_LOW,
    TWO_OF_THREE,
    Limits,
    find_signals,
)
from detectors.charts.xmr import XmrMonitor, latest_signal, xmr_limits

# Few distinct values make ties, points on the mean and points on limits likely.
VALUES = st.lists(
    st.one_of(st.integers(-4, 4).map(float), st.just(float("nan"))), min_size=1, max_size=60
)
unhurried = settings(deadline=None)  # the first example compiles
VARIANTS = st.sampled_from(sorted(TWO_OF_THREE))


def signals(values, variant):
    lines = Limits(*(np.full(len(values), at) for at in (0.0, -3.0, 3.0, -2.0, 2.0)))
    return find_signals(np.array(values), lines, two_of_three=variant)


def slow_completing(values, variant):
    """The rules written as windows that end at each point, straight from their wording."""
    bits = []
    for i in range(len(values)):
        found = 0
        for side, trend, two, shift in (
            (1, TREND_UP, TWO_HIGH, SHIFT_HIGH),
            (-1, TREND_DOWN, TWO_LOW, SHIFT_LOW),
        ):
            turned = [side * value for value in values]
            found |= (1 if side > 0 else 2) * (turned[i] > 3)
            seven = turned[i - 6 : i + 1] if i >= 6 else []
            found |= trend * (bool(seven) and all(a < b for a, b in pairwise(seven)))
            found |= shift * (bool(seven) and all(value > 0 for value in seven))
            found |= two * slow_two_of_three(turned[max(0, i - 2) : i + 1], variant)
        bits.append(found)
    return bits


def slow_two_of_three(window, variant):
    if window[-1] != window[-1]:
        return False
    if variant == "power_bi":
        return sum((value > 2) - (value < -2) for value in window) >= 2
    highest = 3 if variant == "plot_the_dots" else np.inf
    outer = sum(2 < value <= highest for value in window)
    return outer >= 2 and len(window) == 3 and all(value > 0 for value in window)


@unhurried
@given(VALUES, VARIANTS)
def test_the_rules_do_what_their_wording_says(values, variant):
    assert slow_completing(values, variant) == signals(values, variant).completing.tolist()


@unhurried
@given(VALUES, VARIANTS)
def test_a_point_is_marked_just_when_a_completed_pattern_contains_it(values, variant):
    found = signals(values, variant)
    reach = {SHIFT_HIGH: 7, SHIFT_LOW: 7, TREND_UP: 7, TREND_DOWN: 7, TWO_HIGH: 3, TWO_LOW: 3}
    for bit, points in reach.items():
        for i in np.flatnonzero(found.marked & bit):
            assert (found.completing[i : i + points] & bit).any()
        for i in np.flatnonzero(found.completing & bit):
            window = found.marked[max(0, i - points + 1) : i + 1]

            assert (window & (bit | TREND_UP | TREND_DOWN)).any()


@unhurried
@given(VALUES, VARIANTS, st.integers(1, 59))
def test_what_was_complete_does_not_depend_on_what_came_later(values, variant, cut):
    early = signals(values[:cut], variant).completing

    assert early.tolist() == signals(values, variant).completing[:cut].tolist()


@unhurried
@given(VALUES, VARIANTS)
def test_turning_a_series_upside_down_turns_its_signals(values, variant):
    up, down = signals(values, variant), signals([-value for value in values], variant)
    for ours, theirs in ((up.completing, down.completing), (up.marked, down.marked)):
        turned = ((theirs & 0x55) << 1) | ((theirs & 0xAA) >> 1)

        assert ours.tolist() == turned.tolist()


@unhurried
@given(VALUES, VARIANTS, st.integers(2, 30), st.booleans())
def test_the_online_chart_equals_the_drawn_chart_after_every_prefix(
    values, variant, baseline, screen
):
    given_settings = {"baseline": baseline, "screen": screen, "two_of_three": variant}
    monitor = XmrMonitor(**given_settings)
    for i, value in enumerate(values):
        online = monitor.update(value)
        prefix = np.array(values[: i + 1])
        drawn = chart(prefix, kind="xmr", fix_after=baseline, screen=screen, two_of_three=variant)

        assert online == latest_signal(prefix, **given_settings)
        assert online == int(drawn.completing[-1])


@unhurried
@given(VALUES, st.booleans())
def test_limits_do_not_depend_on_where_the_series_lies(values, screen):
    here = xmr_limits(np.array(values), screen=screen)
    there = xmr_limits(np.array(values) + 1024.0, screen=screen)

    assert here.reason == there.reason
    np.testing.assert_allclose(here.upper + 1024.0, there.upper)
    np.testing.assert_allclose(here.average_range, there.average_range)


@unhurried
@given(VALUES, st.sampled_from(["xmr", "c", "g", "t", "u", "p", "u_prime", "p_prime"]))
def test_any_series_gives_a_chart_whose_lines_are_in_order(values, kind):
    counts = np.abs(values)
    below = np.full(len(values), 5.0) if kind.startswith(("u", "p")) else None
    drawn = chart(counts, kind=kind, denominators=below)
    lines = np.stack([drawn.lower, drawn.near_lower, drawn.mean, drawn.near_upper, drawn.upper])
    known = ~np.isnan(lines).any(axis=0)

    assert (np.diff(lines[:, known], axis=0) >= -1e-12).all()
    assert (drawn.reason == "") == (drawn.variation is not None) or np.isnan(drawn.value).all()
