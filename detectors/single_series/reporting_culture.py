"""Better reporting or a failing: incidents and their harm weighed together.

More incidents may mean that more goes wrong, or that people report more of what always
went wrong. Harm tells them apart: where only reporting grows, as many events with harm
are reported as before, so that the share of incidents with harm falls by as much as
incidents rise. So "unchanged" has a rival besides the failing: since an onset c
incidents are multiplied by r and events with harm stay as they were,

    C = K sum_c step(age) sum_r w_r BF(c, r)^v BF_share(c, R),   R = (1 - p) / (r - p),

with BF for the rise of incidents (``detectors.evidence.statistic``), BF_share for odds of
harm multiplied by R (``share_terms``), p the share of harm before c, w_r the weights of the
factors among the ways of failing, and v the part of the reports since c whose harm is
known yet, against the part before c. K is chosen so that C = 1 where a failing of the
same evidence passes its bar h: K = ``PRIOR_ODDS`` exp(-h).

A failing is weighed against whichever of the two explains the data better. Let S1 be its
terms in which incidents change and S0 the others. Changes of both kinds begin
independently, so

    odds = S0 + S1 / max(1, C) + S1' (1 - 1 / max(1, C)),

S1' being S1 against the level of incidents that the change of culture brought: their
history then begins at its likeliest onset, with the unit's earlier rate, raised, as prior.
A feed that rises by itself is heard as ever, a rise of incidents counts as far as
culture does not explain it, and a level that culture explains becomes the baseline.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64
from detectors.evidence.patterns import HIGH_SHARE
from detectors.evidence.statistic import OVERWEIGHT, STEPS, Tables
from detectors.single_series.share_terms import (
    LAG,
    OVERDISPERSION,
    PRIOR,
    add_period,
    correlation,
    log_bayes_factor,
    weight,
)

# Better reporting against all ways of failing together, before any data.
PRIOR_ODDS = 1.0
# Onsets: those of a failing, then a widening grid, since what reporting has become stays
# known and a failing that had to wait may be older.
AGES: I64 = np.array(
    [
        *range(1, 14),
        *range(15, 30, 2),
        33,
        37,
        43,
        49,
        57,
        67,
        79,
        93,
        109,
        129,
        153,
        181,
        213,
        251,
    ],
    dtype=np.int64,
)
WEIGHTS: F64 = np.append(np.diff(AGES), 45) * AGES**-0.25
WEIGHTS *= STEPS[0] / WEIGHTS[0]
# Weights of a feed's low and high factor.
LEVELS = (1.0 - HIGH_SHARE, HIGH_SHARE)
# The new level before it is seen: the old one times this, as a Gamma of this shape.
USUAL_RISE, RISE_SHAPE = 1.4, 6.0


class Harm(NamedTuple):
    """Prefix sums over the periods of one unit, ``F64[T + 1]`` each.

    Weighted incidents with harm and weighted incidents of known harm, then those of
    known harm and all incidents as they are.
    """

    harmed: F64
    graded: F64
    known: F64
    reported: F64


@compiled
def harm_sums(harmed: F64, graded: F64, reported: F64, observed: F64) -> Harm:
    """Sum up one unit's harm shares.

    A period's weight allows for reports being alike, by what the periods up to
    ``LAG`` before it show, so that it never depends on what it weighs.

    Args:
        harmed: ``F64[T]``, incidents with harm.
        graded: ``F64[T]``, incidents whose harm is known.
        reported: ``F64[T]``, all incidents.
        observed: ``F64[T]``, above 0 where incidents are watched.

    """
    periods = harmed.shape[0]
    sums = np.zeros((4, periods + 1))
    seen = np.zeros(11)
    for t in range(periods):
        sums[:, t + 1] = sums[:, t]
        old = t - LAG
        if old >= 0 and graded[old] > 0.0 and observed[old] > 0.0:
            add_period(seen, min(harmed[old], graded[old]), graded[old])
        if not observed[t] > 0.0:
            continue
        rho = correlation(seen, OVERDISPERSION[0], OVERDISPERSION[1])
        w = weight(graded[t], rho)
        sums[0, t + 1] += w * min(harmed[t], graded[t])
        sums[1, t + 1] += w * graded[t]
        sums[2, t + 1] += graded[t]
        sums[3, t + 1] += reported[t]
    return Harm(sums[0], sums[1], sums[2], sums[3])


@compiled
def culture(
    total: float, total_mass: float, sums: F64, mass: F64, harm: Harm, t: int, now: int,
    first: int, prior_a: float, prior_b: float, log_ratio: F64,
) -> tuple[float, float, int]:  # fmt: skip
    """Log of the sum in C at a look, what harm adds to it, and the likeliest onset.

    The look is in period ``t``; ``total`` and ``total_mass`` are the incidents' sums at it,
    ``sums`` and ``mass`` (``[T + 1]``) those before every period; harm counts in periods
    before ``now``. What harm adds is the log of the mean of BF_share over onsets and
    factors, by what incidents say of them. -inf, 0 and -1 where no harm is known before
    any onset.
    """
    best, onset = -np.inf, -1
    terms = np.full((AGES.shape[0], log_ratio.shape[0]), -np.inf)
    plain = terms.copy()
    for j in range(AGES.shape[0]):
        k = t + 1 - AGES[j]
        if k < first or not harm.graded[k] > 0.0 or not harm.reported[k] > 0.0:
            break
        successes, before = PRIOR[0] + harm.harmed[k], PRIOR[0] + PRIOR[1] + harm.graded[k]
        changed, since = harm.harmed[now] - harm.harmed[k], harm.graded[now] - harm.graded[k]
        share = successes / before
        known = 1.0
        reported = harm.reported[now] - harm.reported[k]
        if reported > 0.0:
            usual = harm.known[k] / harm.reported[k]
            known = min(1.0, (harm.known[now] - harm.known[k]) / reported / usual)
        part = (total_mass - mass[k]) / (prior_b + total_mass)
        for level in range(log_ratio.shape[0]):
            ratio = math.exp(log_ratio[level])
            rise = (total - sums[k]) * log_ratio[level]
            rise -= (prior_a + total) * math.log1p((ratio - 1.0) * part)
            fall = log_bayes_factor(
                successes + changed, before, since, changed,
                math.log((1.0 - share) / (ratio - share)),
            )  # fmt: skip
            plain[j, level] = math.log(WEIGHTS[j] * LEVELS[level]) + known * rise
            terms[j, level] = plain[j, level] + fall
            if terms[j, level] > best:
                best, onset = terms[j, level], k
    if onset < 0:
        return -np.inf, 0.0, -1
    found = log_sum(terms)
    return found, found - log_sum(plain), onset


@compiled
def failing_terms(
    total: F64, total_mass: F64, sums: F64, mass: F64, t: int, first: int, tab: Tables,
    incidents: int, log_culture: float, onset: int, settled: int, out: F64,
) -> int:  # fmt: skip
    """Fill ``out[j, c]`` with the log of every term of the odds; give the number of ages.

    As ``detectors.evidence.statistic.log_terms``, on the ages here; ``log_culture`` is
    log C (-inf: the terms of S itself), ``onset`` its likeliest onset and ``settled``
    the periods after it that are baseline only.
    """
    feeds, levels = tab.log_ratio.shape
    factor, raised = np.empty((feeds, levels)), np.empty(levels)
    held = max(0.0, log_culture)
    moved = math.log(-math.expm1(-held)) if held > 0.0 else -np.inf
    scale, ease = 1.0, 1.0
    if onset >= 0:
        f = incidents
        rate = (tab.prior_a[f] + sums[onset, f]) / (tab.prior_b[f] + mass[onset, f])
        scale = RISE_SHAPE / (USUAL_RISE * rate)
        # Weights were made for the rate over all periods; a higher one scatters more.
        pooled = (tab.prior_a[f] + total[f]) / (tab.prior_b[f] + total_mass[f])
        new = (RISE_SHAPE + total[f] - sums[onset, f]) / (scale + total_mass[f] - mass[onset, f])
        drag = OVERWEIGHT * (tab.dispersion[f] + tab.serial)
        ease = min(1.0, (1.0 + drag * pooled) / (1.0 + drag * new))
    reach = 0
    for j in range(AGES.shape[0]):
        k = t + 1 - AGES[j]
        if k < first:
            break
        for f in range(feeds):
            part = (total_mass[f] - mass[k, f]) / (tab.prior_b[f] + total_mass[f])
            events = tab.prior_a[f] + total[f]
            for level in range(levels):
                factor[f, level] = (total[f] - sums[k, f]) * tab.log_ratio[f, level]
                factor[f, level] -= events * math.log(1.0 + tab.gain[f, level] * part)
        f = incidents
        for level in range(levels):
            plain, raised[level] = factor[f, level] - held, -np.inf
            if moved > -np.inf and k >= onset + settled:
                part = ease * (total_mass[f] - mass[k, f])
                part /= scale + ease * (total_mass[f] - mass[onset, f])
                events = RISE_SHAPE + ease * (total[f] - sums[onset, f])
                raised[level] = ease * (total[f] - sums[k, f]) * tab.log_ratio[f, level] + moved
                raised[level] -= events * math.log(1.0 + tab.gain[f, level] * part)
            high = max(plain, raised[level])
            factor[f, level] = high + math.log(
                math.exp(plain - high) + math.exp(raised[level] - high)
            )
        for c in range(tab.weight.shape[0]):
            out[j, c] = math.log(tab.weight[c] * WEIGHTS[j])
            for f in range(feeds):
                level = tab.choice[c, f] - 1
                if level >= 0:
                    out[j, c] += factor[f, level]
        reach = j + 1
    return reach


@compiled
def log_sum(terms: F64) -> float:
    """Log of the sum of the exponentials of all terms; -inf where there are none."""
    top = terms.max()
    if not top > -np.inf:
        return -np.inf
    total = 0.0
    for term in terms.flat:
        total += math.exp(term - top)
    return float(top + math.log(total))
