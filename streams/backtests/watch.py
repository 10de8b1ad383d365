"""The watch of a backtest: segments of time under one model, spread over the cores.

Within a segment the model and what may be looked at stay the same; the next one resumes
where it ended. Units are independent of one another once the models are known, so they
are shared out to processes where there is work enough to be worth starting them.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from detectors.evidence.calibrate import usable_cores
from detectors.evidence.counts import I64, FeedCounts
from detectors.evidence.crossings import Crossing, WatchPath, Way
from detectors.evidence.model import EvidenceModel
from detectors.evidence.watch import watch

# Unit-periods of work that are worth a process of its own (a second to start).
WORTH_A_PROCESS = 500_000
_DIRECTION = {Way.CONCERN: "concern", Way.IMPROVEMENT: "improvement"}


@dataclass(frozen=True)
class Alert:
    """One alert of level 1, with what became of it. Columns are those of the file.

    ``kind`` is ``quality``, or ``listening`` where more reports with less harm tell of
    better reporting; ``withdrawn`` is the column whose data showed that of a concern
    already raised, or -1. ``episode`` is the column that opened the episode to which the alert
    belongs, ``subsided`` the one that ended it, or -1 while it lasts: a running service tells
    an episode once and adds later alerts to it.
    """

    unit: int
    level: int
    direction: str
    column: int
    raised_column: int
    onset: int
    feeds: tuple[int, ...]
    log_evidence: float
    kind: str = "quality"
    withdrawn: int = -1
    episode: int = -1
    subsided: int = -1


@dataclass(frozen=True, eq=False)
class Segment:
    """Columns ``start`` to ``end`` under one model, and what may be looked at meanwhile."""

    start: int
    end: int
    block: FeedCounts
    model: EvidenceModel

    def select(self, units: I64) -> Segment:
        """The same for some of the units."""
        return replace(self, block=self.block.select(units))


def watch_segments(segments: Sequence[Segment], budgets: tuple[float, float]) -> list[Alert]:
    """Watch every unit through all segments; its alerts, concerns and improvements."""
    path: WatchPath | None = None
    for segment in segments:
        path = watch(
            segment.block.until(segment.end),
            segment.model,
            budget1=budgets[0],
            budget2=budgets[1],
            path=path,
            dirty_from=np.full(segment.block.units, segment.start, dtype=np.int64),
        )
    if path is None:
        return []
    return [alert for way in Way for alert in _alerts(path, way)]


def watch_all(
    segments: Sequence[Segment],
    budgets: tuple[float, float],
    progress: Callable[[float], None],
    *,
    processes: int | None = None,
) -> list[Alert]:
    """``watch_segments``, shared out to processes where there are many units.

    Args:
        segments: at least one.
        budgets: false alerts per unit and year of both levels.
        progress: called with the share that is done.
        processes: how many; by default as many as there are cores and work for.

    """
    block = segments[0].block
    if processes is None:
        processes = min(usable_cores(), block.units * block.periods // WORTH_A_PROCESS)
    if processes < 2:
        return watch_segments(segments, budgets)
    chunks = np.array_split(np.arange(block.units), 4 * processes)
    found: list[tuple[int, list[Alert]]] = []
    # Not forked: a progress bar's thread may hold a lock at that moment.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        running = {
            pool.submit(watch_segments, [one.select(chunk) for one in segments], budgets): chunk
            for chunk in chunks
            if len(chunk)
        }
        for done in as_completed(running):
            first = int(running[done][0])
            found.append((first, [replace(a, unit=a.unit + first) for a in done.result()]))
            progress(len(found) / len(running))
    return [alert for _, part in sorted(found, key=lambda one: one[0]) for alert in part]


def _alerts(path: WatchPath, way: Way) -> Iterator[Alert]:
    for unit in range(len(path.closed)):
        crossings = path.crossings(unit, way)
        if not crossings:
            continue
        direction = _DIRECTION[way]
        spans = [
            (episode.opened_week, episode.subsided_week)
            for episode in path.episodes(unit)
            if episode.direction == direction
        ]
        firsts = [n for n, crossing in enumerate(crossings) if crossing.level == 1]
        for begin, end in pairwise([*firsts, len(crossings)]):
            yield _alert(unit, direction, crossings[begin:end], spans)


def _alert(
    unit: int, direction: str, crossings: list[Crossing], spans: Sequence[tuple[int, int]]
) -> Alert:
    """One level-1 crossing and the level-2 crossings before the next one."""
    first = crossings[0]
    # Every alert lies in an episode or opens one, so it is the latest that had begun.
    opened, subsided = [span for span in spans if span[0] <= first.week][-1]
    raised = next((crossing for crossing in crossings if crossing.level == 2), None)
    return Alert(
        unit=unit,
        level=1 if raised is None else 2,
        direction=direction,
        column=first.week,
        raised_column=-1 if raised is None else raised.week,
        onset=first.onset,
        feeds=tuple(f for f, told in enumerate(first.feeds) if told),
        log_evidence=first.log_evidence,
        episode=opened,
        subsided=subsided,
    )
