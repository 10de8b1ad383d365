"""Units of a file whose baseline is already unlike their peers'.

What was wrong through all of a baseline looks steady to the evidence of a change. Each
unit is compared once, when it has its baseline, with the fleet that was fitted by then
(``detectors.evidence.peers``). This raises no alert and takes nothing from the budget: it
says where a unit's own past is no standard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from detectors.evidence.counts import I64, FeedCounts
from detectors.evidence.fleet import weighted_totals
from detectors.evidence.model import EvidenceModel
from detectors.evidence.peers import FALSE_SHARE, compare_with_peers


@dataclass(frozen=True, slots=True)
class Unlike:
    """A unit that was unlike its peers when it had its baseline.

    ``column`` is the first column after the data that say so, ``feeds`` those that take
    part with the ratio of the unit's rate to the fleet's mean.
    """

    unit: int
    column: int
    log_evidence: float
    feeds: tuple[tuple[int, float], ...]


def unlike_peers(
    stages: Iterable[tuple[int, FeedCounts, EvidenceModel]],
    ready: I64,
    *,
    false_share: float = FALSE_SHARE,
) -> Iterator[Unlike]:
    """Compare every unit once with its peers.

    Args:
        stages: first judged column, the baselines before it, and the model fitted to them.
        ready: ``I64[U]``, each unit's first column after its baseline.
        false_share: units marked by chance, at most.

    """
    compared = np.zeros(len(ready), dtype=np.bool_)
    for column, history, model in stages:
        seen = history.exposure > 0
        counts = np.where(seen, history.counts, 0.0)
        expected = history.exposure * model.seasonal(history.week0, history.periods)
        found = compare_with_peers(*weighted_totals(counts, expected, model), model)
        due = (ready <= column) & ~compared
        compared |= due
        for unit in np.flatnonzero(due & found.unusual(false_share)).tolist():
            part = found.probability[unit]
            told = [f for f in range(len(part)) if part[f] > 0.5] or [int(part.argmax())]
            yield Unlike(
                unit=unit,
                column=column,
                log_evidence=float(found.log_evidence[unit]),
                feeds=tuple((f, float(found.ratio[unit, f])) for f in told),
            )
