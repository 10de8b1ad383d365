"""Parity with qicharts2 0.8.1: 47 charts, and the run tests of each."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.anhoej import RunTestMonitor, crossings_limit, longest_run_limit, run_tests
from detectors.charts.chart import chart
from tests.reference.cases import HERE, by_case, column, file_beside, rows

KINDS = {
    "cdi_i": "xmr",
    "mont_6.5_i": "xmr",
    "cdi_mr": "mr",
    "nhs_ip": "i_prime",
    "cdi_c": "c",
    "mont_7.3_c": "c",
    "cdi_up": "u_prime",
    "hai_up": "u_prime",
    "complaints_up": "u_prime",
    "nhs_pp": "p_prime",
    "cabg_readm_pp": "p_prime",
    "cabg_g": "g",
    "cabg_t": "t",
    "mont_7.6_t": "t",
    "cdi_u": "u",
    "haifac_u": "u",
    "complaints_u": "u",
    "gtt_u": "u",
    "mont_7.4_u": "u",
    "mont_7.5_u": "u",
    "nhs_p": "p",
    "cabg_readm_p": "p",
    "cabg_death_p": "p",
    "mont_7.1_p": "p",
    "mont_7.4tbl_p": "p",
}
PER = {"cdi_u_part24_mult": 10_000.0, "gtt_u": 1_000.0, "mont_7.5_u_mult50": 50.0}


def kind_of(name):
    return next((kind for start, kind in KINDS.items() if f"{name}_".startswith(f"{start}_")), None)


def drawn(name, case):
    """Our chart of one chart of the file."""
    kind = kind_of(name)
    divided = kind.startswith(("p", "u", "i"))
    part = column(case, "part")
    unused = [i for i, row in enumerate(case) if "FALSE" in {row["include"], row["baseline"]}]
    given = "y.sum" if divided or kind == "mr" else "y"
    return chart(
        column(case, given) if divided else np.round(column(case, given), 6),
        kind=kind,
        denominators=column(case, "n") if divided else None,
        per=next((per for start, per in PER.items() if name.startswith(start)), 1.0),
        rebase=(np.flatnonzero(np.diff(part)) + 1).tolist(),
        exclude=unused,
        screen=not name.endswith("_noscr"),
        compat="qicharts2",
    )


def compare(name, case):
    """Values, centre line, both pairs of limits and the run tests, against ours."""
    ours = drawn(name, case)
    for theirs, line in (
        ("y", ours.value),
        ("cl", ours.mean),
        ("lcl", ours.lower),
        ("ucl", ours.upper),
        ("lcl.95", ours.near_lower),
        ("ucl.95", ours.near_upper),
    ):
        expected = column(case, theirs)
        scale = float(np.nanmax(np.abs(expected)))
        np.testing.assert_allclose(
            line, expected, rtol=1e-6, atol=1e-6 * scale, err_msg=f"{name} {theirs}"
        )
    included = np.array([row["include"] == "TRUE" for row in case])
    beyond = (ours.value > ours.upper) | (ours.value < ours.lower)

    assert beyond.tolist() == [row["sigma.signal"] == "TRUE" for row in case], name
    for number in range(int(ours.group[-1]) + 1):
        part = included & (ours.group == number)
        tests = run_tests(ours.value[part], ours.mean[part])
        row = case[int(np.flatnonzero(part)[0])]
        expected = [row[of] for of in ("n.useful", "longest.run", "n.crossings")]

        assert expected == [str(tests.useful), str(tests.longest_run), str(tests.crossings)], name
        assert row["longest.run.max"] == str(tests.longest_run_limit), name
        assert row["n.crossings.min"] == str(tests.crossings_limit), name
        assert (row["runs.signal"] == "TRUE") == tests.signal, name


def test_every_chart_of_the_package_is_reproduced():
    cases = by_case(file_beside("qicharts2_cases.csv"), "case", "facet1", "facet2")
    for (name, *_), case in cases.items():
        compare(name, case)

    assert len({name for name, *_ in cases}) == 47


LIMITS = rows(HERE / "anhoej_limits_table.csv")


def test_the_limits_of_the_run_tests_equal_the_published_table_from_10_to_240_points():
    assert [int(row["n_useful"]) for row in LIMITS] == list(range(10, 241))
    for row in LIMITS:
        useful = int(row["n_useful"])

        assert int(row["longest_run_max"]) == longest_run_limit(useful), useful
        assert int(row["crossings_min"]) == crossings_limit(useful), useful


@pytest.mark.parametrize("useful", [10, 24, 100, 240])
def test_a_series_at_its_limits_is_usual_and_one_step_beyond_is_not(useful):
    longest, fewest = longest_run_limit(useful), crossings_limit(useful)
    even = [(-1.0) ** i for i in range(useful - longest)]
    for run, expected in ((longest, False), (longest + 1, True)):
        monitor = RunTestMonitor(centre=0.0)
        for value in [-even[0]] * (run - 1) + [-even[0]] + even[: useful - run]:
            monitor.update(value)

        assert expected == bool(monitor.outcome.bits & 1)
    for crossings, expected in ((fewest, False), (fewest - 1, True)):
        alternating = [(-1.0) ** i for i in range(crossings)]
        rest = [(-1.0) ** crossings] * (useful - crossings)

        assert expected == bool(run_tests(alternating + rest, 0.0).bits & 2)
