"""The common weekly effect over a unit's feeds, from products of residuals.

If the feeds of a unit share a log-normal factor with variance s2 and
autocorrelation rho, residuals of two feeds at a distance of l weeks have the
expected product s2 rho**l times both means. Each unit's mean was estimated from
the same n weeks, which pulls every product down; without allowing for that the
autocorrelation of a year of data would be lost (F. H. C. Marriott & J. A. Pope, Biometrika
41 (1954) 390).
"""

from __future__ import annotations

import math

import numpy as np

from detectors.evidence.counts import F64

LAGS = 5  # 0 to 4
LARGEST_RHO = 0.9
LARGEST_VARIANCE = 0.25
USUAL_RHO, RHO_SPREAD = 0.3, 0.2


def common_effect(counts: F64, mean: F64, dispersion: F64) -> tuple[float, float]:
    """Estimate variance and autocorrelation of the common effect.

    Args:
        counts: ``F64[U, F, T]``.
        mean: likewise; zero marks what was not observed.
        dispersion: ``F64[F]``.

    Returns:
        variance s2 and autocorrelation rho; both 0 where there are too few periods.

    """
    seen = mean > 0
    periods = int(np.median(seen.any(axis=1).sum(axis=1)))
    if periods < 3 * LAGS:
        return 0.0, 0.0
    weight = np.where(seen, 1.0 / (1.0 + dispersion[:, None] * mean), 0.0)
    residual = weight * np.where(seen, counts - mean, 0.0)
    power = weight * mean
    first = 0 if counts.shape[1] > 1 else 1
    lags = np.arange(first, LAGS)
    products, powers = _products(residual, power, lags)
    # The same feed with itself carries its own noise; across feeds there is none.
    noise = 0.0 if first == 0 else -float(power.sum() / (power**2).sum()) / periods
    return _match(products / np.maximum(powers, 1e-12) - noise, powers, lags, periods)


def _products(residual: F64, power: F64, lags: np.ndarray) -> tuple[F64, F64]:
    """Weighted sums of residual products, and of what multiplies s2 rho**l in them."""
    periods = residual.shape[2]
    across = residual.shape[1] > 1
    products, powers = np.zeros(len(lags)), np.zeros(len(lags))
    for position, lag in enumerate(lags):
        for value, store in ((residual, products), (power, powers)):
            early, late = value[:, :, : periods - lag], value[:, :, lag:]
            total = (early.sum(axis=1) * late.sum(axis=1)).sum()
            own = (early * late).sum()
            store[position] = total - own if across else own
    return products, powers


def _match(observed: F64, powers: F64, lags: np.ndarray, periods: int) -> tuple[float, float]:
    """Posterior means of s2, which is positive, and rho, over a grid of rho.

    A mean of products has a variance of about one over its power, so the loss of weighted
    least squares is twice a negative log likelihood. A small s2 says nothing of rho, and the
    evidence pays for a large one, hence the prior.
    """
    grid = np.linspace(0.0, LARGEST_RHO, 46)
    values, losses = np.empty(len(grid)), np.empty(len(grid))
    for position, rho in enumerate(grid):
        shape = _centred(float(rho), periods)[lags]
        power = max(float((powers * shape**2).sum()), 1e-12)
        best = float((powers * shape * observed).sum()) / power
        values[position] = min(_positive_mean(best, power**-0.5), LARGEST_VARIANCE)
        losses[position] = (powers * (observed - max(best, 0.0) * shape) ** 2).sum()
    losses += ((grid - USUAL_RHO) / RHO_SPREAD) ** 2
    weight = np.exp(-0.5 * (losses - losses.min()))
    weight /= weight.sum()
    variance = float(weight @ values)
    return variance, float(weight @ (values * grid)) / variance


def _positive_mean(mean: float, spread: float) -> float:
    """Mean of a normal variable given that it is positive (Johnson and Kotz, 1970, 13.7)."""
    z = mean / spread
    if z < -8.0:  # the tail's own scale
        return -spread / z
    inverse_mills = math.exp(-0.5 * z * z) / (0.5 * math.erfc(-z / math.sqrt(2.0)))
    return mean + spread * inverse_mills / math.sqrt(2.0 * math.pi)


def _centred(rho: float, periods: int) -> F64:
    """Mean product by lag of an AR(1) of unit variance less its own mean over n periods."""
    distance = np.abs(np.subtract.outer(np.arange(periods), np.arange(periods)))
    cover = rho**distance if rho > 0 else np.eye(periods)
    rows = cover.mean(axis=1)
    centred = cover - rows[:, None] - rows[None, :] + rows.mean()
    return np.array([np.diagonal(centred, lag).mean() for lag in range(LAGS)])
