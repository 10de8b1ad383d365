"""Evidence that a measured level has changed: the normal form with nothing known.

Values are x_t = m + season_t + D s 1(t >= k) + e_t, e_t ~ N(0, s^2): mean m and sd s
unknown (flat on m, 1/s on s), the season one harmonic of the year whose two
coefficients have the prior N(0, 0.5^2 s^2), the change D a given number of sd. With
M the projection that removes mean and (shrunken) season, and

    Q = x'Mx,  C = 1_k'Mx,  V = 1_k'M1_k,  nu = observations - 1,  b = D C / sqrt(Q),

integrating m, season and s out of both hypotheses leaves the likelihood ratio of
the sequential t test (Lai 1976, one-sided):

    BF(k, D) = exp(-D^2 V / 2) J(nu, b) / J(nu, 0),
    J(nu, b) = integral of v^(nu-1) exp(-v^2 / 2 + b v) dv over v > 0.

Without season it is an e-value for every m and s, because the priors are the right
Haar measure of the location-scale group (Pérez-Ortiz et al. 2024). J by Laplace's
method with its second term: the mode solves a quadratic, and the error cancels in
the ratio (below 1e-3 from a dozen values on).

Three additions for real data. A value counts at most as one that lies three sd from
the mean so far, so that no single period can raise an alert. Successive values are
alike (autocorrelation phi): every term is weighted with (1 - phi) / (1 + phi), the
information that a value brings about a mean. And s cannot be smaller than 1 % of
the level, lest a constant series make the first deviation infinitely surprising.

Sources: T. L. Lai, "On confidence sequences", Annals of Statistics 4 (1976); M. F.
Pérez-Ortiz, T. Lardy, R. de Heide & P. Grünwald, "E-statistics, group invariance and
anytime-valid testing", Annals of Statistics 52 (2024). The derivation is in
``docs/methods-listening.md``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from detectors.demands import numbers
from detectors.evidence.counts import F64
from detectors.single_series.episodes import Way
from detectors.single_series.onset_sums import means_over_effects, stays_below
from detectors.single_series.onsets import AGES, COUNT

# Changes tried, in standard deviations of one period.
SHIFTS = (0.5, 1.0, 1.5)
# Nothing comes off the guaranteed threshold (docs/methods-listening.md).
DISCOUNT = 0.0
CLIP = 3.0
SEASON_SD = 0.5
# The least sd, as a share of the level.
FLOOR = 0.01
# Autocorrelation before anything is seen, and the number of periods that this is worth.
PHI, PHI_WEIGHT = 0.2, 10.0
MARGIN = 0.25
LAG = 8
# Values of a block, within which the level is taken to be the same.
BLOCK = 26


def shifts(way: Way) -> F64:
    """The changes tried, in sd: upwards for a rise, downwards for a fall, or both."""
    up = np.array(SHIFTS)
    return {"rise": up, "fall": -up, "both": np.concatenate([up, -up])}[way]


def harmonics(periods: int, per_year: float) -> tuple[F64, F64]:
    """Cosine and sine of the year by period; none where a year has fewer than four periods."""
    if per_year < 4.0:
        return np.zeros(periods), np.zeros(periods)
    angle = 2.0 * np.pi * np.arange(periods) / per_year
    return np.cos(angle), np.sin(angle)


def checked(values: npt.ArrayLike) -> F64:
    """Series by periods, as floats; ValueError where they cannot be measurements."""
    x = np.atleast_2d(numbers("values", values))
    if x.ndim != 2:
        raise ValueError(f"measurements come as series by periods, not {x.shape}")
    if np.isinf(x).any():
        raise ValueError("measurements must be finite; NaN means not observed")
    return x


@compiled
def log_moment(nu: float, b: float) -> float:
    """Log J(nu, b) without sqrt(2 pi): Laplace with the second term, nu > 1."""
    v = 0.5 * (b + math.sqrt(b * b + 4.0 * (nu - 1.0)))
    k = (nu - 1.0) / (v * v)
    second = k + 1.0
    third = 2.0 * k / v
    fourth = -6.0 * k / (v * v)
    correction = 1.0 + (fourth + 5.0 * third * third / (3.0 * second)) / (8.0 * second * second)
    return (nu - 1.0) * math.log(v) - 0.5 * v * v + b * v + math.log(correction / math.sqrt(second))


@compiled
def log_bayes_factor(nu: float, b: float, gain: float, unchanged: float) -> float:
    """Log BF from nu, b, gain = D^2 V and ``unchanged`` = log J(nu, 0)."""
    return log_moment(nu, b) - unchanged - 0.5 * gain


@compiled
def clipped(x: F64, out: F64) -> None:
    """Bound each value by three sd around the mean of those before it; NaN stays NaN.

    The first five are taken as they are.
    """
    n = 0.0
    mean = 0.0
    squares = 0.0
    for t in range(x.size):
        out[t] = x[t]
        if math.isnan(x[t]):
            continue
        if n >= 5.0:
            sd = max(math.sqrt(squares / (n - 1.0)), FLOOR * abs(mean))
            reach = CLIP * sd * math.sqrt(1.0 + 1.0 / n)
            if reach > 0.0:
                out[t] = min(max(x[t], mean - reach), mean + reach)
        n += 1.0
        step = out[t] - mean
        mean += step / n
        squares += step * (out[t] - mean)


# Places in the description of the whole history, ``fit``.
N, MEAN, SD, PHI_AT, NU, Q, COSINE, SINE, UNCHANGED = range(9)
FIT = 9


@compiled
def fit_history(x: F64, cosine: F64, sine: F64, period: int, fit: F64, inverse: F64) -> None:
    """Mean, season, spread and autocorrelation of the values up to ``period``.

    Fills ``fit`` (count, mean, sd, phi, weighted nu, unweighted Q, the two seasonal
    coefficients, log J(nu, 0)) and ``inverse``: three cells of the inverse of the
    harmonics' centred cross-products, then the harmonics' means.
    """
    n = sx = sc = ss = 0.0
    for t in range(period + 1):
        if not math.isnan(x[t]):
            n += 1.0
            sx += x[t]
            sc += cosine[t]
            ss += sine[t]
    mean, c_mean, s_mean = sx / n, sc / n, ss / n
    xx = cx = wx = cc = cw = ww = 0.0
    for t in range(period + 1):
        if not math.isnan(x[t]):
            r, c, w = x[t] - mean, cosine[t] - c_mean, sine[t] - s_mean
            xx += r * r
            cx += c * r
            wx += w * r
            cc += c * c
            cw += c * w
            ww += w * w
    ridge = 1.0 / (SEASON_SD * SEASON_SD)
    determinant = (cc + ridge) * (ww + ridge) - cw * cw
    inverse[0] = (ww + ridge) / determinant
    inverse[1] = -cw / determinant
    inverse[2] = (cc + ridge) / determinant
    inverse[3] = c_mean
    inverse[4] = s_mean
    fit[COSINE] = inverse[0] * cx + inverse[1] * wx
    fit[SINE] = inverse[1] * cx + inverse[2] * wx
    q = xx - fit[COSINE] * cx - fit[SINE] * wx
    least = FLOOR * mean
    q = max(q, (n - 1.0) * least * least)
    fit[N] = n
    fit[MEAN] = mean
    fit[SD] = math.sqrt(q / (n - 1.0))
    fit[Q] = q
    phi = _autocorrelation(x, cosine, sine, period - LAG, fit)
    fit[PHI_AT] = phi
    fit[NU] = max(2.0, (n - 1.0) * (1.0 - phi) / (1.0 + phi))
    fit[UNCHANGED] = log_moment(fit[NU], 0.0)


@compiled
def _autocorrelation(x: F64, cosine: F64, sine: F64, last: int, fit: F64) -> float:
    """Autocorrelation at lag 1 of the residuals up to ``last``, shrunken, within 0 and 0.95.

    About the mean of each block of periods, because a level that changed would else
    look like memory and argue the evidence of its change away. Corrected for the bias
    of that, (1 + 3 phi) / L for blocks of L values, and of the season, 2 (1 + phi) / n.
    """
    n = squares = products = 0.0
    held = total = corrected = 0.0
    start = 0
    for t in range(last + 1):
        if not math.isnan(x[t]):
            held += 1.0
            total += x[t] - fit[COSINE] * cosine[t] - fit[SINE] * sine[t]
        # A block is closed when the rest is a whole one too, so that none is short.
        if (t < last and (held < BLOCK or last - t < BLOCK)) or held < 4.0:
            continue
        before = math.nan
        for u in range(start, t + 1):
            r = x[u] - fit[COSINE] * cosine[u] - fit[SINE] * sine[u] - total / held
            if not math.isnan(r):
                squares += r * r
                if not math.isnan(before):
                    products += r * before
            before = r
        n += held
        corrected += 1.0
        held = total = 0.0
        start = t + 1
    # Below the least sd there is nothing but the shape of the fitted season.
    if n < 5.0 or squares <= (FLOOR * fit[MEAN]) ** 2 * n:
        return PHI
    length = n / corrected
    phi = products / squares
    phi = (phi + 1.0 / length + 2.0 / n) / max(0.5, 1.0 - 3.0 / length - 2.0 / n)
    phi = min(0.95, max(0.0, (n * phi + PHI_WEIGHT * PHI) / (n + PHI_WEIGHT)))
    # Too small a phi is the dangerous side, so a part of its standard deviation is added.
    return min(0.95, phi + MARGIN * math.sqrt((1.0 - phi * phi) / (n + PHI_WEIGHT)))


@compiled
def measurement_terms(
    x: F64, cosine: F64, sine: F64, period: int, after: float, effects: F64, fit: F64,
    inverse: F64, terms: F64, leans: F64, gains: F64, contrasts: F64, bar: float = -math.inf,
) -> bool:  # fmt: skip
    """Evidence by onset age at a period, from its past only.

    Fills ``terms`` (log of the mean BF over ``effects``, -inf for onsets up to
    ``after``), ``leans`` (posterior mean change in sd), ``gains`` (V) and
    ``contrasts`` (C), both unweighted. ``fit`` and ``inverse`` are those of
    ``fit_history`` at the same period. False, and terms that mean nothing, where the
    evidence certainly stays below ``bar``: the mean of v under J(nu, 0) is at most
    sqrt(nu), so log BF is at most D sqrt(nu) C / sqrt(Q).
    """
    omega = (1.0 - fit[PHI_AT]) / (1.0 + fit[PHI_AT])
    scale = math.sqrt(omega / fit[Q]) if fit[Q] > 0.0 else 0.0
    count = level = c_sum = s_sum = 0.0
    at = 0
    for age in range(1, period + 2):
        t = period + 1 - age
        if not math.isnan(x[t]):
            count += 1.0
            level += x[t] - fit[MEAN]
            c_sum += cosine[t] - inverse[3]
            s_sum += sine[t] - inverse[4]
        if at == COUNT:
            break
        if age == AGES[at]:
            contrasts[at] = level - fit[COSINE] * c_sum - fit[SINE] * s_sum
            seasonal = inverse[0] * c_sum * c_sum + inverse[2] * s_sum * s_sum
            seasonal += 2.0 * inverse[1] * c_sum * s_sum
            gains[at] = count - count * count / fit[N] - seasonal
            at += 1
    excess = np.zeros(COUNT)
    for i in range(COUNT):
        terms[i] = -math.inf
        leans[i] = 0.0
        # An onset needs something before it to be a change from.
        if i < at and period + 1 - AGES[i] > after and gains[i] > 1e-9 and scale > 0.0:
            terms[i] = 0.0
            excess[i] = math.sqrt(fit[NU]) * scale * contrasts[i]
    factors = np.empty((COUNT, effects.size))
    if stays_below(bar, excess, effects, terms, factors):
        return False
    for i in range(COUNT):
        if terms[i] > -math.inf:
            for e in range(effects.size):
                factors[i, e] = log_moment(fit[NU], effects[e] * scale * contrasts[i])
                factors[i, e] -= fit[UNCHANGED] + 0.5 * effects[e] * effects[e] * omega * gains[i]
    means_over_effects(factors, effects, terms, leans)
    return True


@compiled
def level_before(x: F64, cosine: F64, sine: F64, onset: int, fit: F64, inverse: F64) -> float:
    """Mean of the values before the onset, less their season."""
    n = total = 0.0
    for t in range(onset):
        if not math.isnan(x[t]):
            n += 1.0
            total += x[t] - fit[COSINE] * (cosine[t] - inverse[3])
            total -= fit[SINE] * (sine[t] - inverse[4])
    return total / n if n > 0.0 else fit[MEAN]


@compiled
def left_over(fit: F64, gains: F64, contrasts: F64, age: int) -> float:
    """The variance that is left when a change of this age is allowed for."""
    at = np.searchsorted(AGES, age)
    left = (fit[Q] - contrasts[at] ** 2 / gains[at]) / max(1.0, fit[N] - 2.0)
    return float(max(left, 1e-3 * fit[Q] / fit[N]))
