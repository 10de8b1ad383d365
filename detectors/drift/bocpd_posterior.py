"""The run-length posterior of Bayesian online change-point detection, one step at a time.

A run is the stretch of observations since the last change; its length r is unknown. With hazard
H = 1 / lambda and pi_r the predictive density of the next observation after a run of r,

    P(r + 1, x_1..t) = P(r, x_1..t-1) pi_r (1 - H)         the run goes on
    P(0, x_1..t)     = sum_r P(r, x_1..t-1) pi_r H         a new one begins after x_t

and dividing by the sum gives P(r_t | x_1..t). All in logarithms: the factors of a long series
underflow. Two families of pi:

    Gaussian, unknown mean and variance   normal-inverse-gamma (m, k, a, b); Student-t with 2 a
                                          degrees of freedom, location m, scale^2 b (k + 1) / (a k)
    Poisson, unknown rate                 Gamma (a, b); negative binomial of size a and
                                          probability b / (b + exposure)

Run lengths whose probability falls below ``prune`` are dropped and the rest scaled up. After that
at most ``most`` are kept, the most probable, so that neither time nor memory grows.

Source: R. P. Adams & D. J. C. MacKay, "Bayesian online changepoint detection", arXiv:0710.3742
(2007), algorithm 1; predictive densities: K. P. Murphy, "Conjugate Bayesian analysis of the
Gaussian distribution" (2007), section 3.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.arrays import Floats, Ints
from detectors.compiled import compiled

GAUSSIAN = 0
COUNTS = 1


@compiled
def log_predictive(family: int, beliefs: Floats, x: float, exposure: float) -> float:
    """Log-density of the next observation under one run's beliefs, shape (4,)."""
    value: float
    if family == GAUSSIAN:
        mean, strength, shape, scale = beliefs
        spread = scale * (strength + 1.0) / (shape * strength)
        value = (
            math.lgamma(shape + 0.5)
            - math.lgamma(shape)
            - 0.5 * math.log(2.0 * math.pi * shape * spread)
            - (shape + 0.5) * math.log1p((x - mean) ** 2 / (2.0 * shape * spread))
        )
        return value
    shape, rate = beliefs[0], beliefs[1]
    value = (
        math.lgamma(shape + x)
        - math.lgamma(shape)
        - math.lgamma(x + 1.0)
        - shape * math.log1p(exposure / rate)
        - x * math.log1p(rate / exposure)
    )
    return value


@compiled
def _learn(family: int, beliefs: Floats, x: float, exposure: float) -> Floats:
    """Beliefs after one more observation of the run."""
    learnt = beliefs.copy()
    if family == GAUSSIAN:
        mean, strength, shape, scale = beliefs
        learnt[0] = (strength * mean + x) / (strength + 1.0)
        learnt[1] = strength + 1.0
        learnt[2] = shape + 0.5
        learnt[3] = scale + strength * (x - mean) ** 2 / (2.0 * (strength + 1.0))
    else:
        learnt[0] += x
        learnt[1] += exposure
    return learnt


@compiled
def _log_sum(values: Floats) -> float:
    highest: float = values.max()
    return highest + math.log(np.exp(values - highest).sum())


@compiled
def advance(
    family: int,
    prior: Floats,
    log_mass: Floats,
    run: Ints,
    beliefs: Floats,
    x: float,
    exposure: float,
    hazard: float,
    prune: float,
    most: int,
) -> tuple[Floats, Ints, Floats, float]:
    """The posterior after one more observation.

    Args:
        family: ``GAUSSIAN`` or ``COUNTS``.
        prior: Beliefs of a new run, shape (4,).
        log_mass: Log-probability of each run kept, shape (runs,).
        run: Its length, likewise.
        beliefs: Its beliefs, shape (runs, 4).
        x: The observation.
        exposure: Its exposure (counts only).
        hazard: Chance of a change after any observation.
        prune: Least probability of a run that is kept.
        most: Most runs kept.

    Returns:
        The new ``log_mass``, ``run`` and ``beliefs``, a run of length zero first, and the log of
        the predictive density of x.
    """
    joint = np.empty(len(run))
    for i in range(len(run)):
        joint[i] = log_mass[i] + log_predictive(family, beliefs[i], x, exposure)
    evidence = _log_sum(joint)
    grown = joint - evidence + math.log1p(-hazard)
    least = math.log(prune) if prune > 0.0 else -math.inf
    if len(grown) > most - 1:
        least = max(least, np.sort(grown)[len(grown) - (most - 1)])
    kept = 1 + (grown >= least).sum()
    new_mass = np.empty(kept)
    new_run = np.zeros(kept, np.int64)
    new_beliefs = np.empty((kept, 4))
    new_mass[0] = math.log(hazard)
    new_beliefs[0] = prior
    at = 1
    for i in range(len(run)):
        if grown[i] >= least:
            new_mass[at] = grown[i]
            new_run[at] = run[i] + 1
            new_beliefs[at] = _learn(family, beliefs[i], x, exposure)
            at += 1
    if kept <= len(run):
        new_mass -= _log_sum(new_mass)
    return new_mass, new_run, new_beliefs, evidence


@compiled
def summary(log_mass: Floats, run: Ints, recent: int) -> tuple[float, int, float]:
    """P(r <= recent), the most probable run length and the expected one."""
    young, expected = 0.0, 0.0
    for i in range(len(run)):
        mass = math.exp(log_mass[i])
        expected += mass * run[i]
        if run[i] <= recent:
            young += mass
    return young, run[np.argmax(log_mass)], expected


@compiled
def follow(
    family: int,
    prior: Floats,
    x: Floats,
    exposure: Floats,
    hazard: float,
    prune: float,
    most: int,
    recent: int,
) -> tuple[Floats, Ints, Floats, Floats]:
    """P(r <= recent), best and expected run length and log-predictive at each observation."""
    young, expected, evidence = np.empty(len(x)), np.empty(len(x)), np.empty(len(x))
    best = np.empty(len(x), np.int64)
    log_mass, run = np.zeros(1), np.zeros(1, np.int64)
    beliefs = prior.copy().reshape(1, 4)
    for t in range(len(x)):
        log_mass, run, beliefs, evidence[t] = advance(
            family, prior, log_mass, run, beliefs, x[t], exposure[t], hazard, prune, most
        )
        young[t], best[t], expected[t] = summary(log_mass, run, recent)
    return young, best, expected, evidence
