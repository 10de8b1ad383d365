"""The fit of a fleet: what units of one class have in common.

Season, holidays and trend as in ``seasons``, dispersion by weighted
moments, the prior of the rates by marginal likelihood, the common weekly effect
from products of residuals across feeds. All of it is moments and small solves:
a thousand units take a tenth of a second. Formulae in ``docs/methods.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from detectors.demands import check_kind
from detectors.evidence.common_effect import common_effect
from detectors.evidence.contamination import changed_units, without
from detectors.evidence.counts import DAYS, F64, WEEKS_PER_YEAR, FeedCounts
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import falls, rises
from detectors.evidence.rates import rate_prior
from detectors.evidence.seasons import fit_course, own_rate, pooled_rate, usual_course
from detectors.evidence.statistic import accumulate, tables

MOMENT_STEPS = 4
LARGEST_DISPERSION = 2.0
ROUNDS = 3  # of leaving out units that changed within the history
EVEN_EVENTS = 200.0  # a week is taken as even until this many events say otherwise


@dataclass(frozen=True, eq=False)
class Dispersions:
    """Alpha of ``mu + alpha mu**2`` per feed, its spread, and per unit what the data say.

    ``unit`` is ``F64[U, F]`` (shrunken to the feed's), ``precision`` the inverse
    sampling variance of each unit's own estimate.
    """

    feed: F64
    spread: F64
    unit: F64
    precision: F64


@dataclass(frozen=True, eq=False)
class FleetFit:
    """A model without thresholds, and what is known of each real unit.

    ``totals`` and ``masses`` are the weighted sums ``F64[U, F]`` of each unit's
    history: its rate has the posterior Gamma(a + total, b + mass).
    """

    model: EvidenceModel
    dispersions: Dispersions
    totals: F64
    masses: F64


def fit_fleet(
    history: FeedCounts,
    feeds: Sequence[str],
    *,
    improvable: Sequence[bool] | None = None,
    per_year: float = WEEKS_PER_YEAR,
    minimum_history: int = 26,
) -> FleetFit:
    """Fit the common part of a class of units to their history.

    Args:
        history: counts of the baseline periods only; units that changed within it are left
            out of what is common (``contamination``).
        feeds: names of the feeds.
        improvable: feeds where a fall is good; none by default.
        per_year: periods per year.
        minimum_history: periods before a unit may alert, kept in the model.

    Raises:
        ValueError: no feed was ever observed, or names that do not fit the block.
        TypeError: a history of another kind.

    """
    check_kind("history", history, FeedCounts)
    if len(feeds) != history.feeds:
        raise ValueError(f"{len(feeds)} names for {history.feeds} feeds")
    if not (history.exposure > 0).any():
        raise ValueError("no period of any unit was observed, so there is nothing to fit")
    good = tuple(improvable) if improvable is not None else (False,) * len(feeds)
    fit = _fit(history, tuple(feeds), good, per_year, minimum_history)
    left_out = np.zeros(history.units, dtype=np.bool_)
    # A fit that some changed units no longer disturb hears more of them.
    for _ in range(ROUNDS):
        changed = changed_units(history, fit.model)
        if (changed == left_out).all():
            break
        left_out = changed
        fit = _fit(without(history, changed), tuple(feeds), good, per_year, minimum_history)
    if not left_out.any():
        return fit
    counts = np.where(history.exposure > 0, history.counts, 0.0)
    expected = history.exposure * fit.model.seasonal(history.week0, history.periods)
    totals, masses = weighted_totals(counts, expected, fit.model)
    return replace(fit, totals=totals, masses=masses)


def _fit(
    history: FeedCounts,
    feeds: tuple[str, ...],
    good: tuple[bool, ...],
    per_year: float,
    minimum_history: int,
) -> FleetFit:
    """Fit to all units that the history shows as observed."""
    counts = np.where(history.exposure > 0, history.counts, 0.0)
    course = fit_course(counts, history.exposure, history.week0, per_year)
    end = history.week0 + history.periods
    expected = history.exposure * usual_course(
        course, end, history.week0, history.periods, per_year
    )
    mean = own_rate(counts, expected)[:, :, None] * expected
    dispersions = fit_dispersions(counts, mean)
    sigma2, rho = common_effect(counts, mean, dispersions.feed)
    width = len(feeds)
    rough = EvidenceModel(
        feeds=feeds,
        prior_a=np.ones(width),
        prior_b=1.0 / np.maximum(pooled_rate(counts, expected), 1e-6),
        dispersion=dispersions.feed,
        dispersion_spread=dispersions.spread,
        season=course.season,
        holiday=course.holiday,
        trend=course.trend,
        trend_week=end,
        sigma2=sigma2,
        rho=rho,
        patterns=rises(feeds),
        improvements=falls(feeds, good),
        improvable=good,
        minimum_history=minimum_history,
        per_year=per_year,
        week_shape=None if history.daily is None else fit_week_shape(history),
    )
    # The weights of the totals need a rate prior and the prior needs the totals.
    model = rough
    for _ in range(2):
        totals, masses = weighted_totals(counts, expected, model)
        shape, scale = rate_prior(totals, masses)
        model = rough.with_prior(shape, scale)
    return FleetFit(model, dispersions, totals, masses)


def weighted_totals(counts: F64, expected: F64, model: EvidenceModel) -> tuple[F64, F64]:
    """Give each unit's weighted sums of counts and of expectations, ``F64[U, F]``."""
    units, feeds, periods = counts.shape
    tab = tables(model, model.patterns)
    totals, masses = np.zeros((units, feeds)), np.zeros((units, feeds))
    sums, mass = np.zeros((periods + 1, feeds)), np.zeros((periods + 1, feeds))
    drag = np.zeros((periods, feeds))
    for u in range(units):
        accumulate(counts[u], expected[u], tab, sums, mass, drag)
        totals[u], masses[u] = sums[-1], mass[-1]
    return totals, masses


def fit_week_shape(history: FeedCounts) -> F64:
    """Share of a week's events by the end of each day, ``F64[F, 7]``, shrunken to even days."""
    even = np.full(DAYS, 1.0 / DAYS)
    shape = np.tile(np.cumsum(even), (history.feeds, 1))
    if history.daily is not None:
        for f in np.flatnonzero(history.by_day):
            events = history.daily[:, f].sum(axis=(0, 1), dtype=np.float64)
            share = (events + EVEN_EVENTS * even) / (events.sum() + EVEN_EVENTS)
            shape[f] = np.cumsum(share)
    shape[:, -1] = 1.0
    return shape


def fit_dispersions(counts: F64, mean: F64) -> Dispersions:
    """Estimate alpha per feed and per unit by weighted moments.

    ``mean`` is ``F64[U, F, T]`` with each unit's own mean estimated from its n
    periods, hence the factor n / (n - 1); zero where not observed. The weights are
    the inverse variances of the squared residuals, fourth moment of a Poisson
    count included.
    """
    seen = mean > 0
    n = seen.sum(axis=2, keepdims=True)
    square = np.where(seen, (counts - mean) ** 2 * n / np.maximum(n - 1, 1), 0.0)
    excess = np.where(n > 1, square - mean, 0.0)
    alpha = np.full(counts.shape[1], 0.05)
    for _ in range(MOMENT_STEPS):
        weight = np.where(
            seen & (n > 1),
            1.0 / ((1.0 + alpha[:, None] * mean) ** 2 + 0.5 / np.maximum(mean, 1e-9)),
            0.0,
        )
        information = (weight * mean**2).sum(axis=2)
        moment = (weight * excess).sum(axis=2)
        total = information.sum(axis=0)
        alpha = np.divide(moment.sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
        alpha = np.clip(alpha, 0.0, LARGEST_DISPERSION)
    precision = 0.5 * information
    own = np.divide(moment, information, out=np.zeros_like(moment), where=information > 0)
    spread = _between(own, alpha, precision)
    unit = np.where(
        spread > 0,
        (alpha / np.maximum(spread, 1e-12) + precision * own)
        / (1.0 / np.maximum(spread, 1e-12) + precision),
        alpha,
    )
    return Dispersions(alpha, spread, np.clip(unit, 0.0, LARGEST_DISPERSION), precision)


def _between(own: F64, centre: F64, precision: F64) -> F64:
    """Variance between units by the moment estimator of random effects.

    R. DerSimonian & N. Laird, Controlled Clinical Trials 7 (1986) 177.
    """
    informed = (precision > 0).sum(axis=0)
    total = precision.sum(axis=0)
    q = (precision * (own - centre) ** 2).sum(axis=0)
    room = total - (precision**2).sum(axis=0) / np.maximum(total, 1e-12)
    spread = np.where(
        (informed > 2) & (room > 0), (q - (informed - 1)) / np.maximum(room, 1e-12), 0
    )
    return np.clip(spread, 0.0, 1.0)
