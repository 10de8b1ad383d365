"""Triangulation: which channels of a unit have risen together, more than chance would have it.

Every subset S of channels that is thought of (each alone, pairs that belong together, all) has
an e-detector on the joint likelihood ratio of its channels, and the unit's evidence is their
weighted mean, itself an e-detector:

    M_t = sum_S v_S M_t^S,    M_t^S = (M_{t-1}^S + 1) L_t^S,    alarm at M_t >= P / B

Channels of a unit move together without any change, so L^S allows for their correlation: see
``joint_ratios``.

The weighted mean needs no assumption about how subsets depend on one another; a pair's own
ratio needs the correlation. Assuming too little is what hurts: with four channels at 0.3, a
threshold of 260 has a mean time between false alarms of 403 when 0.3 is assumed, 266 with 0.15
and 124 with 0. So correlations below a ``floor`` are raised to it. The subset with the largest
share of M explains an alarm.

A missing channel is left out of the subsets it belongs to; a subset without a channel waits.

Source: after Shin, Ramdas & Rinaldo (see ``e_detectors``); the simulations are in the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats
from detectors.conformance import Subject
from detectors.demands import check_whole, numbers
from detectors.many_series.e_detectors import (
    EDetections,
    Form,
    check_detector,
    detect,
    log_weights,
    unstarted,
)
from detectors.many_series.joint_ratios import Subsets, correlation_matrix, joint_log_ratios

FLOOR = 0.15
"""Correlation that is assumed at least; 0.1 to 0.2 is prudent."""


@dataclass(frozen=True, slots=True)
class Triangulation:
    """Alarms of a unit with, at each, the subset of channels that explains it.

    ``detections`` has one part per subset; ``explanations`` gives by observation the number of
    the subset with the largest share, -1 where there is no evidence.
    """

    detections: EDetections
    explanations: tuple[int, ...]


class SubsetMixture:
    """Triangulation over Gaussian scores of a unit's channels.

    Args:
        channels: Number of channels.
        subsets: Sets of channel numbers that may rise together; by default each channel alone
            and all together.
        weights: Weight of each subset, equal unless given.
        effect: Rise looked for, in standard deviations; one for all or one for each channel. The
            sign is the direction.
        correlation: Between channels when nothing has changed: one for all pairs, or a matrix.
        floor: Least correlation assumed.
        threshold: Guaranteed mean number of observations between false alarms.
        form: ``"sr"`` or ``"cusum"``.

    Example:
        >>> mixture = SubsetMixture(channels=2, effect=1.0, threshold=20.0)
        >>> [mixture.update(z) for z in ([0.1, -0.3], [1.5, 1.4], [2.6, 2.0])]
        [0, 0, 1]
        >>> mixture.subsets[mixture.explanation]
        (0, 1)

    Reference: see the module.
    """

    def __init__(
        self,
        *,
        channels: int,
        subsets: Subsets | None = None,
        weights: tuple[float, ...] | None = None,
        effect: float | tuple[float, ...] = 0.7,
        correlation: float | tuple[tuple[float, ...], ...] = 0.0,
        floor: float = FLOOR,
        threshold: float = 260.0,
        form: Form = "sr",
    ) -> None:
        check_detector(threshold, form)
        self.channels = channels
        self.subsets = singles_and_all(channels) if subsets is None else subsets
        self.weights = equal_weights(self.subsets) if weights is None else weights
        self.effect = effect
        self.correlation = correlation
        self.floor = floor
        self.threshold = threshold
        self.form = form
        check_subsets(self.subsets, self.weights, channels)
        self._matrix = correlation_matrix(correlation, channels, floor)
        self._effects = np.broadcast_to(np.asarray(effect, np.float64), (channels,)).copy()
        if not np.isfinite(self._effects).all() or (self._effects == 0.0).any():
            raise ValueError(f"effect must be finite and not 0, not {effect}")
        self.evidence = -math.inf
        self.explanation = -1
        self._state = unstarted(len(self.subsets))

    def update(self, scores: ArrayLike) -> int:
        """Take the next scores, shape (channels,), NaN where missing: 1 for an alarm, else 0.

        ``explanation`` is then the number of the subset with the largest share of the evidence.
        Raises ``ValueError`` for infinite scores or another number of them.
        """
        found = self.watch(numbers("scores", scores)[None])
        if found.explanations[0] >= 0:
            self.evidence = float(found.detections.evidence[0])
            self.explanation = found.explanations[0]
        return int(found.detections.alarms[0])

    def watch(self, scores: ArrayLike) -> Triangulation:
        """Take the next scores, shape (observations, channels), in order; errors as ``update``."""
        z = numbers("scores", scores).copy()
        if z.ndim != 2 or z.shape[1] != self.channels or np.isinf(z).any():
            raise ValueError(f"scores must be finite, of {self.channels} channels: {z.shape}")
        own = z * self._effects - self._effects**2 / 2.0
        log_ratios = joint_log_ratios(own, z, z - self._effects, self.subsets, self._matrix)
        return triangulate(log_ratios, self.weights, self.threshold, self.form, self._state)


def triangulate(
    log_ratios: Floats,
    weights: Sequence[float],
    threshold: float,
    form: Form,
    state: Floats,
) -> Triangulation:
    """Run the mixture over log ratios by subset, shape (observations, subsets)."""
    found = detect(
        log_ratios,
        weights=weights,
        threshold=threshold,
        form=form,
        logarithmic=True,
        state=state,
    )
    some = ~np.isnan(found.evidence) & (found.evidence > -np.inf)
    largest = np.where(some, np.argmax(np.where(some[:, None], found.parts, 0.0), axis=1), -1)
    return Triangulation(found, tuple(largest.tolist()))


def singles_and_all(channels: int) -> Subsets:
    """Each channel alone, and all together where there are several; ``ValueError`` for none."""
    check_whole("channels", channels, 1)
    singles = tuple((channel,) for channel in range(channels))
    return (*singles, tuple(range(channels))) if channels > 1 else singles


def equal_weights(subsets: Subsets) -> tuple[float, ...]:
    """The same weight for every subset."""
    return (1.0 / max(1, len(subsets)),) * len(subsets)


def check_subsets(subsets: Subsets, weights: Sequence[float], channels: int) -> None:
    """Raise ``ValueError`` for empty, repeated or unknown channels, or weights that do not fit."""
    for subset in subsets:
        inside = all(0 <= channel < channels for channel in subset)
        if not subset or not inside or len(set(subset)) != len(subset):
            raise ValueError(f"subsets must name channels 0 to {channels - 1} once, not {subset}")
    if len(log_weights(weights)) != len(subsets):
        raise ValueError(f"weights must be one for each of {len(subsets)} subsets, not {weights}")


def _sample(rng: np.random.Generator) -> Floats:
    z: Floats = rng.normal(size=(120, 3))
    z[60:, :2] += 1.0
    z[20, 1] = math.nan
    return z


def _make() -> SubsetMixture:
    return SubsetMixture(channels=3, subsets=((0,), (1,), (2,), (0, 1), (0, 1, 2)))


def _latest(history: Floats) -> int:
    alarms: Booleans = _make().watch(history).detections.alarms
    return int(alarms[-1])


CONFORMANCE = (
    Subject(name="subset_mixture", make=_make, sample=_sample, latest=_latest, missing="ignored"),
)
