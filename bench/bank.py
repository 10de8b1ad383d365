"""Speed of the columnar bank, per (series, point), against numpy and a Python loop.

Run: ``python -m bench.bank``. Ratios hold on any machine; the nanoseconds are this one's.
The numpy and Python rows compute less (numpy: CUSUM and EWMA; Python: CUSUM alone), so
their ratios are lower bounds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.timing import best
from detectors.bank import Bank

SERIES = 20_000
STEPS = 50


def numpy_steps(values: NDArray[np.float64], h: float = 5.0, reach: float = 0.9873) -> int:
    """Two-sided CUSUM, EWMA and three-sigma limits in plain numpy; number of signals."""
    high, low, average = (np.zeros(values.shape[1]) for _ in range(3))
    total = 0
    for z in values:
        high = np.maximum(0.0, high + z - 0.5)
        low = np.maximum(0.0, low - z - 0.5)
        average = 0.2 * z + 0.8 * average
        total += int((high > h).sum() + (low > h).sum() + (np.abs(average) > reach).sum())
        total += int((np.abs(z) > 3.0).sum())
        high[high > h] = 0.0
        low[low > h] = 0.0
    return total


def python_steps(values: NDArray[np.float64], h: float = 5.0) -> int:
    """Two-sided CUSUM in a Python loop, one object per value; number of signals."""
    total = 0
    for column in values.T.tolist():
        high = low = 0.0
        for z in column:
            high = max(0.0, high + z - 0.5)
            low = max(0.0, low - z - 0.5)
            if high > h:
                total, high = total + 1, 0.0
            if low > h:
                total, low = total + 1, 0.0
    return total


def measure() -> dict[str, float]:
    """Nanoseconds per (series, point) of each way."""
    values = np.random.default_rng(1).normal(size=(STEPS, SERIES))
    bank = Bank(np.zeros(SERIES), np.ones(SERIES))
    few = np.ascontiguousarray(values[:, :500])
    return {
        "bank, 50 steps a call": best(lambda: bank.run(values)) / values.size * 1e9,
        "bank, 1 step a call": best(lambda: [bank.update(row) for row in values])
        / values.size
        * 1e9,
        "numpy": best(lambda: numpy_steps(values)) / values.size * 1e9,
        "python loop": best(lambda: python_steps(few)) / few.size * 1e9,
    }


def main() -> None:
    measured = measure()
    reference = measured["bank, 50 steps a call"]
    print(f"{'way':24}{'ns per (series, point)':>24}{'times the bank':>16}")
    for name, nanoseconds in measured.items():
        print(f"{name:24}{nanoseconds:>24.2f}{nanoseconds / reference:>16.1f}")
    bank = Bank(np.zeros(SERIES), np.ones(SERIES))
    state = sum(array.nbytes for array in vars(bank).values() if isinstance(array, np.ndarray))
    print(f"state: {state / SERIES:.0f} bytes a series")


if __name__ == "__main__":
    main()
