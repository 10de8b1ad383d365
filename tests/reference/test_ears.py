"""EARS C1 and C2 against R surveillance 1.26.0, C3 against the CDC's definition.

The package's C3 is wrong (its alarm does not depend on the current count) and is not compared.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from detectors.surveillance.ears import ears
from tests.reference.cases import by_case, column, file_beside, rows


def newport():
    return column(rows(file_beside("data_surv_newport_germany.csv")), "observed")


@pytest.mark.parametrize("alpha", ["0.001", "0.05"])
@pytest.mark.parametrize("sigma", ["0", "0.5"])
@pytest.mark.parametrize("method", ["C1", "C2"])
def test_c1_and_c2_agree_with_the_package_on_newport(method, sigma, alpha):
    case = by_case(file_beside("surv_ears_newport.csv"), "case")[(f"{method}_a{alpha}_ms{sigma}",)]
    judged = column(case, "t").astype(int) - 1

    ours = ears(newport(), method=method, alpha=float(alpha), min_sigma=float(sigma))

    np.testing.assert_allclose(ours.bound[judged], column(case, "upperbound"), rtol=1e-12)
    np.testing.assert_array_equal(ours.alarm[judged], column(case, "alarm"))
    assert np.isnan(ours.bound[: judged[0]]).all()


def test_every_case_of_c1_and_c2_is_compared():
    names = {name for (name,) in by_case(file_beside("surv_ears_newport.csv"), "case")}

    assert all(re.fullmatch(r"C[123]_a0\.(001|05)_ms0(\.5)?", name) for name in names)
    assert 12 == len(names)


@pytest.mark.parametrize("sigma", ["0.0", "0.5", "1.0"])
def test_c3_agrees_with_the_definition_of_the_cdc_on_newport(sigma):
    case = by_case(file_beside("ears_c3_cdc_definition.csv"), "minSigma")[(sigma,)]
    judged = column(case, "t").astype(int) - 1

    ours = ears(newport(), method="C3", min_sigma=float(sigma))
    second = ears(newport(), method="C2", min_sigma=float(sigma))
    described = ears(newport(), method="C3", min_sigma=float(sigma), form="description")

    np.testing.assert_allclose(second.statistic[judged], column(case, "C2"), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        ours.statistic[judged], column(case, "C3_cdc"), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_array_equal(ours.alarm[judged], column(case, "alarm_C3_cdc_gt2"))
    np.testing.assert_allclose(
        described.bound[judged], column(case, "U3_documented_alpha.025"), rtol=1e-12, atol=1e-12
    )
