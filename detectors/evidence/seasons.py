"""What a whole fleet does over the year: season, holidays and trend of each feed.

Quasi-Poisson regression of the fleet's weekly totals on two harmonics of the year, on
holidays and on a straight line, all on the log scale. What a year of data says of a trend
is little, and much of that is confounded with the season; so each feed's trend and
holidays are shrunk to none, and each feed's season to one that the feeds share, as far as
their own data are thin.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64
from detectors.evidence.holidays import KINDS, USUAL_HOLIDAY, holiday_weeks

WAVES = 4  # sine and cosine of two harmonics
# Standard deviation, over feeds and fleets, of growth a year on the log scale: a guess that
# admits what reporting does from year to year and calls four per cent unusual.
USUAL_TREND = 0.02
TREND_YEARS = 1.0  # a trend is followed this long beyond its history, then stays
# A log amplitude beyond 1 is no season.
_SPREADS = np.array([1.0] * WAVES + [*USUAL_HOLIDAY, USUAL_TREND])
_PENALTY = np.array([1e-9, *_SPREADS**-2])
_FITS, _STEPS = 3, 6


class Course(NamedTuple):
    """What a fleet does over time, per feed, as coefficients of the log rate.

    ``season`` is ``F64[F, 4]`` (``harmonics``), ``holiday`` ``F64[F, 2]``
    (``holiday_weeks``), ``trend`` ``F64[F]``, growth a year.
    """

    season: F64
    holiday: F64
    trend: F64


def fit_course(counts: F64, exposure: F64, week0: int, per_year: float) -> Course:
    """Fit the course of each feed to ``F64[U, F, T]`` counts and exposures.

    The trend is 0 at the first period after the data.
    """
    feeds, periods = counts.shape[1:]
    year = _year(week0, periods, per_year)
    design = np.vstack([np.ones(periods), year, (np.arange(periods) - periods) / per_year])
    offset = (exposure * own_rate(counts, exposure)[:, :, None]).sum(axis=0)
    fitted = [_regress(counts[:, f].sum(axis=0), offset[f], design) for f in range(feeds)]
    curves = np.array([curve for curve, _ in fitted])
    covers = np.array([cover[:WAVES, :WAVES] for _, cover in fitted])
    return Course(
        season=_share_season(curves[:, :WAVES], covers),
        holiday=curves[:, WAVES : WAVES + KINDS],
        trend=curves[:, WAVES + KINDS],
    )


def usual_course(course: Course, trend_week: int, week0: int, periods: int, per_year: float) -> F64:
    """Factor of a course on consecutive periods, ``F64[F, T]``.

    The trend is 0 at ``trend_week`` and stays where it is a year later.
    """
    ahead = int(TREND_YEARS * per_year)
    years = np.minimum(np.arange(week0, week0 + periods) - trend_week, ahead) / per_year
    yearly = np.hstack([course.season, course.holiday])
    return _factors(yearly, _year(week0, periods, per_year), course.trend, years)


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
def _factors(yearly: F64, year: F64, trend: F64, years: F64) -> F64:
    # One element at a time: a vectorised product could round the same week
    # differently in a longer block, and a resumed watch must equal a full one.
    factors = np.empty((yearly.shape[0], year.shape[1]))
    for f in range(yearly.shape[0]):
        for t in range(year.shape[1]):
            power = trend[f] * years[t]
            for c in range(yearly.shape[1]):
                power += yearly[f, c] * year[c, t]
            factors[f, t] = math.exp(power)
    return factors


def _year(week0: int, periods: int, per_year: float) -> F64:
    """What of a course comes back every year, ``F64[6, T]``: harmonics, then holidays."""
    waves = harmonics(week0, periods, per_year)
    return np.vstack([waves, holiday_weeks(week0, periods, per_year)])


def _regress(total: F64, offset: F64, design: F64) -> tuple[F64, F64]:
    """Quasi-Poisson regression of a feed's totals under normal priors (``_SPREADS``).

    Returns the mode, the constant left out, and its covariance.
    """
    seen = offset > 0
    x, y, o = design[:, seen].T, total[seen], offset[seen]
    freedom = max(len(y) - int(np.any(x != 0, axis=0).sum()), 1)
    beta, spread = np.zeros(x.shape[1]), 1.0
    for _ in range(_FITS):
        for _ in range(_STEPS):
            mu = _means(x, o, beta)
            information = x.T @ (mu[:, None] * x) / spread + np.diag(_PENALTY)
            gradient = x.T @ (y - mu) / spread - _PENALTY * beta
            beta = beta + np.clip(np.linalg.solve(information, gradient), -1, 1)
        mu = _means(x, o, beta)
        spread = max(1.0, float(((y - mu) ** 2 / mu).sum()) / freedom)
    cover = np.linalg.inv(x.T @ (mu[:, None] * x) / spread + np.diag(_PENALTY))
    return beta[1:], np.asarray(cover[1:, 1:], dtype=np.float64)


def _means(x: F64, offset: F64, beta: F64) -> F64:
    return np.maximum(offset * np.exp(np.clip(x @ beta, -3, 3)), 1e-9)


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
