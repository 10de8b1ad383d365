"""Scores of units in a funnel plot, and how much more they vary than chance.

With observed O and denominator n (or expected E), Y is the transformed ratio, s its standard
error under the target, and z = (Y - target) / s:

==============  ====================  ==============================  ========================
kind            Y                     s                               target
==============  ====================  ==============================  ========================
proportion      arcsin sqrt(O / n)    1 / (2 sqrt n)                  arcsin sqrt(pooled)
ratio, log      log(O / E)            1 / sqrt E                      0 (a ratio of 1)
ratio, root     sqrt(O / E)           1 / (2 sqrt E)                  1
counts          log((O + .5) /        sqrt(O / (O + .5)^2             log(pooled)
                (n + .5))             + n / (n + .5)^2)
==============  ====================  ==============================  ========================

``log`` is the transform of England's Summary Hospital-level Mortality Indicator (SHMI),
``root`` that of the Care Quality Commission (CQC). In a log, an observed 0 counts as 0.5.

Overdispersion. The extreme tenth of the scores at each end is winsorised (pulled in to the
10 % and 90 % quantiles, R's type 7) or, for the SHMI, trimmed (left out). Then

    phi  = mean of z^2 over the n scores left
    tau2 = (n phi - (n - 1)) / (sum w - sum w^2 / sum w),  w = 1 / s^2,  0 if n phi < n - 1

tau is the standard deviation between units beyond chance, on the transformed scale.

Sources: D. Spiegelhalter, "Funnel plots for comparing institutional performance", Statistics
in Medicine 24 (2005), 1185; "Handling over-dispersion of performance indicators", Quality and
Safety in Health Care 14 (2005), 347; Spiegelhalter et al., Journal of the Royal Statistical
Society A 175 (2012), 1. The reference tests compare with FunnelPlotR 0.6.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats
from detectors.demands import check_choice, check_inside, numbers

FunnelKind = Literal["proportion", "ratio", "counts"]
Transform = Literal["log", "root"]
Treatment = Literal["winsorise", "trim"]


@dataclass(frozen=True, slots=True)
class FunnelScores:
    """Transformed ratios, their standard errors and scores by unit, and the target.

    Arrays have shape (units,), NaN for a missing unit; ``target`` is on the ratio's scale and
    ``centre`` on the transformed one.
    """

    ratios: Floats
    transformed: Floats
    errors: Floats
    z: Floats
    target: float
    centre: float


@dataclass(frozen=True, slots=True)
class Overdispersion:
    """Spread of the scores beyond chance.

    ``treated`` are the scores after winsorising or trimming (NaN where trimmed), ``altered``
    marks the units concerned, ``phi`` and ``tau2`` are as in the module, both of shape (units,).
    """

    treated: Floats
    altered: Booleans
    phi: float
    tau2: float


def funnel_scores(
    observed: ArrayLike,
    denominators: ArrayLike,
    *,
    kind: FunnelKind,
    transform: Transform = "log",
    target: float | None = None,
) -> FunnelScores:
    """Scores of units, both inputs of shape (units,), NaN where missing.

    ``transform`` matters for ratios only. ``target`` is the proportion or the ratio of counts
    that is judged against, the pooled one unless given; for ratios it is 1. A denominator of 0
    makes a unit missing. Raises ``ValueError`` for negative or infinite numbers, for more events
    than opportunities in a proportion, and for a target outside its range.
    """
    o, n = _units(observed, denominators)
    if kind == "proportion" and (o > n).any():
        raise ValueError("observed must not exceed the denominator in a proportion")
    ratios = o / n
    aim = _target(o, n, kind, target)
    if kind == "proportion":
        y, s = np.arcsin(np.sqrt(ratios)), 0.5 / np.sqrt(n)
        centre = math.asin(math.sqrt(aim)) if not math.isnan(aim) else math.nan
    elif kind == "ratio" and transform == "root":
        y, s, centre = np.sqrt(ratios), 0.5 / np.sqrt(n), math.sqrt(aim)
    elif kind == "ratio":
        y, s, centre = np.log(np.where(o == 0.0, 0.5, o) / n), 1.0 / np.sqrt(n), math.log(aim)
    else:
        y = np.log((o + 0.5) / (n + 0.5))
        s = ratio_of_counts_error(o, n)
        centre = math.log(aim) if aim > 0.0 else math.nan
    return FunnelScores(ratios, y, s, (y - centre) / s, aim, centre)


def ratio_of_counts_error(observed: Floats, denominators: Floats) -> Floats:
    """Standard error of log((O + .5) / (n + .5)), both counts being Poisson."""
    o, n = observed, denominators
    error: Floats = np.sqrt(o / (o + 0.5) ** 2 + n / (n + 0.5) ** 2)
    return error


def overdispersion(
    scores: FunnelScores, *, treatment: Treatment = "winsorise", share: float = 0.1
) -> Overdispersion:
    """Overdispersion of the scores; ``share`` is the part treated at each end.

    Raises ``ValueError`` unless 0 < share < 0.5 or for an unknown treatment. Without any
    known score phi is NaN and tau2 is 0.
    """
    check_inside("share", share, 0.0, 0.5)
    check_choice("treatment", treatment, ("winsorise", "trim"))
    z = scores.z
    known = ~np.isnan(z)
    treat = winsorised if treatment == "winsorise" else trimmed
    treated, altered = np.full(len(z), np.nan), np.zeros(len(z), np.bool_)
    if known.any():
        treated[known], altered[known] = treat(z[known], share)
    kept = ~np.isnan(treated)
    count = int(kept.sum())
    if not count:
        return Overdispersion(treated, altered, math.nan, 0.0)
    phi = float(np.mean(treated[kept] ** 2))
    weights = scores.errors[kept] ** -2.0
    room = weights.sum() - (weights**2).sum() / weights.sum()
    excess = count * phi - (count - 1)
    # One unit says nothing of a spread between units: its room is rounding error.
    lone = room <= 1e-12 * weights.sum()
    tau2 = 0.0 if excess < 0.0 or lone else float(excess / room)
    return Overdispersion(treated, altered, phi, tau2)


def winsorised(z: Floats, share: float) -> tuple[Floats, Booleans]:
    """Scores pulled in to their ``share`` and 1 - ``share`` quantiles, and which lie outside.

    A score exactly on a quantile counts as outside, though it stays as it is.
    """
    low, high = np.quantile(z, [share, 1.0 - share])
    return np.clip(z, low, high), ~((z > low) & (z < high))


def trimmed(z: Floats, share: float) -> tuple[Floats, Booleans]:
    """Scores with NaN for those in the first or last of 1 / share groups by rank.

    The group of rank r (mean rank among ties) of n is floor(r / share / (n + 1)), from 0.
    """
    groups = 1.0 / share
    _, place, count = np.unique(z, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2.0)[place]
    group = np.floor(ranks * groups / (len(z) + 1))
    outside = (group <= 0.0) | (group >= groups - 1.0)
    return np.where(outside, np.nan, z), outside


def _units(observed: ArrayLike, denominators: ArrayLike) -> tuple[Floats, Floats]:
    o = numbers("observed", observed).copy()
    n = numbers("denominators", denominators).copy()
    if o.ndim != 1 or o.shape != n.shape:
        raise ValueError(f"observed and denominators must be alike: {o.shape} and {n.shape}")
    for name, values in (("observed", o), ("denominators", n)):
        wrong = (values < 0.0) | np.isinf(values)
        if wrong.any():
            raise ValueError(f"{name} must be finite and not negative, not {values[wrong][0]}")
    missing = np.isnan(o) | np.isnan(n) | (n == 0.0)
    return np.where(missing, np.nan, o), np.where(missing, np.nan, n)


def _target(o: Floats, n: Floats, kind: FunnelKind, target: float | None) -> float:
    check_choice("kind", kind, ("proportion", "ratio", "counts"))
    if kind == "ratio":
        if target not in {None, 1.0}:
            raise ValueError(f"target of a standardised ratio is 1, not {target}")
        return 1.0
    if target is None:
        total = float(np.nansum(n))
        return float(np.nansum(o)) / total if total else math.nan
    check_inside("target", target, 0.0, 1.0 if kind == "proportion" else math.inf)
    return target
