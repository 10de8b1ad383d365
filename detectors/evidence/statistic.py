"""Evidence of a change since an unknown week: the compiled formulae.

For one unit, let ``A`` and ``M`` be the weighted counts and expectations of a
feed up to a look, ``A1`` and ``M1`` their parts since onset ``k``. With a
Gamma(a, b) prior of the rate the Bayes factor of "times r since k" against "no
change", the rate integrated out, is

    log BF(k, r) = A1 log r - (a + A) log(1 + (r - 1) M1 / (b + M))

and the evidence of a look is the sum over onsets and patterns

    S = sum_k g(age) sum_c p_c prod_f BF_f(k, r_cf).

Weights are those of quasi-likelihood (R. W. M. Wedderburn, Biometrika 61 (1974) 439). The
derivation is in ``docs/methods.md``, sections 2 and 3.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64
from detectors.evidence.elementary import exponentials, logarithms
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import Patterns

# Ages of an onset in periods, the look's own period being 1.
AGES: I64 = np.array([*range(1, 14), *range(15, 29, 2), 29], dtype=np.int64)
# Their weights: the step to the next age (29 stands for 29 to 32) times age ** -1/4, which leans
# to young onsets: plain changes are found sooner, leaning further misses slow ones
# (``python -m bench.delay`` compares). Their sum is a convention, since bars are simulated.
STEPS: F64 = np.append(np.diff(AGES), 4) * AGES**-0.25
STEPS *= 36.0 / STEPS.sum()

OVERWEIGHT = 1.1  # quasi-likelihood weights lean to the safe side by this factor
DISPERSION_LAG = 13  # a unit's own dispersion is learned from weeks at least this old
RESIDUAL_CAP = 9.0  # squared standardised residuals enter a dispersion up to this
# The part of an onset's posterior that lies before the week that is told. At a crossing the
# posterior leans to late weeks, since slow changes cross when chance has just helped: this in
# place of a half makes the errors of slow changes smaller and those of plain ones hardly larger.
EARLIER = 0.35
LOG_CEILING = 600.0  # keeps a product of Bayes factors within a double


class Tables(NamedTuple):
    """A model's numbers as the kernels want them, for one direction of change."""

    prior_a: F64
    prior_b: F64
    dispersion: F64
    spread: F64
    serial: float
    log_ratio: F64  # [F, L]
    gain: F64  # [F, L], ratio - 1
    steepest: F64  # [F], the largest log ratio
    changes: I64  # the feeds that any pattern changes
    choice: I64  # [C, F]
    weight: F64  # [C], in float64
    ages: I64
    steps: F64
    ceiling: float


def tables(model: EvidenceModel, patterns: Patterns) -> Tables:
    """Hoist everything that does not depend on the counts."""
    width = len(model.feeds)
    return Tables(
        prior_a=model.prior_a,
        prior_b=model.prior_b,
        dispersion=model.dispersion,
        spread=model.dispersion_spread,
        serial=float(model.serial),
        log_ratio=np.log(patterns.ratios),
        gain=patterns.ratios - 1.0,
        steepest=np.log(patterns.ratios).max(axis=1),
        changes=np.flatnonzero((patterns.choice > 0).any(axis=0)),
        choice=patterns.choice,
        weight=patterns.weight,
        ages=AGES,
        steps=STEPS,
        ceiling=LOG_CEILING / max(width, 1),
    )


@compiled
def accumulate(counts: F64, expected: F64, tab: Tables, sums: F64, mass: F64, drag: F64) -> None:
    """Fill the prefix sums of one unit.

    ``counts`` and ``expected`` (exposure times season, 0 = not observed) are
    ``[F, T]``; ``sums`` and ``mass`` are ``[T + 1, F]``, row ``t`` holding the
    periods before ``t``; ``drag[t, f]`` gives the weight ``1 / (1 + drag m)`` of
    period ``t``. Rate and dispersion behind a weight come from earlier periods
    only, so that a weight never depends on the count it weighs.
    """
    feeds, periods = counts.shape
    for f in range(feeds):
        _accumulate_feed(f, counts[f], expected[f], tab, sums, mass, drag, periods)


@compiled
def _accumulate_feed(
    f: int, counts: F64, expected: F64, tab: Tables, sums: F64, mass: F64, drag: F64, periods: int
) -> None:
    alpha0 = tab.dispersion[f]
    spread = tab.spread[f]
    excess = np.zeros(periods + 1)
    weight = np.zeros(periods + 1)
    sums[0, f] = 0.0
    mass[0, f] = 0.0
    for t in range(periods):
        rate = (tab.prior_a[f] + sums[t, f]) / (tab.prior_b[f] + mass[t, f])
        alpha = alpha0
        if spread > 0.0 and t >= DISPERSION_LAG:
            old = t - DISPERSION_LAG
            precision = 1.0 / spread
            alpha = (alpha0 * precision + 0.5 * excess[old]) / (precision + 0.5 * weight[old])
            alpha = max(alpha, 0.0)
        drag[t, f] = OVERWEIGHT * (alpha + tab.serial) * rate
        m = expected[t]
        excess[t + 1] = excess[t]
        weight[t + 1] = weight[t]
        sums[t + 1, f] = sums[t, f]
        mass[t + 1, f] = mass[t, f]
        if m > 0.0:
            omega = 1.0 / (1.0 + drag[t, f] * m)
            sums[t + 1, f] += omega * counts[t]
            mass[t + 1, f] += omega * m
            mu = rate * m
            # Variance of a one-step error: the count's own and that of the rate.
            guess = 1.0 + m / (tab.prior_b[f] + mass[t, f])
            variance = mu * guess + alpha0 * mu * mu
            square = min((counts[t] - mu) ** 2, RESIDUAL_CAP * variance)
            # The last term allows for the fourth moment of small counts.
            w = 1.0 / ((1.0 + alpha0 * mu) ** 2 + 0.5 / max(mu, 1e-9))
            excess[t + 1] += w * (square - mu * guess)
            weight[t + 1] += w * mu * mu


@compiled
def onset_sums(
    total: F64,
    total_mass: F64,
    sums: F64,
    mass: F64,
    t: int,
    first: int,
    tab: Tables,
    factor: F64,
    out: F64,
) -> int:
    """Sum the evidence of a look in period ``t`` over onsets, the youngest first.

    ``total`` and ``total_mass`` (``[F]``) are the sums at the look. ``out[j]``
    receives the sum over the first ``j + 1`` ages; the number of ages whose onset
    is not before ``first`` is returned. ``factor`` is room for ``[F, L, ages]``.
    """
    reach = 0
    while reach < tab.ages.shape[0] and t + 1 - tab.ages[reach] >= first:
        reach += 1
    _bayes_factors(total, total_mass, sums, mass, t, reach, tab, factor)
    product = np.empty(reach)
    for j in range(reach):
        out[j] = 0.0
    for c in range(tab.weight.shape[0]):
        for j in range(reach):
            product[j] = tab.weight[c]
        for f in range(tab.choice.shape[1]):
            level = tab.choice[c, f]
            if level > 0:
                for j in range(reach):
                    product[j] *= factor[f, level - 1, j]
        for j in range(reach):
            out[j] += product[j]
    for j in range(reach):
        out[j] = tab.steps[j] * out[j] + (out[j - 1] if j > 0 else 0.0)
    return reach


@compiled
def _bayes_factors(
    total: F64,
    total_mass: F64,
    sums: F64,
    mass: F64,
    t: int,
    reach: int,
    tab: Tables,
    factor: F64,
) -> None:
    """Fill ``factor[f, level, j]`` of the feeds that change; beyond ``reach`` is arbitrary."""
    levels = tab.log_ratio.shape[1]
    for f in tab.changes:
        scale = 1.0 / (tab.prior_b[f] + total_mass[f])
        for j in range(reach):
            share = scale * (total_mass[f] - mass[t + 1 - tab.ages[j], f])
            for level in range(levels):
                factor[f, level, j] = 1.0 + tab.gain[f, level] * share
        logarithms(factor[f].reshape(-1))
        events = tab.prior_a[f] + total[f]
        for j in range(reach):
            since = total[f] - sums[t + 1 - tab.ages[j], f]
            for level in range(levels):
                factor[f, level, j] = min(
                    since * tab.log_ratio[f, level] - events * factor[f, level, j], tab.ceiling
                )
        exponentials(factor[f].reshape(-1))


@compiled
def log_terms(
    total: F64, total_mass: F64, sums: F64, mass: F64, t: int, first: int, tab: Tables, out: F64
) -> int:
    """Fill ``out[j, c]`` with the log of every term of S; return the number of ages."""
    feeds = tab.log_ratio.shape[0]
    reach = 0
    for j in range(tab.ages.shape[0]):
        k = t + 1 - tab.ages[j]
        if k < first:
            break
        for c in range(tab.weight.shape[0]):
            value = math.log(tab.weight[c] * tab.steps[j])
            for f in range(feeds):
                level = tab.choice[c, f] - 1
                if level >= 0:
                    share = (total_mass[f] - mass[k, f]) / (tab.prior_b[f] + total_mass[f])
                    value += (total[f] - sums[k, f]) * tab.log_ratio[f, level]
                    value -= (tab.prior_a[f] + total[f]) * math.log(
                        1.0 + tab.gain[f, level] * share
                    )
            out[j, c] = value
        reach = j + 1
    return reach


@compiled
def posterior(terms: F64, reach: int, tab: Tables, masses: F64) -> tuple[float, int]:
    """Read log terms ``[ages, patterns]``, of which the first ``reach`` ages count.

    Fills ``masses`` (``[F]``) with the posterior probability that each feed changed; returns
    the log of the sum and the position in ``AGES`` of the estimated onset, the week before
    which ``EARLIER`` of the posterior lies. Loops on purpose: array expressions take seconds
    to compile.
    """
    top = -np.inf
    for j in range(reach):
        for c in range(terms.shape[1]):
            top = max(top, terms[j, c])
    total = 0.0
    by_pattern = np.zeros(terms.shape[1])
    by_age = np.zeros(reach)
    for j in range(reach):
        for c in range(terms.shape[1]):
            share = math.exp(terms[j, c] - top)
            by_pattern[c] += share
            by_age[j] += share
            total += share
    for f in range(masses.shape[0]):
        masses[f] = 0.0
        for c in range(terms.shape[1]):
            if tab.choice[c, f] > 0:
                masses[f] += by_pattern[c] / total
    onset, running = 0, by_age[0]
    while running < (1.0 - EARLIER) * total and onset < reach - 1:
        onset += 1
        running += by_age[onset]
    return top + math.log(total), onset


@compiled
def unseen(total_mass: F64, mass: F64, probability: F64) -> None:
    """Set the probability of feeds to 0 that were not observed since an onset.

    A feed without data fits a pattern that changes it as well as one that does not, so it
    would be named with all that rise. ``mass`` (``[F]``) is what lay before the onset.
    """
    for f in range(probability.shape[0]):
        if total_mass[f] <= mass[f]:
            probability[f] = 0.0


@compiled
def named(probability: F64) -> int:
    """The feeds that are named as changed, a bit each: the probable ones, else the likeliest."""
    bits, likeliest = 0, 0
    for f in range(probability.shape[0]):
        if probability[f] > 0.5:
            bits |= 1 << f
        if probability[f] > probability[likeliest]:
            likeliest = f
    return bits if bits > 0 else 1 << likeliest
