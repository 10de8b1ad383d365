"""Kulldorff's scan: where, and since when, there are more (or fewer) events than expected.

Every zone (a set of wards) in every window of time is a candidate cluster. With c events in
it, C in all, and mu expected in it when all are rescaled to C,

    LLR = c log(c / mu) + (C - c) log((C - c) / (C - mu))

where c > mu (a rise) or c < mu (a fall), else 0. The largest LLR is the scan statistic. Its null
distribution is found by dealing out C events again and again in proportion to what was expected:
p = (1 + number of simulated maxima at least as large) / (1 + simulations). Looking in many
places is so allowed for; no further correction is due, within one scan.

The *prospective* scan asks about clusters that last until now. Its p-value is for one look: a
scan repeated every week gives a false cluster with p <= 0.05 about every 20 weeks where little
overlaps, so its recurrence interval, periods / p, is given too (Kleinman, Lazarus & Platt,
American Journal of Epidemiology 159, 2004).

It is conditional on C: a rise of the whole provider through all time is no cluster, and one in
recent weeks shows only against the earlier weeks. Events must be Poisson about what is expected;
overdispersed counts make p too small.

Sources: M. Kulldorff, "A spatial scan statistic", Communications in Statistics: Theory and Methods
26 (1997), 1481; "Prospective time periodic geographical disease surveillance using a scan
statistic", Journal of the Royal Statistical Society A 164 (2001), 61.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from detectors.arrays import Booleans, Floats, Ints
from detectors.compiled import compiled
from detectors.demands import check_choice, check_whole, numbers

Zones = tuple[tuple[int, ...], ...]
Direction = Literal["rise", "fall", "both"]

_DIRECTIONS = {"rise": 1, "fall": -1, "both": 0}
_BATCH = 2_000_000
"""Simulated cells held at once."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One zone and window: wards ``zone``, periods ``start`` up to but not including ``stop``."""

    zone: tuple[int, ...]
    start: int
    stop: int
    observed: float
    expected: float
    llr: float
    p_value: float

    @property
    def ratio(self) -> float:
        """Observed over expected."""
        return self.observed / self.expected

    @property
    def recurrence_periods(self) -> float:
        """Scans, one a period, until one gives so small a p-value by chance on average."""
        return 1.0 / self.p_value


def scan(
    counts: ArrayLike,
    expected: ArrayLike,
    *,
    zones: Zones,
    rng: np.random.Generator,
    longest: int | None = None,
    prospective: bool = True,
    direction: Direction = "rise",
    simulations: int = 999,
    most: int = 3,
) -> tuple[Cluster, ...]:
    """The strongest clusters that share no unit, strongest first, empty when none stands out.

    Args:
        counts: Events, shape (units, periods), NaN where missing.
        expected: Events expected when nothing is changed, of the same shape. Only proportions
            matter.
        zones: Candidate sets of unit numbers, as ``scan_zones.natural_zones`` makes them.
        rng: Generator of the simulations; the same seed gives the same p-values.
        longest: Longest window in periods, half of the record unless given. Longer windows find
            slower rises and dilute the search.
        prospective: Whether windows must last until the last period.
        direction: ``"rise"``, ``"fall"`` or ``"both"``.
        simulations: Number of simulations; the smallest p-value is 1 / (1 + simulations).
        most: Most clusters given. All are judged against the largest simulated LLR, so those
            after the first have p-values on the large side.

    Raises ``ValueError`` for shapes that differ, negative or infinite numbers, events where none
    were expected, unknown units in zones, or settings out of range, ``TypeError`` for no generator.
    """
    c, b = _cells(counts, expected)
    members = _members(zones, len(c))
    windows = scan_windows(c.shape[1], longest, prospective=prospective)
    check_choice("direction", direction, _DIRECTIONS)
    check_whole("simulations", simulations, 1)
    check_whole("most", most, 1)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a NumPy generator, not {rng!r}")
    total, way = float(c.sum()), _DIRECTIONS[direction]
    if total == 0.0:
        return ()
    c, b, windows, offset = _without_the_past(c, b, windows)
    b = b * (total / b.sum())
    mu = _sums(b, members, windows)
    found = _sums(c, members, windows)
    llr = np.zeros(mu.shape)
    _ratios(found, mu, total, way, llr)
    maxima = _simulated(b, members, windows, mu, round(total), way, simulations, rng)
    clusters: list[Cluster] = []
    for flat in np.argsort(-llr, axis=None, kind="stable"):
        z, w = (int(i) for i in np.unravel_index(flat, llr.shape))
        if llr[z, w] <= 0.0 or len(clusters) == most:
            break
        if any(set(zones[z]) & set(cluster.zone) for cluster in clusters):
            continue
        # A tie must count as reached whatever the order of addition.
        reached = int((maxima >= llr[z, w] * (1.0 - 1e-9)).sum())
        clusters.append(
            Cluster(
                zone=tuple(zones[z]),
                start=offset + int(windows[w, 0]),
                stop=offset + int(windows[w, 1]),
                observed=float(found[z, w]),
                expected=float(mu[z, w]),
                llr=float(llr[z, w]),
                p_value=(1 + reached) / (1 + simulations),
            )
        )
    return tuple(clusters)


def poisson_llr(observed: float, expected: float, total: float) -> float:
    """LLR of one cluster with ``observed`` of ``total`` events where ``expected`` were due.

    Symmetric in direction; 0 where observed equals expected.
    """
    rest, due = total - observed, total - expected
    inside = observed * math.log(observed / expected) if observed > 0.0 else 0.0
    outside = rest * math.log(rest / due) if rest > 0.0 else 0.0
    return inside + outside


def scan_windows(periods: int, longest: int | None, *, prospective: bool) -> Ints:
    """Windows (start, stop) of at most ``longest`` periods, shape (windows, 2), shortest first.

    Raises ``ValueError`` for a longest window that the record does not hold.
    """
    limit = max(1, periods // 2) if longest is None else longest
    if periods < 1 or not 1 <= limit <= periods:
        raise ValueError(f"longest must lie between 1 and {periods} periods, not {limit}")
    return np.array(
        [
            (stop - length, stop)
            for length in range(1, limit + 1)
            for stop in ([periods] if prospective else range(length, periods + 1))
        ],
        np.int64,
    )


def _cells(counts: ArrayLike, expected: ArrayLike) -> tuple[Floats, Floats]:
    c, b = numbers("counts", counts).copy(), numbers("expected", expected).copy()
    if c.ndim != 2 or c.shape != b.shape or not c.size:
        raise ValueError(f"counts and expected must be tables alike: {c.shape} and {b.shape}")
    missing = np.isnan(c) | np.isnan(b)
    c[missing] = b[missing] = 0.0
    for name, values in (("counts", c), ("expected", b)):
        if (values < 0.0).any() or np.isinf(values).any():
            raise ValueError(f"{name} must be finite and not negative")
    if (c[b == 0.0] > 0.0).any():
        raise ValueError("counts must be 0 where expected is 0")
    if (c != np.round(c)).any():
        raise ValueError("counts must be whole numbers")
    return c, b


def _members(zones: Zones, units: int) -> Booleans:
    if not zones:
        raise ValueError("zones must hold at least one set of units")
    members = np.zeros((len(zones), units), np.bool_)
    for number, zone in enumerate(zones):
        if not zone or not all(0 <= unit < units for unit in zone):
            raise ValueError(f"zones must name units 0 to {units - 1}, not {zone}")
        members[number, list(zone)] = True
    return members


def _without_the_past(c: Floats, b: Floats, windows: Ints) -> tuple[Floats, Floats, Ints, int]:
    """The cells with all periods before the first window added up into one.

    Which of those periods an event falls into changes no candidate, so it need not be simulated.
    """
    first = int(windows[:, 0].min())
    if first < 2:
        return c, b, windows, 0
    past = [np.column_stack([cells[:, :first].sum(axis=1), cells[:, first:]]) for cells in (c, b)]
    return past[0], past[1], windows - (first - 1), first - 1


def _sums(cells: Floats, members: Booleans, windows: Ints) -> Floats:
    """Sums within each zone and window, shape (zones, windows)."""
    by_zone = members.astype(np.float64) @ cells
    upto = np.concatenate([np.zeros((len(by_zone), 1)), np.cumsum(by_zone, axis=1)], axis=1)
    inside: Floats = upto[:, windows[:, 1]] - upto[:, windows[:, 0]]
    return inside


def _simulated(
    b: Floats,
    members: Booleans,
    windows: Ints,
    mu: Floats,
    total: int,
    way: int,
    simulations: int,
    rng: np.random.Generator,
) -> Floats:
    """Largest LLR of each simulation: the events dealt out anew in proportion to ``b``."""
    chances = (b / b.sum()).ravel()
    maxima = np.zeros(simulations)
    size = max(1, _BATCH // len(chances))
    for start in range(0, simulations, size):
        part = maxima[start : start + size]
        dealt = rng.multinomial(total, chances, len(part)).reshape(len(part), *b.shape)
        _maxima(dealt, members, windows, mu, float(total), way, part)
    return maxima


@compiled
def _llr(observed: float, expected: float, total: float, way: int) -> float:
    # Equality to within rounding is no cluster in either direction.
    excess = observed - expected
    if abs(excess) <= 1e-9 * total or (way != 0 and excess * way < 0.0):
        return 0.0
    rest, due = total - observed, total - expected
    llr = 0.0
    if observed > 0.0:
        llr += observed * math.log(observed / expected)
    if rest > 0.0:
        llr += rest * math.log(rest / due)
    return llr


@compiled
def _ratios(found: Floats, mu: Floats, total: float, way: int, llr: Floats) -> None:
    for z in range(found.shape[0]):
        for w in range(found.shape[1]):
            llr[z, w] = _llr(found[z, w], mu[z, w], total, way)


@compiled
def _maxima(
    dealt: Ints,
    members: Booleans,
    windows: Ints,
    mu: Floats,
    total: float,
    way: int,
    maxima: Floats,
) -> None:
    runs, units, periods = dealt.shape
    upto = np.zeros(periods + 1)
    for run in range(runs):
        largest = 0.0
        for z in range(len(members)):
            upto[:] = 0.0
            for u in range(units):
                if members[z, u]:
                    for t in range(periods):
                        upto[t + 1] += dealt[run, u, t]
            for t in range(periods):
                upto[t + 1] += upto[t]
            for w in range(len(windows)):
                inside = upto[windows[w, 1]] - upto[windows[w, 0]]
                largest = max(largest, _llr(inside, mu[z, w], total, way))
        maxima[run] = largest
