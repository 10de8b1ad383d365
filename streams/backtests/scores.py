"""How good a way of watching was: false alerts, detection delay, precision.

False alerts are those before a unit's truth changed (all of them where it never did), with
the exact Poisson interval of their rate (F. Garwood, "Fiducial limits for the Poisson
distribution", Biometrika 28, 1936). Precision is the share of true alerts, with the exact
binomial interval (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934). A change is found
once: what follows its first alert adds to that one and counts neither as true nor as false,
since a way of watching that repeats itself would otherwise look better for it, and repeats
are not independent trials. Delay is the time from a change to the end of the period whose
data raised the first alert after it. A unit whose truth had changed before its first judged
period has no part in any of these: its baseline knows the change already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.backtests.countsfile import Counts

INTERVAL = 0.95
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the units of a file, and when they were judged.

    ``judged`` and ``quiet`` are ``bool[U, T]``: judged at all, and judged before the
    unit's truth changed, if it did. ``too_early`` is ``bool[U]``: changed before anybody
    watched.
    """

    counts: Counts
    judged: NDArray[np.bool_]
    quiet: NDArray[np.bool_]
    too_early: NDArray[np.bool_]

    @classmethod
    def of(cls, counts: Counts, judged: NDArray[np.bool_]) -> Truth:
        """Take the changes from the file."""
        ends = np.array(counts.end_days, dtype=np.float64)
        changed = np.array([np.inf if day is None else day for day in counts.changed_at])
        # A change at the very end of the last period before is the first that can be heard.
        begins = np.concatenate([[-np.inf], ends[:-1]])[judged.argmax(axis=1)]
        too_early = judged.any(axis=1) & (changed < begins)
        return cls(counts, judged, judged & (ends <= changed[:, None]), too_early)

    @property
    def step(self) -> float:
        """Weeks in a period."""
        return 365.25 / 7 / self.counts.per_year

    def years(self, mask: NDArray[np.bool_]) -> float:
        """Unit-years in a mask of unit-periods."""
        return float(mask.sum()) / self.counts.per_year


def poisson_limits(events: float, years: float) -> tuple[float, float]:
    """Lower and upper limit of a rate of events a year."""
    from scipy.stats import chi2  # noqa: PLC0415 - costs a command-line start a second

    tail = (1 - INTERVAL) / 2
    lower = float(chi2.ppf(tail, 2 * events)) / 2 if events else 0.0
    upper = float(chi2.ppf(1 - tail, 2 * events + 2)) / 2
    return lower / years, upper / years


def poisson_rate(events: int, years: float) -> dict[str, Any]:
    """Events a year with the exact interval; None where there was no time."""
    if years <= 0:
        return {"value": None, "lower": None, "upper": None, "alerts": events}
    lower, upper = poisson_limits(events, years)
    return {
        "value": events / years,
        "lower": lower,
        "upper": upper,
        "alerts": events,
    }


def share(hits: int, of: int) -> dict[str, Any]:
    """A share with the exact interval; None of nothing."""
    from scipy.stats import beta  # noqa: PLC0415 - costs a command-line start a second

    if not of:
        return {"value": None, "lower": None, "upper": None, "true": 0, "alerts": 0}
    tail = (1 - INTERVAL) / 2
    return {
        "value": hits / of,
        "lower": float(beta.ppf(tail, hits, of - hits + 1)) if hits else 0.0,
        "upper": float(beta.ppf(1 - tail, hits + 1, of - hits)) if hits < of else 1.0,
        "true": hits,
        "alerts": of,
    }


def false_alerts(truth: Truth, alerts: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """Alerts (unit, column) that no change explains, per unit-year."""
    events = sum(bool(truth.quiet[unit, column]) for unit, column in alerts)
    return poisson_rate(events, truth.years(truth.quiet))


def precision(
    truth: Truth,
    alerts: Sequence[tuple[int, int]],
    heard: Sequence[tuple[int, int]] | None = None,
) -> dict[str, Any]:
    """Changes found over changes found and false alerts.

    None where nothing is known of changes, for then no alert can be told to be true.

    Args:
        truth: what is known of the units.
        alerts: (unit, column) of every alert; those before a change are false.
        heard: those from which changes are heard, ``alerts`` by default.
    """
    if not any(day is not None for day in truth.counts.changed_at):
        return share(0, 0)
    false = sum(bool(truth.quiet[unit, column]) for unit, column in alerts)
    true = sum(
        delay is not None for delay in delays(truth, alerts if heard is None else heard).values()
    )
    return share(true, true + false)


def delays(truth: Truth, alerts: Iterable[tuple[int, int]]) -> dict[int, float | None]:
    """Weeks from each judged unit's change to its first alert after it, None if none came."""
    ends = truth.counts.end_days
    columns: dict[int, list[int]] = {}
    for unit, column in alerts:
        columns.setdefault(unit, []).append(column)
    found: dict[int, float | None] = {}
    for unit, changed in enumerate(truth.counts.changed_at):
        if changed is None or not truth.judged[unit].any() or changed >= ends[-1]:
            continue
        if truth.too_early[unit]:
            continue
        after = [(ends[c] - changed) / 7 for c in columns.get(unit, ()) if ends[c] > changed]
        found[unit] = min(after) if after else None
    return found


def median_delay(found: Iterable[float | None], step: float = 1.0) -> dict[str, Any]:
    """Median over all changed units, those not found counting as later than any.

    ``step`` is the length of a period in weeks; see ``interpolated_median``.
    """
    values = np.array([np.inf if delay is None else delay for delay in found])
    middle = float(np.median(values)) if len(values) else np.inf
    return {
        "units": len(values),
        "detected": int(np.isfinite(values).sum()),
        "median": middle if np.isfinite(middle) else None,
        "interpolated": interpolated_median(values, step),
    }


def interpolated_median(values: NDArray[np.float64], step: float = 1.0) -> float | None:
    """Median of delays that are known to the period: each lies evenly in the period before it.

    The median of data in classes of one width: where half of the delays lie below. Where that is
    true between two classes it is the middle of the gap, and None where half are not found.
    """
    ends, times = np.unique(values[np.isfinite(values)], return_counts=True)
    half = len(values) / 2
    if not len(ends) or times.sum() < half:
        return None
    begins = np.maximum(ends - step, 0.0)
    edges = np.unique(np.concatenate([begins, ends]))
    passed = np.clip((edges[:, None] - begins) / np.maximum(ends - begins, 1e-9), 0.0, 1.0)
    below = passed @ times
    first = int(np.flatnonzero(below >= half - _ROUNDING)[0])
    if abs(below[first] - half) <= _ROUNDING:
        # As many lie before as after it, and none in between.
        last = int(np.flatnonzero(below <= half + _ROUNDING)[-1])
        if last == len(edges) - 1 and times.sum() < len(values):
            return None
        return float(edges[first] + edges[last]) / 2
    return float(np.interp(half, below[first - 1 : first + 1], edges[first - 1 : first + 1]))
