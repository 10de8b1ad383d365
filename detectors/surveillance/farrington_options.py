"""Settings of Farrington's method, with the published sets of them.

Every setting has the name it has in the R package surveillance, spelt with underscores, so
that a published analysis can be repeated by copying its settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detectors.demands import check_choice, check_inside, check_whole
from detectors.surveillance.series import check_years

POWERS = {"2/3": 2.0 / 3.0, "1/2": 0.5, "none": 1.0}
METHODS = ("delta", "nbPlugin", "muan")


@dataclass(frozen=True, slots=True)
class FarringtonOptions:
    """Settings of ``farrington``.

    Args:
        b: Years back. More give a steadier expectation that follows change more slowly; a
            trend needs 3.
        w: Periods on both sides of each reference. More give more data of a less similar
            season.
        reweight: Weight down points of the baseline that look like past outbreaks, so that
            they do not hide the next one.
        weights_threshold: Standardised residual above which a point counts less: 1 in 1996,
            2.58 since 2013. Lower takes more ordinary points for outbreaks and makes bounds
            too low.
        no_periods: Levels of the season. 1 uses the windows only; above that (10 in 2013)
            the whole years serve, which makes the trend and dispersion far steadier.
        past_weeks_not_included: Last periods left out of the baseline, so that an outbreak
            under way does not raise its own bound; ``w`` for None, 26 in 2013.
        trend: Whether a trend may be used at all.
        p_threshold_trend: Size of the test a trend has to pass; 1 takes any (2013).
        threshold_method: ``"delta"``, ``"nbPlugin"`` or ``"muan"``.
        powertrans: Scale of ``delta``: ``"2/3"``, ``"1/2"`` or ``"none"``.
        alpha: Chance of a signal at a period without outbreak (one-sided).
        limit54: Cases needed in as many last periods for a signal, (5, 4) as published.
        edition: ``"flexible"``, or ``"1996"`` for a trend per period where months have dates.
        compat: ``"published"``, or ``"surveillance"`` for the R package's departures
            (``farrington``).

    Raises:
        ValueError: For a setting outside its range.

    """

    b: int = 5
    w: int = 3
    reweight: bool = True
    weights_threshold: float = 2.58
    no_periods: int = 1
    past_weeks_not_included: int | None = None
    trend: bool = True
    p_threshold_trend: float = 0.05
    threshold_method: str = "delta"
    powertrans: str = "2/3"
    alpha: float = 0.05
    limit54: tuple[int, int] = (5, 4)
    edition: Literal["flexible", "1996"] = "flexible"
    compat: str = "published"

    def __post_init__(self) -> None:
        check_whole("b", self.b, 1)
        check_whole("w", self.w, 0)
        if not self.weights_threshold >= 0:
            raise ValueError(
                f"weights_threshold must not be negative, not {self.weights_threshold}"
            )
        check_whole("no_periods", self.no_periods, 1)
        check_whole("past_weeks_not_included", self.past_weeks, 0)
        if not 0.0 <= self.p_threshold_trend <= 1.0:
            raise ValueError(f"p_threshold_trend must be 0 to 1, not {self.p_threshold_trend}")
        check_inside("alpha", self.alpha)
        for name, known in (
            ("threshold_method", METHODS),
            ("powertrans", POWERS),
            ("edition", ("flexible", "1996")),
            ("compat", ("published", "surveillance")),
        ):
            check_choice(name, getattr(self, name), known)
        cases, periods = self.limit54
        if cases < 0 or periods < 1:
            raise ValueError(f"limit54 must be at least (0 cases, 1 period), not {self.limit54}")

    @classmethod
    def original(
        cls, *, b: int = 5, w: int = 3, two_sided_alpha: float = 0.05, **others: object
    ) -> FarringtonOptions:
        """The method of 1996; ``two_sided_alpha`` leaves half of it above the bound.

        Residuals above 1 count less and the trend has to pass a test of size 0.05. The paper
        bounds with two-sided 99 % (0.01), the R package's default is 0.05.
        """
        settings = {"weights_threshold": 1.0, "edition": "1996", **others}
        return cls(b=b, w=w, alpha=two_sided_alpha / 2.0, **settings)  # type: ignore[arg-type] # the class checks them

    @classmethod
    def noufaily(cls, *, b: int = 5, w: int = 3, **others: object) -> FarringtonOptions:
        """The improved method of 2013, with alpha 0.05 unless given (the paper uses 0.005)."""
        settings = {
            "weights_threshold": 2.58,
            "no_periods": 10,
            "past_weeks_not_included": 26,
            "p_threshold_trend": 1.0,
            "threshold_method": "nbPlugin",
            **others,
        }
        return cls(b=b, w=w, **settings)  # type: ignore[arg-type] # the class checks them

    @property
    def past_weeks(self) -> int:
        """Last periods left out of the baseline."""
        return self.w if self.past_weeks_not_included is None else self.past_weeks_not_included

    @property
    def power(self) -> float:
        """Exponent of the scale of ``delta``."""
        return POWERS[self.powertrans]

    @property
    def compatible(self) -> bool:
        """Whether to follow the R package in everything."""
        return self.compat == "surveillance"

    @property
    def quirks(self) -> bool:
        """Whether to follow the departures of the package's flexible edition."""
        return self.compatible and self.edition == "flexible"

    def check_frequency(self, frequency: int) -> None:
        """Raise ``ValueError`` unless the windows fit into a year of ``frequency`` periods."""
        check_years(self.b, self.w, frequency)


FLEXIBLE = FarringtonOptions()
"""The settings that the R package's ``farringtonFlexible`` has by default."""
