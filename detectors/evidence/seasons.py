"""What a whole fleet does over the year: season and trend of each feed.

Quasi-Poisson regression of the fleet's weekly totals on two harmonics of the year and a
straight line, all on the log scale. What a year of data says of a trend is little, and much
of that is confounded with the season; so each feed's trend is shrunk to none, and each
feed's season to one that the feeds share, as far as their own data are thin.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64

WAVES = 4  # sine and cosine of two harmonics
# Standard deviation, over feeds and fleets, of growth a year on the log scale: a guess that
# admits what reporting does from year to year and calls six per cent unusual.
USUAL_TREND = 0.03
TREND_YEARS = 1.0  # a trend is followed this long beyond its history, then stays


def fit_season(counts: F64, exposure: F64, week0: int, per_year: float) -> tuple[F64, F64]:
    """Fit season and trend of each feed to ``F64[U, F, T]`` counts and exposures.

    Returns:
        the season's coefficients ``F64[F, 4]``, and the trend ``F64[F]``, growth of the
        log rate per year.

    """
    feeds, periods = counts.shape[1:]
    waves = np.vstack([harmonics(week0, periods, per_year), _years(periods, per_year)])
    offset = (exposure * own_rate(counts, exposure)[:, :, None]).sum(axis=0)
    fitted = [_regress(counts[:, f].sum(axis=0), offset[f], waves) for f in range(feeds)]
    trend = np.array([_shrunken_trend(curve, cover)[0] for curve, cover in fitted])
    given = [_given_trend(curve, cover) for curve, cover in fitted]
    return _share_season(np.array([c for c, _ in given]), np.array([v for _, v in given])), trend


def usual_course(
    season: F64, trend: F64, trend_week: int, week0: int, periods: int, per_year: float
) -> F64:
    """Factor of season and trend on consecutive periods, ``F64[F, T]``.

    The trend is 0 at ``trend_week`` and stays where it is a year later.
    """
    ahead = int(TREND_YEARS * per_year)
    years = np.minimum(np.arange(week0, week0 + periods) - trend_week, ahead) / per_year
    return _course(season, harmonics(week0, periods, per_year), trend, years)


def own_rate(counts: F64, expected: F64) -> F64:
    """Each unit's rate ``F64[U, F]``, with half an event of the fleet's rate added."""
    pooled = pooled_rate(counts, expected)
    mass = expected.sum(axis=2)
    half = 0.5 / np.maximum(pooled, 1e-9)
    return np.asarray((counts.sum(axis=2) + 0.5) / np.maximum(mass + half, 1e-9))


def pooled_rate(counts: F64, expected: F64) -> F64:
    """The fleet's rate of each feed, ``F64[F]``."""
    mass = expected.sum(axis=(0, 2))
    return np.asarray(counts.sum(axis=(0, 2)) / np.maximum(mass, 1e-9))


@compiled
def harmonics(week0: int, periods: int, per_year: float) -> F64:
    """Give sine and cosine of the year's first two harmonics, ``F64[4, T]``."""
    waves = np.empty((4, periods))
    for t in range(periods):
        phase = 2.0 * math.pi * (week0 + t) / per_year
        waves[0, t] = math.sin(phase)
        waves[1, t] = math.cos(phase)
        waves[2, t] = math.sin(2.0 * phase)
        waves[3, t] = math.cos(2.0 * phase)
    return waves


@compiled
def _course(season: F64, waves: F64, trend: F64, years: F64) -> F64:
    # One element at a time: a vectorised product could round the same week
    # differently in a longer block, and a resumed watch must equal a full one.
    factors = np.empty((season.shape[0], waves.shape[1]))
    for f in range(season.shape[0]):
        for t in range(waves.shape[1]):
            power = trend[f] * years[t]
            for c in range(season.shape[1]):
                power += season[f, c] * waves[c, t]
            factors[f, t] = math.exp(power)
    return factors


def _years(periods: int, per_year: float) -> F64:
    """Years up to the end of the history, where a trend is 0."""
    return np.asarray((np.arange(periods) - periods) / per_year)


def _regress(total: F64, offset: F64, waves: F64) -> tuple[F64, F64]:
    """Quasi-Poisson regression of a feed's totals; ``[5]`` coefficients and covariance."""
    seen = offset > 0
    design = np.vstack([np.ones(int(seen.sum())), waves[:, seen]]).T
    # A log amplitude, or a growth a year, beyond 1 is neither season nor trend.
    ridge = np.diag([1e-9] + [1.0] * len(waves))
    y, o = total[seen], offset[seen]
    beta = np.zeros(design.shape[1])
    for _ in range(8):
        mu = np.maximum(o * np.exp(np.clip(design @ beta, -3, 3)), 1e-9)
        information = design.T @ (mu[:, None] * design) + ridge
        step = np.linalg.solve(information, design.T @ (y - mu) - ridge @ beta)
        beta = beta + np.clip(step, -1, 1)
    mu = np.maximum(o * np.exp(np.clip(design @ beta, -3, 3)), 1e-9)
    freedom = max(len(y) - design.shape[1], 1)
    spread = max(1.0, float(((y - mu) ** 2 / mu).sum()) / freedom)
    cover = np.linalg.inv((design.T @ (mu[:, None] * design)) / spread + ridge)
    return beta[1:], cover[1:, 1:]


def _shrunken_trend(curve: F64, cover: F64) -> tuple[float, float]:
    """Posterior mean and variance of a trend whose prior is Normal(0, USUAL_TREND**2)."""
    keep = USUAL_TREND**2 / (USUAL_TREND**2 + cover[WAVES, WAVES])
    return float(keep * curve[WAVES]), float(keep * cover[WAVES, WAVES])


def _given_trend(curve: F64, cover: F64) -> tuple[F64, F64]:
    """The season's coefficients once the trend is shrunk: conditional normal distribution."""
    trend, left = _shrunken_trend(curve, cover)
    slope = cover[:WAVES, WAVES] / cover[WAVES, WAVES]
    season = curve[:WAVES] - slope * (curve[WAVES] - trend)
    spread = cover[:WAVES, :WAVES] - np.outer(slope, slope) * (cover[WAVES, WAVES] - left)
    return season, spread


def _share_season(curves: F64, covers: F64) -> F64:
    """Shrink each feed's season to the common one, and that to none by its uncertainty."""
    precisions = np.array([np.linalg.inv(cover) for cover in covers])
    pooled_cover = np.linalg.inv(precisions.sum(axis=0))
    common = pooled_cover @ np.einsum("fij,fj->i", precisions, curves)
    strength = max(0.0, float(common @ common - np.trace(pooled_cover)) / len(common))
    shrunken = _shrink(common, pooled_cover, strength)
    apart = sum(
        float((c - common) @ (c - common) - np.trace(v))
        for c, v in zip(curves, covers, strict=True)
    )
    feeds = len(curves)
    between = max(0.0, apart / (len(common) * max(feeds - 1, 1))) if feeds > 1 else 0.0
    return np.array(
        [
            shrunken + _shrink(curve - common, cover, between)
            for curve, cover in zip(curves, covers, strict=True)
        ]
    )


def _shrink(value: F64, cover: F64, variance: float) -> F64:
    if variance <= 0.0:
        return np.zeros_like(value)
    prior = variance * np.eye(len(value))
    shrunken: F64 = prior @ np.linalg.solve(prior + cover, value)
    return shrunken
