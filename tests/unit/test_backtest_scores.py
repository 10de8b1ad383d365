"""Scores: false alerts, delay and precision, against known figures."""

from __future__ import annotations

import numpy as np
import pytest

from streams.backtests.scores import (
    Truth,
    delays,
    false_alerts,
    interpolated_median,
    median_delay,
    poisson_rate,
    precision,
    share,
)
from tests.unit.test_backtest_rivals import counts_of, steady

COUNTS = counts_of(steady(60, units=3), changed_at=(7 * 30.0, None, 7 * 90.0), knows_changes=True)
JUDGED = np.ones((3, 60), dtype=bool)
TRUTH = Truth.of(COUNTS, JUDGED)


def test_the_interval_of_a_rate_is_that_of_the_published_table():
    # Garwood's table: 5 events, 1.6235 to 11.6683; none, 0 to 3.6889.
    rate, none = poisson_rate(5, 2.0), poisson_rate(0, 1.0)

    assert (rate["lower"], rate["upper"]) == pytest.approx((1.6235 / 2, 11.6683 / 2), abs=1e-4)
    assert rate["value"] == 2.5
    assert (none["lower"], none["upper"]) == pytest.approx((0.0, 3.6889), abs=1e-4)
    assert poisson_rate(3, 0.0)["value"] is None


def test_the_interval_of_a_share_is_clopper_and_pearson_s():
    # The classic 8 of 10.
    found = share(8, 10)

    assert (found["lower"], found["upper"]) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert share(0, 4)["lower"] == 0.0
    assert share(4, 4)["upper"] == 1.0
    assert share(0, 0)["value"] is None


def test_alerts_before_a_change_are_false_and_those_after_it_true():
    alerts = [(0, 10), (0, 29), (0, 30), (1, 5), (2, 59)]

    assert false_alerts(TRUTH, alerts)["alerts"] == 4
    assert TRUTH.quiet.sum() == 30 + 60 + 60
    assert precision(TRUTH, alerts)["value"] == pytest.approx(1 / 5)


def test_a_change_is_found_once_however_often_its_alert_is_repeated():
    often = [(0, 10), *((0, column) for column in range(30, 60))]
    found = precision(TRUTH, often)

    assert (found["true"], found["alerts"], found["value"]) == (1, 2, 0.5)
    assert found == precision(TRUTH, often[:2])


def test_what_is_heard_while_an_alert_stands_finds_a_change_and_is_no_false_alert():
    standing = [(0, 28)]

    assert precision(TRUTH, standing)["value"] == 0.0
    assert precision(TRUTH, standing, [(0, 28), (0, 31)])["value"] == 0.5


def test_precision_is_unknown_where_no_change_is_known():
    plain = Truth.of(counts_of(steady(60)), JUDGED[:1])

    assert precision(plain, [(0, 3)])["value"] is None
    assert false_alerts(plain, [(0, 3)])["alerts"] == 1


def test_delay_is_to_the_end_of_the_first_period_that_alerted_after_the_change():
    found = delays(TRUTH, [(0, 10), (0, 33), (0, 40)])

    assert found == {0: 4.0}
    assert delays(TRUTH, [(0, 10)]) == {0: None}


def test_a_unit_that_changed_before_anybody_watched_has_no_part_in_any_score():
    judged = JUDGED.copy()
    judged[0, :31] = False
    alerts = [(0, 33), (1, 40)]
    early, at_once = (
        Truth.of(
            counts_of(steady(60, units=3), changed_at=(day, None, None), knows_changes=True), judged
        )
        for day in (7 * 30.0, 7 * 31.0)
    )

    assert early.too_early.tolist() == [True, False, False]
    assert delays(early, alerts) == {}
    assert precision(early, alerts) | {"lower": 0, "upper": 0} == {
        "value": 0.0, "lower": 0, "upper": 0, "true": 0, "alerts": 1,
    }  # fmt: skip
    assert false_alerts(early, alerts)["alerts"] == 1
    assert early.quiet.sum() == 120
    # A change with which the watch begins can be heard.
    assert delays(at_once, alerts) == {0: 3.0}


def test_the_median_counts_what_was_not_found_as_later_than_any():
    assert median_delay([1.0, 3.0, None])["median"] == 3.0
    assert median_delay([1.0, None, None]) == {
        "units": 3, "detected": 1, "median": None, "interpolated": None,
    }  # fmt: skip
    assert median_delay([])["units"] == 0
    assert median_delay([3.0, None])["interpolated"] is median_delay([3.0, None])["median"] is None


@pytest.mark.parametrize(
    ("delays_told", "step", "middle"),
    [
        ([1.0, 2.0, 2.0, 3.0], 1.0, 1.5),
        ([1.0, 9.0, 9.0], 1.0, 8.25),  # not between 1 and 9, where nothing was found
        ([1.0, 9.0], 1.0, 4.5),
        ([2.0, 2.0, 2.0], 1.0, 1.5),
        ([0.4, 0.4], 1.0, 0.2),  # a change within the period
        ([4.4, 8.8, 8.8, np.inf], 4.4, 6.6),  # months
        ([1.0, 2.0, np.inf], 1.0, 1.5),
    ],
)
def test_a_delay_lies_evenly_in_the_period_that_ends_with_it(delays_told, step, middle):
    told = interpolated_median(np.array(delays_told), step)

    assert told == pytest.approx(middle)


def test_the_median_of_many_delays_is_that_of_delays_known_to_the_day():
    exact = np.random.default_rng(4).gamma(2.0, 4.0, 20_000)

    assert interpolated_median(np.ceil(exact)) == pytest.approx(np.median(exact), rel=0.02)
    assert interpolated_median(4.0 * np.ceil(exact / 4.0), 4.0) == pytest.approx(
        np.median(exact), rel=0.05
    )
