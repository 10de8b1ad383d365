"""What a chart draws of periods that are still being reported, as SVG.

The value so far stays where it is, hollow, on a dotted line; what it may come to is a
fainter hollow mark on its interval. A flag keeps its shape and colour and loses its filling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streams.histories.points import Point

FAINT, LABEL = "#98a4ac", "#4c6272"

Values = list[float | None]


class Scale(Protocol):
    """From points and values to pixels."""

    def x(self, at: float) -> float:
        """Where the point number ``at`` stands."""

    def y(self, value: float) -> float:
        """Where a value stands."""


def label(right: float, y: float) -> str:
    """What the shaded band is, ending at its right edge."""
    return (
        f'<text x="{right}" y="{y}" text-anchor="end" font-size="11" fill="{LABEL}">'
        "still being reported</text>"
    )


def lines(points: Sequence[Point]) -> tuple[Values, Values]:
    """The values that are reported, and those from the last of them on, None elsewhere."""
    late = [point.reported_share is not None for point in points]
    begins = late.index(True) - 1 if True in late else len(points)
    told = [None if waits else point.value for point, waits in zip(points, late, strict=True)]
    return told, [point.value if at >= begins else None for at, point in enumerate(points)]


def expected(points: Sequence[Point], scale: Scale) -> str:
    """What incomplete periods may come to: a hollow mark on its interval, or nothing."""
    stems: list[str] = []
    marks: list[str] = []
    for at, point in enumerate(points):
        final = point.expected_final
        if final is None:
            continue
        x = scale.x(at)
        stems.append(f"M{x:.1f} {scale.y(final.lower):.1f}V{scale.y(final.upper):.1f}")
        marks.append(f'<circle cx="{x:.1f}" cy="{scale.y(final.value):.1f}" r="3"/>')
    if not stems:
        return ""
    return (
        f'<g class="expected" fill="#fff" stroke="{FAINT}"><path d="{"".join(stems)}" '
        f'stroke-width="2"/>{"".join(marks)}<title>What the period may come to when all is '
        "reported, with its 80% interval</title></g>"
    )


def provisional(shapes: Sequence[str]) -> str:
    """Flags that rest on such periods, each with its own shape and colour, or nothing."""
    if not shapes:
        return ""
    return (
        f'<g class="provisional" fill="#fff" stroke-width="1.8">{"".join(shapes)}'
        "<title>Provisional: rests on what is still being reported</title></g>"
    )
