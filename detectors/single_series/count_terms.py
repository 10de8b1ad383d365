"""Evidence that the rate of a count has changed: the Gamma-Poisson form.

Counts x_t with exposure m_t and unknown rate, Gamma(a, b) prior; since period k the
rate is multiplied by r: above 1 where a rise is looked for, below for a fall or a silence. With
A, M the weighted totals of all periods and A1, M1 those since k, the rate integrated out:

    log BF(k, r) = A1 log r - (a + A) log(1 + (r - 1) M1 / (b + M)).

Counts come in bursts, so periods are weighted by 1 / (1 + 1.2 alpha rate m) with
negative-binomial dispersion alpha (variance mu + alpha mu^2). The Bayes factor is that of
``detectors.evidence.statistic``, derived in ``docs/methods.md``, section 3.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import numbers
from detectors.evidence.counts import F64
from detectors.evidence.elementary import logarithms
from detectors.single_series.episodes import Way
from detectors.single_series.onset_sums import means_over_effects, stays_below, sums_since
from detectors.single_series.onsets import AGES, COUNT

# Rate ratios tried for a rise; a fall for the better tries their inverses.
RISES = (1.5, 2.0, 3.0)
# For silence: to a half, a quarter, a tenth, and to next to nothing.
FALLS = (0.5, 0.25, 0.1, 0.02)
# A feed that fails falls further than reporting does.
OUTAGES = (0.25, 0.1, 0.02)
# Gamma prior of the rate: little weight, nearly no exposure.
PRIOR = (0.5, 1e-6)
# Negative-binomial dispersion before anything is seen: mean and sd.
OVERDISPERSION = (0.15, 0.2)
# Nothing comes off the guaranteed threshold (docs/methods-listening.md).
DISCOUNT = 0.0
CAUTION = 1.2
# The newest periods are left out of the estimates: a fall would distort them.
LAG = 8
# A rise counts at most as a count so many sd above expectation, but at least so many events
# above it. Counts that come in bursts have long tails that no weight catches: without this,
# small budgets (0.005 a year) were overspent up to ten times.
CLIP, REACH = 3.0, 2.0
# Observed periods that are taken as they are.
TAKEN = 5
# Periods of a block, within which the rate is taken to be the same.
BLOCK = 13


def rate_ratios(way: Way) -> F64:
    """The rate ratios tried: above 1 for a rise, below for a fall."""
    rises: F64 = np.array(RISES)
    ways: dict[Way, F64] = {
        "rise": rises,
        "fall": 1.0 / rises,
        "both": np.concatenate([rises, 1.0 / rises]),
    }
    return ways[way]


def checked(counts: npt.ArrayLike, exposure: npt.ArrayLike) -> tuple[F64, F64]:
    """Series by periods, as floats; ValueError where they cannot be reports and exposure."""
    x = np.atleast_2d(numbers("counts", counts))
    m = np.atleast_2d(numbers("exposure", exposure))
    if x.shape != m.shape or x.ndim != 2:
        raise ValueError(f"counts {x.shape} and exposure {m.shape} must match")
    if not (np.isfinite(x).all() and np.isfinite(m).all()):
        raise ValueError("counts and exposure must be finite; exposure 0 means not observed")
    if (x < 0).any() or (m < 0).any():
        raise ValueError("counts and exposure cannot be negative")
    return x, m


def gap_chance(shape: float, exposed: float, gap: float) -> float:
    """Probability of no report in ``gap`` under the Gamma-Poisson predictive distribution.

    Exact: with A + a = ``shape`` and M + b = ``exposed`` before the gap, the mean of
    exp(-rate gap) over the posterior is (exposed / (exposed + gap)) ** shape.
    """
    return math.exp(-shape * math.log1p(gap / exposed))


@compiled
def log_bayes_factor(shape: float, scale: float, counted: float, since: float, r: float) -> float:
    """Log BF of "rate times r since the onset": shape = a + A, scale = b + M, counted = A1."""
    return counted * math.log(r) - shape * math.log1p((r - 1.0) * since / scale)


@compiled
def burstiness(x: F64, m: F64, period: int, guess: float, guess_sd: float) -> float:
    """Negative-binomial dispersion alpha, estimated before ``period`` - LAG.

    Moments about the mean of each block of periods (a silence must not look like
    dispersion): sum of (x - mu_b)^2 n_b / (n_b - 1) - mu over the sum of mu^2, with sd
    sqrt(2 sum (mu + guess mu^2)^2) / sum mu^2; weighted with the guess by precision,
    never below zero.
    """
    n = counted = exposed = 0.0
    for s in range(period + 1 - LAG):
        if m[s] > 0.0:
            n += 1.0
            counted += x[s]
            exposed += m[s]
    if n < 3.0 or counted <= 0.0:
        return guess
    rate = counted / exposed
    excess = squares = noise = 0.0
    held = within = passed = 0.0
    start = 0
    for s in range(period + 1 - LAG):
        if m[s] > 0.0:
            held += 1.0
            within += x[s]
            passed += m[s]
        if held < 2.0 or (held < BLOCK and s < period - LAG):
            continue
        own = within / passed
        for u in range(start, s + 1):
            if m[u] > 0.0:
                mu = rate * m[u]
                excess += (x[u] - own * m[u]) ** 2 * held / (held - 1.0) - own * m[u]
                squares += mu * mu
                noise += (mu + guess * mu * mu) ** 2
        held = within = passed = 0.0
        start = s + 1
    if squares <= 0.0:
        return guess
    precision = squares * squares / (2.0 * noise)
    prior = 1.0 / (guess_sd * guess_sd)
    return max(0.0, (precision * excess / squares + prior * guess) / (precision + prior))


@compiled
def bounded(x: F64, m: F64, guess: float, guess_sd: float, out: F64) -> None:
    """Bound each count from above by CLIP sd around what the periods before it let expect.

    At least REACH events more than expected are always let through. The first TAKEN observed
    periods are taken as they are.
    """
    seen = counted = exposed = 0.0
    for t in range(x.size):
        out[t] = x[t]
        if not m[t] > 0.0:
            continue
        if seen >= TAKEN:
            mu = (counted + 0.5) / exposed * m[t]
            # ``burstiness`` leaves the newest LAG periods out, counted from its own.
            alpha = burstiness(out, m, t - 1, guess, guess_sd)
            spread = mu + alpha * mu * mu + mu * mu / (counted + 0.5)
            out[t] = min(x[t], mu + max(REACH, CLIP * math.sqrt(spread)))
        seen += 1.0
        counted += out[t]
        exposed += m[t]


@compiled
def bounded_block(x: F64, m: F64, guess: float, guess_sd: float, out: F64) -> None:
    """``bounded`` of every series of a block."""
    for series in range(x.shape[0]):
        bounded(x[series], m[series], guess, guess_sd, out[series])


@compiled
def count_terms(
    x: F64, m: F64, period: int, after: float, effects: F64, prior: F64, alpha: float,
    terms: F64, leans: F64, since: F64, counted: F64, totals: F64, bar: float = -math.inf,
) -> bool:  # fmt: skip
    """Evidence by onset age at a period, from its past only.

    Fills ``terms`` (log of the mean BF over ``effects``; -inf for onsets up to
    ``after``), ``leans`` (posterior mean of log r), ``since`` and ``counted``
    (weighted exposure and count since the onset) and ``totals`` (weighted exposure
    and count of the whole history, and the rate that weights were made with). False,
    and terms that mean nothing, where the evidence certainly stays below ``bar``.
    """
    exposed = total = 0.0
    for s in range(period + 1):
        if m[s] > 0.0:
            exposed += m[s]
            total += x[s]
    rate = total / exposed if exposed > 0.0 else 0.0
    weights = np.empty(period + 1)
    for s in range(period + 1):
        weights[s] = 1.0 / (1.0 + CAUTION * alpha * rate * m[s])
    at = sums_since(x, m, weights, period, since, counted, totals)
    totals[2] = rate
    shape = prior[0] + totals[1]
    scale = prior[1] + totals[0]
    logs = np.log(effects)
    excess = np.zeros(COUNT)
    for i in range(COUNT):
        terms[i] = -math.inf
        leans[i] = 0.0
        # An onset needs something before it to be a change from.
        if i < at and period + 1 - AGES[i] > after and since[i] < totals[0]:
            terms[i] = 0.0
            excess[i] = counted[i] - since[i] * shape / scale
    factors = np.empty((COUNT, effects.size))
    if stays_below(bar, excess, logs, terms, factors):
        return False
    # log BF of "rate times r since the onset", as in ``log_bayes_factor``.
    for i in range(COUNT):
        for e in range(effects.size):
            held = since[i] if terms[i] > -math.inf else 0.0
            factors[i, e] = 1.0 + (effects[e] - 1.0) * held / scale
    logarithms(factors.reshape(-1))
    for i in range(COUNT):
        for e in range(effects.size):
            factors[i, e] = counted[i] * logs[e] - shape * factors[i, e]
    means_over_effects(factors, logs, terms, leans)
    return True
