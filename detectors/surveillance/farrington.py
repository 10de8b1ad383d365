"""Farrington's outbreak detection: the count against the same season of past years.

A quasi-Poisson regression of the baseline (``reference_periods``), with past outbreaks
weighted down (``past_outbreaks``) and a trend where there is one (``farrington_model``),
gives the expected count mu of the period, its standard error se and the dispersion phi >= 1.
A count above the bound U is a signal. With z the (1 - alpha) quantile of the Gaussian, U is

``delta``
    (mu^p + z s)^(1/p) with s^2 = p^2 mu^(2p - 1) (phi + se^2 / mu): the Gaussian bound on
    the scale y^p, where p = 2/3 removes skewness, 1/2 stabilises the variance and 1 is plain
    (Farrington et al. 1996);
``nbPlugin``
    the (1 - alpha) quantile of the negative binomial with mean mu and variance phi mu
    (Noufaily et al. 2013);
``muan``
    the same with the (1 - alpha) quantile of the estimated mean in place of mu (Salmon,
    Schumacher & Höhle 2016).

The trend is tested with the dispersion as estimated; bounds and standard errors take it as at
least 1.

No bound is given where fewer than 5 cases were seen in the last 4 periods, nor where the
history is too short; ``reason`` says which.

Departures of the R package surveillance, all of them reproduced by ``compat="surveillance"``:
under reweighting the standard errors and the trend's test of the flexible edition use a wrong
dispersion (``past_outbreaks``), and one that may be below 1; its ``mu0`` under ``delta`` is
the exponential of a quantile of mu and not of log mu; its score of ``nbPlugin`` and ``muan``
takes log mu for mu, and decides the alarm; a missing count among the last periods removes the
bound; where the first point of a dated baseline is missing, the period is dated too early;
the 1996 edition gives 0 for a bound that is withheld for too few cases.

Sources: C. P. Farrington, N. J. Andrews, A. D. Beale & M. A. Catchpole, "A statistical
algorithm for the early detection of outbreaks of infectious disease", JRSS A 159 (1996)
547-563; A. Noufaily, D. G. Enki, P. Farrington, P. Garthwaite, N. Andrews & A. Charlett, "An
improved algorithm for outbreak detection in multiple surveillance systems", Statistics in
Medicine 32 (2013) 1206-1222; M. Salmon, D. Schumacher & M. Höhle, "Monitoring count time
series in R", Journal of Statistical Software 70 (2016), issue 10.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detectors.arrays import Floats, Ints
from detectors.demands import check_kind, numbers
from detectors.surveillance import farrington_model as model
from detectors.surveillance.count_tails import (
    approximate_at_least,
    at_least,
    gaussian_quantile,
    quantiles,
    student_critical,
)
from detectors.surveillance.farrington_bounds import (
    BOUND_GIVEN,
    HISTORY_TOO_SHORT,
    NOT_CONVERGED,
    NOT_FINITE,
    POPULATION_MISSING,
    TOO_FEW_CASES,
    TOO_FEW_KNOWN,
    FarringtonBounds,
)
from detectors.surveillance.farrington_options import FLEXIBLE, FarringtonOptions
from detectors.surveillance.reference_periods import WEEKLY, Calendar, baseline, planned_runs
from detectors.surveillance.series import counts_of, like_input, positions_of

REASON_OF_STATUS = np.array(
    [BOUND_GIVEN, TOO_FEW_KNOWN, NOT_CONVERGED, BOUND_GIVEN, POPULATION_MISSING]
)

SMALL_COUNTS = 1024


def _tables() -> Floats:
    y = np.arange(SMALL_COUNTS, dtype=np.float64)
    return np.column_stack([y * np.log(np.maximum(y, 1.0)), np.log(y + 0.1), y ** (2.0 / 3.0)])


TABLES = _tables()


def farrington(
    counts: ArrayLike,
    options: FarringtonOptions = FLEXIBLE,
    *,
    frequency: int = WEEKLY,
    dates: ArrayLike | None = None,
    at: Sequence[int] | Ints | None = None,
    populations: ArrayLike | None = None,
) -> FarringtonBounds:
    """Judge periods of one or many series that share their dates.

    Args:
        counts: Shape (series, periods) or (periods,), NaN where missing. A missing count
            informs nothing and is no signal, though its period has a bound.
        options: Settings of the method; ``FarringtonOptions.original()`` and ``.noufaily()``
            are the published ones.
        frequency: Periods in a year.
        dates: First day of each period (``reference_periods``), or None.
        at: Periods to judge, counted from 0; all for None. Periods without enough history
            have no bound.
        populations: People at risk, or any exposure, in the shape of ``counts`` or (periods,);
            counts are then compared per head. NaN where unknown.

    Raises:
        ValueError: For counts that are negative or infinite, populations that are not
            positive, dates with gaps, or settings that do not fit the frequency.
        TypeError: For options of another kind.

    """
    check_kind("options", options, FarringtonOptions)
    values = counts_of(counts)
    positions = positions_of(at, values.shape[1])
    calendar = Calendar(values.shape[1], frequency=frequency, dates=dates)
    options.check_frequency(frequency)
    exposures = _exposures(populations, values)
    baselines = [
        baseline(
            calendar,
            int(position),
            b=options.b,
            w=options.w,
            no_periods=options.no_periods,
            past_weeks_not_included=options.past_weeks,
        )
        for position in positions
    ]
    times = calendar.times() if options.edition == "flexible" else Calendar(len(values.T)).times()
    dated = options.quirks and dates is not None
    fitted = model.expect(
        values,
        exposures,
        times,
        positions,
        *planned_runs(baselines, times),
        options.no_periods - 1,
        int(options.trend and options.b >= 3),
        student_critical(
            options.p_threshold_trend, max((len(one.index) for one in baselines), default=1)
        ),
        options.weights_threshold if options.reweight else np.nan,
        int(options.quirks) + int(dated),
        TABLES,
    )
    short = np.array([not one.usable for one in baselines], dtype=bool)
    found = _bounds(values, positions, fitted, short, options)
    return FarringtonBounds(
        positions,
        **{name: like_input(counts, array) for name, array in found.items()},  # type: ignore[arg-type] # each has its field's type
    )


def _exposures(populations: ArrayLike | None, values: Floats) -> Floats:
    if populations is None:
        return np.zeros((len(values), 0))
    given = numbers("populations", populations).copy()
    if given.shape not in {values.shape, values.shape[1:]}:
        raise ValueError(
            f"populations must have shape {values.shape} or {values.shape[1:]}, not {given.shape}"
        )
    if np.isinf(given).any() or (given <= 0).any():
        raise ValueError("populations must be positive and finite, or NaN (unknown)")
    return np.ascontiguousarray(np.broadcast_to(given, values.shape))


def _bounds(
    values: Floats,
    positions: Ints,
    fitted: Floats,
    short: NDArray[np.bool_],
    options: FarringtonOptions,
) -> dict[str, NDArray[np.generic]]:
    """The fields of ``FarringtonBounds`` but the positions, shape (series, judged)."""
    y = values[:, positions]
    status = fitted[..., model.STATUS].astype(np.int64)
    status = np.where((status == model.NO_CASES) & options.compatible, model.NOT_CONVERGED, status)
    reason = np.where(short, HISTORY_TOO_SHORT, REASON_OF_STATUS[status])
    nothing_seen = status == model.NO_CASES
    eta = np.where(nothing_seen, -np.inf, fitted[..., model.ETA])
    variance = np.where(nothing_seen, 0.0, fitted[..., model.VARIANCE])
    raw = np.where(nothing_seen, 1.0, fitted[..., model.DISPERSION])
    phi = np.where(np.isnan(raw), np.nan, np.maximum(raw, 1.0))
    spread = fitted[..., model.PACKAGE] if options.quirks else phi
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        judged = _thresholds(y, eta, np.sqrt(variance * spread), phi, options)
    enough = _enough_cases(values, positions, options)
    reason = np.where((reason == BOUND_GIVEN) & ~np.isfinite(judged["bound"]), NOT_FINITE, reason)
    reason = np.where((reason == BOUND_GIVEN) & ~enough, TOO_FEW_CASES, reason)
    given = reason == BOUND_GIVEN
    above = judged["score"] > 1.0 if options.quirks else y > judged["bound"]
    withheld = 0.0 if options.compatible and options.edition == "1996" else np.nan
    bound = np.where(given, judged["bound"], np.where(reason == TOO_FEW_CASES, withheld, np.nan))
    return {
        **judged,
        "bound": bound,
        "alarm": given & above & (y > 0.0),
        "expected": np.where(given, judged["expected"], np.nan),
        "phi": phi,
        "trend": fitted[..., model.TREND],
        "reason": reason,
        "trend_note": fitted[..., model.TREND_STATUS].astype(np.int64),
        "converged": fitted[..., model.OK] == 1.0,
        "lighter": np.nan_to_num(fitted[..., model.LIGHTER]).astype(np.int64),
        "points": np.nan_to_num(fitted[..., model.POINTS]).astype(np.int64),
    }


def _thresholds(
    y: Floats, eta: Floats, se: Floats, phi: Floats, options: FarringtonOptions
) -> dict[str, Floats]:
    """Expected count, bound, score, p-value and mu0 from the linear predictor and its error."""
    mu = np.exp(eta)
    z = gaussian_quantile(1.0 - options.alpha)
    if options.threshold_method == "delta":
        power = options.power
        # phi + se(mu)^2 / mu with se(mu) = mu se(eta)
        tau = phi + mu * se**2
        sd = np.sqrt(power**2 * mu ** (2.0 * power - 1.0) * tau)
        sd = np.where(mu == 0.0, 0.0, sd)
        bound = (mu**power + z * sd) ** (1.0 / power)
        p_value = approximate_at_least(y, mu, sd, power)
        mu0 = np.exp(mu + z * mu * se) if options.quirks else np.exp(eta + z * se)
        return _scored(y, mu, bound, p_value, mu0)
    mu0 = mu if options.threshold_method == "nbPlugin" else np.exp(eta + z * se)
    bound = quantiles(1.0 - options.alpha, mu0.ravel(), phi.ravel()).reshape(mu.shape)
    found = _scored(y, mu, bound, at_least(y, mu0, phi), mu0)
    if options.quirks:
        found["score"] = (y - eta) / (bound - eta)
    return found


def _scored(
    y: Floats, mu: Floats, bound: Floats, p_value: Floats, mu0: Floats
) -> dict[str, Floats]:
    reach = bound - mu
    score = np.where(reach > 0.0, (y - mu) / reach, np.nan)
    return {"expected": mu, "bound": bound, "score": score, "p_value": p_value, "mu0": mu0}


def _enough_cases(values: Floats, positions: Ints, options: FarringtonOptions) -> NDArray[np.bool_]:
    """Whether the last periods, the judged one included, hold enough cases."""
    cases, periods = options.limit54
    total = np.zeros((len(values), len(positions)))
    for back in range(min(periods, values.shape[1])):
        column = values[:, np.maximum(positions - back, 0)]
        column = np.where(positions >= back, column, 0.0)
        total += column if options.compatible else np.nan_to_num(column)
    return np.asarray(total >= cases)
