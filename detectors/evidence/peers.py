"""Units that were unlike their peers before they were watched.

The evidence of a change compares a unit with its own past, so one in which something was wrong
through all of its history looks steady. This compares the history itself with the fleet.
Units' rates vary as Gamma(a, b); if one unit's rates were drawn from that law and then
multiplied by r, its weighted total ``A`` over mass ``M`` has the Bayes factor

    log BF(r) = A log r + (a + A) log((b + M) / (b + r M))

against an ordinary unit (two negative-binomial probabilities, Johnson, Kemp and Kotz,
Univariate Discrete Distributions, 2005, section 5.3). Factors multiply over feeds and are
averaged over the ways of failing: S = sum_c p_c prod_f BF_f(r_cf). For a unit drawn from
the fleet S has mean one, so S exceeds 1 / q with a probability of at most q (Markov), for
each unit once, however many feeds there are. That is the promise of ``unusual``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detectors.demands import check_inside
from detectors.evidence.counts import F64
from detectors.evidence.model import EvidenceModel

# Stable units differ by a half or so: only larger factors can be told from that.
FACTORS = (1.6, 2.5)
FALSE_SHARE = 0.002  # units called unlike their peers by chance, at most


@dataclass(frozen=True, eq=False)
class PeerComparison:
    """How a history compares with the fleet's.

    Args:
        log_evidence: ``F64[U]``, log S for rates higher than the fleet gives them.
        probability: ``F64[U, F]``, that the feed takes part, if anything is unusual.
        ratio: ``F64[U, F]``, the unit's posterior rate over the fleet's mean rate.

    """

    log_evidence: F64
    probability: F64
    ratio: F64

    def unusual(self, false_share: float = FALSE_SHARE) -> npt.NDArray[np.bool_]:
        """Mark units unlike their peers, ``bool[U]``; a stable one with chance ``false_share``.

        Raises:
            ValueError: a share that is not between 0 and 1.

        """
        check_inside("false_share", false_share)
        return np.asarray(self.log_evidence > -np.log(false_share))


def compare_with_peers(totals: F64, masses: F64, model: EvidenceModel) -> PeerComparison:
    """Compare weighted totals and masses of histories, ``F64[U, F]``, with the fleet's law.

    ``fit_fleet`` gives both. A feed that was never observed says nothing. The fleet's law is
    estimated with the unusual units in it, which makes it wider and the comparison cautious.

    Raises:
        ValueError: shapes that are not (units, feeds of the model).

    """
    if totals.shape != masses.shape or totals.shape[1:] != (len(model.feeds),):
        raise ValueError(
            f"totals and masses must both have shape (units, {len(model.feeds)}),"
            f" not {totals.shape} and {masses.shape}"
        )
    factor = np.stack([_log_factor(totals, masses, model, r) for r in FACTORS])
    table = model.patterns
    log_terms = np.tile(np.log(table.weight), (len(totals), 1))
    for f in range(len(model.feeds)):
        for level in range(1, len(FACTORS) + 1):
            log_terms[:, table.choice[:, f] == level] += factor[level - 1, :, f, None]
    top = log_terms.max(axis=1, keepdims=True)
    terms = np.exp(log_terms - top)
    total = terms.sum(axis=1)
    takes_part = (table.choice > 0).astype(np.float64)
    mean = model.prior_a / model.prior_b
    rate = (model.prior_a + totals) / (model.prior_b + masses)
    return PeerComparison(
        log_evidence=top[:, 0] + np.log(total),
        probability=terms @ takes_part / total[:, None],
        ratio=rate / mean,
    )


def _log_factor(totals: F64, masses: F64, model: EvidenceModel, ratio: float) -> F64:
    shape, scale = model.prior_a, model.prior_b
    grown = np.log((scale + masses) / (scale + ratio * masses))
    return np.asarray(totals * np.log(ratio) + (shape + totals) * grown)
