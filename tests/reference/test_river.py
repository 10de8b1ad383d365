"""Our monitors are river's ADWIN and Page-Hinkley: the same detections, the same state."""

from __future__ import annotations

import ast
from functools import cache

import numpy as np
import pytest

from detectors.drift.monitors import Adwin, PageHinkley, monitor
from tests.reference.cases import HERE, by_case, column, rows

RIVER_DEFAULTS = {"min_instances": 30, "delta": 0.005, "threshold": 50.0}
DETECTORS = {
    "ADWIN_default": lambda: Adwin(delta=0.002, clock=32),
    "ADWIN_d.01_clock1": lambda: Adwin(delta=0.01),
    "ADWIN_d.0001_clock1_min30": lambda: Adwin(delta=0.0001, min_window_length=30),
    "PH_default": lambda: PageHinkley(**RIVER_DEFAULTS),
    "PH_t20_d.05_up": lambda: PageHinkley(min_instances=30, delta=0.05, threshold=20.0, mode="up"),
    "PH_t20_a1": lambda: PageHinkley(min_instances=30, delta=0.05, threshold=20.0, alpha=1.0),
}
DETECTIONS = [
    row for row in rows(HERE / "river_drift_detections.csv") if row["detector"] in DETECTORS
]
TRACES = by_case(HERE / "river_state_traces.csv", "stream", "detector")


@cache
def stream(name):
    return column(by_case(HERE / "river_streams.csv", "stream")[(name,)], "x")


@pytest.mark.parametrize("row", DETECTIONS, ids=lambda row: f"{row['stream']}-{row['detector']}")
def test_the_same_detections_as_river(row):
    found = monitor(stream(row["stream"]), [DETECTORS[row["detector"]]()])

    assert ast.literal_eval(row["drift_indices"]) == [finding.index for finding in found]


@pytest.mark.parametrize("key", [key for key in TRACES if key[1] in DETECTORS], ids="-".join)
def test_the_same_state_as_river_along_the_way(key):
    name, detector_name = key
    ours = DETECTORS[detector_name]()
    expected = {int(row["i"]): [float(row[c]) for c in "abcd"] for row in TRACES[key]}
    for i, value in enumerate(stream(name)):
        ours.update(value)
        if i in expected:
            np.testing.assert_allclose(state(ours), expected[i], rtol=1e-9, atol=1e-9)


def state(ours):
    inner = ours._detector
    if isinstance(ours, Adwin):
        return [inner.width, inner.estimation, inner.variance, inner.total]
    rise = inner._sum_increase - inner._min_increase
    fall = inner._max_decrease - inner._sum_decrease
    return [inner._x_mean.n, inner._x_mean.get(), rise, fall]


def test_all_of_the_file_for_these_detectors_is_compared():
    assert len(DETECTIONS) == 24
