"""What the watches of single series cost and give: false alerts, delays, time.

    python -m bench.listening [--series 1000] [--budget 0.2] [--only shares]

Prints false alerts found over those allowed (stable series, everything estimated, two
years after the baseline), the median delay after a change, and microseconds a
(series, period). The discounts in the code and the tables of docs/methods-listening.md
come from here (--series 1500, seed 20).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.single_series import simulated as made
from detectors.single_series.counts import watch_counts
from detectors.single_series.episodes import SeriesEpisode
from detectors.single_series.gaps import watch_gaps
from detectors.single_series.measurements import watch_measurements
from detectors.single_series.shares import watch_shares
from detectors.single_series.silence import watch_silence

Case = tuple[str, Callable[[], tuple[list[SeriesEpisode], float, int]]]
Row = tuple[str, str, Callable[[], list[SeriesEpisode]], int, int]

BASELINE, YEARS = 52, 2
PERIODS = BASELINE + YEARS * 52
CHANGED = BASELINE + 26


def settings(budget: float) -> dict[str, Any]:
    return {
        "budget1": budget,
        "budget2": budget / 4,
        "per_year": WEEKS_PER_YEAR,
        "minimum": BASELINE,
    }


def by_month(budget: float) -> dict[str, Any]:
    return settings(budget) | {"per_year": 12.0, "minimum": MONTHS}


def share_cases() -> Iterator[tuple[str, dict[str, float]]]:
    for size in (1, 4, 20, 80):
        for share in (0.03, 0.2, 0.9):
            for rho in (0.0, 0.02, 0.05, 0.1):
                yield (
                    f"n={size} p={share} rho={rho}",
                    {
                        "size": size,
                        "share": share,
                        "overdispersion": rho,
                    },
                )


MEASURED = [
    ("white", {}),
    ("phi=.3", {"autocorrelation": 0.3}),
    ("phi=.6", {"autocorrelation": 0.6}),
    ("phi=.8", {"autocorrelation": 0.8}),
    ("season 1 sd", {"season": 1.0}),
    ("season 2 sd", {"season": 2.0}),
    ("t4 tails", {"tails": 4.0}),
    ("phi=.3, t3 tails", {"autocorrelation": 0.3, "tails": 3.0}),
]
# Counts come by month: a year of baseline, five years watched, a change after three.
MONTHS, WATCHED_MONTHS, MONTH_CHANGED = 12, 60, 36
COUNTS = [(rate, alpha) for rate in (0.3, 1.0, 3.0, 10.0, 30.0) for alpha in (0.0, 0.1, 0.3, 0.6)]
REPORTS = [(rate, alpha) for rate in (0.3, 1.0, 3.0, 10.0) for alpha in (0.0, 0.1, 0.3, 0.6)]
GAPS = [(mean, shape) for mean in (10.0, 30.0, 90.0) for shape in (0.7, 1.0, 1.3)]


def say(what: str, found: list[SeriesEpisode], years: float, budget: float, micros: float) -> None:
    used = made.achieved(found, years, budget, budget / 4)
    low1, high1 = used.limits1
    low2, high2 = used.limits2
    print(
        f"{what:34s} level 1 {used.level1:5.2f} ({low1:.2f}-{high1:.2f})"
        f"   level 2 {used.level2:5.2f} ({low2:.2f}-{high2:.2f})   {micros:5.1f} us",
        flush=True,
    )


def tell(what: str, found: list[SeriesEpisode], series: int, at: int = CHANGED) -> None:
    one, two = made.delays(found, series, at)
    known = ~np.isnan(one)
    back = sum(e.subsided > 0 for e in found if e.opened >= at) / series
    print(
        f"{what:42s} median {np.median(one[known]):4.0f} and {np.median(two[known]):4.0f}"
        f"   found {np.isfinite(one[known]).mean():.2f}   subsided wrongly {back:.2f}",
        flush=True,
    )


def stable_counts(series: int, budget: float, rng: np.random.Generator) -> None:
    for rate, alpha in COUNTS:
        months = MONTHS + WATCHED_MONTHS
        x = made.reports(rng, series=series, periods=months, rate=rate, dispersion=alpha)
        start = time.perf_counter()
        found = watch_counts(x, np.ones_like(x), concern="rise", **by_month(budget))
        taken = (time.perf_counter() - start) / series / WATCHED_MONTHS * 1e6
        what = f"counts by month rate={rate} alpha={alpha}"
        say(what, found, series * WATCHED_MONTHS / 12, budget, taken)


def changed_counts(series: int, budget: float, rng: np.random.Generator) -> None:
    for rate, alpha, ratio in [
        (0.5, 0.1, 3), (1, 0.1, 2), (1, 0.1, 3), (3, 0.1, 2), (3, 0.1, 3), (10, 0.1, 2),
        (10, 0.1, 1.5), (3, 0.6, 3),
    ]:  # fmt: skip
        x = made.reports(
            rng, series=series, periods=MONTH_CHANGED + 48, rate=rate, dispersion=alpha,
            changed=MONTH_CHANGED, rate_ratio=ratio,
        )  # fmt: skip
        tell(
            f"counts by month rate={rate} alpha={alpha} x{ratio}",
            watch_counts(x, np.ones_like(x), concern="rise", **by_month(budget)),
            series,
            MONTH_CHANGED,
        )


def stable(only: str, series: int, budget: float, rng: np.random.Generator) -> None:
    years = series * (PERIODS - BASELINE) / WEEKS_PER_YEAR

    def run(what: str, watch: Callable[[], list[SeriesEpisode]]) -> None:
        start = time.perf_counter()
        found = watch()
        taken = time.perf_counter() - start
        say(what, found, years, budget, taken / series / (PERIODS - BASELINE) * 1e6)

    size = {"series": series, "periods": PERIODS}
    if only in ("", "shares"):
        for name, case in share_cases():
            y, n = made.shares(rng, **size, **case)
            for concern in ("rise", "fall"):
                run(
                    f"share {concern} {name}",
                    lambda y=y, n=n, concern=concern: watch_shares(
                        y, n, concern=concern, **settings(budget)
                    ),
                )
    if only in ("", "measurements"):
        for name, case in MEASURED:
            x = made.measurements(rng, **size, **case)
            run(
                f"measurement {name}",
                lambda x=x: watch_measurements(x, concern="rise", **settings(budget)),
            )
    if only in ("", "silence"):
        for rate, alpha in REPORTS:
            x = made.reports(rng, **size, rate=rate, dispersion=alpha)
            run(
                f"silence rate={rate} alpha={alpha}",
                lambda x=x: watch_silence(x, np.ones_like(x), **settings(budget)),
            )
    if only in ("", "gaps"):
        for mean, shape in GAPS:
            events = 12 + round(8 * 365 / mean)
            x = made.gaps(rng, series=series, events=events, mean=mean, shape=shape)
            start = time.perf_counter()
            found = watch_gaps(x, budget1=budget, budget2=budget / 4, minimum=12)
            taken = (time.perf_counter() - start) / series / (events - 12) * 1e6
            say(f"gaps mean={mean} shape={shape}", found, x[:, 12:].sum() / 365.25, budget, taken)


def changed(only: str, series: int, budget: float, rng: np.random.Generator) -> None:
    size = {"series": series, "periods": CHANGED + 104, "changed": CHANGED}

    if only in ("", "shares"):
        for n, p, rho, ratio in [
            (1, 0.2, 0.0, 3), (4, 0.2, 0.02, 2), (4, 0.2, 0.02, 1.5), (20, 0.2, 0.02, 1.5),
            (20, 0.2, 0.02, 2), (20, 0.05, 0.02, 2), (80, 0.2, 0.02, 1.5), (80, 0.2, 0.02, 1.25),
        ]:  # fmt: skip
            y, d = made.shares(rng, **size, size=n, share=p, overdispersion=rho, odds_ratio=ratio)
            tell(
                f"share n={n} p={p} rho={rho} odds x{ratio}",
                watch_shares(y, d, concern="rise", **settings(budget)),
                series,
            )
    if only in ("", "measurements"):
        for phi, season, shift in [
            (0, 0, 0.5), (0, 0, 1), (0, 0, 2), (0, 0, 10), (0.4, 0, 1), (0.4, 1, 1), (0.6, 0, 2),
        ]:  # fmt: skip
            x = made.measurements(rng, **size, autocorrelation=phi, season=season, shift=shift)
            tell(
                f"measurement phi={phi} season={season} +{shift} sd",
                watch_measurements(x, concern="rise", **settings(budget)),
                series,
            )
    if only in ("", "silence"):
        for rate, alpha, ratio in [
            (0.3, 0, 0), (1, 0, 0), (1, 0.3, 0.1), (3, 0.1, 0), (3, 0.3, 0.25), (10, 0.1, 0.5),
            (10, 0.1, 0), (40, 0.05, 0.5),
        ]:  # fmt: skip
            x = made.reports(rng, **size, rate=rate, dispersion=alpha, rate_ratio=ratio)
            tell(
                f"silence rate={rate} alpha={alpha} x{ratio}",
                watch_silence(x, np.ones_like(x), **settings(budget)),
                series,
            )
    if only in ("", "gaps"):
        for mean, ratio, before in [(120, 2, 12), (60, 2, 18), (30, 2, 30), (30, 3, 30)]:
            g = made.gaps(
                rng, series=series, events=before + 80, mean=mean, changed=before, rate_ratio=ratio
            )
            found = watch_gaps(g, budget1=budget, budget2=budget / 4, minimum=12)
            days = np.full(series, np.inf)
            for e in found:
                if e.opened >= before:
                    passed = g[e.series, before : e.opened + 1].sum()
                    days[e.series] = min(days[e.series], passed)
            print(
                f"gaps mean={mean} days, rate x{ratio}: median {np.median(days) / 30.44:.1f} months"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--budget", type=float, default=0.2)
    parser.add_argument(
        "--only", default="", choices=["counts", "shares", "measurements", "silence", "gaps", ""]
    )
    parser.add_argument("--seed", type=int, default=20)
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    print(f"# stable series: false alerts over budget {chosen.budget} and {chosen.budget / 4}")
    stable(chosen.only, chosen.series, chosen.budget, rng)
    if chosen.only in ("", "counts"):
        stable_counts(chosen.series, chosen.budget, rng)
    print("# changed series: delay in periods")
    changed(chosen.only, min(chosen.series, 400), chosen.budget, rng)
    if chosen.only in ("", "counts"):
        changed_counts(min(chosen.series, 400), chosen.budget, rng)


if __name__ == "__main__":
    main()
