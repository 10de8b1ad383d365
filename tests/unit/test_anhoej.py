from __future__ import annotations

import pytest

from detectors.charts.anhoej import (
    FEW_CROSSINGS,
    LONG_RUN,
    RunTestMonitor,
    crossings_limit,
    longest_run_limit,
    run_tests,
)

NAN = float("nan")


def test_points_on_the_centre_line_are_dropped_and_do_not_break_a_run():
    with_ties = run_tests([1, 0, 1, 0, 0, 1, -1, 0], centre=0)

    assert (with_ties.useful, with_ties.longest_run, with_ties.crossings) == (4, 3, 1)


def test_missing_values_are_left_out():
    assert run_tests([1, NAN, 1, None, -1], centre=0) == run_tests([1, 1, -1], centre=0)


def test_the_centre_of_a_run_chart_is_the_median():
    assert run_tests([1, 2, 3, 4, 100]).useful == 4


def test_a_centre_may_change_from_point_to_point():
    assert run_tests([1, 1, 1], centre=[0, 2, 0]).crossings == 2


def test_a_run_of_seven_in_ten_is_unusual_and_so_is_a_single_crossing():
    tests = run_tests([1] * 7 + [-1] * 3, centre=0)

    assert (tests.longest_run_limit, tests.crossings_limit) == (6, 2)
    assert tests.bits == LONG_RUN | FEW_CROSSINGS
    assert tests.signal


@pytest.mark.parametrize("values", [[], [NAN], [0.0, 0.0]])
def test_without_a_useful_point_nothing_signals(values):
    tests = run_tests(values, centre=0.0)

    assert tests.useful == 0
    assert not tests.signal


def test_one_point_is_never_unusual():
    assert not run_tests([5.0], centre=0.0).signal
    assert (longest_run_limit(1), crossings_limit(1)) == (3, 0)


def test_a_half_is_rounded_to_the_even_number():
    # No whole n has log2 n at an exact half; the nearest on both sides are told apart.
    assert (longest_run_limit(45), longest_run_limit(46)) == (8, 9)


def test_limits_hold_for_very_long_series():
    assert crossings_limit(1_000_000) == pytest.approx(499_999.5 - 1.645 * 500, abs=1.5)


def test_the_monitor_signals_as_long_as_the_tests_hold():
    monitor = RunTestMonitor(centre=0.0)
    first = [monitor.update(y) for y in [1] * 7]
    later = [monitor.update((-1) ** i) for i in range(1, 40)]

    assert first == [0] * 5 + [FEW_CROSSINGS, FEW_CROSSINGS | LONG_RUN]
    assert later[-1] == 0
    assert monitor.outcome.useful == 46


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run_tests([float("inf")]), "finite"),
        (lambda: run_tests([[1.0]]), "one series"),
        (lambda: run_tests([1.0, 2.0], centre=[1.0]), "2 values but a centre"),
        (lambda: longest_run_limit(0), "useful must be at least 1, not 0"),
        (lambda: crossings_limit(0), "useful must be at least 1, not 0"),
        (lambda: RunTestMonitor(centre=NAN), "centre must be finite"),
        (lambda: RunTestMonitor(centre=0.0).update(float("inf")), "finite"),
    ],
)
def test_bad_input_is_refused_with_a_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
