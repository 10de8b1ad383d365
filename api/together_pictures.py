"""What began in each period beside what was expected, as SVG in the style of ``api.charts``.

A bar for each period, a stepped line for what chance or the usual gives. The periods of the group
are told by a brace above them and a dark outline, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from api.captions import day_label, figure
from api.sheet import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    INK,
    LEFT,
    LINE,
    RIGHT,
    TOP,
    WIDTH,
    nice_ticks,
    opened,
)
from streams.evidence.findings import instant
from streams.together.grouping import Group, Period

_GRID = "#d8dde0"
_BAR, _BAR_INSIDE = COLOURS["common_cause"], COLOURS["special_cause_concern"]
_ROOM = 26
"""Above the highest bar, for the brace and its words."""
_LABELS = 6


def title_of(group: Group) -> str:
    """What is drawn, in words."""
    return f"{group.level.capitalize()}s whose signals began, by {group.claim.grid.name.lower()}"


def describe(group: Group) -> str:
    """What the picture shows, in words."""
    grid, row = group.claim.grid.name.lower(), group.periods
    return (
        f"{len(row)} {grid}s from {day_label(instant(row[0].start))}. {len(group.units)} began "
        f"between {day_label(instant(group.since))} and {day_label(instant(group.until - 1))}, "
        f"where {figure(group.expected)} were expected; "
        f"{sum(one.begun for one in row) - len(group.units)} in all others."
    )


def render(group: Group, *, name: str = "together") -> str:
    """Draw a group.

    Args:
        group: as its reader may see it.
        name: makes the identifiers inside the picture unique on a page.

    Returns:
        One ``<svg>`` element, without an XML declaration.
    """
    periods = group.periods
    highest = max(max(one.begun, one.expected) for one in periods)
    ticks = [tick for tick in nice_ticks(0.0, max(1.0, highest)) if tick == round(tick)]
    step = (WIDTH - LEFT - RIGHT) / len(periods)
    out = opened(name, title_of(group), describe(group))
    top = max(ticks[-1], highest)
    _axes(out, ticks, top)
    _bars(out, group, step, top)
    _expected(out, periods, step, top)
    _days(out, periods, step)
    out.append("</svg>")
    return "".join(out)


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM - _ROOM) * value / top


def _axes(out: list[str], ticks: Sequence[float], top: float) -> None:
    for tick in ticks:
        y = _y(tick, top)
        out.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{_GRID}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:,.0f}</text>'
        )


def _bars(out: list[str], group: Group, step: float, top: float) -> None:
    floor = HEIGHT - BOTTOM
    inside = []
    for at, one in enumerate(group.periods):
        within = group.since <= one.start < group.until
        left = LEFT + step * at
        if within:
            inside.append(left)
        if not one.begun:
            continue
        y = _y(one.begun, top)
        colour, edge = (_BAR_INSIDE, INK) if within else (_BAR, "none")
        out.append(
            f'<rect class="{"inside" if within else "bar"}" x="{left + 0.12 * step:.1f}" '
            f'y="{y:.1f}" width="{0.76 * step:.1f}" height="{floor - y:.1f}" fill="{colour}" '
            f'stroke="{edge}" stroke-width="1.5"/>'
        )
    out.append(f'<path d="M{LEFT} {floor}H{WIDTH - RIGHT}" stroke="{LINE}" fill="none"/>')
    if inside:
        left, right, y = inside[0], inside[-1] + step, TOP + 17
        words = (left + right) / 2
        # Words at the edge turn inwards.
        anchor = "start" if words < LEFT + 60 else "end" if words > WIDTH - 74 else "middle"
        at_x = {"start": left, "end": right, "middle": words}[anchor]
        out.append(
            f'<path class="brace" d="M{left:.1f} {y + 6}v-6H{right:.1f}v6" fill="none" '
            f'stroke="{INK}" stroke-width="1.5"/>'
            f'<text x="{at_x:.1f}" y="{y - 5}" text-anchor="{anchor}">began together</text>'
        )


def _expected(out: list[str], periods: Sequence[Period], step: float, top: float) -> None:
    places = [
        f"M{LEFT} {_y(periods[0].expected, top):.1f}",
        *(
            f"V{_y(one.expected, top):.1f}H{LEFT + step * (at + 1):.1f}"
            for at, one in enumerate(periods)
        ),
    ]
    out.append(
        f'<path class="expected" d="{"".join(places)}" fill="none" stroke="{INK}" '
        'stroke-width="1.5" stroke-dasharray="6 4"/>'
    )


def _days(out: list[str], periods: Sequence[Period], step: float) -> None:
    every = max(1, -(-len(periods) // _LABELS))
    for at in range(0, len(periods), every):
        x, floor = LEFT + step * (at + 0.5), HEIGHT - BOTTOM
        out.append(
            f'<path d="M{x:.1f} {floor}v4" stroke="{LINE}"/><text x="{x:.1f}" y="{floor + 17}" '
            f'text-anchor="middle">{day_label(instant(periods[at].start))}</text>'
        )
    out.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 6}" text-anchor="middle">'
        "Bars: began. Dashed line: expected.</text>"
    )
