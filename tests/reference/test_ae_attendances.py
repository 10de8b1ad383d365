"""Three years of A&E figures (CC0), as the tour pushes them, in XmR charts of every trust.

The nation's total is compared with the output of NHSRplotthedots. For the single
organisations there is none, so they are compared with the published rules written out here in
plain Python, which first proves itself on the package's own points.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from datetime import date
from itertools import pairwise
from math import isnan, nan
from statistics import fmean

import numpy as np
import pytest

from detectors.charts.chart import Rebase, chart
from streams.sending.mapping_files import load
from tests.integration.earshot_process import earshot, serving
from tests.reference.cases import HERE, by_case, column, rows

FILE = HERE.parents[1] / "examples" / "ae_attendances.csv"
COMMON = "Common Cause"


def plain_limits(values):
    """Mean and limits as NHSRplotthedots documents them: one screen, strict, ranges only."""
    known = [value for value in values if not isnan(value)]
    ranges = [abs(b - a) for a, b in pairwise(values) if not isnan(b - a)]
    average = fmean(ranges)
    average = fmean(one for one in ranges if one < 3.267 * average)
    mean = fmean(known)
    return mean, mean - 2.66 * average, mean + 2.66 * average


def plain_causes(values):
    """The special cause of each point, window by window, the weakest rule first."""
    mean, lower, upper = plain_limits(values)
    causes = [COMMON] * len(values)
    above, below = [y - mean for y in values], [mean - y for y in values]
    for far, word in ((above, "Above CL"), (below, "Below CL")):
        for i in range(len(far) - 6):
            if all(one > 0 for one in far[i : i + 7]):
                causes[i : i + 7] = [f"7 Points {word}"] * 7
    for far, word in ((above, "Above CL"), (below, "Below CL")):
        for i in range(len(far) - 2):
            mark_two_of_three(causes, i, far[i : i + 3], upper - mean, word)
    for i in range(len(values) - 6):
        steps = np.diff(values[i : i + 7])
        for side, word in ((1, "Increasing"), (-1, "Decreasing")):
            if (side * steps > 0).all():
                causes[i : i + 7] = [f"7 Point Trend ({word})"] * 7
    for i, value in enumerate(values):
        if value > upper or value < lower:
            causes[i] = "Above UCL" if value > upper else "Below LCL"
    return causes


def mark_two_of_three(causes, i, far, reach, word):
    """Two of three between two thirds of the limit and the limit, all on one side."""
    outer = [2 * reach / 3 < one <= reach for one in far]
    if sum(outer) >= 2 and all(one > 0 for one in far):
        for j in (j for j in range(3) if outer[j]):
            causes[i + j] = f"2 in 3 {word}"


def by_organisation():
    """(breaches, attendances) of each organisation by month, through the mapping that ships."""
    mapping = load("ae-attendances")
    found = defaultdict(dict)
    with FILE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            event = mapping.event(row)
            if event is not None:
                data = event["data"]
                found[data["provider"]][data["period_start"][:7]] = (
                    data["numerator"],
                    data["denominator"],
                )
    return dict(found)


def monthly(organisation, months, pick):
    """One series over ``months``, NaN where the organisation sent nothing."""
    return [float(pick(organisation[m])) if m in organisation else nan for m in months]


SERIES = {
    "attendances": lambda pair: pair[1],
    "breaches": lambda pair: pair[0],
    "share": lambda pair: pair[0] / pair[1] if pair[1] else nan,
}


@pytest.mark.parametrize(
    "name", ["run7_exact", "trend7_up", "two_of_three_same_side", "snapshot_r1"]
)
def test_the_plain_rules_agree_with_the_package(name):
    case = by_case(HERE / "ptd_cases.csv", "case")[(name,)]
    values = column(case, "y").tolist()

    assert [row["special_cause_type"] for row in case] == plain_causes(values)
    np.testing.assert_allclose(plain_limits(values)[2], column(case, "upl")[0], rtol=1e-9)


@pytest.mark.parametrize("measure", SERIES)
def test_at_least_130_organisations_have_an_xmr_chart_that_follows_the_published_rules(measure):
    organisations = by_organisation()
    months = sorted({month for one in organisations.values() for month in one})
    charted = set()
    for code, organisation in organisations.items():
        values = monthly(organisation, months, SERIES[measure])
        drawn = chart(values, kind="xmr", direction="down")
        if drawn.reason:
            continue
        mean, lower, upper = plain_limits(values)
        np.testing.assert_allclose(
            [drawn.mean[0], drawn.lower[0], drawn.upper[0]], [mean, lower, upper], rtol=1e-9
        )

        assert plain_causes(values) == drawn.special_cause_names, code
        charted.add(code)

    assert len(months) == 36
    assert len(charted) >= 130


def test_the_nations_total_with_two_rebases_equals_the_package():
    total = defaultdict(float)
    for row in rows(FILE):
        total[row["period"]] += float(row["attendances"])
    case = rows(HERE / "ptd_ae_total_rebase_vignette.csv")
    starts = (np.flatnonzero(np.diff(column(case, "rebase_group"))) + 1).tolist()
    decisions = [
        Rebase(at, person="Analyst", reason="as in the vignette", date=date(2019, 4, 1))
        for at in starts
    ]
    drawn = chart([total[row["x"]] for row in case], kind="xmr", direction="up", rebase=decisions)
    for theirs, line in (("mean", drawn.mean), ("lpl", drawn.lower), ("upl", drawn.upper)):
        np.testing.assert_allclose(line, column(case, theirs), rtol=1e-9)

    assert len(decisions) == 2
    assert drawn.rebases == tuple(decisions)
    assert [row["special_cause_type"] for row in case] == drawn.special_cause_names
    assert [row["point_type"] for row in case] == drawn.point_type_names


INDICATOR = """
extends = true

[indicators.ae_attendances]
name = "A&E attendances"
description = "Attendances at major emergency departments."
feed = "wardmetrics"
input = "metric"
kind = "count"
grid = "month"
levels = ["provider"]
direction = "neutral"
chart = "xmr"
domain = "effectiveness"
unit = "attendances"
"""
MAPPING = """
[event]
type = "wardmetric"
id = "attendances-{org_code}-{period:%Y-%m}"

[period]
start = "{period}"
length = "month"

[data]
provider = "{org_code}"
metric = "ae_attendances"
numerator = "{attendances}"

[where]
type = ["1"]
"""


@pytest.mark.slow
def test_the_running_product_draws_the_same_chart_of_every_organisation(tmp_path):
    for name, text in (
        ("own.toml", INDICATOR),
        ("map.toml", MAPPING),
        ("ae.csv", FILE.read_text()),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    organisations = by_organisation()
    with serving(tmp_path / "data", "--indicators", tmp_path / "own.toml") as service:
        done = earshot(
            "push", tmp_path / "ae.csv", "--mapping", tmp_path / "map.toml", "--url", service.url
        )
        service.wait_idle(240)
        drawn = {
            code: service.get(f"/v1/series/{code}~ae_attendances~month") for code in organisations
        }

    assert "0 refused" in done.stdout, done.stderr
    compared = 0
    for code, series in drawn.items():
        points = [point for point in series["points"] if point["upper"] is not None]
        values = [nan if point["value"] is None else point["value"] for point in points]
        if not points:
            continue
        mean, lower, upper = plain_limits(values)
        for name, expected in (("mean", mean), ("lower", lower), ("upper", upper)):
            assert points[-1][name] == pytest.approx(expected, rel=1e-9), code
        shown = [point["special_cause"] or COMMON for point in points]

        assert plain_causes(values) == shown, code
        compared += 1

    assert compared >= 130
