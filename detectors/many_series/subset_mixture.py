"""Triangulation: which channels of a unit have risen together, more than chance would have it.

Every subset S of channels that is thought of (each alone, pairs that belong together, all) has
an e-detector on the joint likelihood ratio of its channels, and the unit's evidence is their
weighted mean, itself an e-detector:

    M_t = sum_S v_S M_t^S,    M_t^S = (M_{t-1}^S + 1) L_t^S,    alarm at M_t >= P / B

Channels of a unit move together without any change, so L^S is joined by a Gaussian copula. With
z the normal scores of the channels as the unchanged model sees them, c as the changed one
does, L_k their own ratios, Sigma the correlation within S and Q = Sigma^-1 - I,

    log L^S = sum_k log L_k + (z^T Q z - c^T Q c) / 2

For Gaussian scores and a rise of d this is d^T Sigma^-1 z - d^T Sigma^-1 d / 2.

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

from detectors.compiled import compiled
from detectors.conformance import Subject
from detectors.many_series.e_detectors import (
    Booleans,
    EDetections,
    Floats,
    Form,
    check_detector,
    detect,
    log_weights,
    unstarted,
)

Subsets = tuple[tuple[int, ...], ...]

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
        if not np.isfinite(self._effects).all():
            raise ValueError(f"effect must be finite, not {effect}")
        self.evidence = -math.inf
        self.explanation = -1
        self._state = unstarted(len(self.subsets))

    def update(self, scores: ArrayLike) -> int:
        """Take the next scores, shape (channels,), NaN where missing: 1 for an alarm, else 0.

        ``explanation`` is then the number of the subset with the largest share of the evidence.
        Raises ``ValueError`` for infinite scores or another number of them.
        """
        found = self.watch(np.asarray(scores, np.float64)[None])
        if found.explanations[0] >= 0:
            self.evidence = float(found.detections.evidence[0])
            self.explanation = found.explanations[0]
        return int(found.detections.alarms[0])

    def watch(self, scores: ArrayLike) -> Triangulation:
        """Take the next scores, shape (observations, channels), in order."""
        z = np.array(scores, np.float64)
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


def joint_log_ratios(
    own: Floats, unchanged: Floats, changed: Floats, subsets: Subsets, correlation: Floats
) -> Floats:
    """Log likelihood ratio of each subset, shape (observations, subsets).

    ``own`` are the channels' own log ratios, ``unchanged`` and ``changed`` their normal scores
    by the two models, all of shape (observations, channels) with NaN where missing.
    """
    channels = own.shape[1]
    members = np.zeros((len(subsets), channels), np.bool_)
    for number, subset in enumerate(subsets):
        members[number, list(subset)] = True
    joint = np.full((len(own), len(subsets)), np.nan)
    _join(own, unchanged, changed, members, correlation, joint)
    return joint


@compiled
def _join(
    own: Floats,
    unchanged: Floats,
    changed: Floats,
    members: Booleans,
    correlation: Floats,
    joint: Floats,
) -> None:
    """Fill in the joint ratios; the inverse is made anew only where another set is present."""
    rows, channels = own.shape
    for number in range(len(members)):
        present = np.zeros(channels, np.bool_)
        excess = np.zeros((channels, channels))
        for t in range(rows):
            differs, count = False, 0
            for k in range(channels):
                here = members[number, k] and not np.isnan(own[t, k])
                differs = differs or here != present[k]
                present[k] = here
                count += 1 if here else 0
            if not count:
                continue
            if differs:
                excess = inverse_within(correlation, present)
                for k in range(channels):
                    excess[k, k] -= 1.0
            total = 0.0
            for i in range(channels):
                if present[i]:
                    total += own[t, i]
                    for j in range(channels):
                        if present[j]:
                            before = unchanged[t, i] * unchanged[t, j]
                            after = changed[t, i] * changed[t, j]
                            total += 0.5 * excess[i, j] * (before - after)
            joint[t, number] = total


@compiled
def inverse_within(matrix: Floats, present: Booleans) -> Floats:
    """Inverse of a positive definite matrix within some rows and columns, 1 and 0 elsewhere.

    Gauss-Jordan elimination without pivots, which a positive definite matrix does not need.
    """
    size = len(matrix)
    left, right = np.zeros((size, size)), np.zeros((size, size))
    for i in range(size):
        left[i, i] = right[i, i] = 1.0
        for j in range(size):
            if present[i] and present[j]:
                left[i, j] = matrix[i, j]
    for i in range(size):
        for k in range(size):
            factor = left[k, i] / left[i, i]
            if k == i:
                continue
            for j in range(size):
                left[k, j] -= factor * left[i, j]
                right[k, j] -= factor * right[i, j]
    for i in range(size):
        for j in range(size):
            right[i, j] /= left[i, i]
    return right


def singles_and_all(channels: int) -> Subsets:
    """Each channel alone, and all together where there are several."""
    if channels < 1:
        raise ValueError(f"channels must be at least 1, not {channels}")
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


def correlation_matrix(
    correlation: float | Sequence[Sequence[float]], channels: int, floor: float
) -> Floats:
    """The correlation matrix assumed, with nothing below ``floor``.

    Raises ``ValueError`` unless it is symmetric, of the right size, with correlations between -1
    and 1, and positive definite once raised.
    """
    if not 0.0 <= floor < 1.0:
        raise ValueError(f"floor must be at least 0 and below 1, not {floor}")
    given = np.asarray(correlation, np.float64)
    matrix = np.full((channels, channels), given) if given.ndim == 0 else given.copy()
    if matrix.shape != (channels, channels) or not np.array_equal(matrix, matrix.T):
        raise ValueError(f"correlation must be one number or a {channels} by {channels} matrix")
    if not (np.abs(matrix) <= 1.0).all():
        raise ValueError(f"correlation must lie between -1 and 1, not {correlation}")
    matrix = np.maximum(matrix, floor)
    np.fill_diagonal(matrix, 1.0)
    if np.linalg.eigvalsh(matrix)[0] <= 1e-9:
        raise ValueError(f"correlation must be positive definite, not {correlation}")
    return matrix


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
