"""False alerts against the budget on simulated fleets of many kinds, everything estimated.

Each fleet is drawn from a truth that the fit does not see; 52 weeks of history are fitted
and calibrated on, two years without a change in any unit are watched, and fit and thresholds
are renewed every half year, as a backtest does. What is reported is false alerts a unit and
year over the budget, with exact 95 % Poisson limits.

    python -m bench.fleets [--fleets N] [VARIANT ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.evidence.calibrate import calibrate
from detectors.evidence.counts import F64, WEEKS_PER_YEAR, FeedCounts
from detectors.evidence.crossings import WatchPath
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.holidays import holiday_weeks
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import Fleet, draw_dispersions, draw_rates, simulate
from detectors.evidence.watch import watch
from streams.backtests.backtest import QUARTER
from streams.backtests.scores import poisson_limits
from streams.facts.periods import Grid

FEEDS = ("incidents", "complaints", "speakup", "falls")
RATES = (8.0, 0.7, 0.15, 1.2)
HISTORY, FOLLOWED = 52, 104
WEEKS = HISTORY + FOLLOWED
BUDGETS = (0.2, 0.05)
WEEK0 = 2700
UNITS = 200


@dataclass(frozen=True)
class Variant:
    """What sets a kind of fleet apart from the plain one."""

    about: str
    units: int = UNITS
    season: float = 0.1
    dispersion: float = 0.04
    spread: float = 4e-4
    strength: float = 5.0
    sigma2: float = 0.005
    rho: float = 0.3
    exposure_noise: float = 0.0
    factor: Callable[[int], F64] | None = None  # units -> [U or 1, F or 1, T]
    seen: Callable[[int, np.random.Generator], F64] | None = None
    within_week: bool = False
    left_out: float = 0.0  # share of units, the first, whose alerts are not false


def holidays(_: int) -> F64:
    """Quiet weeks at Christmas and on public holidays, and a busy one after each Christmas."""
    christmas, others = holiday_weeks(WEEK0, WEEKS, WEEKS_PER_YEAR)
    after = (christmas == 0) & (np.roll(christmas, 1) > 0)
    return np.exp(-0.4 * christmas - 0.15 * others + 0.2 * after)[None, None]


def shock(_: int) -> F64:
    """Four weeks at times 1.25 in every unit and feed."""
    factor = np.ones(WEEKS)
    factor[HISTORY + 40 : HISTORY + 44] = 1.25
    return factor[None, None]


def lasting_shock(_: int) -> F64:
    """From one week on incidents are reported a fifth more in every unit."""
    factor = np.ones((1, 4, WEEKS))
    factor[:, 0, HISTORY + 40 :] = 1.2
    return factor


def drift(_: int) -> F64:
    """Incidents grow by five in a hundred a year, complaints by three."""
    years = np.arange(WEEKS) / 52.0
    factor = np.ones((1, 4, WEEKS))
    factor[0, 0], factor[0, 1] = 1.05**years, 1.03**years
    return factor


def contaminated(units: int) -> F64:
    """A tenth of the units already failing for the second half of their history."""
    factor = np.ones((units, 1, WEEKS))
    factor[: units // 10, :, HISTORY // 2 :] = 1.5
    return factor


def gaps(units: int, rng: np.random.Generator) -> F64:
    """One feed-week in twenty is missing, and whole months of a feed here and there."""
    seen = (rng.random((units, 4, WEEKS)) > 0.05).astype(np.float64)
    for u in np.flatnonzero(rng.random(units) < 0.3):
        start = int(rng.integers(WEEKS - 6))
        seen[u, int(rng.integers(4)), start : start + 6] = 0.0
    return seen


VARIANTS = {
    "base": Variant("season 0.1, dispersion 0.04, a common weekly effect"),
    "no-season": Variant("no season", season=0.0),
    "strong-season": Variant("season 0.25", season=0.25),
    "noisy-exposure": Variant("exposure known with an error of a tenth", exposure_noise=0.1),
    "correlated": Variant("common effect 0.02, autocorrelation 0.5", sigma2=0.02, rho=0.5),
    "dispersed": Variant("dispersion doubled", dispersion=0.08, spread=1.6e-3),
    "heterogeneous": Variant(
        "dispersion 0.06 with a spread as large", dispersion=0.06, spread=3.6e-3
    ),
    "wide": Variant("rates vary with a coefficient of variation of 0.8", strength=1.5),
    "units-20": Variant("fleets of 20", units=20),
    "units-40": Variant("fleets of 40", units=40),
    "units-1000": Variant("fleets of 1,000", units=1000),
    "holidays": Variant("Christmas, other holidays, a busy week after", factor=holidays),
    "missing": Variant("missing weeks and months of a feed", seen=gaps),
    "shock": Variant("four weeks x1.25 everywhere", factor=shock),
    "lasting-shock": Variant("incidents x1.2 everywhere from one week on", factor=lasting_shock),
    "drift": Variant("incidents +5 % a year, complaints +3 %", factor=drift),
    "contaminated": Variant(
        "a tenth of units failing in the history", factor=contaminated, left_out=0.1
    ),
    "open-week": Variant("looks at every event of the open week", within_week=True),
}


def truth_of(
    variant: Variant, feeds: Sequence[str] = FEEDS, rates: Sequence[float] = RATES
) -> EvidenceModel:
    """The law that the units of a kind of fleet are drawn from."""
    width = len(feeds)
    return replace(
        EvidenceModel.plain(feeds, rates, strength=variant.strength),
        dispersion=np.full(width, variant.dispersion),
        dispersion_spread=np.full(width, variant.spread),
        season=np.tile([variant.season, variant.season / 3, 0.02, -0.02], (width, 1))
        * (variant.season > 0),
        sigma2=variant.sigma2,
        rho=variant.rho,
    )


def draw(variant: Variant, seed: int, *, weeks: int = WEEKS, change: F64 | None = None) -> Fleet:
    """One fleet with its truth; ``change`` (``F64[F, T]``) multiplies every unit's means."""
    rng = np.random.default_rng(seed)
    truth = truth_of(variant)
    units = variant.units
    shape = (units, 4, weeks)
    rates = draw_rates(truth, units, rng)
    alpha = draw_dispersions(
        np.tile(truth.dispersion, (units, 1)), np.tile(truth.dispersion_spread, (units, 1)), rng
    )
    exposure = np.ones(shape)
    if variant.seen is not None:
        exposure = variant.seen(units, rng)
    factor = np.broadcast_to(1.0 if variant.factor is None else variant.factor(units), shape)
    if change is not None:
        factor = factor * change
    if variant.exposure_noise:
        noise = rng.normal(0, variant.exposure_noise, shape)
        factor = factor * np.exp(noise - variant.exposure_noise**2 / 2)
    return simulate(
        truth, rates, alpha, exposure, week0=WEEK0, rng=rng, factor=factor,
        by_day=variant.within_week,
    )  # fmt: skip


def stages(block: FeedCounts, history: int) -> Iterator[tuple[int, int, EvidenceModel]]:
    """First and last week of each model that judges a fleet, and the model."""
    quarter = QUARTER[Grid.WEEK]
    starts = range(history, block.periods, 2 * quarter)
    for start in starts:
        past = block.until(start if start == history else start - quarter)
        fit = fit_fleet(past, FEEDS, minimum_history=history)
        model = calibrate(past, fit, units=2000, within_week=block.daily is not None, workers=1)
        yield start, min(start + 2 * quarter, block.periods), model


def watched(block: FeedCounts, history: int) -> WatchPath:
    """A fleet watched at both budgets, at each day with an event where days are known."""
    path = None
    for start, end, model in stages(block, history):
        path = watch(
            block.until(end), model, budget1=BUDGETS[0], budget2=BUDGETS[1], path=path,
            dirty_from=np.full(block.units, start, dtype=np.int64),
        )  # fmt: skip
    if path is None:
        raise ValueError("nothing follows the history")
    return path


def false_alerts(variant: Variant, seed: int) -> tuple[NDArray[np.float64], int]:
    """Alerts of one fleet at each budget, and the unit-weeks that were judged."""
    block = draw(variant, seed).block
    stable = np.arange(int(variant.left_out * block.units), block.units)
    path, alerts = watched(block, HISTORY), np.zeros(len(BUDGETS))
    for unit in stable:
        for crossing in path.crossings(unit):
            alerts[crossing.level - 1] += 1
    return alerts, len(stable) * FOLLOWED


def main() -> None:
    """Print a line per variant as it is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", nargs="*", default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("--fleets", type=int, default=10, help="fleets of a variant")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    unknown = set(options.variants) - set(VARIANTS)
    if unknown:
        parser.error(
            f"no such variant: {', '.join(sorted(unknown))}; there are {', '.join(VARIANTS)}"
        )
    print("variant          unit-years   over 0.2 [95 %]         over 0.05 [95 %]")
    with ProcessPoolExecutor() as pool:
        for name in options.variants:
            variant = VARIANTS[name]
            count = max(
                2, round(options.fleets * UNITS / variant.units / (1 if variant.units > 50 else 3))
            )
            seeds = [options.seed * 100_000 + n for n in range(count)]
            done = list(pool.map(false_alerts, [variant] * count, seeds))
            alerts = np.sum([found for found, _ in done], axis=0)
            years = sum(weeks for _, weeks in done) / WEEKS_PER_YEAR
            cells = []
            for n, budget in zip(alerts, BUDGETS, strict=True):
                low, high = poisson_limits(n, years)
                cells.append(f"{n / years / budget:.2f} [{low / budget:.2f}, {high / budget:.2f}]")
            print(
                f"{name:16} {years:10,.0f}   {cells[0]:22}  {cells[1]:22}  {variant.about}",
                flush=True,
            )


if __name__ == "__main__":
    main()
