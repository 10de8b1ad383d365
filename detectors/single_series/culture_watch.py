"""Watching a unit whose incidents have risen: a failing, better reporting, or too soon to say.

Where the evidence of a failing passes its bar (``detectors.evidence.procedure``) and
incidents have a part in it, the odds of ``reporting_culture`` are asked, at that look and
at every close from then on. Above the bar it is a concern; where better reporting is
more probable by a factor of e, it is told as that; between the two nothing is said yet. A
concern that later periods show to be better reporting is explained. All of it is a
function of the periods up to each close.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from detectors.evidence.counts import F64
from detectors.evidence.looks import first_with, observed_before
from detectors.evidence.model import EvidenceModel
from detectors.evidence.statistic import Tables, accumulate, tables
from detectors.single_series.culture_closes import (
    ASKED,
    EVIDENCE,
    FEEDS,
    KIND,
    LAST,
    ONSET,
    PATIENCE,
    PERIOD,
    ROW,
    STATE,
    Past,
    fill,
    log_culture,
    walk,
)
from detectors.single_series.reporting_culture import AGES, harm_sums, log_sum

INCIDENTS = "incidents"

Kind = Literal["concern", "raised", "better", "explained"]
# As the walk numbers them.
_KINDS: tuple[Kind, ...] = ("concern", "raised", "better", "explained")


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """One unit's history, as far as it is known at a look.

    Args:
        counts: ``F64[F, T]``, events of each feed and period.
        expected: ``F64[F, T]``, exposure times season; 0 where not observed.
        harmed: ``F64[T]``, incidents with harm.
        graded: ``F64[T]``, incidents whose harm is known.

    Raises:
        ValueError: shapes that disagree, or more harmed than graded.

    """

    counts: F64
    expected: F64
    harmed: F64
    graded: F64

    def __post_init__(self) -> None:
        periods = self.counts.shape[-1:]
        if self.counts.shape != self.expected.shape or self.counts.ndim != 2:
            raise ValueError("counts and expected must both have shape (feeds, periods)")
        if self.harmed.shape != periods or self.graded.shape != periods:
            raise ValueError(f"harmed and graded must have shape {periods}")
        if not ((self.harmed >= 0).all() and (self.harmed <= self.graded).all()):
            raise ValueError("harm needs 0 <= harmed <= graded in every period")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a close says.

    ``kind`` is ``concern`` (level 1), ``raised`` (level 2), ``better`` (reporting) or
    ``explained`` (the concern before it, by better reporting). ``period`` and ``onset`` are
    columns, ``feeds`` those that changed; ``log_evidence`` are the log odds of a failing, or
    log C of better reporting.
    """

    kind: Kind
    period: int
    onset: int
    feeds: tuple[bool, ...]
    log_evidence: float


def start_state(last1: int = -1, last2: int = -1) -> F64:
    """The state before a first period, after the last alerts of either level."""
    state = np.full(STATE, -1.0)
    state[LAST], state[LAST + 1] = last1, last2
    return state


def told_state(period: int, last2: int) -> F64:
    """The state after a concern that was told at a look within ``period``."""
    state = start_state(period, last2)
    state[ASKED] = period
    return state


def weigh(
    unit: Unit,
    model: EvidenceModel,
    bars: tuple[float, float],
    *,
    start: int,
    end: int,
    state: F64,
) -> list[Finding]:
    """Judge the closes of periods ``start`` to ``end`` (exclusive).

    Args:
        unit: the history; nothing after a close has any part in what it says.
        model: the unit's model, one feed of which is ``incidents``.
        bars: log evidence of levels 1 and 2.
        start: first period.
        end: the period after the last.
        state: from ``start_state`` or an earlier call; brought up to date.

    Raises:
        ValueError: a model without incidents or of other feeds.

    """
    tab, past, ready = _past(unit, model)
    # A close gives four rows at most.
    rows = np.zeros((4 * max(0, end - start), ROW))
    used = walk(past, tab, max(start, ready), end, np.array(bars, np.float64), state, rows)
    return [
        Finding(
            kind=_KINDS[int(row[KIND])],
            period=int(row[PERIOD]),
            onset=int(row[ONSET]),
            feeds=tuple(bool(int(row[FEEDS]) >> f & 1) for f in range(len(model.feeds))),
            log_evidence=float(row[EVIDENCE]),
        )
        for row in rows[:used]
    ]


def odds_at(unit: Unit, model: EvidenceModel, bar: float, *, since: int, closed: int) -> float:
    """The log odds of a failing at a look: the last period of a history, which may be open.

    Args:
        unit: the history up to the look.
        model: as for ``weigh``.
        bar: log evidence that the look must pass.
        since: the earliest onset that counts.
        closed: harm counts in periods before this one.

    Raises:
        ValueError: as for ``weigh``.

    """
    tab, past, _ = _past(unit, model)
    t = unit.counts.shape[1] - 1
    weight, _, onset = log_culture(past, tab, t, closed)
    terms = np.empty((AGES.size, tab.weight.size))
    fill(past, tab, t, since, weight - bar, onset, terms)
    return float(log_sum(terms))


def _past(unit: Unit, model: EvidenceModel) -> tuple[Tables, Past, int]:
    """Tables, sums, and the first period that may be judged."""
    feeds, periods = unit.counts.shape
    if INCIDENTS not in model.feeds or feeds != len(model.feeds):
        raise ValueError(f"better reporting needs {INCIDENTS!r} among {feeds} feeds: {model.feeds}")
    tab = tables(model, model.patterns)
    sums, mass = np.zeros((periods + 1, feeds)), np.zeros((periods + 1, feeds))
    accumulate(unit.counts, unit.expected, tab, sums, mass, np.zeros((periods, feeds)))
    seen, half = observed_before(unit.expected), model.baseline
    feed = model.feeds.index(INCIDENTS)
    harm = harm_sums(unit.harmed, unit.graded, unit.counts[feed], unit.expected[feed])
    patience = max(1, round(PATIENCE * model.per_year))
    past = Past(sums, mass, harm, feed, first_with(seen, half), half, patience)
    return tab, past, int(first_with(seen, model.minimum_history))
