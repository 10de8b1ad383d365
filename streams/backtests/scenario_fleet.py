"""Drawing a scenario's fleet: weekly counts of the affected units and of their peers.

Rates differ between units (Gamma), a common weekly effect over a unit's feeds is a
log-normal AR(1) path, winter is a cosine that peaks in mid-January, counts are negative
binomial. Each unit has a stream of random numbers of its own, so that a larger fleet holds
the smaller one. What is drawn never depends on what is expected of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from detectors.evidence.counts import F64, FeedCounts
from streams.backtests.countsfile import Counts
from streams.backtests.scenarios import EVERY_FEED, Change, Scenario
from streams.evidence.culture import ANY_HARM
from streams.facts.periods import Grid, week_of_day

_EPOCH = date(1970, 1, 1)
_MID_JANUARY = 15.0


@dataclass(frozen=True, eq=False)
class Drawn:
    """A fleet that was drawn.

    ``affected`` are the positions of the units that something happens to, ``begins`` the
    column in which it begins; ``withheld`` says that the file's mechanism (exposure, harm
    shares, declarations, knowledge of outages) was left out.
    """

    scenario: Scenario
    seed: int
    counts: Counts
    affected: tuple[int, ...]
    begins: int
    withheld: bool


def draw(scenario: Scenario, *, seed: int | None = None, withheld: bool = False) -> Drawn:
    """Draw the counts of a scenario.

    Args:
        scenario: what happens.
        seed: another seed than the file's.
        withheld: leave out what lets a control be told from a failing.

    """
    used = scenario.seed if seed is None else seed
    feeds = [*scenario.feeds, *((ANY_HARM,) if scenario.harm is not None else ())]
    shape = (scenario.peers, len(feeds), scenario.weeks)
    counts, exposure = np.zeros(shape), np.zeros(shape)
    for unit in range(scenario.peers):
        rng = np.random.default_rng([used, unit])
        counts[unit], exposure[unit] = _unit(scenario, rng, hit=unit < scenario.affected)
    if withheld:
        counts, exposure, feeds = _withhold(scenario, counts, exposure, feeds)
    affected = tuple(range(scenario.affected))
    rebases = () if withheld else tuple(_rebases(scenario, feeds))
    truth = None if scenario.control else float((scenario.begins - _EPOCH).days)
    mondays = [scenario.start + timedelta(weeks=week) for week in range(scenario.weeks + 1)]
    made = Counts(
        units=tuple(_name(scenario, unit) for unit in range(scenario.peers)),
        feeds=tuple(feeds),
        grid=Grid.WEEK,
        block=FeedCounts(counts, exposure, week_of_day((scenario.start - _EPOCH).days)),
        starts=tuple(monday.isoformat() for monday in mondays[:-1]),
        ends=tuple(monday.isoformat() for monday in mondays[1:]),
        end_days=tuple((monday - _EPOCH).days for monday in mondays[1:]),
        changed_at=tuple(truth if unit in affected else None for unit in range(scenario.peers)),
        knows_changes=True,
        rebases=rebases,
    )
    return Drawn(scenario, used, made, affected, _week(scenario, scenario.begins), withheld)


def _name(scenario: Scenario, unit: int) -> str:
    if unit >= scenario.affected:
        return f"peer {unit - scenario.affected + 1}"
    return "affected unit" if scenario.affected == 1 else f"affected {unit + 1}"


def _week(scenario: Scenario, day: date) -> int:
    return max(0, (day - scenario.start).days // 7)


def _unit(scenario: Scenario, rng: np.random.Generator, *, hit: bool) -> tuple[F64, F64]:
    """Counts and exposures of one unit, ``F64[F, T]`` each."""
    weeks = scenario.weeks
    size = _gamma(rng, scenario.size_spread)
    common = _common(scenario, rng)
    workload = np.ones(weeks)
    if hit:
        for step in scenario.workloads:
            workload[_week(scenario, step.at) :] *= step.factor
    counts, exposure = [], []
    for name, feed in scenario.feeds.items():
        mean = feed.rate * size * _gamma(rng, feed.spread) * common * workload
        if hit:
            mean = mean * _factors(scenario, name)
        noise = rng.gamma(1 / feed.dispersion, feed.dispersion, weeks) if feed.dispersion else 1.0
        drawn = rng.poisson(mean * noise).astype(np.float64)
        seen = workload * (size if scenario.size_known else 1.0)
        for outage in scenario.outages if hit else ():
            if outage.feed in {name, EVERY_FEED}:
                out = slice(_week(scenario, outage.at), _week(scenario, outage.until))
                drawn[out] = seen[out] = 0.0
        counts.append(drawn)
        exposure.append(seen)
    if scenario.harm is not None:
        reported = counts[list(scenario.feeds).index("incidents")]
        share = np.full(weeks, scenario.harm)
        if hit:
            share = share * _factors(scenario, ANY_HARM)
        counts.append(rng.binomial(reported.astype(np.int64), share).astype(np.float64))
        exposure.append(reported.copy())
    return np.array(counts), np.array(exposure)


def _gamma(rng: np.random.Generator, spread: float) -> float:
    """A factor with mean one and the given coefficient of variation."""
    return float(rng.gamma(spread**-2, spread**2)) if spread > 0 else 1.0


def _common(scenario: Scenario, rng: np.random.Generator) -> F64:
    """Season times the common weekly effect, both with mean one."""
    normal = rng.standard_normal(scenario.weeks)
    path = np.empty(scenario.weeks)
    value = normal[0]
    memory = scenario.common_memory
    for week in range(scenario.weeks):
        value = (
            normal[week] if week == 0 else memory * value + (1 - memory**2) ** 0.5 * normal[week]
        )
        path[week] = value
    sd = scenario.common_sd
    days = np.array(
        [
            (scenario.start + timedelta(weeks=week, days=3)).timetuple().tm_yday
            for week in range(scenario.weeks)
        ]
    )
    season = 1 + scenario.winter * np.cos(2 * np.pi * (days - _MID_JANUARY) / 365.25)
    return np.asarray(np.exp(sd * path - sd * sd / 2) * season)


def _factors(scenario: Scenario, feed: str) -> F64:
    """What a feed's mean is multiplied by in each week of an affected unit."""
    factors = np.ones(scenario.weeks)
    for change in scenario.changes:
        if change.feed in {feed, EVERY_FEED}:
            factors *= _grown(scenario, change)
    return factors


def _grown(scenario: Scenario, change: Change) -> F64:
    since = np.arange(scenario.weeks) - _week(scenario, change.at) + 1
    share = np.clip(since / max(change.ramp_weeks, 1), 0.0, 1.0)
    return np.asarray(1.0 + (change.factor - 1.0) * share)


def _rebases(scenario: Scenario, feeds: list[str]) -> Iterator[tuple[int, int, int]]:
    found = {
        (unit, feed, _week(scenario, one.at))
        for one in scenario.rebases
        for unit in range(scenario.affected)
        for feed, name in enumerate(feeds)
        if name in scenario.feeds and one.feed in {name, EVERY_FEED}
    }
    yield from sorted(found)


def _withhold(
    scenario: Scenario, counts: F64, exposure: F64, feeds: list[str]
) -> tuple[F64, F64, list[str]]:
    """The same facts as a careless file has them.

    Case mix is not known (the beds of a merger are), there are no harm shares, and weeks
    without a feed are weeks without events.
    """
    kept = [number for number, name in enumerate(feeds) if name != ANY_HARM]
    even = np.ones_like(exposure) if scenario.expect.through == "exposure" else exposure
    even = np.where(even > 0, even, 1.0)
    return counts[:, kept], even[:, kept], [feeds[number] for number in kept]
