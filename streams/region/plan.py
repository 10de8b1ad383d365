"""A simulated region: hospitals that do not exist, with troubles whose dates are known.

Counts are negative binomial around a ward's own rate, with a common weekly effect
over the feeds of a ward (AR(1), log-normal) and a mild winter. The rates are of the
size that published national totals give for an inpatient ward: about eight incidents
a week, of which one in seven is a fall, 0.7 complaints, and a handful of speaking-up
cases a site and quarter. Everything follows from the seed, so that two runs give the
same events to the byte.

The troubles are what the product has to hear, or has to leave alone:

* ``all_feeds``: incidents, falls, complaints and speaking up rise together on one ward;
* ``soft_feeds``: complaints and speaking up rise, incidents do not;
* ``silence``: a ward stops reporting incidents while its beds stay full;
* ``culture``: reporting grows by half while its harm share falls; not a concern;
* ``outage``: the incident feed of a whole provider stops; a matter of data, not care.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from streams.region.clerk import Clerk, Sent
from streams.region.places import (
    SITE_NAMES,
    TRUST_NAMES,
    WARD_NAMES,
    organisation_file,
    provider_code,
    site_code,
)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

#: Mean events of a ward and week; speaking up is per site and week.
RATES: Mapping[str, float] = MappingProxyType(
    {"other_incidents": 6.8, "falls": 1.2, "complaints": 0.7, "speakup": 0.6}
)
#: Negative-binomial dispersion: variance = mean + dispersion * mean^2.
DISPERSION: Mapping[str, float] = MappingProxyType(
    {"other_incidents": 0.05, "falls": 0.05, "complaints": 0.10, "speakup": 0.15}
)
COMMON_SIGMA = 0.10
COMMON_RHO = 0.5
WINTER = 0.06


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that happens to one unit from a known week on.

    ``factors`` multiply the mean of a kind of event, or (``reporting``) the share of
    incidents that is reported at all; ``harm`` multiplies the share of incidents with
    harm. ``week`` counts from the start of the region; ``site`` and ``ward`` are None
    where the whole provider is concerned.
    """

    name: str
    provider: str
    site: str | None
    ward: str | None
    week: int
    factors: Mapping[str, float]
    harm: float = 1.0
    concern: bool = True
    sentence: str = ""

    @property
    def unit(self) -> str:
        """The public code of the unit it happens to."""
        if self.site is None:
            return self.provider
        return f"{self.site}:{self.ward}"


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the region is, when it ends and which seed draws it.

    ``weeks`` of history are followed by ``live_weeks`` that a demonstration plays
    back slowly; ``end`` is the Monday after the last of them.
    """

    end: date
    weeks: int = 80
    live_weeks: int = 6
    providers: int = 4
    sites: int = 2
    wards: int = 5
    seed: int = 2026
    troubled: bool = True

    def __post_init__(self) -> None:
        """Refuse sizes that the naming scheme or the troubles cannot hold."""
        for name, size, most in (
            ("providers", self.providers, len(TRUST_NAMES)),
            ("sites", self.sites, len(SITE_NAMES)),
            ("wards", self.wards, len(WARD_NAMES)),
        ):
            if not 1 <= size <= most:
                raise ValueError(f"{name} must be 1 to {most}")
        if self.weeks < 1 or self.live_weeks < 0:
            raise ValueError("weeks must be positive")

    @property
    def total_weeks(self) -> int:
        """Weeks of history and of live play together."""
        return self.weeks + self.live_weeks

    @property
    def start(self) -> datetime:
        """The first instant of the first week (a Monday, UTC)."""
        monday = self.end - timedelta(days=self.end.weekday())
        return datetime.combine(monday, time(), UTC) - timedelta(weeks=self.total_weeks)

    @property
    def cut(self) -> datetime:
        """Where history ends and live play begins."""
        return self.start + timedelta(weeks=self.weeks)

    def organisations(self) -> str:
        """The region's trusts, sites and boards as an organisation file."""
        return organisation_file(self.providers, self.sites)

    def troubles(self) -> list[Trouble]:
        """What goes wrong, where and when; spread over the providers there are."""
        if not self.troubled:
            return []

        def place(provider: int, site: int, ward: int) -> tuple[str, str, str]:
            provider, site = provider % self.providers, site % self.sites
            return (
                provider_code(provider),
                site_code(provider, site),
                WARD_NAMES[ward % self.wards],
            )

        week = self.weeks
        return [
            Trouble(
                "all_feeds", *place(0, 0, 2), week - 14,
                {"other_incidents": 1.7, "falls": 1.9, "complaints": 2.5, "speakup": 2.0},
                harm=1.3,
                sentence="incidents, falls, complaints and speaking up rise together",
            ),
            Trouble(
                "soft_feeds", *place(1, 1, 1), week - 16,
                {"complaints": 3.5, "speakup": 3.0},
                sentence="complaints and speaking up rise while incidents stay as they were",
            ),
            Trouble(
                "silence", *place(2, 0, 3), week - 8,
                {"reporting": 0.02},
                sentence="the ward stops reporting incidents while its beds stay full",
            ),
            Trouble(
                "culture", *place(2, 1, 0), week - 20,
                {"other_incidents": 1.5},
                harm=0.5, concern=False,
                sentence="half as many reports again and less harm in them: better reporting",
            ),
            Trouble(
                "outage", provider_code(3 % self.providers), None, None, week - 3,
                {"reporting": 0.0},
                sentence="the provider's incident feed stops arriving",
            ),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Ward:
    """A ward's place, size and weekly means by kind of event."""

    provider: str
    site: str
    name: str
    beds: int
    means: dict[str, Floats] = field(default_factory=dict)
    harm: Floats = field(default_factory=lambda: np.ones(0))


def events(plan: Plan) -> list[Sent]:
    """All events of the region in the order they are sent, history and live weeks alike.

    A complaint is sent when it is received and again, with a higher revision each
    time, when it is acknowledged and when it is answered; a metric when its period
    has ended; an incident and a speaking-up case when they happen.
    """
    clerk = Clerk(start=plan.start, weeks=plan.total_weeks, seed=plan.seed)
    troubles = plan.troubles()
    for provider in range(plan.providers):
        for site in range(plan.sites):
            # A seed of its own for each site: a larger region holds the smaller one.
            random = np.random.default_rng([plan.seed, provider, site])
            speakup = np.full(plan.total_weeks, RATES["speakup"] * random.gamma(16, 1 / 16))
            for ward in range(plan.wards):
                placed = _ward(plan, (provider, site, ward), troubles, random)
                speakup *= placed.means["speakup"]
                _send_ward(placed, clerk, random)
            code = site_code(provider, site)
            counts = _negative_binomial(speakup, DISPERSION["speakup"], random)
            clerk.speakup(provider_code(provider), code, counts, random)
    return clerk.in_order()


def _ward(
    plan: Plan,
    seat: tuple[int, int, int],
    troubles: list[Trouble],
    random: np.random.Generator,
) -> _Ward:
    """Draw one ward: its size, its rates and what the troubles do to them."""
    provider, site, ward = seat
    weeks = np.arange(plan.total_weeks)
    size = float(np.clip(random.gamma(12, 1 / 12), 0.5, 1.8))
    year = 2 * np.pi * (weeks + plan.start.timetuple().tm_yday / 7) / 52.18
    common = np.exp(_autoregressive(plan.total_weeks, random)) * (1 + WINTER * np.cos(year))
    means = {kind: rate * size * common for kind, rate in RATES.items() if kind != "speakup"}
    means["speakup"] = np.ones(plan.total_weeks)
    means["reporting"] = np.ones(plan.total_weeks)
    harm = np.ones(plan.total_weeks)
    placed = _Ward(
        provider=provider_code(provider),
        site=site_code(provider, site),
        name=WARD_NAMES[ward],
        beds=int(np.clip(round(24 * size), 10, 40)),
        means=means,
        harm=harm,
    )
    for trouble in troubles:
        whole_provider = trouble.site is None and trouble.provider == placed.provider
        if whole_provider or (trouble.site, trouble.ward) == (placed.site, placed.name):
            since = weeks >= max(trouble.week, 0)
            harm[since] *= trouble.harm
            for kind, factor in trouble.factors.items():
                means[kind][since] *= factor
    return placed


def _send_ward(ward: _Ward, clerk: Clerk, random: np.random.Generator) -> None:
    """Hand a ward's weekly counts to the clerk, who writes the events."""
    place = (ward.provider, ward.site, ward.name)
    counts = {
        kind: _negative_binomial(ward.means[kind], DISPERSION[kind], random)
        for kind in ("other_incidents", "falls", "complaints")
    }
    for kind, category in (("other_incidents", None), ("falls", "fall")):
        reported = random.binomial(counts[kind], ward.means["reporting"])
        clerk.incidents(place, reported, category=category, harm=ward.harm, random=random)
    clerk.complaints(place, counts["complaints"], random)
    clerk.metrics(place, ward.beds, counts["falls"], random)


def _negative_binomial(mean: Floats, dispersion: float, random: np.random.Generator) -> Counts:
    """Counts with the given means and variance ``mean + dispersion * mean**2``."""
    shape = 1.0 / dispersion
    return random.poisson(mean * random.gamma(shape, 1 / shape, size=mean.size))


def _autoregressive(weeks: int, random: np.random.Generator) -> Floats:
    """A stationary AR(1) path: standard deviation ``COMMON_SIGMA``, mean of its exponent one."""
    noise = random.normal(0.0, COMMON_SIGMA * np.sqrt(1 - COMMON_RHO**2), weeks)
    path = np.empty(weeks)
    value = random.normal(0.0, COMMON_SIGMA)
    for week in range(weeks):
        value = COMMON_RHO * value + noise[week]
        path[week] = value
    return path - COMMON_SIGMA**2 / 2
