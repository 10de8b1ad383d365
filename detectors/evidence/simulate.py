"""Simulated fleets: negative-binomial counts with season, exposure and a common effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.evidence.counts import DAYS, F64, I64, U16, FeedCounts
from detectors.evidence.model import EvidenceModel


@dataclass(frozen=True, eq=False)
class Fleet:
    """Counts with the truth that made them.

    ``mean`` is ``F64[U, F, T]``: rate times exposure and season, before any change
    and without the common effect, which nobody can know.
    """

    block: FeedCounts
    rates: F64
    dispersion: F64
    mean: F64


def simulate(
    model: EvidenceModel,
    rates: F64,
    dispersion: F64,
    exposure: F64,
    *,
    week0: int,
    rng: np.random.Generator,
    factor: F64 | None = None,
    by_day: bool = False,
) -> Fleet:
    """Draw counts of units with given rates and dispersions.

    Args:
        model: season, common effect and shape of the week.
        rates: ``F64[U, F]`` per period at exposure 1.
        dispersion: ``F64[U, F]``, total alpha, the common effect's part included.
        exposure: ``F64[U, F, T]``; zero where not observed.
        week0: absolute index of the first period.
        rng: the source of chance; the same state gives the same fleet.
        factor: ``F64[U, F, T]`` multiplying the means, for example a change.
        by_day: also split the counts over the days of the week.

    """
    periods = exposure.shape[2]
    mean = rates[:, :, None] * exposure * model.seasonal(week0, periods)
    actual = mean if factor is None else mean * factor
    common = common_factor(rates.shape[0], periods, model.sigma2, model.rho, rng)
    # The common effect explains a part of the total dispersion; the rest is the feed's.
    own = np.maximum((1.0 + dispersion) * np.exp(-model.sigma2) - 1.0, 1e-9)[:, :, None]
    noise = rng.gamma(np.broadcast_to(1.0 / own, actual.shape), own)
    counts = rng.poisson(actual * noise * common[:, None, :]).astype(np.float64)
    daily = split_by_day(counts, model.shape_of_week(), rng) if by_day else None
    return Fleet(FeedCounts(counts, exposure, week0, daily), rates, dispersion, mean)


def common_factor(
    units: int, periods: int, sigma2: float, rho: float, rng: np.random.Generator
) -> F64:
    """Draw log-normal AR(1) factors with mean one, ``F64[U, T]``."""
    normal = rng.standard_normal((units, periods))
    if sigma2 <= 0:
        return np.ones((units, periods))
    log = np.empty_like(normal)
    log[:, 0] = normal[:, 0]
    for t in range(1, periods):
        log[:, t] = rho * log[:, t - 1] + np.sqrt(1.0 - rho * rho) * normal[:, t]
    return np.asarray(np.exp(np.sqrt(sigma2) * log - 0.5 * sigma2))


def split_by_day(counts: F64, shape: F64, rng: np.random.Generator) -> U16:
    """Give counts by day, ``U16[U, F, T, 7]``, by the cumulative ``shape`` ``F64[F, 7]``."""
    left = counts.astype(np.int64)
    daily = np.zeros((*counts.shape, DAYS), dtype=np.uint16)
    before = np.concatenate([np.zeros((len(shape), 1)), shape], axis=1)
    for day in range(DAYS):
        share = (before[:, day + 1] - before[:, day]) / np.maximum(1.0 - before[:, day], 1e-12)
        drawn = rng.binomial(left, np.clip(share, 0.0, 1.0)[:, None]) if day < DAYS - 1 else left
        daily[..., day] = drawn
        left = left - drawn
    return daily


def draw_rates(model: EvidenceModel, units: int, rng: np.random.Generator) -> F64:
    """Draw rates of new units from the prior, ``F64[U, F]``."""
    return rng.gamma(model.prior_a, 1.0 / model.prior_b, size=(units, len(model.feeds)))


def draw_dispersions(centre: F64, variance: F64, rng: np.random.Generator) -> F64:
    """Draw dispersions around ``centre`` with ``variance`` (Gamma), the same shape."""
    centre = np.maximum(centre, 1e-6)
    drawn = rng.gamma(centre**2 / np.maximum(variance, 1e-12), np.maximum(variance, 1e-12) / centre)
    return np.where(variance > 1e-10, np.minimum(drawn, 2.0), centre)


def step_change(shape: tuple[int, int, int], ratios: F64, onset: int, ramp: int = 0) -> F64:
    """Give factors that go to ``ratios`` (``F64[F]``) at ``onset``, over ``ramp`` periods."""
    weeks = np.arange(shape[2])
    grown = np.clip((weeks - onset + 1) / max(ramp, 1), 0.0, 1.0)
    return np.broadcast_to(1.0 + (ratios[:, None] - 1.0) * grown, shape)


def oracle_scores(fleet: Fleet, ratios: F64) -> F64:
    """Weekly log likelihood ratio of one who knows everything but the onset, ``F64[U, T]``.

    Knows every unit's rates, dispersion and season, which feeds change and by how
    much; negative-binomial likelihood with variance ``mu + alpha mu**2``.
    """
    alpha = fleet.dispersion[:, :, None]
    changed = fleet.mean * ratios[:, None]
    counts = fleet.block.counts
    score = counts * np.log(ratios)[:, None] - (counts + 1.0 / alpha) * (
        np.log1p(alpha * changed) - np.log1p(alpha * fleet.mean)
    )
    return np.asarray(np.where(fleet.block.exposure > 0, score, 0.0).sum(axis=1))


def oracle_cusum(scores: F64, bar: float, start: int) -> list[I64]:
    """Give each unit's alert weeks of the CUSUM of ``scores`` with restarts at ``bar``."""
    units, periods = scores.shape
    level = np.zeros(units)
    found: list[list[int]] = [[] for _ in range(units)]
    for t in range(start, periods):
        level = np.maximum(level, 0.0) + scores[:, t]
        for u in np.flatnonzero(level > bar):
            found[int(u)].append(t)
            level[u] = 0.0
    return [np.array(weeks, dtype=np.int64) for weeks in found]
