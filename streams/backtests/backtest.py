"""Backtests: the production evidence, unchanged, over a file of counts.

Every unit's first periods are baseline only. Fit and thresholds first come from those
periods, and are renewed as time goes on and as more units have their baseline. They learn
only from what lies before the moment of judging, so that nothing later than an alert has
any part in it, data of other units included; and not from the newest quarter of a year,
where a change may be under way that is still to be heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detectors.evidence.calibrate import calibrate
from detectors.evidence.counts import I64, FeedCounts
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.model import Bars, EvidenceModel
from streams.backtests.arrange import BacktestError, arrange
from streams.backtests.baseline import baseline, first_judged, without_gaps
from streams.backtests.countsfile import Counts
from streams.backtests.culture import set_aside, told_rightly
from streams.backtests.peers import Unlike, unlike_peers
from streams.backtests.stretches import Stretch, boundaries, learnt_until, seen_at, stretches
from streams.backtests.watch import Alert, Segment, watch_all
from streams.evidence.reference import Reference
from streams.facts.periods import Grid

DEFAULT_HISTORY = {Grid.WEEK: 52, Grid.MONTH: 12}
FEWEST_HISTORY = 6
# No renewal follows another sooner, and none learns from what is newer.
QUARTER = {Grid.WEEK: 13, Grid.MONTH: 3}
# Where a fall is good; elsewhere fewer reports are not better care.
IMPROVABLE = frozenset({"falls"})
PSEUDO_UNITS = 2000

Progress = Callable[[str, float], None]

__all__ = [
    "Alert",
    "Backtest",
    "BacktestError",
    "Stage",
    "fit_and_calibrate",
    "run",
]


@dataclass(frozen=True, eq=False)
class Stage:
    """A model, the first column that it judges and the feeds that it may look at then.

    ``history`` are the baselines that the model was fitted to, None for a stored one.
    """

    start: int
    model: EvidenceModel
    level1: Bars
    level2: Bars
    block: FeedCounts
    history: FeedCounts | None = None


@dataclass(frozen=True, eq=False)
class Backtest:
    """What a backtest found.

    ``counts`` are those that were weighed (a harm share is set aside). ``ready`` is each
    unit's first judged column (the number of columns where there is none); ``judged`` is
    ``bool[U, T]``.
    """

    counts: Counts
    history: int
    budgets: tuple[float, float]
    alerts: tuple[Alert, ...]
    improvements: tuple[Alert, ...]
    stages: tuple[Stage, ...]
    ready: I64
    judged: np.ndarray
    calibration: str
    unlike: tuple[Unlike, ...] = ()


def run(
    counts: Counts,
    *,
    budget: float,
    budget2: float,
    history: int | None = None,
    reference: Reference | None = None,
    unit_class: str | None = None,
    progress: Progress | None = None,
    processes: int | None = None,
) -> Backtest:
    """Run the evidence over a counts file.

    Args:
        counts: the file.
        budget: false alerts per unit and year.
        budget2: those of level 2.
        history: observed periods of each unit that are baseline only; 52 weeks or
            12 months by default.
        reference: a stored calibration to use in place of the file's own.
        unit_class: which of its models; by default the first whose feeds fit.
        progress: called with what is being done and the share that is done.
        processes: how many watch the units; by default as many as are worth starting.

    Raises:
        BacktestError: budgets, history or calibration do not fit the file.

    """
    if not 0 < budget2 <= budget:
        raise BacktestError("budgets must be positive, level 2 not above level 1")
    if not budget < counts.per_year:
        raise BacktestError(
            f"a budget must be below one alert a period, {counts.per_year:.0f} a year"
        )
    needed = DEFAULT_HISTORY[counts.grid] if history is None else history
    if needed < FEWEST_HISTORY:
        raise BacktestError(f"the history must have at least {FEWEST_HISTORY} periods")
    counts, shares = set_aside(counts)
    ready = first_judged(counts.block, needed)
    if not (ready < counts.block.periods).any():
        raise BacktestError(
            f"no unit has more than {needed} observed periods, so there is nothing to judge"
        )
    tell = progress or (lambda _what, _share: None)
    stages = [
        Stage(start, model, model.threshold(budget), model.threshold(budget2), block, past)
        for start, block, model, past in _plan(counts, ready, needed, reference, unit_class, tell)
    ]
    segments = _segments(counts, stages, needed)
    found = watch_all(
        segments,
        (budget, budget2),
        lambda share: tell("evidence", share),
        processes=processes,
    )
    if shares is not None:
        found = told_rightly(found, segments, shares, (budget, budget2))
    return Backtest(
        counts=counts,
        history=needed,
        budgets=(budget, budget2),
        alerts=tuple(alert for alert in found if alert.direction == "concern"),
        improvements=tuple(alert for alert in found if alert.direction != "concern"),
        stages=tuple(stages),
        ready=ready,
        judged=_judged(segments, counts.block, needed),
        calibration="own history" if reference is None else reference.version,
        unlike=tuple(
            unlike_peers(
                [
                    (stage.start, stage.history, stage.model)
                    for stage in stages
                    if stage.history is not None
                ],
                ready,
            )
        ),
    )


def fit_and_calibrate(
    counts: Counts,
    history: FeedCounts,
    needed: int,
    progress: Callable[[float], None] | None = None,
) -> EvidenceModel:
    """Fit a fleet to baseline periods and set its thresholds by simulation."""
    fit = fit_fleet(
        history,
        counts.feeds,
        improvable=[name in IMPROVABLE for name in counts.feeds],
        per_year=counts.per_year,
        minimum_history=needed,
    )
    past = without_gaps(history)
    return calibrate(past, fit, units=PSEUDO_UNITS, within_week=False, progress=progress)


def _plan(
    counts: Counts,
    ready: I64,
    needed: int,
    reference: Reference | None,
    unit_class: str | None,
    tell: Progress,
) -> Iterator[tuple[int, FeedCounts, EvidenceModel, FeedCounts | None]]:
    """Give the stages: first judged column, what may be seen, the model and its baselines."""
    block = counts.block
    if reference is not None:
        arranged, model = arrange(counts, reference, unit_class)
        yield 0, arranged, replace(model, minimum_history=needed), None
        return
    quarter = QUARTER[counts.grid]
    found = stretches(block, counts.rebases, needed)
    cutoffs = _cutoffs(block, ready, needed, quarter, found)
    for number, cutoff in enumerate(cutoffs):
        seen = seen_at(block, found, cutoff)
        own = ready if seen is block else first_judged(seen, needed)
        until = np.maximum(learnt_until(found, own, block.feeds, cutoff), cutoff - quarter)
        history = baseline(seen, until, cutoff)
        known = np.asarray(np.any(history.exposure > 0, axis=(0, 2)))
        # A feed without any baseline yet waits for the next renewal.
        exposure = np.where(known[None, :, None], block.exposure, 0.0)
        label = f"fit and thresholds {number + 1} of {len(cutoffs)}"

        def step(share: float, label: str = label) -> None:
            tell(label, share)

        yield (
            cutoff,
            FeedCounts(block.counts, exposure, block.week0),
            fit_and_calibrate(counts, history, needed, step),
            history,
        )


def _segments(counts: Counts, stages: list[Stage], needed: int) -> list[Segment]:
    """Cut time where the model or what may be looked at changes."""
    feeds = stages[0].model.feeds
    place = [feeds.index(name) for name in counts.feeds]
    rebases = tuple((unit, place[feed], column) for unit, feed, column in counts.rebases)
    found = stretches(stages[0].block, rebases, needed)
    periods = counts.block.periods
    first = stages[0].start
    starts = {stage.start for stage in stages}
    starts |= {moment for moment in boundaries(found, periods) if moment > first}
    edges = [*sorted(starts), periods]
    segments = []
    for start, end in pairwise(edges):
        stage = [one for one in stages if one.start <= start][-1]
        block = seen_at(stage.block, found, start)
        segments.append(Segment(start, end, block, stage.model))
    return segments


def _cutoffs(
    block: FeedCounts, ready: I64, needed: int, quarter: int, found: list[Stretch]
) -> list[int]:
    """Columns at which the fit is renewed: half-yearly, and when units or feeds get ready.

    The first renewal comes a quarter after the fit at the earliest, then they grow as rare as
    one a year. Each depends on earlier ones only, so that a longer file never moves one.
    """
    moments = set(ready[ready < block.periods].tolist())
    for feed in range(block.feeds):
        series = first_judged(
            FeedCounts(block.counts[:, [feed]], block.exposure[:, [feed]], block.week0), needed
        )
        moments.update(series[series < block.periods].tolist())
    moments.update(stretch.ripe for stretch in found if stretch.ripe < stretch.end)
    first = int(ready.min())
    moments.update(range(first, block.periods, 2 * quarter))
    chosen, gap = [first], quarter
    for moment in sorted(moments):
        if moment >= chosen[-1] + gap:
            chosen.append(moment)
            gap = min(2 * gap, 4 * quarter)
    return chosen


def _judged(segments: list[Segment], block: FeedCounts, needed: int) -> np.ndarray:
    """Observed unit-periods after the baseline, ``bool[U, T]``, resting series left out."""
    judged = np.zeros((block.units, block.periods), dtype=np.bool_)
    columns = np.arange(block.periods)
    for segment in segments:
        seen = segment.block
        ready = first_judged(seen, needed)[:, None]
        here = (columns >= segment.start) & (columns < segment.end)
        judged |= np.any(seen.exposure > 0, axis=1) & here & (columns >= ready)
    return judged
