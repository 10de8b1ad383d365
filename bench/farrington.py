"""Speed of Farrington's method in its published editions, per (series, point).

Run: ``python -m bench.farrington``. Simulated weekly counts with season, trend, overdispersion
and past outbreaks; 20,000 series, of which the last two weeks are judged, as in a weekly run
over many wards, and 1,000 series of which two years are judged, as in a replay. Everything is
counted: baselines, fits, reweighting, the choice of the trend, bounds and p-values. Processor
time is measured, so that other work on the machine counts little. For scale, R's
``farringtonFlexible`` takes 5,250 us (default) and 6,710 us (2013) per point.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from bench.timing import best
from detectors.surveillance.farrington import farrington
from detectors.surveillance.farrington_options import FarringtonOptions

WEEKS = 52 * 7
EDITIONS = {
    "flexible, delta": FarringtonOptions(),
    "1996": FarringtonOptions.original(),
    "2013, nbPlugin": FarringtonOptions.noufaily(),
    "2013, muan": FarringtonOptions.noufaily(threshold_method="muan"),
}


def simulated(series: int, mean: float, seed: int = 1) -> NDArray[np.float64]:
    """Negative binomial counts (phi 1.5) with season and trend, shape (series, WEEKS)."""
    rng = np.random.default_rng(seed)
    weeks = np.arange(WEEKS)
    slope = rng.normal(0.0, 0.001, (series, 1))
    level = mean * rng.lognormal(0.0, 0.5, (series, 1))
    mu = level * np.exp(slope * weeks + 0.4 * np.sin(2.0 * np.pi * weeks / 52.0))
    mu = np.where(rng.random(mu.shape) < 0.01, 3.0 * mu, mu)
    return rng.poisson(rng.gamma(mu / 0.5, 0.5)).astype(np.float64)


def cost(counts: NDArray[np.float64], options: FarringtonOptions, judged: int) -> float:
    """Microseconds per judged point of the fastest of several repeats, processor time."""
    dates = np.datetime64("2015-01-05") + 7 * np.arange(WEEKS)
    at = np.arange(WEEKS - judged, WEEKS)
    seconds = best(lambda: farrington(counts, options, dates=dates, at=at), repeats=2)
    return seconds / (len(counts) * judged) * 1e6


def measure(series: int = 20_000) -> dict[tuple[str, float], tuple[float, float]]:
    """Microseconds of each edition and mean count: last 2 weeks of all, 2 years of 1,000."""
    found = {}
    for mean in (0.5, 5.0, 50.0):
        counts = simulated(series, mean)
        for name, options in EDITIONS.items():
            found[name, mean] = (
                cost(counts, options, 2),
                cost(counts[:1000], options, 104),
            )
    return found


def main() -> None:
    series = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print(f"{'edition':18}{'mean count':>12}{'us, weekly run':>18}{'us, replay':>14}")
    for (name, mean), (weekly, replay) in measure(series).items():
        print(f"{name:18}{mean:>12.1f}{weekly:>18.2f}{replay:>14.2f}")


if __name__ == "__main__":
    main()
