"""Better reporting or a failing: what knowing the harm of incidents costs and saves.

Fleets of the scenario ``reporting-culture`` in which every unit changes, judged by a backtest
twice, by the counts alone and with the share of incidents that had harm. Given are the weeks
from the change to the first concern (interpolated medians, their ratio with bootstrap 95 %
limits), units never told that the counts alone would have told, and concerns a unit and year
from the change on with exact Poisson limits.

    python -m bench.culture [--fleets N] [CHANGE ...]
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np

from bench.delay import interpolated_median, ratio_limits
from bench.fleets import BUDGETS
from detectors.evidence.counts import F64, WEEKS_PER_YEAR
from streams.backtests.backtest import run
from streams.backtests.culture import set_aside
from streams.backtests.scenario_fleet import draw
from streams.backtests.scenarios import Change, scenario
from streams.backtests.scores import poisson_limits

UNITS = 60
NEVER = 200.0
SCENARIO = scenario("reporting-culture")
SAFER = 2 / 3  # events with harm stay as many where incidents grow by half


def _changes(ramp: int = 0, **factors: float) -> tuple[Change, ...]:
    at = SCENARIO.begins
    return tuple(
        Change(feed=feed, at=at, factor=factor, ramp_weeks=ramp, what="simulated")
        for feed, factor in factors.items()
    )


CHANGES = {
    "nothing": (),
    "better reporting": _changes(incidents=1.5, any_harm_share=SAFER),
    "better reporting over 26 weeks": _changes(26, incidents=1.5, any_harm_share=SAFER),
    "incidents x1.5": _changes(incidents=1.5),
    "incidents x1.5, harm share x1.3": _changes(incidents=1.5, any_harm_share=1.3),
    "all x1.5": _changes(incidents=1.5, falls=1.5, complaints=1.5, speakup=1.5),
    "soft x2": _changes(complaints=2.0, speakup=2.0),
    "better reporting, complaints x2": _changes(
        incidents=1.5, any_harm_share=SAFER, complaints=2.0
    ),
}


def concerns(job: tuple[str, int]) -> tuple[F64, F64, float]:
    """By counts and with harm: weeks to a concern ``F64[2, U]``, concerns ``F64[2]``; years."""
    name, seed = job
    changed = replace(SCENARIO, changes=CHANGES[name], affected=UNITS, peers=UNITS)
    counts = draw(changed, seed=seed).counts
    begins = (SCENARIO.begins - SCENARIO.start).days // 7
    first, told = np.full((2, UNITS), NEVER), np.zeros(2)
    for number, judged in enumerate((set_aside(counts)[0], counts)):
        found = run(judged, budget=BUDGETS[0], budget2=BUDGETS[1], processes=1)
        for alert in found.alerts:
            if alert.column >= begins:
                told[number] += 1
                first[number, alert.unit] = min(
                    first[number, alert.unit], alert.column - begins + 1
                )
    return first, told, UNITS * (counts.block.periods - begins) / WEEKS_PER_YEAR


def main() -> None:
    """Print a line per change as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("changes", nargs="*", help=f"of {', '.join(CHANGES)}; all by default")
    parser.add_argument("--fleets", type=int, default=6, help=f"fleets of {UNITS} for a change")
    parser.add_argument("--seed", type=int, default=700)
    options = parser.parse_args()
    unknown = set(options.changes) - set(CHANGES)
    if unknown:
        parser.error(f"no such change: {', '.join(sorted(unknown))}")
    seeds = [options.seed + n for n in range(options.fleets)]
    print(
        "change                           weeks by counts, with harm, ratio   never   a unit-year"
    )
    with ProcessPoolExecutor() as pool:
        for name in options.changes or CHANGES:
            done = list(pool.map(concerns, [(name, seed) for seed in seeds]))
            plain, weighed = np.concatenate([first for first, _, _ in done], axis=1)
            (before, after), years = sum(told for _, told, _ in done), sum(y for _, _, y in done)
            low, high = poisson_limits(after, years)
            weeks = " " * 34
            if CHANGES[name] and interpolated_median(plain) < NEVER:
                ours, alone = interpolated_median(weighed), interpolated_median(plain)
                limits = "[{:.2f}, {:.2f}]".format(*ratio_limits(weighed, plain))
                weeks = f"{alone:5.1f} {ours:5.1f}  {ours / alone:.2f} {limits}".ljust(34)
            never = np.mean((weighed == NEVER) & (plain < NEVER))
            print(
                f"{name:32} {weeks}  {never:5.1%}   {before / years:.2f} to {after / years:.2f}"
                f" [{low:.2f}, {high:.2f}]",
                flush=True,
            )


if __name__ == "__main__":
    main()
