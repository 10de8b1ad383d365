"""How near the oracle of ``bench.delay`` anybody can come: what each thing not known costs.

The evidence of ``detectors.evidence`` is given ever less to know, always with its bar set by
simulation to exactly the budget, as the oracle's is:

* rates: every unit's rates and dispersions, and the fleet's season, are true. Only the onset
  and the way of failing are not known. The table of ways is the one in use, one with all its
  rows alike, or one that holds nothing but the five changes that the targets are about;
* fleet: the season and the laws of rates and dispersions are true; each unit's own have to be
  learned from its weeks. No procedure that learns its fleet from data knows more;
* reserve: the same at ``SAFETY`` times the budget, where thresholds aim in use.

Delays are interpolated medians as ratios to the oracle's. The mean is over the five changes of
the targets, with bootstrap 95 % limits (units resampled; the error of the bars adds 1 % at most).

    python -m bench.floor [--fleets N] [--history WEEKS] [--variant KIND] [--seed N]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.delay import (
    BOOTSTRAPS,
    CHANGES,
    FOLLOWED,
    NEVER,
    SETTLED,
    course,
    interpolated_median,
    oracle_of,
)
from bench.fleets import BUDGETS, FEEDS, HISTORY, VARIANTS, draw, truth_of
from detectors.compiled import compiled
from detectors.evidence.counts import F64, I64, WEEKS_PER_YEAR
from detectors.evidence.looks import eligible
from detectors.evidence.model import SAFETY, EvidenceModel
from detectors.evidence.patterns import Patterns
from detectors.evidence.simulate import Fleet
from detectors.evidence.statistic import AGES, Tables, accumulate, onset_sums, tables

FIVE = tuple(CHANGES)[:5]
# A rate prior worth so many weeks is a known rate.
CERTAIN = 1e7


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """What is known, by which table of ways, at which share of the budgets."""

    name: str
    rates_known: bool
    patterns: Patterns
    share: float = 1.0


def steps(in_use: Patterns) -> list[Step]:
    """From the most that could be known to what is known in use."""
    flat = replace(in_use, weight=np.full_like(in_use.weight, 1.0 / in_use.weight.size))
    five = only([CHANGES[name].ratios for name in FIVE])
    return [
        Step(name="rates, five", rates_known=True, patterns=five),
        Step(name="rates, in use", rates_known=True, patterns=in_use),
        Step(name="rates, flat", rates_known=True, patterns=flat),
        Step(name="fleet, five", rates_known=False, patterns=five),
        Step(name="fleet, in use", rates_known=False, patterns=in_use),
        Step(name="reserve", rates_known=False, patterns=in_use, share=SAFETY),
    ]


def only(changes: Sequence[tuple[float, ...]]) -> Patterns:
    """A table of these changes and no other, all alike."""
    factors = np.array(changes)
    levels = [sorted({1.0, *column}) for column in factors.T.tolist()]
    ratios = np.ones((len(FEEDS), max(map(len, levels)) - 1))
    for feed, found in enumerate(levels):
        ratios[feed, : len(found) - 1] = found[1:]
    choice = [[levels[f].index(r) for f, r in enumerate(row)] for row in factors.tolist()]
    weight = np.full(len(changes), 1.0 / len(changes))
    return Patterns(FEEDS, ratios, np.array(choice, dtype=np.int64), weight)


def evidence(fleet: Fleet, model: EvidenceModel, start: int, *, rates_known: bool) -> F64:
    """Evidence summed over onsets up to each age at each close, ``F64[U, T - start, ages]``."""
    block, tab = fleet.block, tables(model, model.patterns)
    expected = block.exposure * model.seasonal(block.week0, block.periods)
    found = np.empty((block.units, block.periods - start, len(AGES)))
    for unit in range(block.units):
        own = tab
        if rates_known:
            own = tab._replace(
                prior_a=fleet.rates[unit] * CERTAIN,
                prior_b=np.full(block.feeds, CERTAIN),
                dispersion=fleet.dispersion[unit],
                spread=np.zeros(block.feeds),
            )
        _evidence(block.counts[unit], expected[unit], own, start, found[unit])
    return found


@compiled
def _evidence(counts: F64, expected: F64, tab: Tables, start: int, out: F64) -> None:
    feeds, periods = counts.shape
    sums, mass = np.zeros((periods + 1, feeds)), np.zeros((periods + 1, feeds))
    drag = np.zeros((periods, feeds))
    factor = np.ones((feeds, tab.gain.shape[1], tab.ages.shape[0]))
    accumulate(counts, expected, tab, sums, mass, drag)
    for t in range(start, periods):
        # As in use, onsets count that have half a history before them.
        row = out[t - start]
        reach = onset_sums(sums[t + 1], mass[t + 1], sums, mass, t, start // 2, tab, factor, row)
        row[reach:] = row[reach - 1]


def delays(found: Sequence[F64], bars: Sequence[float]) -> F64:
    """Weeks from the change to each unit's alert, ``F64[bars, U]``."""
    told = []
    for bar in bars:
        firsts = [np.full(len(one), NEVER) for one in found]
        for one, first in zip(found, firsts, strict=True):
            _alerts(one, bar, SETTLED, first)
        told.append(np.concatenate(firsts))
    return np.array(told)


def exact_bars(quiet: Sequence[F64], budgets: Sequence[float]) -> list[float]:
    """The bars at which the evidence has each budget of false alerts, by bisection."""
    years = sum(one.shape[0] * one.shape[1] for one in quiet) / WEEKS_PER_YEAR
    bars = []
    for budget in budgets:
        low, high = 0.0, 14.0
        for _ in range(16):
            bar = (low + high) / 2
            count = sum(_alerts(one, bar, 0, np.empty(len(one))) for one in quiet)
            low, high = (bar, high) if count / years > budget else (low, bar)
        bars.append((low + high) / 2)
    return bars


@compiled
def _alerts(found: F64, bar: float, at: int, first: F64) -> int:
    """Count alerts with restarts; note in ``first`` the delay of each unit's first from ``at``."""
    units, periods, ages = found.shape
    total = 0
    for u in range(units):
        last = -AGES[-1]
        late = False
        for t in range(periods):
            if eligible(found[u, t], ages, t - last, AGES) > math.exp(bar):
                total += 1
                last = t
                if t >= at and not late:
                    first[u] = t - at + 1
                    late = True
    return total


def watched(
    step: Step,
    truth: EvidenceModel,
    history: int,
    quiet: Sequence[Fleet],
    changed: Mapping[str, Sequence[Fleet]],
) -> tuple[list[float], dict[str, F64]]:
    """The bars of a step at each budget, and the delays ``F64[budgets, U]`` of each change."""
    model = replace(truth, patterns=step.patterns)

    def of(fleets: Sequence[Fleet]) -> list[F64]:
        return [evidence(one, model, history, rates_known=step.rates_known) for one in fleets]

    bars = exact_bars(of(quiet), [step.share * budget for budget in BUDGETS])
    return bars, {name: delays(of(fleets), bars) for name, fleets in changed.items()}


def mean_ratio(ours: Sequence[F64], theirs: Sequence[F64]) -> tuple[float, float, float]:
    """Mean over changes of the ratio of medians, with bootstrap limits, units resampled."""

    def ratio(mine: F64, best: F64, pick: I64) -> float:
        return interpolated_median(mine[pick]) / interpolated_median(best[pick])

    rng = np.random.default_rng(1)
    pairs = list(zip(ours, theirs, strict=True))
    mean = float(np.mean([ratio(m, b, np.arange(len(m))) for m, b in pairs]))
    again = [
        np.mean([ratio(m, b, rng.integers(len(m), size=len(m))) for m, b in pairs])
        for _ in range(BOOTSTRAPS)
    ]
    low, high = np.quantile(again, [0.025, 0.975])
    return mean, float(low), float(high)


def main() -> None:
    """Print what the oracle needs, then two lines for each step as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fleets", type=int, default=6, help="fleets of 200 units for a change")
    parser.add_argument("--history", type=int, default=HISTORY, help="weeks of history")
    # Kinds of which ``truth_of`` tells all.
    kinds = [k for k, v in VARIANTS.items() if v.factor is None and not v.exposure_noise]
    parser.add_argument("--variant", default="base", choices=kinds)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    variant, history = VARIANTS[options.variant], options.history
    at, weeks = history + SETTLED, history + SETTLED + FOLLOWED
    seeds = [options.seed * 1000 + n for n in range(options.fleets)]
    more = [500_000 + options.seed * 1000 + n for n in range(3 * options.fleets)]
    quiet = [draw(variant, seed, weeks=weeks) for seed in more]
    changed, best = {}, {}
    print(f"weeks to an alert, {history} weeks of history, {variant.about}; by change:")
    print("; ".join(CHANGES))
    for name, change in CHANGES.items():
        changed[name] = [
            draw(variant, seed, weeks=weeks, change=course(change, weeks, at)) for seed in seeds
        ]
        best[name] = oracle_of(change, quiet, changed[name], history, at)
    for number, budget in enumerate(BUDGETS):
        medians = [f"{interpolated_median(best[name][number]):.1f}" for name in CHANGES]
        print(f"{'oracle':14} {budget:<5} {'':34} {' '.join(medians)}", flush=True)
    truth = truth_of(variant)
    for step in steps(truth.patterns):
        bars, ours = watched(step, truth, history, quiet, changed)
        for number, budget in enumerate(BUDGETS):
            mean, low, high = mean_ratio(
                [ours[name][number] for name in FIVE], [best[name][number] for name in FIVE]
            )
            each = [
                interpolated_median(ours[name][number]) / interpolated_median(best[name][number])
                for name in CHANGES
            ]
            print(
                f"{step.name:14} {budget:<5} bar {bars[number]:.2f}  {mean:.2f}"
                f" [{low:.2f}, {high:.2f}]  {' '.join(f'{ratio:.2f}' for ratio in each)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
