"""Parity with qicharts2 0.8.1 for i, p, u, c, p', u', g and t charts."""

from __future__ import annotations

import numpy as np

from detectors.charts.chart import chart
from tests.reference.cases import by_case, column, file_beside

KINDS = {
    "cdi_i": "xmr",
    "mont_6.5_i": "xmr",
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
NOT_OFFERED = {"cdi_mr_scr", "cdi_mr_noscr", "nhs_ip_scr", "nhs_ip_noscr"}


def kind_of(name):
    return next((kind for start, kind in KINDS.items() if f"{name}_".startswith(f"{start}_")), None)


def compare(name, case):
    """One chart of the file against ours: values, centre line and both pairs of limits."""
    kind = kind_of(name)
    divided = kind.startswith(("p", "u"))
    part = column(case, "part")
    unused = [i for i, row in enumerate(case) if "FALSE" in {row["include"], row["baseline"]}]
    ours = chart(
        column(case, "y.sum") if divided else np.round(column(case, "y"), 6),
        kind=kind,
        denominators=column(case, "n") if divided else None,
        per=next((per for start, per in PER.items() if name.startswith(start)), 1.0),
        rebase=(np.flatnonzero(np.diff(part)) + 1).tolist(),
        exclude=unused,
        screen=not name.endswith("_noscr"),
        compat="qicharts2",
    )
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


def test_every_chart_of_the_package_is_reproduced():
    cases = by_case(file_beside("qicharts2_cases.csv"), "case", "facet1", "facet2")
    compared = set()
    for (name, *_), case in cases.items():
        if kind_of(name):
            compare(name, case)
            compared.add(name)

    assert {name for name, *_ in cases} - compared == NOT_OFFERED
    assert len(compared) == 43
