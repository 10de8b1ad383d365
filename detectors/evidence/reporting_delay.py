"""Reporting delay: how much of a recent period has been told so far.

Events are recorded some days after they happened, so the newest periods are always short of
events. The delays seen so far are themselves biased to short ones, because of the recent
events only the quickly recorded are known. Conditioning on "recorded by now" removes that:
with n(d) the events recorded after d days, and N(d) those recorded within d days among the
events that are at least d days old, the reverse-time hazard g(d) = n(d) / N(d) gives

    F(d) = prod over j > d of (1 - g(j)),    the share recorded within d days of all that
                                             are recorded within the longest delay allowed

(S. W. Lagakos, L. M. Barraj and V. De Gruttola, Biometrika 75 (1988) 515; J. D. Kalbfleisch
and J. F. Lawless, J. Am. Statist. Assoc. 84 (1989) 360). What is still to come of a period
follows from its rate: with a Gamma(a, b) prior and n events recorded at a share p of the
exposure m, the rest is negative binomial (J. F. Lawless, Canad. J. Statist. 22 (1994) 15).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from detectors.demands import check_inside, check_not_negative, check_positive, check_whole
from detectors.evidence.counts import F64

LONGEST = 90  # days; what is recorded later counts as a correction
FEWEST = 20.0  # events without the delay that every hazard is given: few facts lean to none


@dataclass(frozen=True, eq=False)
class ReportingDelay:
    """The law of the delay from an event to its record.

    Args:
        recorded: ``F64[longest + 1]``, share recorded within 0, 1, ... days; the last is 1.

    """

    recorded: F64

    @classmethod
    def fit(cls, delays: ArrayLike, ages: ArrayLike, *, longest: int = LONGEST) -> ReportingDelay:
        """Estimate the law from events recorded so far.

        Args:
            delays: whole days from each event to its record.
            ages: whole days from each event to now, so ``0 <= delay <= age``.
            longest: longer delays are left out.

        Raises:
            ValueError: arrays of unlike length, or a delay below 0 or beyond its age.

        """
        delay = np.asarray(delays, dtype=np.int64).ravel()
        age = np.asarray(ages, dtype=np.int64).ravel()
        if delay.shape != age.shape:
            raise ValueError(f"{delay.size} delays for {age.size} ages")
        if delay.size and (delay.min() < 0 or (delay > age).any()):
            raise ValueError("every delay must lie between 0 and the event's age")
        check_whole("longest", longest, 0)
        keep = delay <= longest
        delay, age = delay[keep], np.minimum(age[keep], longest)
        # Of the events with delay <= d, those with age >= d could have shown the delay d.
        days = longest + 1
        table = np.zeros((days, days))
        np.add.at(table, (delay, age), 1.0)
        within = np.cumsum(table, axis=0)  # delay <= row, by age
        exact = table.sum(axis=1)
        at_risk = np.array([within[d, d:].sum() for d in range(days)])
        hazard = exact / (at_risk + FEWEST)
        hazard[0] = 0.0
        later = np.append(np.cumprod((1.0 - hazard)[::-1])[::-1][1:], 1.0)
        return cls(recorded=np.asarray(later))

    def share(self, age: ArrayLike) -> F64:
        """Share of an event day's events that are recorded at an age in days (0 if negative)."""
        days = np.asarray(age, dtype=np.int64)
        inside = np.clip(days, 0, len(self.recorded) - 1)
        return np.where(days < 0, 0.0, self.recorded[inside])

    def completeness(self, ages: ArrayLike) -> float:
        """Share recorded of a period whose days have these ages; days to come are negative."""
        return float(self.share(ages).mean())


@dataclass(frozen=True)
class Nowcast:
    """What a period's count will be when all is recorded: mean and a central interval."""

    mean: float
    lower: int
    upper: int


def nowcast(
    recorded: int,
    completeness: float,
    exposure: float,
    prior_a: float,
    prior_b: float,
    *,
    coverage: float = 0.9,
) -> Nowcast:
    """Predict a period's final count from what is recorded so far.

    Args:
        recorded: events of the period known so far.
        completeness: share of the period's events expected to be known, 0 to 1.
        exposure: the period's whole exposure times season.
        prior_a: shape of the Gamma law of the unit's rate, its history included.
        prior_b: its rate parameter, in units of exposure.
        coverage: of the interval.

    Raises:
        ValueError: a share, exposure, prior or coverage out of its range.

    """
    check_whole("recorded", recorded, 0)
    if not 0.0 <= completeness <= 1.0:
        raise ValueError(f"completeness must lie in 0 to 1, not {completeness}")
    check_not_negative("exposure", exposure)
    check_positive("prior_a", prior_a)
    check_positive("prior_b", prior_b)
    check_inside("coverage", coverage)
    shape = prior_a + recorded
    scale = prior_b + completeness * exposure
    missing = (1.0 - completeness) * exposure
    if missing <= 0:
        return Nowcast(float(recorded), recorded, recorded)
    more = shape * missing / scale
    tail = (1.0 - coverage) / 2.0
    low, high = (_quantile(shape, scale / (scale + missing), q) for q in (tail, 1.0 - tail))
    return Nowcast(recorded + more, recorded + low, recorded + high)


def _quantile(shape: float, share: float, chance: float) -> int:
    """Smallest k at which the negative binomial distribution reaches a chance.

    ``P(X <= k) = I_share(shape, k + 1)``, the regularised incomplete beta function.
    ``scipy.stats`` gives the same and takes a second to import.
    """
    from scipy.special import betainc  # noqa: PLC0415 - costs a command-line start

    high = 1
    while betainc(shape, high + 1.0, share) < chance:
        high *= 2
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        if betainc(shape, middle + 1.0, share) < chance:
            low = middle
        else:
            high = middle
    return high
