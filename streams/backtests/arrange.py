"""A file's counts arranged for a stored calibration."""

from __future__ import annotations

import numpy as np

from detectors.evidence.counts import F64, FeedCounts
from detectors.evidence.model import EvidenceModel
from streams.backtests.countsfile import Counts
from streams.evidence.reference import Reference


class BacktestError(ValueError):
    """A backtest that cannot be run as asked; the message says why."""


def arrange(
    counts: Counts, reference: Reference, unit_class: str | None
) -> tuple[FeedCounts, EvidenceModel]:
    """Put a file's feeds in the order of a stored model.

    Raises:
        BacktestError: no model has all the file's feeds, or the grid is another.

    """
    wanted = set(counts.feeds)
    names = [unit_class] if unit_class else list(reference.models)
    for name in names:
        model = reference.models.get(name)
        if model is None:
            known = ", ".join(reference.models)
            raise BacktestError(f"the calibration has no class {name}; it has {known}")
        if wanted <= set(model.feeds):
            break
    else:
        held = "; ".join(f"{n}: {', '.join(reference.models[n].feeds)}" for n in names)
        raise BacktestError(f"the calibration lacks a feed of the file ({held})")
    if abs(model.per_year - counts.per_year) > 1:
        raise BacktestError("the calibration is for another length of periods than the file's")
    shape = (counts.block.units, len(model.feeds), counts.block.periods)
    values, exposure = np.zeros(shape), np.zeros(shape)
    for position, feed in enumerate(model.feeds):
        if feed in wanted:
            source = counts.feeds.index(feed)
            values[:, position] = counts.block.counts[:, source]
            exposure[:, position] = _relative(counts.block.exposure[:, source])
    return FeedCounts(values, exposure, counts.block.week0), model


def _relative(exposure: F64) -> F64:
    """Exposure over the unit's own first quarter, as a stored calibration expects it."""
    seen = exposure > 0
    early = seen & (np.cumsum(seen, axis=1) <= 13)
    mean = np.where(early, exposure, 0).sum(axis=1) / np.maximum(early.sum(axis=1), 1)
    return exposure / np.where(mean > 0, mean, 1.0)[:, None]
