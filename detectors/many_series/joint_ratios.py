"""Likelihood ratios of several channels together, joined by a Gaussian copula.

Channels of a unit move together without any change. With z the normal scores of the channels as
the unchanged model sees them, c as the changed one does, L_k their own ratios, Sigma the
correlation among the channels of a subset S and Q = Sigma^-1 - I, the two copulas' densities give

    log L^S = sum_k log L_k + (z^T Q z - c^T Q c) / 2

For Gaussian scores and a rise of d this is d^T Sigma^-1 z - d^T Sigma^-1 d / 2. A channel that is
missing is left out of the subset.

Source: the Gaussian copula density, e.g. P. X.-K. Song, "Multivariate dispersion models generated
from Gaussian copula", Scandinavian Journal of Statistics 27 (2000), 305.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detectors.arrays import Booleans, Floats
from detectors.compiled import compiled

Subsets = tuple[tuple[int, ...], ...]


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
