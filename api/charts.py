"""Control charts as SVG, drawn by string: well under a millisecond each.

The colours are those of the NHS "Making Data Count" charts. No meaning rests on
colour alone: a concern is a triangle, an improvement a diamond, a neutral special
cause a square and common cause a circle, each with a dark outline. The picture
carries a title and a description for those who cannot see it; a page shows the
same points as a table beside it. Only presentation attributes are used, so that a
strict content policy leaves the picture whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from api import arriving_marks as arriving
from api.captions import day_label, describe, figure
from api.sheet import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    INK,
    LEFT,
    LINE,
    RIGHT,
    SHAPES,
    TARGET,
    TOP,
    WIDTH,
    ZONE,
    nice_ticks,
    opened,
)
from streams.alerts.disclosure import SUPPRESSED
from streams.histories.points import Point


@dataclass(frozen=True, slots=True)
class Picture:
    """What a chart says besides its points.

    ``name`` makes the identifiers inside the picture unique on a page. ``zero`` lets
    the axis begin at nothing, as it should for counts. ``onset``
    (RFC 3339) draws the estimated start of a change; ``delayed`` is the number of
    latest periods that are shaded where the points do not tell how much of them is
    reported; ``rebases`` are the points at which limits start afresh, each with the reason.
    """

    name: str
    title: str
    unit: str
    per_cent: bool = False
    zero: bool = False
    target: float | None = None
    onset: str | None = None
    delayed: int = 0
    rebases: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True)
class _Scale:
    """From points and values to pixels."""

    points: int
    low: float
    high: float

    def x(self, at: float) -> float:
        """Where the point number ``at`` stands."""
        return LEFT + (at + 0.5) * (WIDTH - LEFT - RIGHT) / max(1, self.points)

    def y(self, value: float) -> float:
        """Where a value stands; a chart of equal values puts them in the middle."""
        room = HEIGHT - TOP - BOTTOM
        if self.high <= self.low:
            return TOP + room / 2
        return TOP + room * (self.high - value) / (self.high - self.low)


def render(points: Sequence[Point], picture: Picture) -> str:
    """Draw a chart.

    Args:
        points: in time order, as ``streams.alerts.disclosure`` gave them.
        picture: titles, target and marks.

    Returns:
        One ``<svg>`` element, without an XML declaration.
    """
    values = [point.value for point in points if point.value is not None]
    natural = bool(values) and min(values) >= 0
    # What is never negative has no lower limit below zero; the table still gives it.
    lower = [
        None if point.lower is None or (natural and point.lower < 0) else point.lower
        for point in points
    ]
    upper = [point.upper for point in points]
    shown = [
        number
        for number in (*values, *(point.mean for point in points), *lower, *upper)
        if number is not None
    ]
    shown += [point.expected_final.upper for point in points if point.expected_final is not None]
    if picture.target is not None:
        shown.append(picture.target)
    if natural and (picture.zero or picture.per_cent or min(shown) < 0.5 * max(shown)):
        shown.append(0.0)
    ticks = nice_ticks(min(shown), max(shown)) if shown else [0.0]
    scale = _Scale(len(points), ticks[0], ticks[-1])
    out = opened(picture.name, picture.title, describe(points, per_cent=picture.per_cent))
    _axes(out, points, picture, scale, ticks)
    _lines(out, [point.mean for point in points], (lower, upper), picture, scale)
    out.append(arriving.expected(points, scale))
    _values(out, points, scale)
    _marks(out, points, picture, scale)
    out.append("</svg>")
    return "".join(out)


def _axes(
    out: list[str], points: Sequence[Point], picture: Picture, scale: _Scale, ticks: list[float]
) -> None:
    floor = HEIGHT - BOTTOM
    unclosed = sum(point.open for point in points)
    incomplete = sum(point.reported_share is not None for point in points)
    delayed = max(picture.delayed, unclosed, incomplete)
    if delayed and points:
        left = scale.x(len(points) - delayed - 0.5)
        label = arriving.label(WIDTH - RIGHT, TOP - 4) if incomplete else ""
        out.append(
            f'<g class="delay"><rect x="{left:.1f}" y="{TOP}" width="{WIDTH - RIGHT - left:.1f}" '
            f'height="{floor - TOP}" fill="{ZONE}"/><title>Reports of this time may still be on '
            f"their way</title>{label}</g>"
        )
    for tick in ticks:
        y = scale.y(tick)
        label = figure(tick, per_cent=picture.per_cent)
        out.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#d8dde0"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
        )
    out.append(f'<path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" stroke="{LINE}" fill="none"/>')
    out.append(
        f'<text x="13" y="{(TOP + floor) / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 13 {(TOP + floor) / 2:.0f})">{escape(picture.unit)}</text>'
    )
    step = max(1, math.ceil(len(points) / 7))
    for at in range(0, len(points), step):
        x = scale.x(at)
        out.append(
            f'<path d="M{x:.1f} {floor}v4" stroke="{LINE}"/><text x="{x:.1f}" y="{floor + 17}" '
            f'text-anchor="middle">{day_label(points[at].period_start)}</text>'
        )


def _path(values: Sequence[float | None], scale: _Scale, *, steps: bool = False) -> str:
    """A line through the known values, broken where one is missing."""
    out: list[str] = []
    drawing = False
    half = (scale.x(1) - scale.x(0)) / 2
    for at, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        x, y = scale.x(at), scale.y(value)
        if steps:
            out.append(f"{'L' if drawing else 'M'}{x - half:.1f} {y:.1f}H{x + half:.1f}")
        else:
            out.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = True
    return "".join(out)


Line = Sequence[float | None]


def _lines(
    out: list[str], mean: Line, limits: tuple[Line, Line], picture: Picture, scale: _Scale
) -> None:
    centre = _path(mean, scale, steps=True)
    if centre:
        out.append(
            f'<path class="mean" d="{centre}" fill="none" stroke="#000" stroke-width="1.5"/>'
        )
    for line in limits:
        limit = _path(line, scale, steps=True)
        if limit:
            out.append(
                f'<path class="limit" d="{limit}" fill="none" stroke="{LINE}" '
                'stroke-width="1.5" stroke-dasharray="6 4"/>'
            )
    if picture.target is not None:
        y = scale.y(picture.target)
        out.append(
            f'<path class="target" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" '
            f'stroke="{TARGET}" stroke-width="1.5" stroke-dasharray="2 3"/>'
        )


def _values(out: list[str], points: Sequence[Point], scale: _Scale) -> None:
    told, rest = arriving.lines(points)
    for name, values, look in (
        ("values", told, 'stroke-width="1.5"'), ("arriving", rest, 'stroke-dasharray="2 3"')
    ):  # fmt: skip
        line = _path(values, scale)
        if line:
            out.append(f'<path class="{name}" d="{line}" fill="none" stroke="#768692" {look}/>')
    shapes: dict[str, list[str]] = {}
    hollow: list[str] = []
    provisional: list[str] = []
    for at, point in enumerate(points):
        if point.value is None:
            continue
        place = f"translate({scale.x(at):.1f} {scale.y(point.value):.1f})"
        if point.provisional and point.point_type != "common_cause":
            provisional.append(
                f'<path d="{SHAPES[point.point_type]}" transform="{place}" '
                f'stroke="{COLOURS[point.point_type]}"/>'
            )
        elif point.open or point.provisional:
            hollow.append(f'<path d="{SHAPES["common_cause"]}" transform="{place}"/>')
        else:
            shapes.setdefault(point.point_type, []).append(
                f'<path d="{SHAPES[point.point_type]}" transform="{place}"/>'
            )
    for kind, drawn in shapes.items():
        out.append(
            f'<g class="{kind}" fill="{COLOURS[kind]}" stroke="{INK}" stroke-width=".8">'
            f"{''.join(drawn)}</g>"
        )
    if hollow:
        out.append(f'<g class="open" fill="#fff" stroke="{INK}">{"".join(hollow)}</g>')
    out.append(arriving.provisional(provisional))


def _marks(out: list[str], points: Sequence[Point], picture: Picture, scale: _Scale) -> None:
    floor = HEIGHT - BOTTOM
    missing = [at for at, point in enumerate(points) if point.missing_denominator]
    if missing:
        crosses = "".join(f"M{scale.x(at) - 3:.1f} {floor - 9}l6 6m0-6l-6 6" for at in missing)
        out.append(
            f'<g class="missing"><path d="{crosses}" stroke="{INK}" stroke-width="1.5"/>'
            "<title>The denominator of this period is missing</title></g>"
        )
    held = [at for at, point in enumerate(points) if point.disclosure == SUPPRESSED]
    if held:
        stars = "".join(
            f'<text x="{scale.x(at):.1f}" y="{floor - 3}" text-anchor="middle">*</text>'
            for at in held
        )
        out.append(f'<g class="suppressed">{stars}<title>Small number, not shown</title></g>')
    if picture.onset and points and points[0].period_start <= picture.onset:
        at = sum(point.period_end <= picture.onset for point in points)
        if at < len(points):
            x = scale.x(at - 0.5)
            out.append(
                f'<g class="onset"><path d="M{x:.1f} {TOP}V{floor}" stroke="{INK}" '
                f'stroke-dasharray="1 3" stroke-width="1.5"/><title>Estimated start of the '
                "change</title></g>"
            )
    for at, why in picture.rebases:
        if at < len(points):
            x = scale.x(at - 0.5)
            out.append(
                f'<g class="rebase"><path d="M{x:.1f} {TOP}V{floor}" stroke="{LINE}" '
                f'stroke-width="1.5"/><title>Limits start afresh: {escape(why)}</title></g>'
            )
