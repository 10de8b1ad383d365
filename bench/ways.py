"""What it would bring to learn the ways of failing from concerns that were confirmed.

The table of ways is a prior; a service that has closed many concerns could put in its place
what they turned out to be. Houses differ here in how care fails in them. In each the table is
learned from a number of confirmed concerns, as they stood when they were raised. The fleet's
laws are known and bars set to exactly the budget, as in ``bench.floor``, so that nothing but
the table differs. Ratios are of median delays to the oracle's, averaged over the changes of
the house, all alike; "others" is the mean over the changes that do not occur in it.

    python -m bench.ways [--fleets N] [--learned SHARE] [--seed N]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench.delay import (
    CHANGES,
    FOLLOWED,
    NEVER,
    SETTLED,
    course,
    interpolated_median,
    oracle_of,
)
from bench.fleets import BUDGETS, HISTORY, VARIANTS, draw, truth_of
from bench.floor import FIVE, Step, watched
from detectors.evidence.counts import F64
from detectors.evidence.explain import explain, ways_of
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import Fleet
from detectors.evidence.ways import LEARNED, learned_ways

CONCERNS = (0, 30, 100, 300)
SINGLE = ("incidents x1.5", "falls x2", "complaints x2")
HOUSES: Mapping[str, tuple[str, ...]] = {
    "all five alike": FIVE,
    "people say it first": ("soft x2", "complaints x2"),
    "one feed at a time": SINGLE,
    "everything at once": ("all x1.5", "all x1.25", "all to x1.5 over 12 weeks"),
}
AT, WEEKS = HISTORY + SETTLED, HISTORY + SETTLED + FOLLOWED


def ways_told(fleet: Fleet, model: EvidenceModel, delays: F64) -> F64:
    """How well each way explains what the units' alerts were raised on, ``F64[told, C]``."""
    found = [
        ways_of(explain(fleet.block, unit, model, week=AT + int(delay) - 1).to_dict(), model)
        for unit, delay in enumerate(delays.tolist())
        if delay < NEVER
    ]
    return np.array(found)


def main() -> None:
    """Print a line for each house and number of concerns as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=6, help="fleets of 200 units for a change")
    parser.add_argument("--learned", type=float, default=LEARNED, help="share of the weight")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    variant = VARIANTS["base"]
    truth = truth_of(variant)
    names = [name for name in CHANGES if name != "speaking up x3"]

    def fleets(change: str, first: int, count: int) -> list[Fleet]:
        factor = course(CHANGES[change], WEEKS, AT)
        return [draw(variant, first + n, weeks=WEEKS, change=factor) for n in range(count)]

    seed = 1000 * options.seed
    quiet = [draw(variant, 500_000 + seed + n, weeks=WEEKS) for n in range(3 * options.fleets)]
    changed = {name: fleets(name, seed, options.fleets) for name in names}
    closed = {name: fleets(name, 700_000 + seed, 2) for name in names}
    best = {name: oracle_of(CHANGES[name], quiet, changed[name], HISTORY, AT) for name in names}
    in_use = Step(name="in use", rates_known=False, patterns=truth.patterns)
    _, told = watched(in_use, truth, HISTORY, quiet, closed)
    likelihood = {}
    for name in names:
        first = np.split(told[name][0], len(closed[name]))
        likelihood[name] = np.concatenate(
            [ways_told(one, truth, delay) for one, delay in zip(closed[name], first, strict=True)]
        )
    print("house                 concerns   at 0.2  others    at 0.05  others")
    for house, ways in HOUSES.items():
        rng = np.random.default_rng(options.seed)
        order = {name: rng.permutation(len(likelihood[name])) for name in ways}
        for count in CONCERNS:
            each = count // len(ways)
            known = np.concatenate([likelihood[name][order[name][:each]] for name in ways])
            ways_here = learned_ways(truth.patterns, known, learned=options.learned)
            step = replace(in_use, patterns=ways_here)
            _, ours = watched(step, truth, HISTORY, quiet, changed)
            cells = []
            for budget in range(len(BUDGETS)):
                ratio = {
                    name: interpolated_median(ours[name][budget])
                    / interpolated_median(best[name][budget])
                    for name in names
                }
                inside = np.mean([ratio[name] for name in ways])
                outside = np.mean([ratio[name] for name in names if name not in ways])
                cells.append(f"{inside:7.2f} {outside:7.2f}")
            print(f"{house:22} {count:7}  {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
