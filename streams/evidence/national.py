"""A simulated fleet of national size, and the first calibration fitted to it.

Nobody publishes weekly counts by ward, so the calibration that ships is fitted to
a simulation with national volumes and says so. ``python -m streams.evidence.national FILE``
makes it again. A service with half a year of its own data does better with
``earshot calibrate``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from functools import partial

import numpy as np

from detectors.evidence.calibrate import calibrate
from detectors.evidence.counts import F64, FeedCounts
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.simulate import common_factor, split_by_day
from streams.evidence.reference import Reference

WEEKS = 104
MONDAY = 2834  # the first week of the simulation: Monday 2024-04-22
PROVIDERS = 140
SEED = 20261101
IMPROVABLE = frozenset({"falls"})
FEEDS = {
    "ward": ("incidents", "complaints", "falls"),
    "site": ("incidents", "complaints", "speakup", "falls"),
    "provider": ("incidents", "complaints", "speakup", "falls"),
}
# Mean events per ward and week; incidents other than audited falls. Speaking up is
# counted by site and grows with it: about 180 cases a year in a large trust.
RATES = {"incidents": 6.5, "complaints": 0.5, "falls": 1.15, "speakup": 0.09}
SHAPE = {"incidents": 3.5, "complaints": 2.5, "falls": 2.5, "speakup": 4.0}
DISPERSION = {"incidents": 0.06, "complaints": 0.10, "falls": 0.06, "speakup": 0.15}
# Common weekly effects (variance, autocorrelation) of a ward, its site, its provider.
EFFECTS = {"ward": (0.010, 0.5), "site": (0.003, 0.5), "provider": (0.002, 0.5)}
WINTER = {"incidents": 0.05, "complaints": 0.03, "falls": 0.06, "speakup": 0.02}

Progress = Callable[[str, float], None]


def simulate_nation(rng: np.random.Generator) -> dict[str, FeedCounts]:
    """Draw two years of wards and roll them up to sites and providers."""
    sites_of = rng.integers(1, 5, PROVIDERS)
    site_provider = np.repeat(np.arange(PROVIDERS), sites_of)
    wards_of = rng.integers(3, 19, len(site_provider))
    ward_site = np.repeat(np.arange(len(site_provider)), wards_of)
    common = {
        "provider": common_factor(PROVIDERS, WEEKS, *EFFECTS["provider"], rng),
        "site": common_factor(len(site_provider), WEEKS, *EFFECTS["site"], rng),
        "ward": common_factor(len(ward_site), WEEKS, *EFFECTS["ward"], rng),
    }
    above = common["site"] * common["provider"][site_provider]
    wards = {
        name: _counts(name, len(ward_site), common["ward"] * above[ward_site], rng)
        for name in FEEDS["ward"]
    }
    sites = {name: _sum(counts, ward_site, len(site_provider)) for name, counts in wards.items()}
    sites["speakup"] = _counts("speakup", len(site_provider), above * wards_of[:, None], rng)
    providers = {name: _sum(counts, site_provider, PROVIDERS) for name, counts in sites.items()}
    fleets = {"ward": wards, "site": sites, "provider": providers}
    return {level: _block(level, counts, rng) for level, counts in fleets.items()}


def make(progress: Progress = lambda _what, _share: None) -> Reference:
    """Simulate the nation, fit and calibrate every class of units."""
    models = {}
    for level, history in simulate_nation(np.random.default_rng(SEED)).items():
        fit = fit_fleet(
            history,
            FEEDS[level],
            improvable=[name in IMPROVABLE for name in FEEDS[level]],
        )
        models[level] = calibrate(
            history, fit, units=4000, seed=SEED, progress=partial(progress, level)
        )
    return Reference(
        version="2026-11-simulated",
        effective=date(2026, 11, 1),
        models=models,
        origin="Fitted to a simulated fleet with national volumes, not to real counts.",
    )


def _counts(name: str, units: int, factor: F64, rng: np.random.Generator) -> F64:
    shape, dispersion = SHAPE[name], DISPERSION[name]
    rates = rng.gamma(shape, RATES[name] / shape, units)
    own = rng.gamma(4.0, dispersion / 4.0, units)[:, None]  # units differ in dispersion too
    weeks = 2 * np.pi * np.arange(WEEKS) / (365.25 / 7)
    season = 1 + WINTER[name] * np.cos(weeks - 2 * np.pi * 38 / 52.18)
    noise = rng.gamma(np.broadcast_to(1.0 / own, (units, WEEKS)), own)
    return np.asarray(rng.poisson(rates[:, None] * season * factor * noise), dtype=np.float64)


def _sum(counts: F64, parent: np.ndarray, parents: int) -> F64:
    total = np.zeros((parents, counts.shape[1]))
    np.add.at(total, parent, counts)
    return total


def _block(level: str, counts: dict[str, F64], rng: np.random.Generator) -> FeedCounts:
    feeds = FEEDS[level]
    stacked = np.stack([counts[name] for name in feeds], axis=1)
    even = np.tile(np.arange(1, 8) / 7, (len(feeds), 1))
    daily = split_by_day(stacked, even, rng)
    # Falls come as a weekly ward metric and have no days.
    by_day = tuple(name != "falls" for name in feeds)
    return FeedCounts(stacked, np.ones_like(stacked), MONDAY, daily, by_day)


if __name__ == "__main__":
    make().save(sys.argv[1])
