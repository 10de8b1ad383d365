"""Exact run lengths of Gaussian EWMA charts.

E_n = (1 - w) E_{n-1} + w z_n with z ~ N(mu, 1) and E_0 = 0, in standard deviations of one
point. The fixed limits are +-c, c = L sqrt(w / (2 - w)); the exact ones, at point n,
c_n = c sqrt(1 - (1 - w)^(2n)). With fixed limits

    L(s) = 1 + int_{-c}^{c} L(y) phi((y - (1 - w) s) / w - mu) dy / w

(S. V. Crowder, "A simple method for studying run-length distributions of exponentially
weighted moving average charts", Technometrics 29, 1987), solved at Gauss-Legendre nodes close
enough for the kernel. With exact limits the same step is taken back from the point after which
the limits no longer move.

A one-sided chart has a barrier at the target: E_n = max(0, (1 - w) E_{n-1} + w z_n) and
alarms above the limit only, so that a long fall does not hide a rise (C. W. Champ,
W. H. Woodall & H. A. Mohsen, "A generalized quality control procedure", Statistics &
Probability Letters 11, 1991). At zero there is then an atom of probability.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.arrays import Floats
from detectors.demands import check_choice, check_finite, check_part, check_positive
from detectors.run_lengths.gaussian import (
    enough_nodes,
    legendre_nodes,
    normal_below,
    normal_density,
)

_NODES_A_SPREAD = 4  # nodes to one standard deviation of a step, w
_MOST_NODES = 4_000
_SETTLED = 1e-14  # share of the final variance still missing when limits count as fixed


def _check(weight: float, width: float, mean: float, start: float) -> None:
    check_part("weight", weight)
    check_positive("width", width)
    check_finite("mean", mean)
    check_finite("start", start)


class _Grid:
    """Where the statistic may be without an alarm: nodes, weights and the atom at zero."""

    def __init__(self, reach: float, number: int, *, two_sided: bool) -> None:
        self.two_sided = two_sided
        low = -reach if two_sided else 0.0
        inner, weights = legendre_nodes(low, reach, number)
        # The atom is a node of its own, whose weight is a probability and not a density.
        self.nodes = inner if two_sided else np.concatenate([[0.0], inner])
        self._inner = inner
        self._weights = weights

    def moves_from(self, starts: Floats, weight: float, mean: float) -> Floats:
        """Chance of each start to go to each node, shape (starts, nodes)."""
        centre = (1.0 - weight) * starts[:, np.newaxis] + weight * mean
        density = normal_density((self._inner - centre) / weight) / weight
        moves = self._weights * density
        if not self.two_sided:
            moves = np.hstack([normal_below(-centre / weight), moves])
        return moves


def _nodes_for(reach: float, weight: float, *, two_sided: bool) -> int:
    span = 2.0 * reach if two_sided else reach
    number = enough_nodes(_NODES_A_SPREAD * span / weight)
    if number > _MOST_NODES:
        raise ValueError(f"weight {weight} is too small for an exact run length")
    return number


def ewma_run_length(
    weight: float,
    width: float,
    *,
    mean: float = 0.0,
    start: float = 0.0,
    two_sided: bool = True,
    limits: str = "fixed",
) -> float:
    """Average run length of an EWMA chart.

    Args:
        weight: Weight of the newest point, above 0 and at most 1.
        width: Limit in standard deviations of the EWMA.
        mean: Mean of the points, 0 when in control.
        start: EWMA before the first point, in standard deviations of a point (a head start).
        two_sided: Two limits, or an upper one with a barrier at the target. A chart for falls
            has ``-mean``.
        limits: ``"fixed"``, the same at every point, or ``"exact"``, growing with the
            variance of the EWMA from its known start.

    Raises ``ValueError`` for values out of range.

    Example:
        >>> round(ewma_run_length(0.1, 2.814), 1)
        499.6
        >>> round(ewma_run_length(0.1, 2.814, limits="exact"), 1)
        486.4
    """
    _check(weight, width, mean, start)
    check_choice("limits", limits, ("fixed", "exact"))
    if not two_sided and start < 0.0:
        raise ValueError(f"start must not be below the barrier at zero, not {start}")
    final = width * math.sqrt(weight / (2.0 - weight))
    number = _nodes_for(final, weight, two_sided=two_sided)
    grid = _Grid(final, number, two_sided=two_sided)
    moves = grid.moves_from(grid.nodes, weight, mean)
    ahead = np.linalg.solve(np.eye(len(moves)) - moves, np.ones(len(moves)))
    kept = (1.0 - weight) ** 2
    steps = 1
    if limits == "exact" and kept > 0.0:
        steps = max(1, math.ceil(math.log(_SETTLED) / math.log(kept)))
    # ``ahead`` holds the run length still to come after point n, on the grid of point n.
    for n in range(steps - 1, 0, -1):
        earlier = _Grid(final * math.sqrt(1.0 - kept**n), number, two_sided=two_sided)
        ahead = 1.0 + grid.moves_from(earlier.nodes, weight, mean) @ ahead
        grid = earlier
    return 1.0 + float(grid.moves_from(np.array([start]), weight, mean)[0] @ ahead)
