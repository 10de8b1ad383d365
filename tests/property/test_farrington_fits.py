"""Farrington's kernel against a plain one by dense weighted least squares, on random series.

The plain one knows nothing of arrows, runs and recurrences: it builds the design matrix and
solves it by QR. Missing counts, exposures, both calendars and all settings are drawn.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_options import FarringtonOptions
from detectors.surveillance.reference_periods import Calendar, baseline


def fit_densely(design, y, offset, omega):
    """Estimates of a log-linear Poisson fit, with R's start, stop and bookkeeping."""
    mu = y + 0.1
    eta = np.log(mu)

    def deviance(mu):
        ratio = np.where(y > 0, y, 1.0) / np.where(y > 0, mu, 1.0)
        return 2 * np.sum(omega * (y * np.log(ratio) - (y - mu)))

    before = deviance(mu)
    for _ in range(25):
        weight = omega * mu
        z = eta - offset + (y - mu) / mu
        q, r = np.linalg.qr(design * np.sqrt(weight)[:, None])
        coefficients = np.linalg.solve(r, q.T @ (np.sqrt(weight) * z))
        eta = design @ coefficients + offset
        mu = np.exp(eta)
        now = deviance(mu)
        if abs(now - before) / (abs(now) + 0.1) < 1e-8:
            break
        before = now
    inverse = np.linalg.inv(r)
    pearson = np.sum(weight * (y / mu - 1.0) ** 2) / (len(y) - design.shape[1])
    return coefficients, mu, pearson, inverse @ inverse.T, (q**2).sum(axis=1)


def fit_and_reweight(design, y, offset, options):
    omega = np.ones(len(y))
    found = fit_densely(design, y, offset, omega)
    if options.reweight:
        _, mu, dispersion, _, leverage = found
        s = 1.5 * (y ** (2 / 3) * mu ** (-1 / 6) - mu**0.5)
        s = s / np.sqrt(max(dispersion, 1.0) * (1.0 - leverage))
        omega = np.where(s > options.weights_threshold, np.abs(s) ** -2.0, 1.0)
        found = fit_densely(design, y, offset, omega * len(y) / omega.sum())
    return found


def judge_densely(counts, exposures, calendar, position, options):
    """Expected count, standard error of its log, phi and slope of one period."""
    base = baseline(
        calendar,
        position,
        b=options.b,
        w=options.w,
        no_periods=options.no_periods,
        past_weeks_not_included=options.past_weeks,
    )
    known = ~np.isnan(counts[base.index])
    index, level = base.index[known], base.level[known]
    y, offset = counts[index], np.log(exposures[index])
    time = calendar.times()
    season = (level[:, None] == np.arange(options.no_periods)).astype(float)
    now = np.append(np.arange(options.no_periods) == options.no_periods - 1, 0.0)
    slope = np.nan
    design = np.column_stack([season, time[index] - time[position]])
    found = fit_and_reweight(design, y, offset, options)
    coefficients, _, dispersion, covariance, _ = found
    t = abs(coefficients[-1]) / np.sqrt(dispersion * covariance[-1, -1])
    small = 2 * stats.t.sf(t, len(y) - design.shape[1]) < options.p_threshold_trend
    if small and np.exp(now @ coefficients) * exposures[position] <= y.max():
        slope = coefficients[-1]
    else:
        design, now = season, now[:-1]
        found = fit_and_reweight(design, y, offset, options)
    coefficients, _, dispersion, covariance, _ = found
    phi = max(dispersion, 1.0)
    se = np.sqrt(phi * now @ covariance @ now)
    return np.exp(now @ coefficients) * exposures[position], se, phi, slope


@pytest.mark.parametrize("seed", range(24))
def test_the_kernel_agrees_with_a_dense_fit(seed):
    rng = np.random.default_rng(seed)
    periods = 52 * 5
    mean = rng.choice([0.8, 4.0, 40.0])
    rise = np.exp(rng.normal(0.0, 0.004) * np.arange(periods))
    counts = rng.poisson(mean * rise * rng.gamma(4.0, 0.25, periods)).astype(float)
    counts[rng.integers(0, periods, 4)] *= 5.0
    if seed % 3 == 0:
        counts[rng.random(periods) < 0.1] = np.nan
    exposures = rng.uniform(50.0, 150.0, periods) if seed % 2 else np.ones(periods)
    dates = np.datetime64("2014-12-29") + 7 * np.arange(periods) if seed % 4 < 2 else None
    options = FarringtonOptions(
        b=int(rng.integers(3, 5)),
        w=int(rng.integers(1, 6)),
        reweight=bool(rng.random() < 0.8),
        weights_threshold=float(rng.choice([1.0, 2.58])),
        no_periods=int(rng.choice([1, 4, 10])),
        p_threshold_trend=float(rng.choice([0.05, 1.0])),
        limit54=(0, 4),
        threshold_method="muan",
    )
    calendar = Calendar(periods, dates=dates)

    ours = farrington(
        counts, options, dates=dates, at=[periods - 1], populations=exposures if seed % 2 else None
    )

    mu, se, phi, slope = judge_densely(counts, exposures, calendar, periods - 1, options)
    np.testing.assert_allclose(ours.expected, mu, rtol=1e-7)
    np.testing.assert_allclose(ours.phi, phi, rtol=1e-7)
    np.testing.assert_allclose(ours.trend, slope, rtol=1e-6)
    np.testing.assert_allclose(ours.mu0, mu * np.exp(stats.norm.ppf(0.95) * se), rtol=1e-6)
    np.testing.assert_allclose(
        ours.bound,
        stats.nbinom.ppf(0.95, ours.mu0 / (phi - 1), 1 / phi)
        if phi > 1
        else stats.poisson.ppf(0.95, ours.mu0),
    )


@pytest.mark.parametrize("options", [FarringtonOptions(b=3), FarringtonOptions.noufaily(b=3)])
def test_a_series_is_judged_alike_alone_and_among_others(options):
    rng = np.random.default_rng(7)
    counts = rng.poisson(3.0, (6, 260)).astype(float)
    counts[2, 40:80] = np.nan
    counts[4] = 0.0

    together = farrington(counts, options, at=[200, 259])

    for row, series in enumerate(counts):
        alone = farrington(series, options, at=[200, 259])
        np.testing.assert_array_equal(alone.bound, together.bound[row])
        np.testing.assert_array_equal(alone.p_value, together.p_value[row])
        np.testing.assert_array_equal(alone.reason, together.reason[row])


def test_a_bound_does_not_depend_on_the_unit_of_the_population():
    rng = np.random.default_rng(8)
    counts = rng.poisson(6.0, 260).astype(float)
    people = rng.uniform(900.0, 1100.0, 260)

    per_head = farrington(counts, FarringtonOptions(b=3), at=[259], populations=people)
    per_thousand = farrington(counts, FarringtonOptions(b=3), at=[259], populations=people / 1e3)

    np.testing.assert_allclose(per_head.bound, per_thousand.bound, rtol=1e-9)
