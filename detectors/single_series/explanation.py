"""What the evidence on one series rested on, in numbers that let anyone compute it again.

An explanation has, for every form, ``before`` and ``since``, ``onset`` (period,
earliest, latest, posterior), ``expected`` (what would have come since, had nothing
changed, with 95 % limits), ``change`` (size), ``chance`` (how rarely a stable series
shows this much) and ``model``: all that ``recomputation`` needs to
give the log evidence again.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.evidence.counts import F64
from detectors.single_series import measurement_terms as levels
from detectors.single_series import share_terms as shares
from detectors.single_series.episodes import SeriesEpisode, chance, interval
from detectors.single_series.onsets import (
    AGES,
    COUNT,
    STEPS,
    log_sum,
    posterior,
    weighted_mean,
)


def explain_share(
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    episode: SeriesEpisode,
    *,
    prior: tuple[float, float] = shares.PRIOR,
    overdispersion: tuple[float, float] = shares.OVERDISPERSION,
    discount: float = shares.DISCOUNT,
) -> dict[str, Any]:
    """What an episode's opening rested on, in numbers that allow it to be computed again.

    Args:
        numerators: F64[periods] of the episode's series; later periods are not read.
        denominators: the same shape.
        episode: as ``watch_shares`` gave it.
        prior: as told to the watch.
        overdispersion: as told to the watch.
        discount: as told to the watch.

    Returns:
        ``before`` and ``since`` (numerator, denominator, share), ``onset`` (period,
        earliest, latest, posterior), ``expected`` (what the share before would have
        given since, with 95 % limits), ``change`` (odds ratio), ``chance`` (how rarely
        a stable series shows this much) and ``model`` (for ``recompute_share``).

    """
    t = episode.opened
    given, n = (row[0][: t + 1] for row in shares.checked(numerators, denominators))
    y = np.empty_like(given)
    shares.bounded(given, n, *overdispersion, y)
    effects = shares.log_odds_ratios(episode.way)
    rho = shares.dispersion(y, n, t, *overdispersion)
    terms, leans, since, changed = (np.zeros(COUNT) for _ in range(4))
    totals = np.zeros(2)
    shares.share_terms(
        y, n, t, episode.after, effects, np.array(prior), rho, terms, leans, since, changed, totals
    )
    onset = posterior(terms, t)
    before, later = slice(0, onset.period), slice(onset.period, t + 1)
    expected, spread = _expected(y[before], n[before], n[later], prior, rho)
    evidence = float(log_sum(terms))
    return {
        "form": "share",
        "period": t,
        "before": _share(given[before].sum(), n[before].sum()),
        "since": _share(given[later].sum(), n[later].sum()),
        "onset": asdict(onset),
        "expected": interval(expected, spread, 0.0, float(n[later].sum())),
        "change": {"odds_ratio": math.exp(float(weighted_mean(terms, evidence, leans)))},
        "chance": chance(evidence, episode.per_year, discount),
        "model": {
            "prior": list(prior),
            "overdispersion": float(rho),
            "log_odds_ratios": effects.tolist(),
            "reports": float(totals[0]),
            "numerator": float(totals[1]),
            "onsets": [
                {
                    "period": t + 1 - int(AGES[i]),
                    "step": float(STEPS[i]),
                    "reports": float(since[i]),
                    "numerator": float(changed[i]),
                    "log_evidence": float(terms[i]),
                }
                for i in np.flatnonzero(np.isfinite(terms))
            ],
        },
    }


def _share(numerator: float, denominator: float) -> dict[str, float | None]:
    return {
        "numerator": float(numerator),
        "denominator": float(denominator),
        "share": float(numerator / denominator) if denominator > 0 else None,
    }


def _expected(
    y: F64, n: F64, later: F64, prior: tuple[float, float], rho: float
) -> tuple[float, float]:
    """Mean and sd of the later numerator if the share had stayed (beta-binomial moments)."""
    w = 1.0 / (1.0 + shares.CAUTION * rho * np.maximum(n - 1.0, 0.0))
    size = prior[0] + prior[1] + float((w * n).sum())
    share = (prior[0] + float((w * y).sum())) / size
    within = later * (1.0 + np.maximum(later - 1.0, 0.0) * rho)
    total = float(later.sum())
    variance = share * (1.0 - share) * (float(within.sum()) + total * total / (size + 1.0))
    return share * total, math.sqrt(variance)


def explain_measurement(
    values: npt.ArrayLike, episode: SeriesEpisode, *, discount: float = levels.DISCOUNT
) -> dict[str, Any]:
    """What an episode's opening rested on, in numbers that allow it to be computed again.

    Args:
        values: F64[periods] of the episode's series; later periods are not read.
        episode: as ``watch_measurements`` gave it.
        discount: as told to the watch.

    Returns:
        ``before`` and ``since`` (mean, number), ``onset``, ``expected`` (mean since, had
        the level stayed, with 95 % limits), ``change`` (in the unit and in sd),
        ``chance`` and ``model`` (for ``recompute_measurement``). Means are of levels.clipped
        values, as the evidence sees them.

    """
    t = episode.opened
    raw = levels.checked(values)[0][: t + 1]
    x = np.empty_like(raw)
    levels.clipped(raw, x)
    cosine, sine = levels.harmonics(x.size, episode.per_year)
    effects = levels.shifts(episode.way)
    fit, inverse = np.zeros(levels.FIT), np.zeros(5)
    terms, leans, gains, contrasts = (np.zeros(COUNT) for _ in range(4))
    levels.fit_history(x, cosine, sine, t, fit, inverse)
    levels.measurement_terms(
        x, cosine, sine, t, episode.after, effects, fit, inverse, terms, leans, gains, contrasts
    )
    onset = posterior(terms, t)
    evidence = float(log_sum(terms))
    omega = (1.0 - fit[levels.PHI_AT]) / (1.0 + fit[levels.PHI_AT])
    season = fit[levels.COSINE] * (cosine - inverse[3]) + fit[levels.SINE] * (sine - inverse[4])
    was = levels.level_before(x, cosine, sine, onset.period, fit, inverse)
    later = ~np.isnan(x) & (np.arange(x.size) >= onset.period)
    before = ~np.isnan(x) & (np.arange(x.size) < onset.period)
    sd = math.sqrt(levels.left_over(fit, gains, contrasts, t + 1 - onset.period))
    error = sd * math.sqrt((1.0 / max(1, later.sum()) + 1.0 / max(1, before.sum())) / omega)
    lean = float(weighted_mean(terms, evidence, leans))
    return {
        "form": "measurement",
        "period": t,
        "before": _level(x[before]),
        "since": _level(x[later]),
        "onset": asdict(onset),
        "expected": interval(was + float(season[later].mean()), error, -math.inf, math.inf),
        "change": {"sd": lean, "by": lean * sd},
        "chance": chance(evidence, episode.per_year, discount),
        "model": {
            "observations": int(fit[levels.N]),
            "autocorrelation": float(fit[levels.PHI_AT]),
            "season": [float(fit[levels.COSINE]), float(fit[levels.SINE])],
            "sum_of_squares": float(fit[levels.Q]),
            "nu": float(fit[levels.NU]),
            "shifts": effects.tolist(),
            "onsets": [
                {
                    "period": t + 1 - int(AGES[i]),
                    "step": float(STEPS[i]),
                    "contrast": float(contrasts[i]),
                    "gain": float(gains[i]),
                    "log_evidence": float(terms[i]),
                }
                for i in np.flatnonzero(np.isfinite(terms))
            ],
        },
    }


def _level(values: F64) -> dict[str, float | int | None]:
    return {"mean": float(values.mean()) if values.size else None, "periods": values.size}
