"""Mean times between false alarms and delays of rules over four channels, by simulation.

The reference files hold simulated means. Four standard normal channels with a common correlation
(two soft, two hard); a rise of 0.7 standard deviations looked for; an alarm restarts a rule. The
delay counts the observations from the change to the first alarm after it, 30 observations into
a record. Here the runs are few, so agreement is asked for within four standard errors of the
difference, the runs of the files (at least 8,000) counted.
"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from detectors.many_series.channel_rules import ChannelRule, mixture_product
from detectors.many_series.e_detectors import detect
from detectors.many_series.subset_mixture import SubsetMixture
from tests.reference.cases import HERE

MIXTURE = json.loads((HERE / "mc_triangulation_subset_mixture.json").read_text())
RULES = json.loads((HERE / "mc_triangulation_rules.json").read_text())
SHIFTS = {
    "all4 +0.5s": (0.5, 0.5, 0.5, 0.5),
    "all4 +0.3s": (0.3, 0.3, 0.3, 0.3),
    "2 soft +1s": (1.0, 1.0, 0.0, 0.0),
    "2 soft +0.7, 1 hard +0.7": (0.7, 0.7, 0.7, 0.0),
    "1 hard +2s": (0.0, 0.0, 2.0, 0.0),
    "1 soft +1s": (1.0, 0.0, 0.0, 0.0),
}
EFFECT = 0.7
GUARANTEED = 260.0
LOG_GUARANTEED = math.log(GUARANTEED)
BEFORE = 30
STEPS = 150_000
RUNS = 1_200
LONGEST = 400
SUBSETS = ((0,), (1,), (2,), (3,), (0, 1), (2, 3), (0, 1, 2, 3))
WEIGHTS = (0.125,) * 6 + (0.25,)
# Standard deviation of the EWMA by whose multiple the file states its Stouffer threshold.
SPREAD = 2.0 * math.sqrt(0.15 / 1.85)


def channels(shape, rho, seed):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(*shape, 1))
    return math.sqrt(rho) * common + math.sqrt(1.0 - rho) * rng.normal(size=(*shape, 4))


def mixture(assumed, log_threshold=LOG_GUARANTEED):
    return lambda z: (
        SubsetMixture(
            channels=4,
            subsets=SUBSETS,
            weights=WEIGHTS,
            effect=EFFECT,
            correlation=assumed,
            floor=0.0,
            threshold=math.exp(log_threshold),
        )
        .watch(z)
        .detections.alarms
    )


def rule(name, threshold, smoothing=0.15):
    return lambda z: ChannelRule(
        channels=4, rule=name, threshold=threshold, effect=EFFECT, smoothing=smoothing
    ).watch(z)


def own(z):
    return EFFECT * z - EFFECT**2 / 2.0


def e_rule(parts, log_threshold):
    def watch(z):
        logs = parts(own(z))
        weights = (1.0 / logs.shape[1],) * logs.shape[1]
        return detect(
            logs, weights=weights, threshold=math.exp(log_threshold), logarithmic=True
        ).alarms

    return watch


def product(logs):
    return mixture_product(logs, share=0.5)[:, None]


def groups(logs):
    return np.column_stack([mixture_product(logs[:, at : at + 2], share=0.5) for at in (0, 2)])


def by_channel(logs):
    return logs


WATCHES = {
    "max of local CUSUMs": lambda h: rule("max", h),
    "Mei sum of local CUSUMs": lambda h: rule("sum", h),
    "CUSUM p + Cauchy": lambda h: rule("cusum_cauchy", h),
    "EWMA+Stouffer": lambda h: rule("stouffer", h / SPREAD),
    "EWMA p + Fisher": lambda h: rule("fisher", h),
    "EWMA p + Cauchy": lambda h: rule("cauchy", h),
    "Fisher, memoryless": lambda h: rule("fisher", h, smoothing=1.0),
    "e-SR of prod(1-pi+pi*LR)": lambda h: e_rule(product, h),
    "mean of e-SR (any dependence)": lambda h: e_rule(by_channel, h),
    "group e-SR (prod within, mean between)": lambda h: e_rule(groups, h),
}
GUARANTEES = {f"guaranteed {name}": watch for name, watch in WATCHES.items() if "e-SR" in name}


def between_alarms(watch, rho):
    """Mean time between alarms in one long record, and its standard error."""
    at = np.flatnonzero(watch(channels((STEPS,), rho, 1)))
    times = np.diff(at, prepend=-1)
    return times.mean(), times.std() / math.sqrt(len(times))


def delay(watch, shift):
    """Mean delay after a change, and its standard error."""
    z = channels((RUNS, BEFORE + LONGEST), 0.0, 2)
    z[:, BEFORE:] += shift
    times = np.array([np.argmax(watch(record)[BEFORE:]) + 1.0 for record in z])
    return times.mean(), times.std() / math.sqrt(RUNS)


def agrees(expected, found, runs=8_000):
    mean, error = found
    # The spread of the file's own runs is that of ours.
    own_runs = (error * math.sqrt(RUNS)) / math.sqrt(runs)
    assert expected == pytest.approx(mean, abs=4.0 * math.hypot(error, own_runs))


@pytest.mark.parametrize("case", [case for case in MIXTURE if case.startswith("guar")])
def test_the_subset_mixture_has_the_simulated_time_between_false_alarms(case):
    true, assumed = (float(part.split("=")[1]) for part in case.split()[1:])

    agrees(MIXTURE[case]["ARL0"], between_alarms(mixture(assumed), true))


@pytest.mark.parametrize("scenario", SHIFTS)
def test_the_subset_mixture_has_the_simulated_delays(scenario):
    expected = MIXTURE["guar rho=0.0 assumed=0.0"][scenario]

    agrees(expected, delay(mixture(0.0), SHIFTS[scenario]))


def test_the_calibrated_subset_mixture_has_the_simulated_delay():
    case = MIXTURE["calibrated rho=0"]

    agrees(case["2 soft +1s"], delay(mixture(0.0, case["h"]), SHIFTS["2 soft +1s"]))


@pytest.mark.parametrize("rho", [0.0, 0.3])
@pytest.mark.parametrize("name", WATCHES)
def test_a_rule_has_the_simulated_time_between_false_alarms(name, rho):
    expected = RULES[name]["ARL0_rho0" if rho == 0.0 else "ARL0_rho0_3"]

    agrees(expected, between_alarms(WATCHES[name](RULES[name]["h"]), rho))


@pytest.mark.parametrize("name", GUARANTEES)
def test_a_guaranteed_rule_keeps_its_promise_as_simulated(name):
    found = between_alarms(GUARANTEES[name](LOG_GUARANTEED), 0.0)

    agrees(RULES[name]["ARL0_rho0"], found)
    assert found[0] > GUARANTEED


@pytest.mark.parametrize("name", WATCHES)
def test_a_rule_has_the_simulated_delay(name):
    expected = RULES[name]["2 soft +1s"]

    agrees(expected, delay(WATCHES[name](RULES[name]["h"]), SHIFTS["2 soft +1s"]))


def test_every_rule_of_the_file_is_compared():
    assert set(RULES) == set(WATCHES) | set(GUARANTEES)
