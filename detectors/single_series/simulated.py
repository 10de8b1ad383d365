"""Stable and changed series made up for testing, and what a watch makes of them.

Budgets are promises about series whose rate, share, spread and dispersion nobody
knows beforehand. They are checked here the way they are used: every quantity is
estimated from the simulated history itself, looking forward only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from detectors.evidence.counts import F64, WEEKS_PER_YEAR
from detectors.single_series.episodes import SeriesEpisode


@dataclass(frozen=True, slots=True)
class Achieved:
    """False alerts found over those allowed, by level, with 95 % limits (Poisson)."""

    level1: float
    level2: float
    limits1: tuple[float, float]
    limits2: tuple[float, float]


def achieved(
    episodes: Iterable[SeriesEpisode], series_years: float, budget1: float, budget2: float
) -> Achieved:
    """How much of each budget the episodes on stable series have used."""
    levels = [episode.level for episode in episodes]
    ones, twos = len(levels), sum(level == 2 for level in levels)

    def limits(count: int, allowed: float) -> tuple[float, float]:
        # Byar's approximation to the exact Poisson limits.
        low = count * (1 - 1 / (9 * count) - 1.96 / (3 * math.sqrt(count))) ** 3 if count else 0.0
        more = count + 1
        high = more * (1 - 1 / (9 * more) + 1.96 / (3 * math.sqrt(more))) ** 3
        return low / allowed, high / allowed

    allowed1, allowed2 = series_years * budget1, series_years * budget2
    return Achieved(
        level1=ones / allowed1,
        level2=twos / allowed2,
        limits1=limits(ones, allowed1),
        limits2=limits(twos, allowed2),
    )


def delays(episodes: Iterable[SeriesEpisode], series: int, changed: int) -> tuple[F64, F64]:
    """Periods from the change to levels 1 and 2, by series; inf where not reached.

    NaN for a series in which an episode was open already.
    """
    first = np.full((2, series), np.inf)
    for episode in episodes:
        if episode.opened >= changed:
            first[0, episode.series] = min(first[0, episode.series], episode.opened - changed + 1)
        elif episode.subsided < 0 or episode.subsided >= changed:
            first[:, episode.series] = np.nan
        if episode.raised >= changed:
            first[1, episode.series] = np.fmin(
                first[1, episode.series], episode.raised - changed + 1
            )
    return first[0], first[1]


def shares(
    rng: np.random.Generator,
    *,
    series: int,
    periods: int,
    size: float,
    share: float,
    overdispersion: float = 0.0,
    changed: int | None = None,
    odds_ratio: float = 1.0,
) -> tuple[F64, F64]:
    """Numerators and denominators: beta-binomial of negative-binomial sizes (dispersion 0.3)."""
    n = rng.poisson(size * rng.gamma(1 / 0.3, 0.3, (series, periods)))
    p = np.full((series, periods), float(share))
    if changed is not None:
        odds = share / (1 - share) * odds_ratio
        p[:, changed:] = odds / (1 + odds)
    if overdispersion > 0:
        strength = 1 / overdispersion - 1
        p = rng.beta(p * strength, (1 - p) * strength)
    return rng.binomial(n, p).astype(np.float64), n.astype(np.float64)


def measurements(
    rng: np.random.Generator,
    *,
    series: int,
    periods: int,
    autocorrelation: float = 0.0,
    season: float = 0.0,
    tails: float | None = None,
    per_year: float = WEEKS_PER_YEAR,
    changed: int | None = None,
    shift: float = 0.0,
) -> F64:
    """Values of mean 10 and sd 1: AR(1), a season of random phase, t tails, a shift."""
    noise = rng.normal(size=(series, periods))
    if tails is not None:
        noise = rng.standard_t(tails, (series, periods)) / math.sqrt(tails / (tails - 2))
    x = np.empty_like(noise)
    x[:, 0] = noise[:, 0]
    keep = math.sqrt(1 - autocorrelation**2)
    for t in range(1, periods):
        x[:, t] = autocorrelation * x[:, t - 1] + keep * noise[:, t]
    phase = rng.uniform(0, 2 * math.pi, (series, 1))
    x += 10 + season * np.cos(2 * math.pi * np.arange(periods) / per_year + phase)
    if changed is not None:
        x[:, changed:] += shift
    return x


def reports(
    rng: np.random.Generator,
    *,
    series: int,
    periods: int,
    rate: float,
    dispersion: float = 0.0,
    changed: int | None = None,
    rate_ratio: float = 1.0,
) -> F64:
    """Counts: negative binomial, multiplied by ``rate_ratio`` from ``changed`` on."""
    mean = np.full((series, periods), float(rate))
    if changed is not None:
        mean[:, changed:] *= rate_ratio
    if dispersion > 0:
        mean = mean * rng.gamma(1 / dispersion, dispersion, mean.shape)
    drawn: F64 = rng.poisson(mean).astype(np.float64)
    return drawn


def gaps(
    rng: np.random.Generator,
    *,
    series: int,
    events: int,
    mean: float,
    shape: float = 1.0,
    changed: int | None = None,
    rate_ratio: float = 1.0,
) -> F64:
    """Weibull gaps of a given mean, shorter by ``rate_ratio`` from gap ``changed`` on."""
    g = mean * rng.weibull(shape, (series, events)) / math.gamma(1 + 1 / shape)
    if changed is not None:
        g[:, changed:] /= rate_ratio
    return g
