"""The fitted and calibrated model of one class of units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from detectors.demands import check_positive
from detectors.evidence.counts import DAYS, F64, WEEKS_PER_YEAR
from detectors.evidence.holidays import KINDS
from detectors.evidence.patterns import Patterns, falls, rises
from detectors.evidence.seasons import WAVES, Course, usual_course

SAFETY = 0.80  # thresholds aim at this share of the budget


@dataclass(frozen=True)
class Curve:
    """False alerts per unit and year as a function of the threshold.

    ``bars`` rise and ``rates`` fall strictly; between the points, and beyond them
    with the last slope, the logarithm of the rate is linear in the bar.
    """

    bars: tuple[float, ...]
    rates: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.bars) < 2 or len(self.bars) != len(self.rates):
            raise ValueError("a curve needs at least two points")
        if any(b <= a for a, b in zip(self.bars, self.bars[1:], strict=False)):
            raise ValueError("a curve's bars must rise")
        falling = all(b < a for a, b in zip(self.rates, self.rates[1:], strict=False))
        if not falling or self.rates[-1] <= 0:
            raise ValueError("a curve's rates must fall and stay positive")

    def bar(self, rate: float) -> float:
        """Give the threshold at which the rate is ``rate`` alerts per unit and year.

        Raises:
            ValueError: a rate that is not positive.

        """
        check_positive("rate", rate)
        logs = [-math.log(r) for r in self.rates]
        return _line(-math.log(rate), logs, self.bars)

    def rate(self, bar: float) -> float:
        """Give the false alerts per unit and year at a threshold."""
        return math.exp(-_line(bar, self.bars, [-math.log(r) for r in self.rates]))


# Where nothing was simulated yet: the usual place and slope of such curves.
UNCALIBRATED = Curve((2.0, 12.0), (0.18 * math.exp(3.3), 0.18 * math.exp(-7.7)))


@dataclass(frozen=True)
class Bars:
    """Thresholds on the log evidence: at a period's close, and within the week."""

    close: float
    look: float


@dataclass(frozen=True, eq=False)
class EvidenceModel:
    """All that the evidence of a class of units depends on besides their counts.

    Args:
        feeds: names of the F feeds, in the order of the counts.
        prior_a, prior_b: ``F64[F]``, Gamma prior of a unit's rate per period and
            unit of exposure (mean ``a / b``).
        dispersion: ``F64[F]``, alpha of the variance ``mu + alpha mu**2``, common
            weekly effect included.
        dispersion_spread: ``F64[F]``, variance of alpha between units; 0 keeps
            every unit at the class's alpha.
        season: ``F64[F, 4]``, coefficients of sine and cosine of the first and of
            the second harmonic of the year, on the log scale.
        trend: ``F64[F]``, growth of the whole fleet on the log scale per year, 0 at
            ``trend_week``, the first period after the history; None is no trend.
        holiday: ``F64[F, 2]``, what holidays do on the log scale (``holiday_weeks``);
            None is nothing.
        sigma2, rho: variance and autocorrelation of the common weekly effect.
        patterns, improvements: ways of failing and of getting better.
        improvable: feeds where a fall is good.
        closes, looks, improving: rate curves of alerts at closes only, at closes
            and looks within the week together, and of improvements.
        look_margin: how much higher the bar within the week is.
        minimum_history: observed periods before anything may alert.
        per_year: periods per year (365.25 / 7 weeks, or 12 months).
        week_shape: ``F64[F, 7]``, share of a week's events expected by the end of
            each day.
        improvement_budget: improvement alerts per unit and year by chance.

    """

    feeds: tuple[str, ...]
    prior_a: F64
    prior_b: F64
    dispersion: F64
    dispersion_spread: F64
    season: F64
    sigma2: float
    rho: float
    patterns: Patterns
    improvements: Patterns
    improvable: tuple[bool, ...]
    closes: Curve = UNCALIBRATED
    looks: Curve = UNCALIBRATED
    improving: Curve = UNCALIBRATED
    look_margin: float = 0.4
    minimum_history: int = 26
    per_year: float = WEEKS_PER_YEAR
    week_shape: F64 | None = None
    improvement_budget: float = 0.05
    trend: F64 | None = None
    trend_week: int = 0
    holiday: F64 | None = None

    def __post_init__(self) -> None:
        width = len(self.feeds)
        for name in ("prior_a", "prior_b", "dispersion", "dispersion_spread"):
            if getattr(self, name).shape != (width,):
                raise ValueError(f"{name} must have one value per feed")
        if self.season.shape != (width, WAVES):
            raise ValueError("season must have four coefficients per feed")
        if self.trend is not None and self.trend.shape != (width,):
            raise ValueError("trend must have one value per feed")
        if self.holiday is not None and self.holiday.shape != (width, KINDS):
            raise ValueError("holiday must have two coefficients per feed")
        if not (self.prior_a.min() > 0 and self.prior_b.min() > 0):
            raise ValueError("the prior of a rate must be proper")
        if self.week_shape is not None and self.week_shape.shape != (width, DAYS):
            raise ValueError("week_shape must have seven values per feed")

    @classmethod
    def plain(
        cls,
        feeds: Sequence[str],
        rates: Sequence[float],
        *,
        dispersion: float = 0.02,
        strength: float = 4.0,
        improvable: Sequence[bool] | None = None,
    ) -> EvidenceModel:
        """Make a model by hand: mean rates per period, no season, no common effect.

        ``strength`` is the shape of the rate prior: units' rates vary by a
        coefficient of variation of ``strength ** -0.5``.
        """
        width = len(feeds)
        good = tuple(improvable) if improvable is not None else (False,) * width
        return cls(
            feeds=tuple(feeds),
            prior_a=np.full(width, strength),
            prior_b=strength / np.array(rates, dtype=np.float64),
            dispersion=np.full(width, dispersion),
            dispersion_spread=np.zeros(width),
            season=np.zeros((width, WAVES)),
            sigma2=0.0,
            rho=0.0,
            patterns=rises(feeds),
            improvements=falls(feeds, good),
            improvable=good,
        )

    @property
    def baseline(self) -> int:
        """Observed periods that must lie before an onset: half the minimum history."""
        return max(1, self.minimum_history // 2)

    @property
    def serial(self) -> float:
        """Extra long-run dispersion of a common effect that lasts: 2 s2 rho / (1 - rho)."""
        return 2.0 * self.sigma2 * self.rho / (1.0 - self.rho)

    def seasonal(self, week0: int, periods: int) -> F64:
        """Give the factor of season, holidays and trend, ``F64[F, T]``, on consecutive periods.

        It is kept and cannot be written to.
        """
        return _seasonal(self, week0, periods)

    def shape_of_week(self) -> F64:
        """Give the expected share of a week by the end of each day, ``F64[F, 7]``."""
        if self.week_shape is not None:
            return self.week_shape
        return np.tile(np.arange(1, DAYS + 1) / DAYS, (len(self.feeds), 1))

    def threshold(self, budget: float, *, within_week: bool = False) -> Bars:
        """Give the bars that spend 0.80 of ``budget`` false alerts per unit and year.

        Raises:
            ValueError: a budget that is not positive.

        """
        curve = self.looks if within_week else self.closes
        close = curve.bar(SAFETY * budget)
        return Bars(close=close, look=close + self.look_margin)

    def improvement_threshold(self) -> float:
        """Give the bar of improvements, which are judged at closes only."""
        return self.improving.bar(SAFETY * self.improvement_budget)

    def with_prior(self, shape: F64, scale: F64) -> EvidenceModel:
        """Give the same model with another rate prior Gamma(shape, scale) per feed."""
        return replace(self, prior_a=shape, prior_b=scale)

    def to_dict(self) -> dict[str, Any]:
        """Give the model as plain data for JSON."""
        plain: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                plain[name] = value.tolist()
            elif isinstance(value, Patterns):
                plain[name] = value.to_dict()
            elif isinstance(value, Curve):
                plain[name] = {"bars": list(value.bars), "rates": list(value.rates)}
            else:
                plain[name] = list(value) if isinstance(value, tuple) else value
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> EvidenceModel:
        """Read a model written by ``to_dict``.

        Raises:
            KeyError, TypeError, ValueError: missing, unknown or unusable entries.

        """
        values = dict(plain)
        feeds = tuple(values["feeds"])
        values["feeds"] = feeds
        values["improvable"] = tuple(bool(good) for good in values["improvable"])
        for name in ("prior_a", "prior_b", "dispersion", "dispersion_spread"):
            values[name] = np.array(values[name], dtype=np.float64)
        for name in ("trend", "holiday", "week_shape"):
            if values.get(name) is not None:
                values[name] = np.array(values[name], dtype=np.float64)
        values["season"] = np.array(values["season"], dtype=np.float64).reshape(len(feeds), -1)
        for name in ("patterns", "improvements"):
            values[name] = Patterns.from_dict(feeds, values[name])
        for name in ("closes", "looks", "improving"):
            curve = values[name]
            values[name] = Curve(tuple(curve["bars"]), tuple(curve["rates"]))
        return cls(**values)


# A model is compared by identity and never changes, so what follows from it is kept.
@lru_cache(maxsize=256)
def _seasonal(model: EvidenceModel, week0: int, periods: int) -> F64:
    width = len(model.feeds)
    course = Course(
        model.season,
        np.zeros((width, KINDS)) if model.holiday is None else model.holiday,
        np.zeros(width) if model.trend is None else model.trend,
    )
    factors = usual_course(course, model.trend_week, week0, periods, model.per_year)
    factors.flags.writeable = False
    return factors


def _line(at: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Interpolate linearly; beyond the ends go on with the last slope."""
    right = min(max(int(np.searchsorted(xs, at)), 1), len(xs) - 1)
    x0, x1, y0, y1 = xs[right - 1], xs[right], ys[right - 1], ys[right]
    return y0 + (at - x0) * (y1 - y0) / (x1 - x0)
