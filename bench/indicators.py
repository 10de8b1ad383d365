"""What watching more indicators of a unit brings, and what it costs.

A unit is watched on one to six feeds at once. Feeds are independent given what happens to
the unit, so another feed helps to hear a change that it shares, and delays all others, since
there are more ways of failing to think of at the same budget of false alerts. The fleet's
laws are known and bars set to exactly the budget, as in ``bench.floor``. Delays are
interpolated medians in weeks, at budgets of 0.2 and 0.05.

    python -m bench.indicators [--fleets N] [--seed N]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench.delay import FOLLOWED, SETTLED, Change, course, interpolated_median
from bench.fleets import FEEDS, HISTORY, RATES, UNITS, VARIANTS, WEEK0, truth_of
from bench.floor import Step, watched
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import Fleet, draw_dispersions, draw_rates, simulate

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


def law(feeds: tuple[int, ...]) -> EvidenceModel:
    """The law of the units, by some of the feeds."""
    return truth_of(VARIANTS["base"], [NAMES[f] for f in feeds], [MEANS[f] for f in feeds])


def fleet(seed: int, factors: tuple[float, ...]) -> Fleet:
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
        factor=np.broadcast_to(change, shape),
    )  # fmt: skip


def seen(whole: Fleet, feeds: tuple[int, ...]) -> Fleet:
    """The same fleet as one sees it who watches some of the feeds."""
    at = list(feeds)
    block = replace(
        whole.block, counts=whole.block.counts[:, at], exposure=whole.block.exposure[:, at]
    )
    return Fleet(block, whole.rates[:, at], whole.dispersion[:, at], whole.mean[:, at])


def main() -> None:
    """Print a line for each set of feeds as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=6, help="fleets of 200 units for a change")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    first = 1000 * options.seed
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
