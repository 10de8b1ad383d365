"""Speed of the evidence over four feeds, per unit-week, against its bare logs and exponentials.

Run: ``python -m bench.evidence``. The floor takes as many logs and exponentials as one
close needs (21 onsets, two levels of four feeds) and nothing else, so the ratio says what
the rest of the procedure costs on any machine; the microseconds are this one's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.timing import best
from detectors.compiled import compiled
from detectors.evidence.counts import FeedCounts
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import draw_rates, simulate
from detectors.evidence.statistic import AGES
from detectors.evidence.watch import watch

FEEDS = ("incidents", "complaints", "speakup", "falls")
UNITS = 400
WEEKS = 156
TARGET = 4.0  # microseconds per unit-week of four feeds, judged at closes


@compiled
def floor(times: int, each: int) -> float:
    """Take ``times`` times ``each`` logs and exponentials."""
    total = 0.0
    for n in range(times):
        for k in range(each):
            total += math.exp(-math.log(1.0 + (n % 97 + k) * 1e-3))
    return total


def measure() -> dict[str, float]:
    """Microseconds per unit-week (per unit where said) of each piece of work."""
    model = EvidenceModel.plain(FEEDS, (6.0, 0.8, 0.4, 1.3))
    both = EvidenceModel.plain(FEEDS, (6.0, 0.8, 0.4, 1.3), improvable=(False, False, False, True))
    rng = np.random.default_rng(1)
    exposure = np.ones((UNITS, 4, WEEKS))
    rates = draw_rates(model, UNITS, rng)
    alpha = np.full((UNITS, 4), 0.02)
    fleet = simulate(model, rates, alpha, exposure, week0=2800, rng=rng, by_day=True)
    looked = fleet.block
    closes = replace(looked, daily=None)
    judged = UNITS * (WEEKS - model.minimum_history)
    path = watch(closes, model, budget1=0.2, budget2=0.05)
    last = np.full(UNITS, WEEKS - 1)

    def resumed(block: FeedCounts) -> object:
        return watch(block, model, budget1=0.2, budget2=0.05, path=path, dirty_from=last)

    ways: dict[str, tuple[Callable[[], object], int]] = {
        "floor: logs and exponentials alone": (lambda: floor(judged, 8 * len(AGES)), judged),
        "closes": (lambda: watch(closes, model, budget1=0.2, budget2=0.05), judged),
        "closes, improvements of a feed too": (
            lambda: watch(closes, both, budget1=0.2, budget2=0.05),
            judged,
        ),
        "closes and looks by day": (
            lambda: watch(looked, model, budget1=0.2, budget2=0.05),
            judged,
        ),
        "one more week, per unit with three years behind it": (lambda: resumed(closes), UNITS),
        "fit of the fleet, per unit of a year": (lambda: fit_fleet(closes.until(52), FEEDS), UNITS),
    }
    return {name: best(run) / pieces * 1e6 for name, (run, pieces) in ways.items()}


def main() -> None:
    found = measure()
    base = next(iter(found.values()))
    for name, microseconds in found.items():
        print(f"{name:<52} {microseconds:9.2f} us   {microseconds / base:7.1f} x floor")
    verdict = "met" if found["closes"] <= TARGET else "not met on this machine now"
    print(f"target: at most {TARGET:g} us per unit-week of four feeds at closes: {verdict}")


if __name__ == "__main__":
    main()
