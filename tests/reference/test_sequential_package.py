"""Critical values of the Poisson MaxSPRT as the R package Sequential has them."""

from __future__ import annotations

import pytest

from detectors.sequential.maxsprt_levels import poisson_critical_value, poisson_level
from tests.reference.cases import HERE, rows

CASES = rows(HERE / "maxsprt_poisson_cv_Sequential.csv")


@pytest.mark.parametrize(
    "row", CASES, ids=lambda row: f"T{row['SampleSize']}-M{row['M']}-alpha{row['alpha']}"
)
def test_the_same_critical_value(row):
    horizon, minimum, alpha = float(row["SampleSize"]), int(row["M"]), float(row["alpha"])
    ours = poisson_critical_value(horizon, alpha=alpha, minimum=minimum)

    # Sequential stops its search once the level is within 1e-8 of alpha.
    assert ours == pytest.approx(float(row["cv"]), abs=1.5e-6)
    assert poisson_level(ours, horizon, minimum=minimum) == pytest.approx(alpha, abs=1e-12)
    assert poisson_level(float(row["cv"]), horizon, minimum=minimum) == pytest.approx(
        alpha, abs=1.01e-8
    )


def test_the_values_that_kulldorff_published():
    published = {1: 2.853937, 5: 3.297183, 10: 3.467952, 50: 3.819903, 100: 3.952321}

    assert published == {t: round(poisson_critical_value(float(t)), 6) for t in published}
