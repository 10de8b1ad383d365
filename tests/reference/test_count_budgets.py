"""False alarms of e-detectors on counts with an estimated rate, by simulation.

The reference file holds false alarms per unit and year of 20,000 units over 104 weeks at a
threshold of 260 (a budget of 0.2), for a relative rate of 1.5. Rates are Gamma distributed with
shape 2, the prior is that distribution, and a baseline of n0 weeks comes first. Here 2,000
units are simulated; agreement is asked for within four standard errors of the difference.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from detectors.many_series.count_ratios import CountEDetector
from tests.reference.cases import HERE

ROWS = json.loads((HERE / "mc_gamma_poisson_eSR_budget.json").read_text())
UNITS, WEEKS, YEARS = 2_000, 104, 2.0
REFERENCE_UNITS = 20_000
SHAPE = 2.0
OVERDISPERSION = 0.2


def counts_of(mean, weeks, dispersion):
    rng = np.random.default_rng(7)
    rates = rng.gamma(SHAPE, mean / SHAPE, UNITS)[:, None]
    if dispersion:
        rates = rates * rng.gamma(1.0 / dispersion, dispersion, (UNITS, weeks))
    return rng.poisson(rates, (UNITS, weeks)).astype(float)


def false_alarms(row, *, counted=0.0, **settings):
    """Mean false alarms per unit and year, and the standard error."""
    n0, mean = row["n0"], row["mean"]
    alarms = np.array(
        [
            CountEDetector(
                shape=SHAPE + unit[:n0].sum(), rate=SHAPE / mean + n0, risks=(1.5,), **settings
            )
            .watch(unit[n0:])
            .alarms.sum()
            for unit in counts_of(mean, n0 + WEEKS, counted)
        ]
    )
    return alarms.mean() / YEARS, alarms.std() / YEARS / math.sqrt(UNITS)


def agrees(expected, found):
    mean, error = found
    both = error * math.sqrt(1.0 + UNITS / REFERENCE_UNITS)
    assert expected == pytest.approx(mean, abs=4.0 * both)


def identity(row):
    return f"mean {row['mean']} n0 {row['n0']}"


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_baseline_that_learns_has_the_simulated_false_alarms(row):
    found = false_alarms(row)

    agrees(row["prequential predictive"], found)
    assert found[0] < 0.2


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_frozen_baseline_has_the_simulated_false_alarms(row):
    agrees(row["frozen predictive"], false_alarms(row, prequential=False))


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_ignored_overdispersion_has_the_simulated_false_alarms(row):
    agrees(row["prequential, od=.2"], false_alarms(row, counted=OVERDISPERSION))
    frozen = false_alarms(row, counted=OVERDISPERSION, prequential=False)
    agrees(row["frozen, NB overdispersed od=.2"], frozen)


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_overdispersion_that_is_modelled_keeps_the_budget(row):
    mean, error = false_alarms(row, counted=OVERDISPERSION, dispersion=OVERDISPERSION)

    assert mean < 0.2 + 2.0 * error


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_a_rate_plugged_in_as_if_known_has_the_simulated_false_alarms(row):
    n0, mean = row["n0"], row["mean"]
    certain = 1e9
    alarms = []
    for unit in counts_of(mean, n0 + WEEKS, 0.0):
        rate = (SHAPE + unit[:n0].sum()) / (SHAPE / mean + n0)
        detector = CountEDetector(
            shape=rate * certain, rate=certain, risks=(1.5,), prequential=False
        )
        alarms.append(detector.watch(unit[n0:]).alarms.sum())

    agrees(
        row["plug-in Poisson"],
        (np.mean(alarms) / YEARS, np.std(alarms) / YEARS / math.sqrt(UNITS)),
    )
