from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.chart import KINDS, REASONS, chart
from detectors.charts.nhs_rules import SHIFT_HIGH
from detectors.charts.stretches import NEEDS_DENOMINATORS
from detectors.charts.zone_rules import zone_signals

STEADY = [5.0, 7.0, 4.0, 6.0, 5.0, 6.0, 4.0, 7.0, 5.0, 6.0, 4.0, 6.5]


def test_a_chart_of_a_jump_shows_a_concern_where_lower_is_better():
    drawn = chart([*STEADY, 30.0], kind="xmr", fix_after=12)

    assert drawn.special_cause_names[-1] == "Above UCL"
    assert drawn.point_type_names[-1] == "special_cause_concern"
    assert drawn.variation == "concern_high"
    assert not drawn.trial


def test_a_chart_marks_a_shift_backwards_but_knew_it_only_at_the_seventh():
    drawn = chart([*STEADY, *[6.4] * 7], kind="xmr", fix_after=12, direction="up")

    assert np.flatnonzero(drawn.special_cause).tolist() == list(range(11, 19))
    assert np.flatnonzero(drawn.completing & SHIFT_HIGH).tolist() == [17, 18]
    assert drawn.variation == "improvement_high"


def test_a_sparse_series_gets_no_xmr_limits_and_is_pointed_to_a_count_chart():
    drawn = chart([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], kind="xmr", target=1.0)

    assert drawn.reason == "zero_moving_range"
    assert drawn.suggested_kind == "c"
    assert np.isnan(drawn.upper).all()
    assert not drawn.special_cause.any()
    assert drawn.variation is None
    assert drawn.assurance is None


def test_a_constant_rate_is_pointed_to_a_u_chart():
    assert chart([2, 4, 6], kind="xmr", denominators=[1, 2, 3]).suggested_kind == "u"


def test_per_scales_values_and_limits_alike():
    once = chart([3, 5, 4, 6], kind="u", denominators=[900, 950, 800, 990])
    per_thousand = chart([3, 5, 4, 6], kind="u", denominators=[900, 950, 800, 990], per=1000)

    np.testing.assert_allclose(per_thousand.value, 1000 * once.value)
    np.testing.assert_allclose(per_thousand.upper, 1000 * once.upper)


def test_a_point_without_a_denominator_is_missing_and_shown_as_such():
    drawn = chart([3, 5, 4, 6], kind="u", denominators=[900, 0, float("nan"), 990])

    assert np.isnan(drawn.value).tolist() == [False, True, True, False]
    assert not drawn.special_cause.any()


def test_an_overdispersed_p_chart_is_pointed_to_laneys():
    below = np.full(20, 100_000)
    counts = 5_000 + 400 * np.array([1, -1] * 10)
    plain = chart(counts, kind="p", denominators=below)
    laney = chart(counts, kind="p_prime", denominators=below)

    assert plain.suggested_kind == "p_prime"
    assert plain.sigma_z == laney.sigma_z > 1.2
    assert plain.special_cause.all()
    assert not laney.special_cause.any()


def test_a_rebase_restarts_limits_and_the_icons_speak_of_the_last_stretch():
    drawn = chart([*STEADY, *(y + 10 for y in STEADY)], kind="xmr", rebase=[12], target=30.0)

    assert drawn.group.tolist() == [0] * 12 + [1] * 12
    assert drawn.mean[12] == pytest.approx(drawn.mean[0] + 10)
    assert not drawn.special_cause.any()
    assert drawn.assurance == "consistent_pass"


def test_a_stretch_without_limits_has_no_flags_while_others_keep_theirs():
    drawn = chart([*STEADY, 30.0, *[2.0] * 8], kind="xmr", rebase=[13], fix_after=12)

    assert drawn.reason == "zero_moving_range"
    assert drawn.special_cause[12] == 1
    assert not drawn.special_cause[13:].any()


def test_an_excluded_point_shapes_no_limits_but_is_judged():
    drawn = chart([*STEADY, 30.0], kind="xmr", exclude=[12])

    assert drawn.mean[0] == pytest.approx(np.mean(STEADY))
    assert drawn.special_cause_names[-1] == "Above UCL"


def test_the_icon_speaks_of_the_latest_known_point():
    drawn = chart([*STEADY, 30.0, None], kind="xmr", fix_after=12)

    assert drawn.variation == "concern_high"


def test_two_events_at_once_have_no_t_chart():
    drawn = chart([3.0, 0.0, 8.0], kind="t", direction="up")

    assert (drawn.reason, drawn.suggested_kind) == ("zero_gap", "g")
    assert np.isnan(drawn.upper).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [0, 1])
def test_short_series_give_a_chart_with_a_reason_or_trial_limits(kind, length):
    below = [10.0] * length if kind in NEEDS_DENOMINATORS else None
    drawn = chart([3.0] * length, kind=kind, denominators=below)

    assert len(drawn.value) == len(drawn.upper) == length
    assert drawn.trial
    assert drawn.reason in REASONS
    assert not drawn.special_cause.any()


def test_a_series_of_missing_values_gives_a_chart_with_a_reason():
    drawn = chart([None, None, None], kind="c")

    assert drawn.reason == "too_few_points"
    assert drawn.variation is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "pareto"}, "kind must be one of"),
        ({"kind": "p"}, "needs denominators"),
        ({"kind": "c", "denominators": [1, 1]}, "takes no denominators"),
        ({"kind": "u", "denominators": [1]}, "2 values but 1 denominators"),
        ({"kind": "p", "denominators": [1, 1]}, "exceeds its denominator"),
        ({"kind": "c", "values": [-1, 1]}, "no negative"),
        ({"kind": "xmr", "values": [float("inf"), 1]}, "finite"),
        ({"kind": "xmr", "values": [[1, 2]]}, "one dimension"),
        ({"kind": "xmr", "direction": "increase"}, "direction"),
        ({"kind": "xmr", "rebase": [2]}, "rebase at 2"),
        ({"kind": "xmr", "exclude": [-1]}, "exclude -1"),
        ({"kind": "xmr", "fix_after": 0}, "fix_after"),
        ({"kind": "xmr", "two_of_three": "mdc"}, "two_of_three"),
        ({"kind": "xmr", "compat": "minitab"}, "compat"),
        ({"kind": "mr", "denominators": [1, 1]}, "takes no denominators"),
        ({"kind": "np"}, "needs denominators"),
        ({"kind": "xmr", "limits": "probability"}, "c, u and g charts, not xmr"),
        ({"kind": "xmr", "minimum_points": 0}, "minimum_points must be at least 1, not 0"),
        ({"kind": "xmr", "per": float("nan")}, "per must be positive and finite"),
    ],
)
def test_bad_input_is_refused_with_a_clear_error(given, message):
    with pytest.raises(ValueError, match=message):
        chart(**{"values": [1, 2], **given})


def test_plotthedots_behaviour_on_one_spike_is_there_for_who_asks():
    spike = [4.0] * 14 + [5.0]

    assert not chart(spike, kind="xmr").special_cause.any()
    assert chart(spike, kind="xmr", compat="plotthedots").special_cause.all()


def test_a_chart_holds_nothing_of_its_input():
    values = np.array(STEADY)
    drawn = chart(values, kind="xmr")
    values[:] = 0.0

    assert drawn.value.tolist() == STEADY


@pytest.mark.parametrize(
    ("name", "flagged"),
    [("plot_the_dots", False), ("making_data_count_2023", True), ("power_bi", True)],
)
def test_the_reading_of_two_of_three_is_chosen_by_the_name_of_who_published_it(name, flagged):
    # Two of the last three are far out, one of them beyond the limit.
    values = [*STEADY, 6.0, 15.0, 10.0]
    drawn = chart(values, kind="xmr", fix_after=12, two_of_three=name)

    assert drawn.near_upper[0] < 10.0 < drawn.upper[0] < 15.0
    assert flagged == (drawn.special_cause_names[-1] == "2 in 3 Above CL")


def test_a_moving_range_chart_starts_afresh_at_a_rebase_and_beside_a_missing_value():
    drawn = chart([4.0, 6.0, 5.0, None, 5.0, 8.0, 90.0, 91.0], kind="mr", rebase=[6])

    np.testing.assert_array_equal(drawn.value, [np.nan, 2.0, 1.0, np.nan, np.nan, 3.0, np.nan, 1.0])
    assert drawn.mean[0] == 2.0
    assert drawn.upper[0] == pytest.approx(3.267 * 2.0)
    assert drawn.lower[0] == 0.0


def test_an_np_chart_is_a_p_chart_in_numbers():
    counts, sizes = np.array([4.0, 6.0, 5.0, 9.0]), np.array([50.0, 60.0, 55.0, 80.0])
    numbers = chart(counts, kind="np", denominators=sizes)
    shares = chart(counts, kind="p", denominators=sizes)

    assert numbers.value.tolist() == counts.tolist()
    np.testing.assert_allclose(numbers.mean, shares.mean * sizes)
    np.testing.assert_allclose(numbers.upper, shares.upper * sizes)


def test_a_baseline_of_nothing_but_misses_or_hits_gives_a_p_chart_no_limits():
    nothing = chart([0, 0, 0, 3], kind="p", denominators=[10] * 4, fix_after=3)
    everything = chart([10] * 4, kind="np", denominators=[10] * 4)

    assert nothing.reason == everything.reason == "no_variation"
    assert not nothing.special_cause.any()


def test_categories_have_no_moving_ranges():
    counts, sizes = np.array([500.0, 640.0, 470.0, 610.0, 580.0]), np.full(5, 1_000.0)
    first = chart(counts, kind="p_prime", denominators=sizes, ordered=False)
    turned = chart(counts[[2, 4, 0, 1, 3]], kind="p_prime", denominators=sizes, ordered=False)
    z = (counts - counts.mean()) / np.sqrt(1_000 * 0.56 * 0.44)

    assert first.sigma_z == pytest.approx(turned.sigma_z)
    assert first.sigma_z == pytest.approx(np.std(z, ddof=1))


def test_an_excluded_point_parts_its_neighbours_unless_the_package_is_asked_for():
    values = [5.0, 7.0, 50.0, 1.0, 6.0, 5.0]
    published = chart(values, kind="xmr", exclude=[2], screen=False)
    package = chart(values, kind="xmr", exclude=[2], screen=False, compat="qicharts2")

    assert published.sigma[0] == pytest.approx((2 + 5 + 1) / 3 * 2.66 / 3)
    assert package.sigma[0] == pytest.approx((2 + 6 + 5 + 1) / 4 / 1.128)


def test_too_few_points_for_who_wants_more():
    drawn = chart(STEADY, kind="xmr", minimum_points=13)

    assert drawn.reason == "too_few_points"
    assert drawn.mean[0] == pytest.approx(np.mean(STEADY))
    assert np.isnan(drawn.upper).all()
    assert chart(STEADY, kind="xmr", minimum_points=12).reason == ""


def test_a_chart_can_be_judged_by_other_rules():
    drawn = chart([*STEADY, 5.2, 30.0], kind="xmr", fix_after=12)
    bits = zone_signals(drawn.value, drawn.mean, drawn.sigma, group=drawn.group)

    assert bits.tolist() == [0] * 13 + [1]


def test_g_limits_by_probability_are_attained_with_the_stated_chance():
    gaps = [3.0, 10.0, 0.0, 25.0, 7.0, 1.0, 14.0, 30.0]
    exact = chart(gaps, kind="g", limits="probability", direction="up")

    assert exact.limits_by == "probability"
    assert exact.upper[0] > chart(gaps, kind="g", direction="up").upper[0]
