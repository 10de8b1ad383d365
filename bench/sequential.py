"""Sequential charts and run lengths: time per (series, point), per update and per solution.

    python -m bench.sequential

One thread; the first call of each compiles and is not timed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.timing import best
from detectors.run_lengths.counts import count_cusum_run_length
from detectors.run_lengths.distributions import NegativeBinomial
from detectors.run_lengths.ewma import ewma_run_length
from detectors.run_lengths.gaussian import gaussian_cusum_two_sided_run_length
from detectors.run_lengths.rules import weco_run_length
from detectors.run_lengths.thresholds import gaussian_cusum_threshold_for
from detectors.sequential.count_cusum_design import negative_binomial_chart
from detectors.sequential.cusum_gaussian import GaussianCusum, gaussian_cusum
from detectors.sequential.ewma import Ewma, ewma
from detectors.sequential.likelihood_cusum import PoissonCusum, poisson_cusum
from detectors.sequential.risk_adjusted_cusum import RiskAdjustedCusum

SERIES = 2_000
POINTS = 500
UPDATES = 5_000


def whole_series() -> dict[str, float]:
    """Nanoseconds per (series, point) of the batch functions, two sides each."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(POINTS, SERIES))
    counts = rng.poisson(3.0, (POINTS, SERIES)).astype(np.float64)
    ways: dict[str, Callable[[], object]] = {
        "gaussian cusum": lambda: gaussian_cusum(values),
        "ewma": lambda: ewma(values),
        "poisson cusum": lambda: poisson_cusum(counts, mean=3.0, fall=0.5),
    }
    return {name: best(run) / values.size * 1e9 for name, run in ways.items()}


def streams() -> dict[str, float]:
    """Microseconds of an update."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=UPDATES).tolist()
    counts = rng.poisson(3.0, UPDATES).tolist()
    patients = [(float(rng.random() < 0.1), 0.1) for _ in range(UPDATES)]
    charts = {
        "gaussian cusum": (GaussianCusum(), values),
        "ewma": (Ewma(), values),
        "poisson cusum": (PoissonCusum(mean=3.0), counts),
        "risk-adjusted cusum": (RiskAdjustedCusum(), patients),
    }

    def updates(chart: object, observations: list[object]) -> Callable[[], object]:
        return lambda: [chart.update(each) for each in observations]  # type: ignore[attr-defined]

    return {name: best(updates(*each)) / UPDATES * 1e6 for name, each in charts.items()}


def solutions() -> dict[str, float]:
    """Milliseconds of an exact run length or threshold."""
    chart = negative_binomial_chart(10.0, 0.1, 2.0, 5.0)
    ways: dict[str, Callable[[], object]] = {
        "two-sided gaussian cusum": lambda: gaussian_cusum_two_sided_run_length(0.5, 5.0),
        "its threshold for an arl of 500": lambda: gaussian_cusum_threshold_for(arl=500.0),
        "ewma, fixed limits": lambda: ewma_run_length(0.1, 2.7),
        "ewma, exact limits": lambda: ewma_run_length(0.1, 2.7, limits="exact"),
        "negative binomial cusum": lambda: count_cusum_run_length(
            chart, NegativeBinomial(10.0, 0.1)
        ),
        "western electric rules 1 to 4": lambda: weco_run_length([1, 2, 3, 4]),
    }
    return {name: best(run) * 1e3 for name, run in ways.items()}


def main() -> None:
    for title, unit, measured in (
        ("whole series", "ns per (series, point)", whole_series()),
        ("streams", "us per update", streams()),
        ("exact run lengths", "ms each", solutions()),
    ):
        print(f"{title:34}{unit:>24}")
        for name, value in measured.items():
            print(f"  {name:32}{value:>24.3f}")


if __name__ == "__main__":
    main()
