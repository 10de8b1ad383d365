"""Weeks from a change to its alert, against one who knows everything but the week.

The oracle is the CUSUM of likelihood ratios that knows each unit's rates, dispersions and
season, which feeds change and by how much; its bar gives exactly B false alerts a unit and
year on fleets without a change. The evidence is as in a backtest: fitted and calibrated on
each fleet's own history and renewed every half year; the change comes 39 weeks into
watching. Delays are interpolated medians; ratios have bootstrap 95 % limits.

    python -m bench.delay [--history WEEKS] [--fleets N] [CHANGE ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.fleets import BUDGETS, VARIANTS, Variant, draw, watched
from detectors.evidence.counts import DAYS, F64, WEEKS_PER_YEAR
from detectors.evidence.simulate import Fleet, oracle_cusum, oracle_scores, step_change

SETTLED = 39  # weeks watched before the change
FOLLOWED = 104
NEVER = 200.0
BOOTSTRAPS = 400


@dataclass(frozen=True)
class Change:
    """Factors of incidents, complaints, speaking up and falls, reached over ``ramp`` weeks."""

    ratios: tuple[float, float, float, float]
    ramp: int = 1


CHANGES = {
    "all x1.5": Change((1.5, 1.5, 1.5, 1.5)),
    "soft x2": Change((1.0, 2.0, 2.0, 1.0)),
    "soft x2, hard x1.3": Change((1.3, 2.0, 2.0, 1.3)),
    "incidents x1.5": Change((1.5, 1.0, 1.0, 1.0)),
    "all x1.25": Change((1.25, 1.25, 1.25, 1.25)),
    "all to x1.5 over 12 weeks": Change((1.5, 1.5, 1.5, 1.5), ramp=12),
    "falls x2": Change((1.0, 1.0, 1.0, 2.0)),
    "complaints x2": Change((1.0, 2.0, 1.0, 1.0)),
    "incidents and complaints x1.6": Change((1.6, 1.6, 1.0, 1.0)),
    "speaking up x3": Change((1.0, 1.0, 3.0, 1.0)),
}


def course(change: Change, weeks: int, at: int) -> F64:
    """The factor of each feed's mean over time, ``F64[F, T]``."""
    ratios = np.array(change.ratios)
    return np.asarray(step_change((1, ratios.size, weeks), ratios, at, change.ramp)[0])


def delays(
    job: tuple[Variant, Change, int, int],
) -> tuple[F64, Fleet, NDArray[np.float64]]:
    """Our delays ``F64[budgets, U]``, the fleet, and errors of the onset in weeks."""
    variant, change, history, seed = job
    at = history + SETTLED
    weeks = at + FOLLOWED
    fleet = draw(variant, seed, weeks=weeks, change=course(change, weeks, at))
    path = watched(fleet.block, history)
    found = np.full((len(BUDGETS), fleet.block.units), NEVER)
    errors = []
    for unit in range(fleet.block.units):
        for crossing in reversed(path.crossings(unit)):
            if crossing.week >= at:
                found[crossing.level - 1, unit] = (
                    crossing.week - at + min(crossing.day + 1, DAYS) / DAYS
                )
                if crossing.level == 1:
                    error = crossing.onset - at
        if found[0, unit] < NEVER:
            errors.append(error)
    return found, fleet, np.array(errors, dtype=np.float64)


def oracle_bars(quiet: Sequence[F64], start: int, budgets: Sequence[float]) -> list[float]:
    """The bars at which the oracle has each budget of false alerts, by bisection."""
    years = sum(s.shape[0] * (s.shape[1] - start) for s in quiet) / WEEKS_PER_YEAR
    bars = []
    for budget in budgets:
        low, high = 1.0, 12.0
        for _ in range(14):
            bar = (low + high) / 2
            alerts = sum(len(found) for s in quiet for found in oracle_cusum(s, bar, start))
            low, high = (bar, high) if alerts / years > budget else (low, bar)
        bars.append((low + high) / 2)
    return bars


def oracle_delays(scores: F64, bars: Sequence[float], start: int, at: int) -> F64:
    """The oracle's delays, ``F64[budgets, U]``."""
    found = np.full((len(bars), scores.shape[0]), NEVER)
    for number, bar in enumerate(bars):
        for unit, weeks in enumerate(oracle_cusum(scores, bar, start)):
            later = weeks[weeks >= at]
            if len(later):
                found[number, unit] = later[0] - at + 1
    return found


def oracle_of(
    change: Change, quiet: Sequence[Fleet], changed: Sequence[Fleet], start: int, at: int
) -> F64:
    """The oracle's delays in changed fleets, bars set on quiet ones, ``F64[budgets, U]``."""
    ratios = np.array(change.ratios)
    bars = oracle_bars([oracle_scores(one, ratios) for one in quiet], start, BUDGETS)
    return np.hstack(
        [oracle_delays(oracle_scores(one, ratios), bars, start, at) for one in changed]
    )


def interpolated_median(values: F64, step: float = 1.0) -> float:
    """Median of whole steps, spread evenly over the step it falls in."""
    middle = float(np.median(values))
    below, equal = float((values < middle).mean()), float((values == middle).mean())
    return middle + step * ((0.5 - below) / max(equal, 1e-9) - 0.5)


def ratio_limits(ours: F64, theirs: F64, step: float = 1.0) -> tuple[float, float]:
    """Bootstrap limits of the ratio of medians, units resampled."""
    rng = np.random.default_rng(1)
    ratios = []
    for _ in range(BOOTSTRAPS):
        pick = rng.integers(len(ours), size=len(ours))
        ratios.append(interpolated_median(ours[pick], step) / interpolated_median(theirs[pick]))
    low, high = np.quantile(ratios, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print a line per change as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("changes", nargs="*", help=f"of {', '.join(CHANGES)}; all by default")
    parser.add_argument("--fleets", type=int, default=6, help="fleets of 200 units for a change")
    parser.add_argument("--history", type=int, default=52, help="weeks of history")
    parser.add_argument("--variant", default="base", choices=list(VARIANTS))
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    unknown = set(options.changes) - set(CHANGES)
    if unknown:
        parser.error(f"no such change: {', '.join(sorted(unknown))}")
    variant, history = VARIANTS[options.variant], options.history
    at, step = history + SETTLED, 1.0 / DAYS if variant.within_week else 1.0
    seeds = [options.seed * 1000 + n for n in range(options.fleets)]
    quiet = [draw(variant, 500_000 + seed, weeks=at + FOLLOWED) for seed in seeds]
    print(f"weeks to an alert, {history} weeks of history, {variant.about}")
    print(f"{'change':30} B = 0.2: ours, oracle, ratio       0.05                    onset")
    with ProcessPoolExecutor() as pool:
        for name in options.changes or CHANGES:
            change = CHANGES[name]
            runs = list(pool.map(delays, [(variant, change, history, seed) for seed in seeds]))
            theirs = oracle_of(change, quiet, [fleet for _, fleet, _ in runs], history, at)
            ours = np.concatenate([found for found, _, _ in runs], axis=1)
            cells = []
            for mine, best in zip(ours, theirs, strict=True):
                m, b = interpolated_median(mine, step), interpolated_median(best)
                low, high = ratio_limits(mine, best, step)
                cells.append(f"{m:5.1f} {b:5.1f}  {m / b:.2f} [{low:.2f}, {high:.2f}]")
            errors = np.abs(np.concatenate([e for _, _, e in runs]))
            print(
                f"{name:30} {cells[0]:32} {cells[1]:32} median error {np.median(errors):.0f} weeks,"
                f" {np.mean(errors <= 4):.0%} within 4",
                flush=True,
            )


if __name__ == "__main__":
    main()
