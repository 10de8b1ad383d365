"""Thresholds by simulation of the fitted fleet.

Pseudo-fleets of the real size are drawn from what the fit says (each unit's rate
from its own posterior, its dispersion from the fitted spread, exposures from its
own), **everything is fitted again on each pseudo-history**, and the evidence is
run over what follows. The refit is the point: it puts the cost of not knowing the
fleet's parameters into the threshold.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detectors.demands import check_kind
from detectors.evidence.counts import F64, FeedCounts
from detectors.evidence.curves import count_alerts
from detectors.evidence.fleet import FleetFit, fit_fleet
from detectors.evidence.model import Curve, EvidenceModel
from detectors.evidence.simulate import draw_dispersions, simulate

BARS = np.arange(3.0, 10.01, 0.5)
FEWEST_ALERTS = 8  # points of a curve with fewer alerts are left to the smooth
MISFIT = 1.0 / 300.0
USUAL_SLOPE = -1.15
MOST_FLEETS = 60
YEARS = 2.0

Progress = Callable[[float], None]


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Counted(NamedTuple):
    """What one pseudo-fleet gives: alerts per bar of the three curves, periods judged."""

    closes: F64
    looks: F64
    falls: F64
    judged: int


def calibrate(
    history: FeedCounts,
    fit: FleetFit,
    *,
    units: int = 2000,
    seed: int = 1,
    within_week: bool = True,
    progress: Progress | None = None,
    workers: int | None = None,
) -> EvidenceModel:
    """Give the fitted model with its curves of false alerts.

    Args:
        history: the baseline periods that ``fit`` was made of.
        fit: the fitted fleet.
        units: pseudo-units to simulate, in fleets of the real size.
        seed: seed of the simulation; the same inputs give the same model.
        within_week: also calibrate looks within the week.
        progress: called with the share that is done, 0 to 1.
        workers: threads that watch pseudo-fleets, as many as there are cores by default; the
            result is the same for any number.

    Raises:
        TypeError: a history or fit of another kind.

    """
    check_kind("history", history, FeedCounts)
    check_kind("fit", fit, FleetFit)
    rng = np.random.default_rng(seed)
    observed = np.flatnonzero((history.exposure > 0).any(axis=(1, 2)))
    size = len(observed)
    fleets = int(np.clip(np.ceil(units / size), 1, MOST_FLEETS))
    drawn = (
        pseudo_fleet(
            history,
            fit,
            observed if size <= units else rng.choice(observed, units, replace=False),
            rng,
            by_day=within_week,
        )
        for _ in range(fleets)
    )

    def watched(pseudo: FeedCounts) -> _Counted:
        return _watched(pseudo, fit.model, history.periods, within_week=within_week)

    alerts_close, alerts_look = np.zeros(len(BARS)), np.zeros(len(BARS))
    alerts_fall, judged = np.zeros(len(BARS)), 0
    found = _in_order(watched, drawn, workers or usable_cores())
    for number, counted in enumerate(found, start=1):
        alerts_close += counted.closes
        alerts_look += counted.looks
        alerts_fall += counted.falls
        judged += counted.judged
        if progress is not None:
            progress(number / fleets)
    years = judged / fit.model.per_year
    closes = smooth_curve(BARS, alerts_close, years)
    return replace(
        fit.model,
        closes=closes,
        looks=smooth_curve(BARS, alerts_look, years) if within_week else closes,
        improving=smooth_curve(BARS, alerts_fall, years)
        if any(fit.model.improvable)
        else fit.model.improving,
    )


def _in_order(
    watched: Callable[[FeedCounts], _Counted], drawn: Iterable[FeedCounts], workers: int
) -> Iterator[_Counted]:
    """The fleets' counts in order, some watched at once.

    Fleets are drawn here, one after another, so that the generator gives each the same numbers
    whatever the number of workers, and only when there is a worker for them: they are large.
    """
    with ThreadPoolExecutor(workers) as pool:
        running: deque[Future[_Counted]] = deque()
        for pseudo in drawn:
            running.append(pool.submit(watched, pseudo))
            if len(running) > workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _watched(pseudo: FeedCounts, model: EvidenceModel, past: int, *, within_week: bool) -> _Counted:
    """Fit a pseudo-fleet's first ``past`` periods and count what it alerts afterwards."""
    refit = fit_fleet(
        pseudo.until(past),
        model.feeds,
        improvable=model.improvable,
        per_year=model.per_year,
        minimum_history=model.minimum_history,
    ).model
    refit = _watched_alike(refit, model)
    none = np.zeros(len(BARS))
    closes, judged = count_alerts(pseudo, refit, BARS)
    looks = count_alerts(pseudo, refit, BARS, within_week=True)[0] if within_week else none
    falls = none
    if any(refit.improvable):
        falls = count_alerts(pseudo, refit, BARS, patterns=refit.improvements)[0].astype(np.float64)
    return _Counted(closes.astype(np.float64), looks.astype(np.float64), falls, judged)


def _watched_alike(refit: EvidenceModel, model: EvidenceModel) -> EvidenceModel:
    """Give a refit the parts of the real model that are chosen and not fitted."""
    return replace(
        refit,
        patterns=model.patterns,
        improvements=model.improvements,
        look_margin=model.look_margin,
        week_shape=model.week_shape,
    )


def pseudo_fleet(
    history: FeedCounts,
    fit: FleetFit,
    chosen: np.ndarray,
    rng: np.random.Generator,
    *,
    by_day: bool,
) -> FeedCounts:
    """Draw a fleet like the real one: its history, then two years without a change."""
    model = fit.model
    shape = model.prior_a + fit.totals[chosen]
    rates = rng.gamma(shape, 1.0 / (model.prior_b + fit.masses[chosen]))
    left = np.where(
        model.dispersion_spread > 0,
        1.0
        / (1.0 / np.maximum(model.dispersion_spread, 1e-12) + fit.dispersions.precision[chosen]),
        0.0,
    )
    dispersion = draw_dispersions(fit.dispersions.unit[chosen], left, rng)
    past = history.exposure[chosen]
    future = _resample(past, round(YEARS * model.per_year), rng)
    exposure = np.concatenate([past, future], axis=2)
    fleet = simulate(
        model, rates, dispersion, exposure, week0=history.week0, rng=rng, by_day=by_day
    )
    return replace(fleet.block, daily_feeds=history.daily_feeds)


def smooth_curve(bars: F64, alerts: F64, years: float) -> Curve:
    """Fit log rate = quadratic in the bar to simulated counts, kept falling.

    Least squares with the variance of a log count, 1 / n, and a floor that stands
    for the quadratic's own misfit: without it the many alerts at low bars would
    bend the curve where the budgets lie. Beyond the counts that are large enough
    the curve goes on at its last slope; with hardly any it has the usual slope.
    """
    enough = alerts >= FEWEST_ALERTS
    if enough.sum() < 3:
        level = (alerts.sum() + 0.5) / (np.exp(USUAL_SLOPE * bars).sum() * years)
        return _curve(bars, np.log(level) + USUAL_SLOPE * bars)
    x = bars - bars[enough].mean()
    design = np.vstack([np.ones_like(x), x, x * x]).T
    used, n = design[enough], alerts[enough]
    weight = 1.0 / (1.0 / n + MISFIT)
    # A few alerts at neighbouring bars are the same alerts: they tell no curvature.
    ridge = np.diag([0.0, 0.0, 50.0])
    beta = np.linalg.solve(
        used.T @ (weight[:, None] * used) + ridge, used.T @ (weight * np.log(n / years))
    )
    logs = design @ beta
    steep = np.minimum(np.diff(logs) / np.diff(bars), -0.3)
    last = int(np.flatnonzero(enough)[-1])
    steep[last:] = min(float(steep[max(last - 1, 0)]), -0.6)
    return _curve(bars, logs[0] + np.concatenate([[0.0], np.cumsum(steep * np.diff(bars))]))


def _curve(bars: F64, logs: F64) -> Curve:
    return Curve(tuple(map(float, bars)), tuple(map(float, np.exp(logs))))


def _resample(past: F64, periods: int, rng: np.random.Generator) -> F64:
    """Go on with each unit's own exposures, from a random place of its observed time."""
    units, feeds, known = past.shape
    future = np.empty((units, feeds, periods))
    for u in range(units):
        begun = int((past[u] > 0).any(axis=0).argmax())
        length = known - begun
        start = int(rng.integers(length))
        columns = begun + (start + np.arange(periods)) % length
        future[u] = past[u][:, columns]
    return future
