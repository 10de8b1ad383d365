"""Named scenarios: what happened to a unit in outline, as data files that say where it comes from.

Every scenario is illustrative and simulated: the amounts and dates follow published
aggregates as far as the file's sources go, the counts are drawn at random. A file names
the fleet (feeds with weekly rates, how much units differ), what changes when by what factor,
the dates of official action, and what is expected of the evidence: that it gives a
``signal`` before a date, that it keeps ``silence`` (a negative control), or that the
matter stays ``hidden`` from a unit's own past.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

LABEL = "Illustrative and simulated. The counts are drawn at random and are nobody's."
EVERY_FEED = "*"
RESULTS = ("signal", "silence", "hidden")
_FOLDER = "scenario_files"


class ScenarioError(ValueError):
    """A scenario that does not exist or a file that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class ScenarioFeed:
    """One feed of the fleet.

    ``rate`` is the mean of a unit and week, ``dispersion`` the alpha of the variance
    ``mu + alpha mu**2``, ``spread`` the coefficient of variation of rates between units.
    """

    rate: float
    dispersion: float
    spread: float


@dataclass(frozen=True, slots=True)
class Change:
    """From a day on a feed's mean in the affected units is multiplied by ``factor``.

    Over ``ramp_weeks`` it grows there; ``truth`` marks the change whose start is the
    moment from which delay is counted (the first one where none is marked).
    """

    feed: str
    at: date
    factor: float
    what: str
    ramp_weeks: int = 0
    truth: bool = False


@dataclass(frozen=True, slots=True)
class Workload:
    """From a day on the affected units have ``factor`` times the exposure, and the events of it."""

    at: date
    factor: float
    what: str


@dataclass(frozen=True, slots=True)
class Rebase:
    """The declaration, on a day, that a feed (or ``*``) of the affected units begins anew."""

    feed: str
    at: date
    what: str


@dataclass(frozen=True, slots=True)
class Outage:
    """A feed of the affected units that sends nothing from a day until another."""

    feed: str
    at: date
    until: date
    what: str


@dataclass(frozen=True, slots=True)
class Official:
    """What an authority did, when, and who says so."""

    date: date
    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What the evidence should do: ``result``, ``before`` which day, ``through`` what."""

    result: str
    why: str
    before: date | None = None
    through: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario file, read.

    ``start`` is a Monday; ``harm`` the usual share of harm, or None. Where ``size_known``
    a unit's size (births, bed days) stands in its exposure, otherwise it is part of its rate.
    ``reference_feeds`` are outcomes that can be held against a rate from outside.
    """

    name: str
    title: str
    summary: str
    kind: str
    units: str
    seed: int
    start: date
    weeks: int
    history: int
    peers: int
    affected: int
    size_spread: float
    common_sd: float
    common_memory: float
    winter: float
    notes: str
    sources: tuple[str, ...]
    expect: Expected
    feeds: Mapping[str, ScenarioFeed]
    harm: float | None = None
    size_known: bool = False
    reference_feeds: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    workloads: tuple[Workload, ...] = ()
    rebases: tuple[Rebase, ...] = ()
    outages: tuple[Outage, ...] = ()
    official: tuple[Official, ...] = ()

    @property
    def control(self) -> bool:
        """Whether nothing is wrong in it."""
        return self.kind == "control"

    @property
    def begins(self) -> date:
        """The day on which something begins to happen to the affected units."""
        marked = [change.at for change in self.changes if change.truth]
        every = [
            *(change.at for change in self.changes),
            *(workload.at for workload in self.workloads),
            *(rebase.at for rebase in self.rebases),
            *(outage.at for outage in self.outages),
        ]
        return min(marked or every or [self.start])


def names() -> tuple[str, ...]:
    """The scenarios that ship: failings first, then controls, each in alphabetical order."""
    files = resources.files("streams.backtests").joinpath(_FOLDER).iterdir()
    found = [scenario(Path(file.name).stem) for file in files if file.name.endswith(".toml")]
    return tuple(one.name for one in sorted(found, key=lambda one: (one.control, one.name)))


def scenario(name: str) -> Scenario:
    """A scenario that ships, or one from a file (``.toml``).

    Raises:
        ScenarioError: there is none, or the file cannot be used.

    """
    place = Path(name)
    if name.endswith(".toml"):
        if not place.is_file():
            raise ScenarioError(f"there is no scenario file {name}")
        text = place.read_text("utf-8")
    else:
        file = resources.files("streams.backtests").joinpath(_FOLDER, f"{name}.toml")
        if "/" in name or not file.is_file():
            raise ScenarioError(f"there is no scenario {name}; there are {', '.join(names())}")
        text = file.read_text("utf-8")
    try:
        return _read(place.stem if name.endswith(".toml") else name, tomllib.loads(text))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise ScenarioError(f"{name}: {error}") from None


def _read(name: str, table: dict[str, Any]) -> Scenario:
    lists = {
        "changes": Change,
        "workloads": Workload,
        "rebases": Rebase,
        "outages": Outage,
        "official": Official,
    }
    values: dict[str, Any] = {
        key: value for key, value in table.items() if key not in {*lists, "feeds", "expect", "harm"}
    }
    for key, kind in lists.items():
        values[key] = tuple(kind(**entry) for entry in table.get(key, ()))
    values["expect"] = Expected(**table["expect"])
    values["feeds"] = {key: ScenarioFeed(**feed) for key, feed in table["feeds"].items()}
    values["harm"] = table["harm"]["share"] if "harm" in table else None
    values["sources"] = tuple(table["sources"])
    values["reference_feeds"] = tuple(table.get("reference_feeds", ()))
    values["notes"] = " ".join(str(table["notes"]).split())
    unknown = set(values) - {one.name for one in fields(Scenario)}
    if unknown:
        raise ValueError(f"unknown entries {', '.join(sorted(unknown))}")
    read = Scenario(name=name, **values)
    _check(read)
    return read


def _check(read: Scenario) -> None:
    if read.expect.result not in RESULTS:
        raise ValueError(f"expect.result must be one of {', '.join(RESULTS)}")
    if read.kind not in {"failing", "control"}:
        raise ValueError("kind must be failing or control")
    if read.start.weekday():
        raise ValueError("start must be a Monday")
    if not 0 < read.affected <= read.peers:
        raise ValueError("affected units are some of the peers")
    known = {*read.feeds, EVERY_FEED, *(("any_harm_share",) if read.harm is not None else ())}
    touched = [
        *(change.feed for change in read.changes),
        *(rebase.feed for rebase in read.rebases),
        *(outage.feed for outage in read.outages),
        *read.reference_feeds,
    ]
    for feed in touched:
        if feed not in known:
            raise ValueError(f"{feed} is no feed of the scenario")
    if any(
        feed.rate <= 0 or feed.dispersion < 0 or feed.spread < 0 for feed in read.feeds.values()
    ):
        raise ValueError("rates must be positive, dispersions and spreads not negative")
    factors = [*(one.factor for one in read.changes), *(one.factor for one in read.workloads)]
    if min(factors, default=1.0) <= 0:
        raise ValueError("factors must be positive")
