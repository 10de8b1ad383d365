"""Likelihood ratios of a raised rate, week by week, when the rate itself is not known.

A count x with exposure m has mean lambda m, and lambda a Gamma(a, b) distribution fitted to the
unit's site or specialty. Its predictive distribution is negative binomial with mean
mu = m a / b and dispersion alpha* = 1 / a (variance mu + alpha* mu^2). Against it stands the
predictive of a rate multiplied by r:

    L = r^x ((1 + alpha* mu) / (1 + alpha* r mu))^(x + 1 / alpha*)

**Prequential**: after each period a gains x and b gains m, so the baseline learns; L then has
expectation 1 given the past, whatever the rate, when the prior is right, and the detector
keeps its budget. **Frozen**: the baseline stays; then L is an e-value in the first period only
and false alarms exceed the budget where the baseline is short (1.1 times at a mean of 1 a week
and 24 weeks, 0.7 times with 104). The price of learning is that a slow rise is learned too: a
second monitor against a fixed reference is needed for it (``funnel``).

**Overdispersion**: with counts themselves negative binomial of dispersion alpha, the predictive
has, to second moments, alpha* = alpha + (1 + alpha) / a, and a week teaches less: a gains
omega x and b gains omega m with omega = 1 / (1 + alpha mu). alpha = 0 is the exact case.
Ignored overdispersion is the real danger: at a mean of 5 and alpha = 0.2 the false alarms of
the plain form are 4 times the budget.

A mixture over several r, each with its own e-detector, needs no choice of r.

Sources: Shin, Ramdas & Rinaldo (see ``e_detectors``); A. P. Dawid, "Present position and potential
developments: the prequential approach", Journal of the Royal Statistical Society A 147 (1984).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.conformance import Subject
from detectors.demands import check_not_negative, check_positive, numbers
from detectors.many_series.e_detectors import (
    EDetections,
    Form,
    check_detector,
    detect,
    log_weights,
    unstarted,
)

RISKS = (1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class CountRatios:
    """Log likelihood ratios by period and risk, with the predictive distribution of each count.

    ``log_ratios`` has shape (periods, risks), NaN where missing; ``means`` and ``dispersions``
    of the unchanged predictive have shape (periods,). ``baseline`` is (a, b) after the last.
    """

    log_ratios: Floats
    means: Floats
    dispersions: Floats
    baseline: tuple[float, float]


def count_ratios(
    counts: ArrayLike,
    *,
    shape: float,
    rate: float,
    exposures: ArrayLike | float = 1.0,
    risks: Sequence[float] = RISKS,
    dispersion: float = 0.0,
    prequential: bool = True,
) -> CountRatios:
    """Likelihood ratios of one unit's counts, shape (periods,), NaN where missing.

    Args:
        counts: Events by period.
        shape: a of the Gamma distribution of the rate before the first of ``counts``. A baseline
            of weeks is taken in by adding its events here and its exposure to ``rate``.
        rate: b of that distribution, in units of exposure.
        exposures: Exposure by period, or one for all.
        risks: Relative rates r to look for; below 1 for a fall.
        dispersion: alpha of the counts, 0 for Poisson.
        prequential: Whether the baseline learns.

    Raises ``ValueError`` for negative or infinite counts, exposures that are not positive, or
    settings out of range.
    """
    x = numbers("counts", counts).copy()
    if x.ndim != 1 or (x < 0.0).any() or np.isinf(x).any():
        raise ValueError("counts must be one row of finite numbers that are not negative")
    m = np.array(np.broadcast_to(numbers("exposures", exposures), x.shape))
    if (m <= 0.0).any() or np.isinf(m).any():
        raise ValueError("exposures must be positive and finite")
    check_model(shape, rate, risks, dispersion)
    x[np.isnan(m)] = np.nan
    r = np.asarray(risks, np.float64)
    baseline = np.array([shape, rate])
    log_ratios = np.full((len(x), len(r)), np.nan)
    means, dispersions = np.full(len(x), np.nan), np.full(len(x), np.nan)
    _ratios(x, m, r, dispersion, prequential, baseline, log_ratios, means, dispersions)
    return CountRatios(log_ratios, means, dispersions, (float(baseline[0]), float(baseline[1])))


class CountEDetector:
    """An e-detector of a raised (or lowered) rate in one unit's counts.

    Args:
        shape: a of the Gamma distribution of the unit's rate, baseline included.
        rate: b of that distribution.
        risks: Relative rates to look for; below 1 for a fall.
        weights: Weight of each risk, equal unless given.
        dispersion: alpha of the counts beyond Poisson, estimated over like units. Too small
            breaks the budget, too large costs power.
        prequential: Whether the baseline learns; False freezes it.
        threshold: Guaranteed mean number of periods between false alarms.
        form: ``"sr"`` or ``"cusum"``.

    Example:
        >>> detector = CountEDetector(shape=50.0, rate=25.0, threshold=20.0)
        >>> [detector.update(x) for x in (2, 1, 6, 7)]
        [0, 0, 0, 1]

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        shape: float,
        rate: float,
        risks: Sequence[float] = RISKS,
        weights: Sequence[float] | None = None,
        dispersion: float = 0.0,
        prequential: bool = True,
        threshold: float = 260.0,
        form: Form = "sr",
    ) -> None:
        check_model(shape, rate, risks, dispersion)
        check_detector(threshold, form)
        self.shape = shape
        self.rate = rate
        self.risks = risks
        self.weights = weights
        self.dispersion = dispersion
        self.prequential = prequential
        self.threshold = threshold
        self.form = form
        self.evidence = -math.inf
        self.baseline = (shape, rate)
        self._weights = risk_weights(risks, weights)
        self._state = unstarted(len(risks))

    def update(self, count: float, exposure: float = 1.0) -> int:
        """Take the next count (NaN if missing) and its exposure: 1 for an alarm, else 0."""
        found = self.watch([count], exposure)
        if not math.isnan(found.evidence[0]):
            self.evidence = float(found.evidence[0])
        return int(found.alarms[0])

    def watch(self, counts: ArrayLike, exposures: ArrayLike | float = 1.0) -> EDetections:
        """Take the next counts, shape (periods,), in order; what ``update`` does, many at once."""
        ratios = count_ratios(
            counts,
            shape=self.baseline[0],
            rate=self.baseline[1],
            exposures=exposures,
            risks=self.risks,
            dispersion=self.dispersion,
            prequential=self.prequential,
        )
        self.baseline = ratios.baseline
        return detect(
            ratios.log_ratios,
            weights=self._weights,
            threshold=self.threshold,
            form=self.form,
            logarithmic=True,
            state=self._state,
        )


def risk_weights(risks: Sequence[float], weights: Sequence[float] | None) -> tuple[float, ...]:
    """Weights of the risks, equal unless given; ``ValueError`` when they do not fit."""
    if weights is None:
        return (1.0 / len(risks),) * len(risks)
    if len(weights) != len(risks):
        raise ValueError(f"weights must be one for each of {len(risks)} risks, not {weights}")
    log_weights(weights)
    return tuple(weights)


def check_model(shape: float, rate: float, risks: Sequence[float], dispersion: float) -> None:
    """Raise ``ValueError`` for a prior, risks or a dispersion out of range."""
    check_positive("shape", shape)
    check_positive("rate", rate)
    if not len(risks) or any(not 0.0 < r < math.inf or r == 1.0 for r in risks):
        raise ValueError(f"risks must be positive, finite and not 1, not {risks}")
    check_not_negative("dispersion", dispersion)


@compiled
def _ratios(
    x: Floats,
    m: Floats,
    risks: Floats,
    dispersion: float,
    learns: bool,  # noqa: FBT001 - a compiled kernel takes its arguments by position
    baseline: Floats,
    log_ratios: Floats,
    means: Floats,
    dispersions: Floats,
) -> None:
    for t in range(len(x)):
        if np.isnan(x[t]):
            continue
        mean = m[t] * baseline[0] / baseline[1]
        spread = dispersion + (1.0 + dispersion) / baseline[0]
        means[t] = mean
        dispersions[t] = spread
        for j in range(len(risks)):
            r = risks[j]
            change = math.log1p(spread * mean) - math.log1p(spread * r * mean)
            log_ratios[t, j] = x[t] * math.log(r) + (x[t] + 1.0 / spread) * change
        if learns:
            weight = 1.0 / (1.0 + dispersion * mean)
            baseline[0] += weight * x[t]
            baseline[1] += weight * m[t]


def _sample(rng: np.random.Generator) -> Floats:
    counts = rng.poisson(2.0, 120).astype(np.float64)
    counts[60:] += rng.poisson(2.0, 60)
    return counts


def _make() -> CountEDetector:
    return CountEDetector(shape=60.0, rate=30.0, dispersion=0.1)


CONFORMANCE = (
    Subject(
        name="count_e_detector",
        make=_make,
        sample=_sample,
        latest=lambda history: int(_make().watch(history).alarms[-1]),
        missing="ignored",
    ),
)
