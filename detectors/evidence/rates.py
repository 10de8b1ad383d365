"""The prior of units' rates by marginal likelihood (Clayton & Kaldor, Biometrics 43, 1987)."""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import F64

# A fleet of few units says little about how much units differ, so the shape of
# the prior leans weakly on this one (a coefficient of variation of 0.6).
USUAL_SHAPE = 3.0
LEAN = 1.0
SHAPES = np.exp(np.linspace(np.log(0.2), np.log(200.0), 60))
MEAN_STEPS = 25


def rate_prior(totals: F64, masses: F64) -> tuple[F64, F64]:
    """Fit Gamma(a, b) per feed to weighted totals ``F64[U, F]``.

    Given its mass ``M`` a unit's total ``A`` is negative binomial: the log marginal
    likelihood is ``a log b - lgamma(a) + lgamma(a + A) - (a + A) log(b + M)``. It is
    maximised on a grid of shapes, the mean by fixed-point steps for each.

    Returns:
        a, b: ``F64[F]``.

    """
    shapes = np.empty(totals.shape[1])
    scales = np.empty(totals.shape[1])
    for f in range(totals.shape[1]):
        observed = masses[:, f] > 0
        shapes[f], scales[f] = _fit(totals[observed, f], masses[observed, f])
    return shapes, scales


def _fit(total: F64, mass: F64) -> tuple[float, float]:
    from scipy.special import gammaln  # noqa: PLC0415 - costs a command-line start 0.2 s

    if not len(total):
        return USUAL_SHAPE, USUAL_SHAPE
    # Half an event keeps the mean of a feed that never had one above zero.
    mean = np.full(len(SHAPES), max(float(total.sum()), 0.5) / float(mass.sum()))
    a = SHAPES[:, None]
    for _ in range(MEAN_STEPS):
        b = a / mean[:, None]
        posterior = (a + total) / (b + mass)
        mean = posterior.mean(axis=1)
    b = SHAPES[:, None] / mean[:, None]
    likelihood = (
        a * np.log(b) - gammaln(a) + gammaln(a + total) - (a + total) * np.log(b + mass)
    ).sum(axis=1)
    lean = -0.5 * (np.log(SHAPES / USUAL_SHAPE) / LEAN) ** 2
    best = int(np.argmax(likelihood + lean))
    return float(SHAPES[best]), float(SHAPES[best] / mean[best])
