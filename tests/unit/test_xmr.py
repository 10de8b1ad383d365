from __future__ import annotations

import math

import numpy as np
import pytest

from detectors.charts.chart import chart
from detectors.charts.nhs_rules import ABOVE_LIMIT, SHIFT_HIGH
from detectors.charts.xmr import (
    TOO_FEW_POINTS,
    ZERO_MOVING_RANGE,
    XmrMonitor,
    average_moving_range,
    xmr_limits,
)

# The worked vector of the NHS-R deviations vignette.
VIGNETTE = np.array([1, 2, 1, 2, 10] + [1, 2] * 6 + [1], float)


def test_the_worked_vector_gives_the_published_limits():
    screened, unscreened = xmr_limits(VIGNETTE), xmr_limits(VIGNETTE, screen=False)

    assert (screened.mean, screened.upper, screened.lower) == pytest.approx(
        (1.944444444, 4.604444444, -0.715555556)
    )
    assert (unscreened.upper, unscreened.lower) == pytest.approx((6.951503268, -3.062614379))
    assert (screened.screened, unscreened.screened) == (2, 0)


def test_screening_leaves_the_mean_alone():
    assert xmr_limits(VIGNETTE).mean == xmr_limits(VIGNETTE, screen=False).mean


def test_a_range_exactly_on_the_screen_is_screened_out():
    # An average of 1000 and a range of exactly 3267 times 1000: the comparison is strict.
    small = (9 * 1000.0 - 3267.0) / 8
    ranges = np.array([3267.0] + [small] * 8)

    assert average_moving_range(ranges, screen=False) == (1000.0, 0)
    assert average_moving_range(ranges, screen=True) == (pytest.approx(small), 1)


def test_screening_is_one_pass():
    ranges = np.array([1.0] * 20 + [4.0, 100.0])
    average, screened = average_moving_range(ranges, screen=True)

    assert screened == 1
    assert average == pytest.approx(24.0 / 21.0)


def test_a_missing_value_removes_both_ranges_beside_it():
    limits = xmr_limits(np.array([1.0, 2.0, math.nan, 9.0, 10.0]))

    assert limits.average_range == 1.0
    assert limits.mean == 5.5
    assert limits.points == 4


def test_near_limits_are_two_thirds_of_the_way():
    limits = xmr_limits(np.array([4.0, 6.0, 5.0, 7.0, 5.0]))

    assert limits.near_upper - limits.mean == pytest.approx(2 * (limits.upper - limits.mean) / 3)
    assert limits.sigma == pytest.approx((limits.upper - limits.mean) / 3)


@pytest.mark.parametrize("values", [[4.0] * 15, [4.0] * 14 + [5.0]])
def test_a_zero_moving_range_gives_no_limits_and_says_why(values):
    limits = xmr_limits(np.array(values))

    assert limits.reason == ZERO_MOVING_RANGE
    assert math.isnan(limits.upper)
    assert not math.isnan(limits.mean)


def test_one_point_is_too_few_for_limits():
    assert xmr_limits(np.array([3.0])).reason == TOO_FEW_POINTS
    assert xmr_limits(np.array([3.0, math.nan, 4.0])).reason == TOO_FEW_POINTS
    assert xmr_limits(np.array([])).reason == TOO_FEW_POINTS


def test_fewer_than_twelve_points_make_trial_limits():
    values = np.arange(12.0) % 3

    assert xmr_limits(values[:11]).trial
    assert not xmr_limits(values).trial


def test_the_mean_of_decimals_is_not_spoilt_by_the_order_of_addition():
    values = np.array([0.1] * 10)

    assert xmr_limits(values).mean == 0.1


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="finite"):
        xmr_limits(np.array([1.0, math.inf]))
    with pytest.raises(ValueError, match="finite"):
        XmrMonitor().update(math.inf)


BASELINE = [5.0, 7.0, 4.0, 6.0, 5.0, 6.0, 4.0, 7.0, 5.0, 6.0, 4.0, 6.5]


def monitored(values, **settings):
    monitor = XmrMonitor(baseline=12, **settings)
    return [monitor.update(value) for value in BASELINE + values][12:]


def test_online_a_shift_alerts_at_the_seventh_point_and_not_before():
    # The last point of the baseline lies above the mean too: it is the first of the seven.
    assert monitored([6.0, 6.2, 5.9, 6.1, 6.0, 6.1]) == [0] * 5 + [SHIFT_HIGH]


def test_online_a_jump_alerts_at_once():
    assert monitored([5.0, 30.0]) == [0, ABOVE_LIMIT]


def test_limits_stay_once_the_baseline_is_complete():
    monitor = XmrMonitor(baseline=12)
    for value in BASELINE:
        monitor.update(value)
    fixed = monitor.limits
    for _ in range(50):
        monitor.update(100.0)

    assert monitor.limits is fixed


def test_a_rebase_starts_a_new_baseline():
    monitor = XmrMonitor(baseline=12)
    for value in BASELINE:
        monitor.update(value)
    monitor.rebase()

    signals = [monitor.update(value + 100.0) for value in BASELINE]

    assert not any(signals)
    assert monitor.limits is not None
    assert monitor.limits.mean == pytest.approx(np.mean(BASELINE) + 100.0)


def test_a_constant_baseline_never_signals():
    monitor = XmrMonitor(baseline=12)

    assert not any(monitor.update(value) for value in [0.0] * 12 + [3.0, 9.0, 1.0])


def test_a_senseless_baseline_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        XmrMonitor(baseline=1)


def test_the_monitor_is_silent_on_sparse_counts_as_the_chart_is():
    counts = np.array([0.0, 1.0] * 12 + [2.0, 1.0, 3.0])
    monitor = XmrMonitor(baseline=24)
    signals = [monitor.update(count) for count in counts]

    assert [0] * 27 == signals
    assert "sparse_counts" == monitor.limits.reason
    assert not chart(counts, kind="xmr", fix_after=24).completing.any()
