"""Two usual ways of watching the same counts, for comparison with the evidence.

Both chart every series of a unit by itself as count over exposure, take their limits from
the same baseline periods and are judged in the same unit-periods as the evidence; a
concern is a rise, and the unit has an alert when any of its series has one.

``nhs_rules``
    The four rules of "Making Data Count" on XmR charts (``detectors.charts``), limits
    fixed by the baseline, the rules' high side. A rule goes on holding while its pattern
    lasts, so an alert is the first of consecutive periods in which one became or stayed
    true. A change is heard as soon as a rule becomes true after it, also where another held
    already: otherwise a false alert before a change would hide that it was found.
``cusum``
    The one-sided tabular CUSUM with k = 0.5 and h = 5 standard deviations, mean and
    standard deviation from the baseline, started afresh at each alert: on independent
    Gaussian data with known mean and sigma one false alert in 930 periods and series
    (D. C. Montgomery, "Introduction to Statistical Quality Control", 9.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detectors.bank import CUSUM_HIGH, Bank
from detectors.charts.nhs_rules import HIGH_BITS
from detectors.charts.xmr import xmr_limits
from detectors.evidence.counts import F64
from streams.backtests.countsfile import Counts

K, H = 0.5, 5.0
# Series charted at once: their values stay in memory only that long.
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Rival:
    """One way of watching: its name, what it does in words, and its alerts.

    ``alerts`` are (unit, column) pairs in order, ``heard`` those from which delays are told:
    the alerts, and for rules that last also what became true while an alert was standing.
    ``unjudged`` counts the series whose baseline gives no limits (too sparse, or too short).
    """

    name: str
    words: str
    alerts: tuple[tuple[int, int], ...]
    unjudged: int
    heard: tuple[tuple[int, int], ...]


NHS_WORDS = "the four NHS rules on an XmR chart of each feed, any feed"
CUSUM_WORDS = f"a CUSUM of each feed (k = {K}, h = {H:g} standard deviations), any feed"


@dataclass(frozen=True, slots=True)
class _Series:
    """One chart: a series between two declared beginnings."""

    unit: int
    feed: int
    begin: int
    end: int


def rivals(counts: Counts, history: int, judged: NDArray[np.bool_]) -> tuple[Rival, Rival]:
    """Watch a file's counts in both usual ways.

    Args:
        counts: the file.
        history: observed periods of each series that fix its limits.
        judged: ``bool[U, T]``, unit-periods in which the evidence was judged.

    """
    charts = list(_charts(counts))
    shape = judged.shape
    nhs, anew, cusum = (np.zeros(shape, dtype=np.bool_) for _ in range(3))
    blind_nhs = blind_cusum = 0
    for first in range(0, len(charts), _CHUNK):
        part = charts[first : first + _CHUNK]
        values = _values(counts, part)
        baselines = [np.flatnonzero(np.isfinite(column))[:history] for column in values.T]
        units = np.array([chart.unit for chart in part])
        bits, blind = _nhs(values, baselines, history)
        np.logical_or.at(nhs, units, (bits > 0).T)
        np.logical_or.at(anew, units, (_became_true(bits) > 0).T)
        blind_nhs += blind
        up, blind = _cusum(values, baselines, history)
        np.logical_or.at(cusum, units, up.T)
        blind_cusum += blind
    episodes, alarms = _episodes(nhs, judged), _points(cusum & judged)
    heard = tuple(sorted({*episodes, *_points(anew & judged)}))
    return (
        Rival("nhs_rules", NHS_WORDS, episodes, blind_nhs, heard),
        Rival("cusum", CUSUM_WORDS, alarms, blind_cusum, alarms),
    )


def _charts(counts: Counts) -> list[_Series]:
    periods = counts.block.periods
    begins: dict[tuple[int, int], list[int]] = {}
    for unit, feed, column in counts.rebases:
        begins.setdefault((unit, feed), []).append(column)
    charts = []
    for unit, feed in np.argwhere((counts.block.exposure > 0).any(axis=2)).tolist():
        edges = [0, *begins.get((unit, feed), []), periods]
        charts += [_Series(unit, feed, begin, end) for begin, end in pairwise(edges) if end > begin]
    return charts


def _values(counts: Counts, charts: Sequence[_Series]) -> F64:
    """Counts over exposure, ``F64[T, S]``; NaN where not observed or not in the stretch."""
    block = counts.block
    values = np.full((block.periods, len(charts)), np.nan)
    for column, chart in enumerate(charts):
        inside = slice(chart.begin, chart.end)
        exposure = block.exposure[chart.unit, chart.feed, inside]
        seen = exposure > 0
        rate = np.divide(
            block.counts[chart.unit, chart.feed, inside],
            exposure,
            out=np.full(len(exposure), np.nan),
            where=seen,
        )
        values[inside, column] = rate
    return values


def _nhs(values: F64, baselines: list[NDArray[np.int64]], history: int) -> tuple[np.ndarray, int]:
    mean, sigma = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for column, known in enumerate(baselines):
        if len(known) < history:
            continue
        limits = xmr_limits(values[: known[-1] + 1, column])
        if not limits.reason:
            mean[column], sigma[column] = limits.mean, limits.sigma
    signals = Bank(mean, sigma, k=K, h=H).run(values)
    return signals & HIGH_BITS, int((sigma == 0).sum())


def _became_true(bits: np.ndarray) -> np.ndarray:
    """The rules of each period that did not hold in the one before, ``uint16[T, S]``."""
    before = np.zeros_like(bits)
    before[1:] = bits[:-1]
    return np.asarray(bits & ~before)


def _cusum(values: F64, baselines: list[NDArray[np.int64]], history: int) -> tuple[np.ndarray, int]:
    mean, sigma = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    later = values.copy()
    for column, known in enumerate(baselines):
        if len(known) < history:
            later[:, column] = np.nan
            continue
        learnt = values[known, column]
        mean[column], sigma[column] = learnt.mean(), learnt.std(ddof=1)
        # The sum starts at nothing when the baseline ends.
        later[: known[-1] + 1, column] = np.nan
    signals = Bank(mean, sigma, k=K, h=H).run(later)
    return (signals & CUSUM_HIGH) > 0, int((sigma == 0).sum())


def _points(signals: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    return tuple((int(unit), int(column)) for unit, column in np.argwhere(signals))


def _episodes(signals: NDArray[np.bool_], judged: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """The first of consecutive judged periods with a signal; gaps are passed over."""
    found = []
    for unit in range(len(signals)):
        columns = np.flatnonzero(judged[unit])
        on = signals[unit, columns]
        starts = on & ~np.concatenate([[False], on[:-1]])
        found += [(unit, int(column)) for column in columns[starts]]
    return tuple(found)
