"""Average run lengths of the zone rules, against Champ & Woodall (1987, table 1) and spc."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.charts.zone_rules import zone_signals

SERIES, POINTS = 6_000, 1_200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rules", "shift", "expected"),
    [
        ((1,), 0.0, 370.40),
        ((1, 2), 0.0, 225.44),
        ((1, 3), 0.0, 166.05),
        ((1, 4), 0.0, 152.73),
        ((1, 2, 3), 0.0, 132.89),
        ((1, 2, 4), 0.0, 122.05),
        ((1, 3, 4), 0.0, 105.78),
        ((1, 2, 3, 4), 0.0, 91.75),
        ((1,), 1.0, 43.89),
        ((1, 2, 3, 4), 1.0, 9.22),
    ],
)
def test_stable_and_shifted_data_is_flagged_as_soon_as_published(rules, shift, expected):
    values = np.random.default_rng(1_987).normal(shift, 1.0, (SERIES, POINTS))
    group = np.repeat(np.arange(SERIES, dtype=np.int32), POINTS)
    bits = zone_signals(values.ravel(), 0.0, 1.0, rules=rules, group=group).reshape(SERIES, POINTS)
    fired = np.maximum.accumulate(bits != 0, axis=1)
    # Time over events: the few series that never signalled are counted as they were cut off.
    measured = (int((~fired).sum()) + int(fired[:, -1].sum())) / int(fired[:, -1].sum())

    # Four standard errors of a mean of nearly exponential times.
    assert expected == pytest.approx(measured, rel=4 / np.sqrt(SERIES))
