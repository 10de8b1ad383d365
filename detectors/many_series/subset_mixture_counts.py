"""Triangulation over a unit's counts: the subset mixture with predictive count models.

Each channel has the prequential Gamma-Poisson or Gamma-negative-binomial predictive of
``count_ratios``. Its mid-probability, P(X < x) + P(X = x) / 2, under the unchanged and under the
changed predictive gives the normal scores that the Gaussian copula of ``joint_ratios`` joins.

For a channel alone the ratio is the exact one of ``count_ratios``. For several, the copula at
mid-probabilities stands for a sum over the cells of discrete counts, so the joint ratio is an
e-value to that approximation and, as there, for the correlation assumed. Its expectation is at
most 1.01 for a relative rate of 1.5 and up to 1.1 for 3 (four channels, means of 0.2 to 5,
correlation up to 0.3). With singles, two pairs and all of four channels, known rates and the
correlation known, a threshold of 260 has a mean time between false alarms of 336 at a mean of
0.2 a week and correlation 0.3, 469 at a mean of 1 and 866 at 5; only at a mean of 0.2 and
correlation 0.5 does it fall short (229). Small suppressed counts belong here, not into z scores.

One event that makes both an incident and a complaint must be linked and counted once; otherwise
the correlation is larger than any that was estimated between events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Floats
from detectors.conformance import Subject
from detectors.demands import numbers
from detectors.many_series.count_ratios import RISKS, check_model, count_ratios, risk_weights
from detectors.many_series.e_detectors import Form, check_detector, unstarted
from detectors.many_series.joint_ratios import Subsets, correlation_matrix, joint_log_ratios
from detectors.many_series.subset_mixture import (
    FLOOR,
    Triangulation,
    check_subsets,
    equal_weights,
    singles_and_all,
    triangulate,
)

_FURTHEST = 8.0
"""Normal scores are cut here: beyond, a probability is lost to rounding."""


class CountSubsetMixture:
    """Triangulation over counts of a unit's channels.

    Args:
        shapes: a of each channel's Gamma distribution of the rate, baseline included.
        rates: b of each.
        dispersions: alpha of each channel's counts beyond Poisson, 0 unless given.
        risks: Relative rates to look for, in all channels of a subset alike.
        subsets: Sets of channel numbers that may rise together; by default each alone and all.
        weights: Weight of each subset, equal unless given; risks share it equally.
        correlation: Between channels when nothing has changed: one for all pairs, or a matrix.
        floor: Least correlation assumed.
        prequential: Whether the baselines learn.
        threshold: Guaranteed mean number of periods between false alarms.
        form: ``"sr"`` or ``"cusum"``.

    Example:
        >>> mixture = CountSubsetMixture(shapes=(50.0, 20.0), rates=(25.0, 25.0), threshold=20.0)
        >>> [mixture.update(x) for x in ([2, 1], [4, 2], [6, 4])]
        [0, 0, 1]
        >>> mixture.subsets[mixture.explanation]
        (0, 1)

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        shapes: Sequence[float],
        rates: Sequence[float],
        dispersions: Sequence[float] | None = None,
        risks: Sequence[float] = RISKS,
        subsets: Subsets | None = None,
        weights: Sequence[float] | None = None,
        correlation: float | Sequence[Sequence[float]] = 0.0,
        floor: float = FLOOR,
        prequential: bool = True,
        threshold: float = 260.0,
        form: Form = "sr",
    ) -> None:
        check_detector(threshold, form)
        channels = len(shapes)
        self.shapes = shapes
        self.rates = rates
        self.dispersions = (0.0,) * channels if dispersions is None else dispersions
        self.risks = risks
        self.subsets = singles_and_all(channels) if subsets is None else subsets
        self.weights = equal_weights(self.subsets) if weights is None else weights
        self.correlation = correlation
        self.floor = floor
        self.prequential = prequential
        self.threshold = threshold
        self.form = form
        if not channels == len(rates) == len(self.dispersions):
            raise ValueError("shapes, rates and dispersions must be one for each channel")
        for shape, rate, dispersion in zip(shapes, rates, self.dispersions, strict=True):
            check_model(shape, rate, risks, dispersion)
        check_subsets(self.subsets, self.weights, channels)
        self._matrix = correlation_matrix(correlation, channels, floor)
        shares = risk_weights(risks, None)
        self._weights = tuple(share * weight for share in shares for weight in self.weights)
        self._baselines = list(zip(shapes, rates, strict=True))
        self._state = unstarted(len(self._weights))
        self.evidence = -math.inf
        self.explanation = -1

    def update(self, counts: ArrayLike) -> int:
        """Take the next counts, shape (channels,), NaN where missing: 1 for an alarm, else 0.

        ``explanation`` is then the number of the subset with the largest share of the evidence.
        Raises ``ValueError`` for negative or infinite counts or another number of them.
        """
        found = self.watch(numbers("counts", counts)[None])
        if found.explanations[0] >= 0:
            self.evidence = float(found.detections.evidence[0])
            self.explanation = found.explanations[0]
        return int(found.detections.alarms[0])

    def watch(self, counts: ArrayLike) -> Triangulation:
        """Take the next counts, shape (periods, channels), in order; exposures are 1.

        Raises ``ValueError`` as ``update`` does.
        """
        x = numbers("counts", counts).copy()
        if x.ndim != 2 or x.shape[1] != len(self.shapes):
            raise ValueError(f"counts must be of {len(self.shapes)} channels, not {x.shape}")
        channels = [self._channel(x[:, k], k) for k in range(x.shape[1])]
        ratios = np.concatenate(
            [
                joint_log_ratios(
                    np.column_stack([own[:, j] for own, _, _ in channels]),
                    np.column_stack([unchanged for _, unchanged, _ in channels]),
                    np.column_stack([changed[:, j] for _, _, changed in channels]),
                    self.subsets,
                    self._matrix,
                )
                for j in range(len(self.risks))
            ],
            axis=1,
        )
        found = triangulate(ratios, self._weights, self.threshold, self.form, self._state)
        return Triangulation(found.detections, self._explained(found.detections.parts))

    def _channel(self, x: Floats, k: int) -> tuple[Floats, Floats, Floats]:
        """Own log ratios by risk, and normal scores unchanged and by risk, of one channel."""
        shape, rate = self._baselines[k]
        found = count_ratios(
            x,
            shape=shape,
            rate=rate,
            risks=self.risks,
            dispersion=self.dispersions[k],
            prequential=self.prequential,
        )
        self._baselines[k] = found.baseline
        unchanged = normal_scores(x, found.means, found.dispersions)
        changed = [normal_scores(x, r * found.means, found.dispersions) for r in self.risks]
        return found.log_ratios, unchanged, np.column_stack(changed)

    def _explained(self, parts: Floats) -> tuple[int, ...]:
        """The subset with the largest share, over all risks, by period."""
        by_risk = parts.reshape(len(parts), len(self.risks), len(self.subsets))
        share = np.logaddexp.reduce(np.where(np.isnan(by_risk), -np.inf, by_risk), axis=1)
        some = share.max(axis=1) > -np.inf
        return tuple(np.where(some, share.argmax(axis=1), -1).tolist())


def normal_scores(counts: Floats, means: Floats, dispersions: Floats) -> Floats:
    """Normal quantiles of the mid-probabilities of negative binomial counts, NaN where missing.

    All inputs have shape (periods,); the variance of a count is mean + dispersion mean^2.
    """
    from scipy.special import betainc, ndtri  # noqa: PLC0415 - costs a start 0.2 s

    size = 1.0 / dispersions
    chance = size / (size + means)
    upto = betainc(size, counts + 1.0, chance)
    below = np.where(counts > 0.0, betainc(size, np.maximum(counts, 1.0), chance), 0.0)
    scores: Floats = np.clip(ndtri((upto + below) / 2.0), -_FURTHEST, _FURTHEST)
    return np.where(np.isnan(counts), np.nan, scores)


def _sample(rng: np.random.Generator) -> Floats:
    counts = rng.poisson([2.0, 0.5], (120, 2)).astype(np.float64)
    counts[60:] += rng.poisson([2.0, 0.5], (60, 2))
    return counts


def _make() -> CountSubsetMixture:
    return CountSubsetMixture(shapes=(60.0, 15.0), rates=(30.0, 30.0), dispersions=(0.1, 0.0))


CONFORMANCE = (
    Subject(
        name="count_subset_mixture",
        make=_make,
        sample=_sample,
        latest=lambda history: int(_make().watch(history).detections.alarms[-1]),
        missing="ignored",
    ),
)
