"""Every chart, rule set and run test is the same in a stream as in a batch, on awkward series."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.charts.anhoej import RunTestMonitor, run_tests
from detectors.charts.chart import chart
from detectors.charts.monitor import ChartMonitor
from detectors.charts.stretches import HAVE_PROBABILITY, KINDS, NEEDS_DENOMINATORS
from detectors.charts.zone_monitor import ZoneMonitor
from detectors.charts.zone_rules import zone_signals

NAN = float("nan")
# Few distinct values make ties, points on lines and empty stretches likely.
COUNTS = st.one_of(st.integers(0, 4).map(float), st.just(NAN))
PAIRS = st.lists(st.tuples(COUNTS, st.sampled_from([0.0, 4.0, 9.0, NAN])), min_size=1, max_size=30)
SIDES = st.one_of(st.sampled_from([-2.5, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5]), st.just(NAN))
unhurried = settings(deadline=None, max_examples=60)  # the first example compiles


@unhurried
@given(
    PAIRS,
    st.sampled_from(KINDS),
    st.integers(2, 12),
    st.booleans(),
    st.sampled_from(["auto", "three_sigma", "probability"]),
    st.sampled_from(["published", "plotthedots", "qcc"]),
    st.integers(1, 6),
)
def test_a_chart_says_the_same_in_a_stream_after_every_prefix(
    pairs, kind, baseline, screen, limits, compat, minimum_points
):
    given_settings = {
        "kind": kind,
        "screen": screen,
        "limits": limits if kind in HAVE_PROBABILITY else "auto",
        "compat": compat,
        "minimum_points": minimum_points,
    }
    monitor = ChartMonitor(baseline=baseline, **given_settings)
    for i, (count, below) in enumerate(pairs):
        paired = kind in NEEDS_DENOMINATORS
        capped = min(count, below) if not np.isnan(below) else count
        shown = capped if kind in {"p", "np", "p_prime"} else count
        pairs[i] = (shown, below)
        online = monitor.update([shown, below] if paired else shown)
        drawn = chart(
            [pair[0] for pair in pairs[: i + 1]],
            denominators=[pair[1] for pair in pairs[: i + 1]] if paired else None,
            fix_after=baseline,
            **given_settings,
        )

        assert online == int(drawn.completing[-1])


@unhurried
@given(PAIRS, st.sampled_from(KINDS))
def test_the_lines_of_every_chart_are_in_order(pairs, kind):
    counts = [min(pair) if kind in {"p", "np", "p_prime"} else pair[0] for pair in pairs]
    counts = [
        NAN if pair[1] != pair[1] else count for count, pair in zip(counts, pairs, strict=True)
    ]
    below = [pair[1] for pair in pairs] if kind in NEEDS_DENOMINATORS else None
    drawn = chart(counts, kind=kind, denominators=below)
    lines = np.stack([drawn.lower, drawn.near_lower, drawn.mean, drawn.near_upper, drawn.upper])
    known = ~np.isnan(lines).any(axis=0)

    assert (np.diff(lines[:, known], axis=0) >= -1e-12).all()
    assert len(drawn.sigma) == len(counts)


@unhurried
@given(st.lists(SIDES, min_size=1, max_size=40), st.sampled_from(["western_electric", "nelson"]))
def test_zone_rules_say_the_same_in_a_stream(values, rule_set):
    monitor = ZoneMonitor(centre=0.0, sigma=1.0, rule_set=rule_set)
    online = [monitor.update(value) for value in values]

    assert zone_signals(values, 0.0, 1.0, rule_set=rule_set).tolist() == online


@unhurried
@given(st.lists(SIDES, min_size=1, max_size=40))
def test_turning_a_series_upside_down_turns_no_zone_rule(values):
    turned = [-value for value in values]

    assert (
        zone_signals(values, 0.0, 1.0, rule_set="nelson").tolist()
        == zone_signals(turned, 0.0, 1.0, rule_set="nelson").tolist()
    )


@unhurried
@given(st.lists(SIDES, min_size=1, max_size=60))
def test_run_tests_count_the_same_in_a_stream(values):
    monitor = RunTestMonitor(centre=0.0)
    for value in values:
        monitor.update(value)

    assert run_tests(values, 0.0) == monitor.outcome
