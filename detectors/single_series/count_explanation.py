"""What the evidence on counts of one series rested on: a changed rate, or silence.

The parts of an explanation are those of ``explanation``.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.evidence.counts import F64
from detectors.single_series import count_terms as reports
from detectors.single_series.episodes import SeriesEpisode, chance, interval
from detectors.single_series.onsets import (
    AGES,
    COUNT,
    STEPS,
    log_sum,
    posterior,
    weighted_mean,
)


def explain_counts(
    counts: npt.ArrayLike,
    exposure: npt.ArrayLike,
    episode: SeriesEpisode,
    *,
    prior: tuple[float, float] = reports.PRIOR,
    overdispersion: tuple[float, float] = reports.OVERDISPERSION,
    discount: float = reports.DISCOUNT,
) -> dict[str, Any]:
    """What an episode's opening rested on, in numbers that allow it to be computed again.

    Args:
        counts: F64[periods] of the episode's series; later periods are not read.
        exposure: the same shape.
        episode: as ``watch_counts`` gave it.
        prior: as told to the watch.
        overdispersion: as told to the watch.
        discount: as told to the watch.

    Returns:
        ``before`` and ``since`` (count, exposure, rate), ``onset``, ``expected`` (events
        since, had the rate stayed, with 95 % limits), ``change`` (rate ratio), ``chance``
        and ``model`` (for ``recompute_counts``).

    """
    given, m = (row[0] for row in reports.checked(counts, exposure))
    x = np.empty_like(given)
    reports.bounded(given, m, *overdispersion, x)
    rest = _Rest(x, m, episode, reports.rate_ratios(episode.way), prior, overdispersion)
    return {"form": "counts", **rest.told(given, episode, discount)}


def explain_silence(
    counts: npt.ArrayLike,
    exposure: npt.ArrayLike,
    episode: SeriesEpisode,
    *,
    falls: tuple[float, ...] | None = None,
    prior: tuple[float, float] = reports.PRIOR,
    overdispersion: tuple[float, float] = reports.OVERDISPERSION,
    discount: float = reports.DISCOUNT,
) -> dict[str, Any]:
    """What an episode's opening rested on, in numbers that allow it to be computed again.

    Args:
        counts: F64[periods] of the episode's series; later periods are not read.
        exposure: the same shape.
        episode: as ``watch_silence`` or ``feed_outage`` gave it.
        falls: the rate ratios tried; found from the episode's evidence when left out.
        prior: as told to the watch.
        overdispersion: as told to the watch.
        discount: as told to the watch.

    Returns:
        As ``explain_counts``, and ``gap`` (periods without any report up to the opening,
        and the exact chance of so long a gap).

    """
    x, m = (row[0] for row in reports.checked(counts, exposure))
    for candidate in (reports.FALLS, reports.OUTAGES) if falls is None else (falls,):
        rest = _Rest(x, m, episode, np.array(candidate), prior, overdispersion)
        if math.isclose(rest.evidence, episode.log_evidence, rel_tol=1e-9):
            break
    t, w = episode.opened, rest.weights
    heard = np.flatnonzero(x[: t + 1] > 0)
    quiet = slice(int(heard[-1]) + 1 if heard.size else 0, t + 1)
    known = slice(0, quiet.start)
    gap = {
        "periods": int((m[quiet] > 0).sum()),
        "chance": reports.gap_chance(
            prior[0] + float((w * x)[known].sum()),
            prior[1] + float((w * m)[known].sum()),
            float((w * m)[quiet].sum()),
        ),
    }
    return {"form": "silence", "gap": gap, **rest.told(x, episode, discount)}


class _Rest:
    """The sums that the evidence rested on when an episode opened."""

    def __init__(
        self,
        x: F64,
        m: F64,
        episode: SeriesEpisode,
        ratios: F64,
        prior: tuple[float, float],
        overdispersion: tuple[float, float],
    ) -> None:
        t = episode.opened
        self.x, self.m, self.ratios, self.prior = x, m, ratios, prior
        self.alpha = reports.burstiness(x, m, t, *overdispersion)
        self.terms, self.leans, self.since, self.counted = (np.zeros(COUNT) for _ in range(4))
        self.totals = np.zeros(3)
        reports.count_terms(
            x, m, t, episode.after, ratios, np.array(prior), self.alpha, self.terms, self.leans,
            self.since, self.counted, self.totals,
        )  # fmt: skip
        self.evidence = float(log_sum(self.terms))
        self.weights = 1.0 / (1.0 + reports.CAUTION * self.alpha * self.totals[2] * m)

    def told(self, given: F64, episode: SeriesEpisode, discount: float) -> dict[str, Any]:
        """What every explanation of counts has; ``given`` are the counts before bounding."""
        t = episode.opened
        x, m, w = self.x, self.m, self.weights
        onset = posterior(self.terms, t)
        before, later = slice(0, onset.period), slice(onset.period, t + 1)
        shape = self.prior[0] + float((w * x)[before].sum())
        exposed = self.prior[1] + float((w * m)[before].sum())
        expected = shape / exposed * float(m[later].sum())
        spread = expected + self.alpha * (shape / exposed) ** 2 * float((m[later] ** 2).sum())
        spread += shape * (float(m[later].sum()) / exposed) ** 2
        lean = float(weighted_mean(self.terms, self.evidence, self.leans))
        return {
            "period": t,
            "before": _rate(given[before].sum(), m[before].sum()),
            "since": _rate(given[later].sum(), m[later].sum()),
            "onset": asdict(onset),
            "expected": interval(expected, math.sqrt(spread), 0.0, math.inf),
            "change": {"rate_ratio": math.exp(lean)},
            "chance": chance(self.evidence, episode.per_year, discount),
            "model": {
                "prior": list(self.prior),
                "overdispersion": float(self.alpha),
                "rate_ratios": self.ratios.tolist(),
                "exposure": float(self.totals[0]),
                "count": float(self.totals[1]),
                "onsets": [
                    {
                        "period": t + 1 - int(AGES[i]),
                        "step": float(STEPS[i]),
                        "exposure": float(self.since[i]),
                        "count": float(self.counted[i]),
                        "log_evidence": float(self.terms[i]),
                    }
                    for i in np.flatnonzero(np.isfinite(self.terms))
                ],
            },
        }


def _rate(count: float, exposure: float) -> dict[str, float | None]:
    return {
        "count": float(count),
        "exposure": float(exposure),
        "rate": float(count / exposure) if exposure > 0 else None,
    }
