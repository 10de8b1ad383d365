"""What is still being reported of a series: its newest points, and the icons before them.

A chart is drawn with all closed periods, and its limits and rules do not change. But a fall
in weeks that are not yet fully reported is no improvement. Such points are provisional, and
so is a flag on an earlier point that would not be there without them; the icons are those
of the chart as it ends with the latest period that is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from api.drawing import PLOTS_OTHERWISE, Drawing, control_chart
from streams.histories.points import Expected, Point
from streams.histories.reporting import FeedDelay
from streams.histories.views import SeriesView


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a feed arrives, and the drawing of what has arrived; the whole one if all has."""

    delay: FeedDelay
    settled: Drawing


def arrived(
    seen: SeriesView, drawing: Drawing, points: Sequence[Point], delay: FeedDelay
) -> tuple[Arrival, list[Point]]:
    """The points of a series with how much of them is reported.

    Args:
        seen: the series that was drawn, without the numbers of protected feeds.
        drawing: its chart.
        points: its points, one for each period.
        delay: what its feed says about its delay.
    """
    shares = delay.shares(seen)
    first = next((at for at, share in enumerate(shares) if share is not None), len(shares))
    settled = drawing
    if first < np.searchsorted(seen.periods, seen.open_from):
        until = replace(seen, open_from=int(seen.periods[first]))
        settled = control_chart(until, drawing.rebases)
    kinds = settled.chart.point_type_names[:first] if settled.chart else []
    expected: list[Expected | None] = [None] * len(shares)
    if drawing.chart is None or drawing.chart.kind not in PLOTS_OTHERWISE:
        expected = delay.expected(seen, shares, begins=drawing.begins)
    found = [
        point if point.point_type in {"common_cause", kind} else replace(point, provisional=True)
        for point, kind in zip(points, [*kinds, *[""] * (first - len(kinds))], strict=False)
    ]
    found += [
        replace(point, reported_share=share, expected_final=final, provisional=True)
        for point, share, final in zip(
            points[first:], shares[first:], expected[first:], strict=True
        )
    ]
    return Arrival(delay, settled), found
