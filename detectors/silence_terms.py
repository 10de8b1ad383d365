"""Evidence that reporting has stopped or fallen: the Gamma-Poisson form with r < 1.

Counts x_t with exposure m_t and unknown rate, Gamma(a, b) prior; since period k the
rate is multiplied by r (one half, a quarter, a tenth, a fiftieth). With A, M the
weighted totals of all periods and A1, M1 those since k, the rate integrated out:

    log BF(k, r) = A1 log r - (a + A) log(1 + (r - 1) M1 / (b + M)).

Reports come in bursts, so periods are weighted by 1 / (1 + 1.2 alpha rate m) with
negative-binomial dispersion alpha (variance mu + alpha mu^2).
"""

from __future__ import annotations

import math

from detectors.compiled import compiled
from detectors.onsets import AGES, COUNT, F64

CAUTION = 1.2
# The newest periods are left out of the estimates: a fall would distort them.
LAG = 8


@compiled
def log_bayes_factor(shape: float, scale: float, counted: float, since: float, r: float) -> float:
    """log BF of "rate times r since the onset": shape = a + A, scale = b + M, counted = A1."""
    return counted * math.log(r) - shape * math.log1p((r - 1.0) * since / scale)


@compiled
def burstiness(x: F64, m: F64, period: int, guess: float, guess_sd: float) -> float:
    """Negative-binomial dispersion alpha, estimated before ``period`` - LAG.

    Moments: sum of (x - mu)^2 n / (n - 1) - mu over the sum of mu^2, with sd
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
    for s in range(period + 1 - LAG):
        if m[s] > 0.0:
            mu = rate * m[s]
            excess += (x[s] - mu) ** 2 * n / (n - 1.0) - mu
            squares += mu * mu
            noise += (mu + guess * mu * mu) ** 2
    precision = squares * squares / (2.0 * noise)
    prior = 1.0 / (guess_sd * guess_sd)
    return max(0.0, (precision * excess / squares + prior * guess) / (precision + prior))


@compiled
def silence_terms(
    x: F64, m: F64, period: int, after: int, effects: F64, prior: F64, alpha: float,
    terms: F64, leans: F64, since: F64, counted: F64, totals: F64,
) -> None:  # fmt: skip
    """Evidence by onset age at a period, from its past only.

    Fills ``terms`` (log of the mean BF over ``effects``; -inf for onsets up to
    ``after``), ``leans`` (posterior mean of log r), ``since`` and ``counted``
    (weighted exposure and count since the onset) and ``totals`` (weighted exposure
    and count of the whole history, and the rate that weights were made with).
    """
    exposed = total = 0.0
    for s in range(period + 1):
        if m[s] > 0.0:
            exposed += m[s]
            total += x[s]
    rate = total / exposed if exposed > 0.0 else 0.0
    exposed = total = 0.0
    at = 0
    for age in range(1, period + 2):
        s = period + 1 - age
        if m[s] > 0.0:
            weight = 1.0 / (1.0 + CAUTION * alpha * rate * m[s])
            exposed += weight * m[s]
            total += weight * x[s]
        if at < COUNT and age == AGES[at]:
            since[at] = exposed
            counted[at] = total
            at += 1
    totals[0] = exposed
    totals[1] = total
    totals[2] = rate
    shape = prior[0] + total
    scale = prior[1] + exposed
    for i in range(COUNT):
        terms[i] = -math.inf
        leans[i] = 0.0
        # The first period cannot be an onset: there would be nothing before it.
        if i >= at or period + 1 - AGES[i] <= max(after, 0):
            continue
        top = -math.inf
        mean = lean = 0.0
        for r in effects:
            bf = log_bayes_factor(shape, scale, counted[i], since[i], r)
            if bf > top:
                shrink = math.exp(top - bf)
                mean *= shrink
                lean *= shrink
                top = bf
            part = math.exp(bf - top)
            mean += part
            lean += part * math.log(r)
        terms[i] = top + math.log(mean / effects.size)
        leans[i] = lean / mean
