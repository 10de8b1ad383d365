"""Log-likelihood ratios of a change in counts, maximised over its size and its start.

For counts x_t with in-control means mu_t and a change by exp(kappa) from k on, over a window of
observations k..n:

    Poisson            l(kappa)  = kappa X - (e^kappa - 1) M,         kappa^ = log(X / M)
    negative binomial  l(kappa)  = sum kappa x + (x + 1/a) log((1 + a mu) / (1 + a mu e^kappa))
    epidemic           l(lambda) = sum x log(1 + lambda y / mu) - lambda y

with X = sum x, M = sum mu, a the dispersion (variance mu + a mu^2) and y the count before x. The
negative binomial's score, in r = e^kappa, is sum (x - mu r) / (1 + a mu r) and the epidemic's is
sum x y / (mu + lambda y) - y: both are convex and falling, so that Newton's steps from below
approach the root from below and need no safeguard.

A window without any count fits a fall best: kappa^ is minus infinity and l = M for Poisson,
sum log(1 + a mu) / a for the negative binomial.

Source: M. Höhle & M. Paul, "Count data regression charts for the monitoring of surveillance time
series", Computational Statistics & Data Analysis 52 (2008), sections 2 and 3.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.arrays import Floats
from detectors.compiled import compiled

Found = tuple[float, int, float]  # statistic, length of the window, kappa^ or lambda^

POISSON = 0
NEGATIVE_BINOMIAL = 1
EPIDEMIC = 2
EPIDEMIC_AS_SURVEILLANCE = 3

STEPS = 200


@compiled
def poisson_change(
    x: Floats,
    mu: Floats,
    longest: int,
    shortest: int,
    direction: int,
    skip_empty: bool,  # noqa: FBT001 - kernels take their arguments by position
) -> Found:
    """The best window ending at the last observation, for Poisson counts."""
    best, length, effect = 0.0, 0, 0.0
    count, mean = 0.0, 0.0
    for i in range(min(len(x), longest)):
        count += x[len(x) - 1 - i]
        mean += mu[len(x) - 1 - i]
        if i + 1 < shortest or direction * (count - mean) <= 0.0:
            continue
        if count == 0.0:
            if skip_empty:
                continue
            kappa, value = -math.inf, mean
        else:
            kappa = math.log(count / mean)
            value = count * kappa - (count - mean)
        if value > best:
            best, length, effect = value, i + 1, kappa
    return best, length, effect


@compiled
def _negative_binomial_score(x: Floats, mu: Floats, first: int, a: float, r: float) -> Found:
    """Score, a placeholder and the score's slope at the ratio ``r``."""
    score, slope = 0.0, 0.0
    for t in range(first, len(x)):
        below = 1.0 + a * mu[t] * r
        score += (x[t] - mu[t] * r) / below
        slope -= mu[t] * (1.0 + a * x[t]) / (below * below)
    return score, 0, slope


@compiled
def negative_binomial_change(
    x: Floats, mu: Floats, a: float, longest: int, shortest: int, direction: int
) -> Found:
    """The best window ending at the last observation, for negative binomial counts."""
    best, length, effect = 0.0, 0, 0.0
    count, at_one = 0.0, 0.0
    fitted = 0.0
    for i in range(min(len(x), longest)):
        first = len(x) - 1 - i
        count += x[first]
        at_one += (x[first] - mu[first]) / (1.0 + a * mu[first])
        if i + 1 < shortest or direction * at_one <= 0.0:
            continue
        # The last window's ratio is a good start where it lies below the root.
        r = 1.0 if direction > 0 else 0.0
        if count > 0.0:
            if fitted > r and _negative_binomial_score(x, mu, first, a, fitted)[0] > 0.0:
                r = fitted
            for _ in range(STEPS):
                score, _unused, slope = _negative_binomial_score(x, mu, first, a, r)
                step = -score / slope
                r += step
                if step <= 1e-14 * r:
                    break
            fitted = r
        value = count * math.log(r) if count > 0.0 else 0.0
        for t in range(first, len(x)):
            value += (x[t] + 1.0 / a) * (math.log1p(a * mu[t]) - math.log1p(a * mu[t] * r))
        if value > best:
            best, length = value, i + 1
            effect = math.log(r) if r > 0.0 else -math.inf
    return best, length, effect


@compiled
def epidemic_change(x: Floats, mu: Floats, before: Floats, longest: int, shortest: int) -> Found:
    """The best window ending at the last observation, for mu + lambda * (count before)."""
    best, length, effect = 0.0, 0, 0.0
    for i in range(min(len(x), longest)):
        if i + 1 < shortest:
            continue
        first = len(x) - 1 - i
        rate = 0.0
        for _ in range(STEPS):
            score, slope = 0.0, 0.0
            for t in range(first, len(x)):
                mean = mu[t] + rate * before[t]
                score += x[t] * before[t] / mean - before[t]
                slope -= x[t] * before[t] ** 2 / mean**2
            if score <= 0.0 or slope == 0.0:
                break
            step = -score / slope
            rate += step
            if step <= 1e-14 * rate:
                break
        value = 0.0
        for t in range(first, len(x)):
            value += x[t] * math.log1p(rate * before[t] / mu[t]) - rate * before[t]
        if value > best:
            best, length, effect = value, i + 1, rate
    return best, length, effect


@compiled
def epidemic_change_as_surveillance(
    x: Floats, mu: Floats, before: Floats, longest: int, shortest: int
) -> Found:
    """As ``epidemic_change``, with lambda searched for as the package surveillance does.

    It takes Newton's steps in log lambda, from the longest window to the shortest, each from
    where the last one ended. Once a window's best lambda is zero the search has left for minus
    infinity and stays there, so the shorter windows of that observation are lost.
    """
    best, length, effect = 0.0, 0, 0.0
    rate = 0.5
    for first in range(max(0, len(x) - longest), len(x) - shortest + 1):
        old, new = 2.0, math.log(rate)
        for _ in range(1000):
            if not (new > -18.0 and abs(math.exp(new) - math.exp(old)) > 1e-6):
                break
            old = new
            at = math.exp(old)
            score, information = 0.0, 0.0
            for t in range(first, len(x)):
                mean = at * before[t] + mu[t]
                score += at * (x[t] * before[t] / mean - before[t])
                information += x[t] * (at * before[t] / mean) ** 2
            new = old + score / (information - score)
        rate = math.exp(new)
        value = 0.0
        for t in range(first, len(x)):
            value += x[t] * math.log(rate * before[t] / mu[t] + 1.0) - rate * before[t]
        if value > best:
            best, length, effect = value, len(x) - first, rate
    return best, length, effect


@compiled
def change(
    family: int,
    x: Floats,
    mu: Floats,
    before: Floats,
    a: float,
    longest: int,
    shortest: int,
    direction: int,
    skip_empty: bool,  # noqa: FBT001 - kernels take their arguments by position
) -> Found:
    """The best window ending at the last observation.

    Args:
        family: ``POISSON``, ``NEGATIVE_BINOMIAL``, ``EPIDEMIC`` or
            ``EPIDEMIC_AS_SURVEILLANCE``.
        x: Counts, shape (observations,).
        mu: In-control means, likewise.
        before: The count before each, likewise (epidemic only).
        a: Dispersion (negative binomial only).
        longest: Most observations in a window.
        shortest: Fewest observations in a window.
        direction: 1 for rises, -1 for falls, 0 for both.
        skip_empty: Leave windows without a count out (Poisson falls only).
    """
    if family == EPIDEMIC:
        return epidemic_change(x, mu, before, longest, shortest)
    if family == EPIDEMIC_AS_SURVEILLANCE:
        return epidemic_change_as_surveillance(x, mu, before, longest, shortest)
    best, length, effect = 0.0, 0, 0.0
    for side in (1, -1):
        if direction == -side:
            continue
        if family == POISSON:
            found = poisson_change(x, mu, longest, shortest, side, skip_empty)
        else:
            found = negative_binomial_change(x, mu, a, longest, shortest, side)
        if found[0] > best:
            best, length, effect = found
    return best, length, effect


@compiled
def known_change(x: float, mu: float, a: float, kappa: float) -> float:
    """The log-likelihood ratio of one count for a change by exp(``kappa``) known beforehand."""
    if a == 0.0:
        return kappa * x - math.expm1(kappa) * mu
    return kappa * x + (x + 1.0 / a) * (math.log1p(a * mu) - math.log1p(a * mu * math.exp(kappa)))


@compiled
def follow(
    family: int,
    x: Floats,
    mu: Floats,
    a: float,
    threshold: float,
    strict: bool,  # noqa: FBT001 - kernels take their arguments by position
    longest: int,
    shortest: int,
    patience: int,
    direction: int,
    skip_empty: bool,  # noqa: FBT001 - as above
    shift: float,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Statistic, window length, effect and signal at each observation, afresh after signals.

    ``patience`` is the number of observations before anything is said, ``strict`` whether a
    signal needs more than the threshold, ``shift`` the known kappa or NaN.
    """
    statistic, length, effect = np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x))
    signal, before = np.zeros(len(x)), np.zeros(len(x))
    before[1:] = x[:-1]
    start = 0
    for n in range(len(x)):
        if not math.isnan(shift):
            last = statistic[n - 1] if n > start else 0.0
            statistic[n] = max(0.0, last + known_change(x[n], mu[n], a, shift))
            if statistic[n] > 0.0:
                length[n] = 1 + (length[n - 1] if n > start else 0.0)
                effect[n] = shift
        elif n - start + 1 >= patience:
            first = max(start, n + 1 - longest)
            statistic[n], length[n], effect[n] = change(
                family,
                x[first : n + 1],
                mu[first : n + 1],
                before[first : n + 1],
                a,
                longest,
                shortest,
                direction,
                skip_empty,
            )
        if statistic[n] > threshold or (statistic[n] == threshold and not strict):
            signal[n] = math.copysign(1.0, effect[n])
            start = n + 1
    return statistic, length, effect, signal
