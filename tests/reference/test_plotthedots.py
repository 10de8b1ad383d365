"""Parity with NHSRplotthedots 0.2.2: 57 cases, 2,252 points, and a vignette with two rebases."""

from __future__ import annotations

import json

import numpy as np
import pytest

from detectors.charts.chart import Chart, chart
from detectors.charts.nhs_rules import zone_of
from tests.reference.cases import HERE, by_case, column, rows

CASES = {name: case for (name,), case in by_case(HERE / "ptd_cases.csv", "case").items()}
META = json.loads((HERE / "ptd_cases_meta.json").read_text(encoding="utf-8"))
DIRECTIONS = {"increase": "up", "decrease": "down", "neutral": "neutral"}


def drawn(name: str) -> Chart:
    """Our chart of a case, with the case's arguments."""
    case, given = CASES[name], META[name]["args"] or {}
    dates = [row["x"] for row in case]
    return chart(
        column(case, "y"),
        kind="xmr",
        direction=DIRECTIONS[given.get("improvement_direction", "increase")],
        rebase=[dates.index(given["rebase"])] if "rebase" in given else [],
        fix_after=given.get("fix_after_n_points"),
        screen=given.get("screen_outliers", True),
        compat="plotthedots",
    )


def test_the_file_holds_all_the_cases_it_says():
    assert len(CASES) == 57
    assert sum(map(len, CASES.values())) == 2252
    assert set(META) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_mean_limits_flags_and_colours_equal_the_package(name):
    case, ours = CASES[name], drawn(name)
    for theirs, line in (("mean", ours.mean), ("lpl", ours.lower), ("upl", ours.upper)):
        np.testing.assert_allclose(line, column(case, theirs), rtol=1e-6, atol=1e-6)

    assert ours.special_cause_names == [row["special_cause_type"] for row in case]
    assert ours.point_type_names == [row["point_type"] for row in case]
    assert ours.group.tolist() == column(case, "rebase_group").tolist()


@pytest.mark.parametrize("name", CASES)
def test_each_point_is_placed_where_the_package_places_it(name):
    case, ours = CASES[name], drawn(name)
    lines = (ours.mean, ours.lower, ours.upper, ours.near_lower, ours.near_upper)
    zones = np.array([zone_of(*at) for at in zip(ours.value, *lines, strict=True)])
    for theirs, flag in (
        ("outside", abs(zones) == 3),
        ("rel_mean", np.sign(zones)),
        ("close", abs(zones) == 2),
    ):
        expected = column(case, theirs)
        known = ~np.isnan(expected)

        assert flag[known].tolist() == expected[known].tolist()


def test_limits_restart_at_each_of_two_rebases():
    case = rows(HERE / "ptd_ae_total_rebase_vignette.csv")
    groups = column(case, "rebase_group")
    ours = chart(
        column(case, "y"),
        kind="xmr",
        rebase=(np.flatnonzero(np.diff(groups)) + 1).tolist(),
        direction="up",
    )
    for theirs, line in (("mean", ours.mean), ("lpl", ours.lower), ("upl", ours.upper)):
        np.testing.assert_allclose(line, column(case, theirs), rtol=1e-6)

    assert ours.group.tolist() == groups.tolist()
    assert ours.special_cause_names == [row["special_cause_type"] for row in case]
    assert ours.point_type_names == [row["point_type"] for row in case]


def test_the_published_caption_of_the_deviations_vignette_is_met():
    screened, excel = drawn("vignette_outlier_screened"), drawn("vignette_outlier_excel")

    assert (round(screened.upper[0], 2), round(screened.lower[0], 2)) == (4.60, -0.72)
    assert (round(excel.upper[0], 2), round(excel.lower[0], 2)) == (6.95, -3.06)
    assert round(screened.mean[0], 2) == round(excel.mean[0], 2) == 1.94
