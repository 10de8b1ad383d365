"""Silence: a unit or a feed that used to report and stops.

See ``count_terms`` for the evidence and ``episodes`` for what becomes of
it. A feed that fails looks like the silence of every ward behind it; so
the provider's feed is watched as a whole (``feed_outage``) and wards are compared
with what the rest of the feed delivers (``comparable_exposure``): a ward is silent
when it is quieter than its feed.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from detectors.demands import numbers
from detectors.evidence.counts import F64
from detectors.single_series.count_explanation import explain_silence
from detectors.single_series.count_terms import (
    DISCOUNT,
    FALLS,
    OUTAGES,
    OVERDISPERSION,
    PRIOR,
    checked,
)
from detectors.single_series.counts import follow
from detectors.single_series.episodes import SeriesEpisode, watches
from detectors.single_series.paths import SeriesPath

__all__ = ["comparable_exposure", "explain_silence", "feed_outage", "watch_silence"]

# A feed below this part of its usual level makes its units incomparable; what is
# usual is the median of up to so many periods, once so many are known.
QUIET = 0.5
REMEMBERED, LEAST_KNOWN = 52, 8


def watch_silence(
    counts: npt.ArrayLike,
    exposure: npt.ArrayLike,
    *,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    falls: tuple[float, ...] = FALLS,
    prior: tuple[float, float] = PRIOR,
    overdispersion: tuple[float, float] = OVERDISPERSION,
    discount: float = DISCOUNT,
    path: SeriesPath | None = None,
    keys: Sequence[Hashable] | None = None,
) -> list[SeriesEpisode]:
    """Episodes of falling silent in a block of series, each judged by itself.

    Args:
        counts: F64[series, periods], reports.
        exposure: the same shape; 1 in a whole ordinary period, 0 where nothing can be
            said (before the unit existed, while its feed was out).
        budget1: false alerts per series and year that level 1 may cost.
        budget2: the same for level 2; lower, so later and surer.
        per_year: periods in a year.
        minimum: observed periods that are baseline only.
        falls: what the rate is multiplied by.
        prior: Gamma(a, b) of the rate before anything is seen.
        overdispersion: mean and sd of what is thought of the dispersion beforehand.
        discount: log, taken off the guaranteed threshold.
        path: what a watch with these parameters has seen; only what is new is looked
            at, and the path goes on with it.
        keys: tells series apart between watches with one path.

    Raises:
        ValueError: shapes differ, something is negative or not finite, or budgets
            that make no sense.

    Example:
        >>> import numpy as np
        >>> reports = np.r_[np.tile([2.0, 4.0, 3.0], 10), np.zeros(6)]
        >>> found = watch_silence(reports, np.ones(36), budget1=0.2, budget2=0.05,
        ...                       per_year=52.18, minimum=26)
        >>> [(e.opened, e.onset) for e in found]
        [(32, 30)]

    """
    passes = watches("fall", budget1, budget2, None, per_year, discount)
    x, m = checked(counts, exposure)
    return follow(
        x, m, passes, {"fall": np.array(falls, dtype=np.float64)}, minimum=minimum,
        per_year=per_year, prior=prior, overdispersion=overdispersion, path=path, keys=keys,
    )  # fmt: skip


def feed_outage(
    totals: npt.ArrayLike,
    exposure: npt.ArrayLike | None = None,
    *,
    budget1: float,
    budget2: float,
    per_year: float,
    minimum: int,
    path: SeriesPath | None = None,
) -> list[SeriesEpisode]:
    """Episodes in which a provider's whole feed stopped: a finding about data.

    Args:
        totals: F64[periods], events of the feed at the provider.
        exposure: F64[periods], 0 where the feed is not expected; all 1 when left out.
        budget1: false alerts per feed and year, level 1.
        budget2: the same, level 2.
        per_year: periods in a year.
        minimum: periods that are baseline only.
        path: as for ``watch_silence``.

    Raises:
        ValueError: as for ``watch_silence``, or more than one row of totals.

    """
    counts = numbers("totals", totals)
    if counts.ndim != 1:
        raise ValueError(f"totals must be one row of periods, not of shape {counts.shape}")
    return watch_silence(
        counts,
        np.ones_like(counts) if exposure is None else exposure,
        budget1=budget1,
        budget2=budget2,
        per_year=per_year,
        minimum=minimum,
        falls=OUTAGES,
        path=path,
    )


def comparable_exposure(
    counts: npt.ArrayLike, exposure: npt.ArrayLike, totals: npt.ArrayLike
) -> F64:
    """Exposure of units less what their feed did not deliver, by what is known each period.

    Where the rest of the provider's feed (the total without the unit) is below half
    its usual level, the median of up to a year of periods before, a unit's exposure is
    cut in proportion; with nothing from anyone else it is 0, not observed. So a feed
    that stops makes no unit silent, and a unit that goes quiet alone is found. A unit
    that is all of its feed is left as it is.

    Args:
        counts: F64[units, periods].
        exposure: the same shape.
        totals: F64[periods], the feed at the provider.

    Returns:
        F64[units, periods].

    Raises:
        ValueError: as for ``watch_silence``, or ``totals`` of another length.

    """
    x, m = checked(counts, exposure)
    feed = numbers("totals", totals)
    if feed.shape != (x.shape[1],):
        raise ValueError(f"totals {feed.shape} must have {x.shape[1]} periods")
    others = feed - x
    part = np.ones_like(m)
    for t in range(LEAST_KNOWN, x.shape[1]):
        usual = np.median(others[:, max(0, t - REMEMBERED) : t], axis=1)
        low = others[:, t] < QUIET * usual
        part[low, t] = np.maximum(0.0, others[low, t]) / usual[low]
    return m * part
