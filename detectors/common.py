"""The common weekly effect over a unit's feeds, from products of residuals.

If the feeds of a unit share a log-normal factor with variance s2 and
autocorrelation rho, residuals of two feeds at a distance of l weeks have the
expected product s2 rho**l times both means. Each unit's mean was estimated from
the same n weeks, which pulls every product down; without allowing for that the
autocorrelation of a year of data would be lost.
"""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import F64

LAGS = 5  # 0 to 4
LARGEST_RHO = 0.9
LARGEST_VARIANCE = 0.25


def common_effect(counts: F64, mean: F64, dispersion: F64) -> tuple[float, float]:
    """Estimate variance and autocorrelation of the common effect.

    Args:
        counts: ``F64[U, F, T]``.
        mean: likewise; zero marks what was not observed.
        dispersion: ``F64[F]``.

    Returns:
        variance s2 (0 where products are not positive) and autocorrelation rho.

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
    """Weighted least squares over a grid of rho; s2 has a closed form for each."""
    best = (np.inf, 0.0, 0.0)
    for rho in np.linspace(0.0, LARGEST_RHO, 46):
        shape = _centred(float(rho), periods)[lags]
        s2 = float((powers * shape * observed).sum() / (powers * shape**2).sum())
        s2 = min(max(s2, 0.0), LARGEST_VARIANCE)
        loss = float((powers * (observed - s2 * shape) ** 2).sum())
        if loss < best[0] - 1e-15:
            best = (loss, s2, float(rho))
    return best[1], best[2] if best[1] > 0 else 0.0


def _centred(rho: float, periods: int) -> F64:
    """Mean product by lag of an AR(1) of unit variance less its own mean over n periods."""
    distance = np.abs(np.subtract.outer(np.arange(periods), np.arange(periods)))
    cover = rho**distance if rho > 0 else np.eye(periods)
    rows = cover.mean(axis=1)
    centred = cover - rows[:, None] - rows[None, :] + rows.mean()
    return np.array([np.diagonal(centred, lag).mean() for lag in range(LAGS)])
