"""RKI, Bayes, CDC and OutbreakP against R surveillance 1.26.0 on the agona series.

The settings of the case "cdc" were recovered from its figures. The CUSUM cases of the same
file are no part of this family.
"""

from __future__ import annotations

import numpy as np
import pytest

from detectors.surveillance.historical import SYSTEMS, bayes, cdc, rki
from detectors.surveillance.outbreak_p import outbreak_p
from tests.reference.cases import by_case, column, file_beside, rows

CASES = {
    "rki3": lambda counts: rki(counts, SYSTEMS[3]),
    "bayes1": lambda counts: bayes(counts, SYSTEMS[1]),
    "bayes3_b2w4": lambda counts: bayes(counts, SYSTEMS[3]),
    "cdc": lambda counts: cdc(counts, b=3, alpha=0.001),
}


def agona():
    return column(rows(file_beside("data_surv_agona.csv")), "observed")


def case_of(name):
    case = by_case(file_beside("surv_misc_agona.csv"), "case")[(name,)]
    return case, column(case, "t").astype(int) - 1


@pytest.mark.parametrize("name", CASES)
def test_bounds_and_alarms_agree_with_the_package_on_agona(name):
    case, judged = case_of(name)

    ours = CASES[name](agona())

    np.testing.assert_allclose(ours.bound[judged], column(case, "upperbound"), rtol=1e-12)
    np.testing.assert_array_equal(ours.alarm[judged], column(case, "alarm"))


def test_outbreak_p_agrees_with_the_package_on_agona():
    case, judged = case_of("outbreakP")

    ours = outbreak_p(agona())

    np.testing.assert_allclose(ours.statistic[judged], column(case, "upperbound"), rtol=1e-9)
    np.testing.assert_array_equal(ours.alarm[judged], column(case, "alarm"))
