"""Levels and discoveries of online testing as onlineFDR 2.19.1 gives them."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.many_series.lord_recent import RecentLord
from detectors.many_series.online_fdr import Addis, Lord, Saffron
from detectors.many_series.online_spending import (
    AddisSpending,
    AlphaSpending,
    Lond,
    OnlineFallback,
)
from tests.reference.cases import HERE, by_case, column

PROCEDURES = {
    "LORD_pp": Lord,
    "LORD_3": lambda: RecentLord(version="3", compat="onlineFDR"),
    "LORD_discard": lambda: Lord(version="discard"),
    "SAFFRON": Saffron,
    "ADDIS": Addis,
    "LOND": Lond,
    "LOND_dep": lambda: Lond(dependence="arbitrary"),
    "Alpha_spending": AlphaSpending,
    "ADDIS_spending": AddisSpending,
    "online_fallback": OnlineFallback,
}
CASES = by_case(HERE / "onlineFDR_cases.csv", "method", "series")


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_the_same_levels_and_discoveries_as_online_fdr(case):
    p = column(CASES[case], "pval")
    decisions = PROCEDURES[case[0]]().decide(p)

    np.testing.assert_allclose(decisions.levels, column(CASES[case], "alphai"), rtol=1e-6)
    np.testing.assert_array_equal(decisions.rejected, column(CASES[case], "R") == 1)


def test_every_procedure_of_the_file_is_compared():
    assert {method for method, _ in CASES} == set(PROCEDURES)
