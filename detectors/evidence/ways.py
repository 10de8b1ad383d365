"""The ways of failing that a service meets, learned from concerns that were confirmed.

The weights of a table of ways are a prior: how likely a failing is to begin in this way or
in that. Where concerns were reviewed and confirmed, what they looked like says more than any
guess. The weights are the mode of a Dirichlet posterior, found by expectation-maximisation
(Dempster, Laird and Rubin 1977; Journal of the Royal Statistical Society B 39, 1-38): a
concern counts for each way by its posterior probability, and the table in force counts as
``PRIOR_CONCERNS`` concerns of its own.

Concerns are only known where an alert was raised, and those ways are heard best that have
weight. To learn from them alone would make the service ever deafer to all others. So at
most ``LEARNED`` of the weight is learned: no way of failing ever has less than the rest of
what the table gave it, which bounds what it can lose at ``-log(1 - LEARNED)`` of log evidence.
Thresholds have to be set anew for a new table (``calibrate``).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detectors.evidence.counts import F64
from detectors.evidence.patterns import Patterns

PRIOR_CONCERNS = 20.0
LEARNED = 0.5
ROUNDS = 200  # of expectation-maximisation; more move no weight by 1e-4


def learned_ways(table: Patterns, likelihoods: F64, *, learned: float = LEARNED) -> Patterns:
    """Give the table with weights that lean to what confirmed concerns looked like.

    Args:
        table: the table in force.
        likelihoods: ``F64[N, C]``, for each concern how well each row of the table explains
            it (``explain.ways_of``), up to a factor of its own.
        learned: greatest share of the weight that is learned, from 0 to 1.

    Raises:
        ValueError: likelihoods of another shape, negative, not finite, or nought for all ways
            of a concern; a share outside 0 to 1.

    """
    if not 0.0 <= learned <= 1.0:
        raise ValueError(f"learned must lie between 0 and 1, not {learned}")
    if likelihoods.ndim != 2 or likelihoods.shape[1] != len(table.weight):
        raise ValueError(
            f"likelihoods must have shape (concerns, {len(table.weight)}), not {likelihoods.shape}"
        )
    if not np.isfinite(likelihoods).all() or (likelihoods < 0).any():
        raise ValueError("likelihoods must be finite and not negative")
    if not (likelihoods.max(axis=1, initial=0.0) > 0).all():
        raise ValueError("a concern must have a way that could explain it")
    found = table.weight
    for _ in range(ROUNDS):
        shares = likelihoods * found
        shares /= shares.sum(axis=1, keepdims=True)
        found = PRIOR_CONCERNS * table.weight + shares.sum(axis=0)
        found /= found.sum()
    return replace(table, weight=learned * found + (1.0 - learned) * table.weight)
