"""Our monitors are river's: the same detections and warnings, the same state."""

from __future__ import annotations

import ast
from functools import cache

import numpy as np
import pytest

from detectors.drift.error_monitors import Ddm, Eddm, Fhddm, HddmA, HddmW
from detectors.drift.kswin import Kswin
from detectors.drift.monitors import Adwin, PageHinkley
from detectors.drift.supporting import findings
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
KSWINS = {
    "KSWIN_seed42_a.0001": {"alpha": 0.0001, "window_size": 100, "stat_size": 30, "seed": 42},
    "KSWIN_seed7_a.005": {"alpha": 0.005, "window_size": 100, "stat_size": 30, "seed": 7},
    "KSWIN_w300_s100": {"alpha": 0.0005, "window_size": 300, "stat_size": 100, "seed": 1},
}
OF_ERRORS = {
    "DDM": Ddm,
    "EDDM": Eddm,
    "HDDM_A": HddmA,
    "HDDM_A_two": lambda: HddmA(two_sided_test=True),
    "HDDM_W": HddmW,
    "HDDM_W_two": lambda: HddmW(two_sided_test=True),
    "FHDDM(1=correct)": Fhddm,
    "FHDDM_short": lambda: Fhddm(short_window_size=20),
}
FILE = rows(HERE / "river_drift_detections.csv")
DETECTIONS = [row for row in FILE if row["detector"] in DETECTORS]
OF_KSWIN = [row for row in FILE if row["detector"] in KSWINS]
WARNINGS = [row for row in FILE if row["detector"] in OF_ERRORS]
TRACES = by_case(HERE / "river_state_traces.csv", "stream", "detector")


@cache
def stream(name):
    return column(by_case(HERE / "river_streams.csv", "stream")[(name,)], "x")


@pytest.mark.parametrize("row", DETECTIONS, ids=lambda row: f"{row['stream']}-{row['detector']}")
def test_the_same_detections_as_river(row):
    found = findings(stream(row["stream"]), [DETECTORS[row["detector"]]()])

    assert ast.literal_eval(row["drift_indices"]) == [finding.index for finding in found]


@pytest.mark.slow
@pytest.mark.parametrize("row", OF_KSWIN, ids=lambda row: f"{row['stream']}-{row['detector']}")
def test_the_same_detections_as_kswin(row):
    found = findings(stream(row["stream"]), [Kswin(**KSWINS[row["detector"]])])

    assert ast.literal_eval(row["drift_indices"]) == [finding.index for finding in found]


@pytest.mark.parametrize("row", WARNINGS, ids=lambda row: f"{row['stream']}-{row['detector']}")
def test_the_same_drift_and_warnings_of_errors(row):
    ours = OF_ERRORS[row["detector"]]()
    drift, warnings = [], []
    for i, value in enumerate(stream(row["stream"]).tolist()):
        # The file's FHDDM was given the stream as correct answers; ours takes errors.
        if ours.update(1.0 - value if isinstance(ours, Fhddm) else value):
            drift.append(i)
        if ours.warning:
            warnings.append(i)

    assert ast.literal_eval(row["drift_indices"]) == drift
    assert int(row["n_warnings"]) == len(warnings)
    assert ast.literal_eval(row["warning_indices_first50"]) == warnings[:50]


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


def test_all_of_the_file_is_compared():
    assert len(DETECTIONS) == 24
    assert len(FILE) == len(DETECTIONS) + len(OF_KSWIN) + len(WARNINGS)
    assert {name for _, name in TRACES} <= set(DETECTORS)
