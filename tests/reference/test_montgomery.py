"""Worked examples of D. C. Montgomery, *Introduction to Statistical Quality Control*.

Centre lines and limits as printed in chapters 6 and 7, from the book's tables.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from detectors.charts.chart import chart
from detectors.charts.subgroups import subgroup_chart
from tests.reference.cases import column, file_beside, rows


def table(number):
    return rows(file_beside(f"montgomery_tbl_{number}.csv"))


def samples(number):
    """The table's samples, one a row, NaN where a sample is smaller."""
    found = defaultdict(list)
    for row in table(number):
        found[int(row["sample"])].append(float(row["obs"]))
    widest = max(map(len, found.values()))
    return np.array([one + [np.nan] * (widest - len(one)) for one in found.values()])


def lines(drawn, at=0):
    return float(drawn.mean[at]), float(drawn.lower[at]), float(drawn.upper[at])


def test_table_6_3_piston_rings_have_the_printed_xbar_r_and_s_limits():
    rings = samples("06.03")[:25]
    ranges = subgroup_chart(rings, kind="r")

    assert lines(subgroup_chart(rings, kind="xbar")) == pytest.approx(
        (74.001, 73.988, 74.014), abs=1e-3
    )
    assert lines(ranges) == pytest.approx((0.02324, 0.0, 0.04914), abs=1e-5)
    assert lines(subgroup_chart(rings, kind="s")) == pytest.approx((0.0094, 0, 0.0196), abs=1e-4)
    assert ranges.process_sigma[0] == pytest.approx(0.0099, abs=1e-4)


def test_table_6_4_samples_of_three_to_five_take_the_pooled_spread():
    rings = samples("06.04")
    means = subgroup_chart(rings, kind="xbar", spread="pooled")
    deviations = subgroup_chart(rings, kind="s", spread="pooled")

    assert means.mean[0] == pytest.approx(74.001, abs=5e-4)
    assert deviations.mean[0] == pytest.approx(0.0103, abs=5e-5)
    assert lines(means) == pytest.approx((74.001, 73.986, 74.015), abs=1e-3)
    assert deviations.upper[:2] == pytest.approx([0.022, 0.026], abs=1e-3)
    assert len(set(means.size.tolist())) > 1


def test_table_6_7_loan_costs_have_the_printed_individuals_and_moving_range_limits():
    cost = column(table("06.07"), "cost")
    individuals = chart(cost, kind="xmr", fix_after=20, screen=False)

    assert lines(individuals) == pytest.approx((300.5, 279.78, 321.22), abs=0.01)
    assert lines(chart(cost, kind="mr", fix_after=20)) == pytest.approx((7.79, 0, 25.45), abs=0.01)


def test_table_7_3_orange_juice_has_the_printed_limits_before_and_after_two_samples_are_left_out():
    juice = table("07.03")
    given = {"denominators": column(juice, "size"), "fix_after": 30}
    first = chart(column(juice, "count"), kind="p", **given)
    revised = chart(column(juice, "count"), kind="p", exclude=[14, 22], **given)

    assert np.flatnonzero((first.value > first.upper)[:30]).tolist() == [14, 22]
    assert lines(first) == pytest.approx((0.2313, 0.0524, 0.4102), abs=5e-5)
    assert lines(revised) == pytest.approx((0.2150, 0.0407, 0.3893), abs=5e-5)


def test_table_7_4_purchase_orders_leave_one_sample_beyond_its_own_limit():
    orders = table("07.04")
    drawn = chart(column(orders, "count"), kind="p", denominators=column(orders, "size"))

    assert drawn.mean[0] == pytest.approx(0.0955, abs=5e-5)
    assert np.flatnonzero(drawn.value > drawn.upper).tolist() == [10]


def test_table_7_8_circuit_boards_have_the_printed_c_limits():
    count = column(table("07.08"), "count")

    assert lines(chart(count, kind="c", fix_after=26)) == pytest.approx(
        (19.85, 6.48, 33.21), abs=0.01
    )
    revised = chart(count, kind="c", fix_after=26, exclude=[5, 19])

    assert lines(revised) == pytest.approx((19.67, 6.36, 32.97), abs=0.01)


def test_table_7_10_shipping_errors_have_the_printed_u_limits():
    errors = table("07.10")
    drawn = chart(
        column(errors, "count"), kind="u", denominators=column(errors, "size"), limits="three_sigma"
    )

    assert lines(drawn) == pytest.approx((0.0740, 0.0, 0.1894), abs=5e-5)


def test_table_7_11_dyed_cloth_has_limits_for_each_length():
    cloth = table("07.11")
    drawn = chart(column(cloth, "count"), kind="u", denominators=column(cloth, "meters"), per=50.0)

    assert drawn.mean[0] == pytest.approx(1.42, abs=0.005)
    assert (drawn.lower[0], drawn.upper[0]) == pytest.approx((0.29, 2.55), abs=0.01)
    assert not drawn.special_cause.any()


def test_table_7_14_times_between_failures_stay_within_a_t_chart():
    drawn = chart(column(table("07.14"), "hours"), kind="t", direction="up", screen=False)

    # The book transforms by the power 0.2777, so its mean of 5.387 is met to two decimals.
    assert drawn.mean[0] ** (1 / 3.6) == pytest.approx(5.387, abs=5e-3)
    assert drawn.lower[0] == 0.0
    assert not (drawn.value > drawn.upper).any()
