"""What watching more indicators of a unit brings, and what it costs.

A unit is watched on one to six feeds at once. Feeds are independent given what happens to
the unit, so another feed helps to hear a change that it shares, and delays all others, since
there are more ways of failing to think of at the same budget of false alerts. The fleet's
laws are known and bars set to exactly the budget, as in ``bench.floor``. Delays are
interpolated medians in weeks, at budgets of 0.2 and 0.05.

With ``--fitted`` nothing is known: rates, dispersions, season and thresholds come from the
fleet's own 52 weeks, once, as with ``earshot calibrate --with``. Printed are false alerts
over the budget in the two years after with exact Poisson limits, at closes, where the first
three feeds are looked at by day, and where every other unit or five of twenty report what was
added; and delays at closes with bootstrap limits (units resampled), all 95 %.

    python -m bench.indicators [--fleets N] [--seed N] [--fitted]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bench.delay import (
    BOOTSTRAPS,
    FOLLOWED,
    NEVER,
    SETTLED,
    Change,
    course,
    interpolated_median,
)
from bench.fleets import BUDGETS, FEEDS, HISTORY, RATES, UNITS, VARIANTS, WEEK0, truth_of
from bench.floor import Step, watched
from detectors.evidence.calibrate import calibrate
from detectors.evidence.counts import F64, WEEKS_PER_YEAR, FeedCounts
from detectors.evidence.crossings import WatchPath
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.model import EvidenceModel
from detectors.evidence.patterns import Patterns, rises, widened
from detectors.evidence.simulate import Fleet, draw_dispersions, draw_rates, simulate
from detectors.evidence.watch import watch
from streams.backtests.scores import poisson_limits

# Two more of the sort that a ward counts.
NAMES = (*FEEDS, "pressure_ulcers", "medication")
MEANS = (*RATES, 1.0, 1.5)
WATCHED = {
    "incidents": (0,),
    "and complaints": (0, 1),
    "the four feeds": (0, 1, 2, 3),
    "and pressure ulcers": (0, 1, 2, 3, 4),
    "and medication": (0, 1, 2, 3, 4, 5),
}
FACTORS: Mapping[str, tuple[float, ...]] = {
    "everything x1.5": (1.5,) * 6,
    "incidents x1.5": (1.5, 1.0, 1.0, 1.0, 1.0, 1.0),
    "soft x2": (1.0, 2.0, 2.0, 1.0, 1.0, 1.0),
    "falls, ulcers, medication x1.7": (1.0, 1.0, 1.0, 1.7, 1.7, 1.7),
}
AT, WEEKS = HISTORY + SETTLED, HISTORY + SETTLED + FOLLOWED
WATCHED_WEEKS = 104  # weeks without a change that are watched
ESTIMATED = ("the four feeds", "and pressure ulcers", "and medication")
DAILY = np.array([True, True, True, False, False, False])  # metrics come with their week
EVERY, REPORTING, OTHERS = slice(None), slice(0, None, 2), slice(1, None, 2)
SMALL = 20  # units of a fleet in which as few report an added count as are needed
FIVE, FIFTEEN = slice(0, 5), slice(5, None)


def law(feeds: tuple[int, ...]) -> EvidenceModel:
    """The law of the units, by some of the feeds."""
    names = [NAMES[f] for f in feeds]
    truth = truth_of(VARIANTS["base"], names, [MEANS[f] for f in feeds])
    return replace(truth, patterns=ways(names))


def ways(names: Sequence[str]) -> Patterns:
    """The ways of failing by which these feeds are weighed."""
    four = min(len(names), len(FEEDS))
    return widened(rises(names[:four]), names)


def fleet(seed: int, factors: tuple[float, ...], *, by_day: bool = False) -> Fleet:
    """One fleet on all feeds, changing as told."""
    rng = np.random.default_rng(seed)
    truth = law(tuple(range(len(NAMES))))
    shape = (UNITS, len(NAMES), WEEKS)
    alpha = draw_dispersions(
        np.tile(truth.dispersion, (UNITS, 1)), np.tile(truth.dispersion_spread, (UNITS, 1)), rng
    )
    change = course(Change(factors), WEEKS, AT)
    return simulate(
        truth, draw_rates(truth, UNITS, rng), alpha, np.ones(shape), week0=WEEK0, rng=rng,
        factor=np.broadcast_to(change, shape), by_day=by_day,
    )  # fmt: skip


def seen(whole: Fleet, feeds: tuple[int, ...]) -> Fleet:
    """The same fleet as one sees it who watches some of the feeds."""
    at, every = list(feeds), whole.block
    block = replace(
        every,
        counts=every.counts[:, at],
        exposure=every.exposure[:, at],
        daily=None if every.daily is None else every.daily[:, at],
        daily_feeds=tuple(DAILY[at].tolist()),
    )
    return Fleet(block, whole.rates[:, at], whole.dispersion[:, at], whole.mean[:, at])


def fitted(block: FeedCounts, feeds: tuple[int, ...]) -> WatchPath:
    """A fleet watched by the fit and the thresholds of its own first year."""
    names = [NAMES[f] for f in feeds]
    past = block.until(HISTORY)
    fit = fit_fleet(past, names, minimum_history=HISTORY)
    fit = replace(fit, model=replace(fit.model, patterns=ways(names)))
    model = calibrate(past, fit, within_week=block.daily is not None)
    return watch(block, model, budget1=BUDGETS[0], budget2=BUDGETS[1])


def reported_by(whole: Fleet, part: slice, units: int) -> Fleet:
    """The first units of a fleet, of which a part reports what was added to the four feeds."""
    block = whole.block.select(np.arange(units))
    exposure = block.exposure.copy()
    silent = np.ones(units, dtype=np.bool_)
    silent[part] = False
    exposure[silent, len(FEEDS) :] = 0.0
    return replace(whole, block=replace(block, exposure=exposure))


def false_alerts(fleets: Sequence[Fleet], feeds: tuple[int, ...], *parts: slice) -> str:
    """Alerts in two years without a change over each budget, with limits, of parts of the units."""
    units = fleets[0].block.units
    alerts = np.zeros((len(BUDGETS), units))
    for one in fleets:
        path = fitted(seen(one, feeds).block.until(HISTORY + WATCHED_WEEKS), feeds)
        for unit in range(units):
            for crossing in path.crossings(unit):
                alerts[crossing.level - 1, unit] += 1
    cells = []
    for part in parts:
        found = alerts[:, part]
        years = len(fleets) * found.shape[1] * WATCHED_WEEKS / WEEKS_PER_YEAR
        for number, budget in zip(found.sum(axis=1), BUDGETS, strict=True):
            low, high = (limit / budget for limit in poisson_limits(number, years))
            cells.append(f"{number / years / budget:.2f} [{low:.2f}, {high:.2f}]")
    return "   ".join(cells)


def told_after(fleet: Fleet, feeds: tuple[int, ...]) -> F64:
    """Weeks from the change to each unit's first alert, ``F64[budgets, U]``."""
    path = fitted(seen(fleet, feeds).block, feeds)
    found = np.full((len(BUDGETS), UNITS), NEVER)
    for unit in range(UNITS):
        for crossing in reversed(path.crossings(unit)):
            if crossing.week >= AT:
                found[crossing.level - 1, unit] = crossing.week - AT + 1
    return found


def median_limits(delays: F64) -> str:
    """An interpolated median with bootstrap limits, units resampled."""
    rng = np.random.default_rng(1)
    again = [
        interpolated_median(delays[rng.integers(delays.size, size=delays.size)])
        for _ in range(BOOTSTRAPS)
    ]
    low, high = np.quantile(again, [0.025, 0.975])
    return f"{interpolated_median(delays):.1f} [{low:.1f}, {high:.1f}]"


def estimated(fleets: int, first: int) -> None:
    """Print false alerts and delays where everything is fitted, a line as it is done."""
    seeds = [700_000 + first + n for n in range(4 * fleets)]
    stable = (1.0,) * len(NAMES)
    quiet = [fleet(seed, stable) for seed in seeds]
    sets = [WATCHED[name] for name in ESTIMATED]
    years = len(quiet) * UNITS * WATCHED_WEEKS / WEEKS_PER_YEAR
    print(f"false alerts over {BUDGETS[0]} and {BUDGETS[1]}, {years:,.0f} unit-years")
    for name, feeds in zip(ESTIMATED, sets, strict=True):
        print(f"{name:22} {false_alerts(quiet, feeds, EVERY)}", flush=True)
    half = [reported_by(one, REPORTING, UNITS) for one in quiet[: 2 * fleets]]
    told = false_alerts(half, sets[-1], REPORTING, OTHERS)
    print(f"half report, the others {told}", flush=True)
    few = [
        replace(one, block=one.block.select(np.arange(at, at + SMALL)))
        for one in quiet
        for at in range(0, 5 * SMALL, SMALL)
    ]
    told = false_alerts([reported_by(one, FIVE, SMALL) for one in few], sets[-1], FIVE, FIFTEEN)
    print(f"5 of {SMALL} report, the others {told}", flush=True)
    for name, feeds in zip(ESTIMATED, sets, strict=True):
        daily = [fleet(seed, stable, by_day=True) for seed in seeds[:fleets]]
        print(f"{name:22} by day {false_alerts(daily, feeds, EVERY)}", flush=True)
    for change, factors in FACTORS.items():
        print(f"weeks to an alert at {' and '.join(map(str, BUDGETS))}: {change}")
        changed = [fleet(first + n, factors) for n in range(fleets)]
        for name, feeds in zip(ESTIMATED, sets, strict=True):
            told = np.concatenate([told_after(one, feeds) for one in changed], axis=1)
            print(f"{name:22} {'   '.join(median_limits(one) for one in told)}", flush=True)


def main() -> None:
    """Print a line for each set of feeds as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=6, help="fleets of 200 units for a change")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fitted", action="store_true", help="estimate everything")
    options = parser.parse_args()
    first = 1000 * options.seed
    if options.fitted:
        estimated(options.fleets, first)
        return
    unchanged = (1.0,) * len(NAMES)
    quiet = [fleet(500_000 + first + n, unchanged) for n in range(3 * options.fleets)]
    changed = {
        name: [fleet(first + n, factors) for n in range(options.fleets)]
        for name, factors in FACTORS.items()
    }
    print(f"{'watched':22} {'; '.join(FACTORS)}")
    for name, feeds in WATCHED.items():
        truth = law(feeds)
        step = Step(name=name, rates_known=False, patterns=truth.patterns)
        _, told = watched(
            step, truth, HISTORY, [seen(one, feeds) for one in quiet],
            {change: [seen(one, feeds) for one in fleets] for change, fleets in changed.items()},
        )  # fmt: skip
        cells = [
            " / ".join(f"{interpolated_median(delays):.1f}" for delays in told[change])
            for change in FACTORS
        ]
        print(f"{name:22} {'   '.join(f'{cell:>14}' for cell in cells)}", flush=True)


if __name__ == "__main__":
    main()
