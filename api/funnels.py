"""Funnel plots as SVG: each unit against its volume, between limits that narrow.

Drawn by string in the style of ``api.charts``: its colours and shapes, only presentation
attributes, a title and a description, and no meaning that rests on colour alone. Units
beyond the outer limits, and the one that was asked for, carry their names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np

from api.captions import figure
from api.funnel_labels import Room, Spot
from api.peers import Named, Peers
from api.sheet import COLOURS, INK, LINE, SHAPES, WIDTH, nice_ticks, opened

HEIGHT = 400
LEFT, RIGHT, TOP, BOTTOM = 66, 52, 18, 52
MARK, BAND, GRID = "#005eb8", "#f0f4f5", "#d8dde0"
_KINDS = {
    "concern": "special_cause_concern",
    "improvement": "special_cause_improvement",
    "neutral": "special_cause_neutral_high",
}
_CURVE = 96
_LINE = 13.0
"""How high a line of letters is."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """From denominators and values to pixels."""

    left: float
    right: float
    low: float
    high: float

    def x(self, volume: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (volume - self.left) / (self.right - self.left)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return TOP + (HEIGHT - TOP - BOTTOM) * (self.high - inside) / (self.high - self.low)


def title_of(peers: Peers) -> str:
    """What is compared, in words."""
    return f"{peers.indicator.name}, {peers.level}s beside their peers"


def describe(peers: Peers) -> str:
    """What the picture shows, in words."""
    comparison = peers.comparison
    words = [
        peers.statement,
        f"The peers' value is {figure(comparison.centre)} {comparison.measure.unit}.",
    ]
    for word, position in (("Higher", "much_higher"), ("Lower", "much_lower")):
        names = [one.full_name for one in peers.shown if one.judged.position == position]
        if names:
            words.append(f"{word} than expected: {'; '.join(names)}.")
    marked = peers.marked
    if marked is not None:
        words.append(f"{marked.full_name}: {marked.judged.statement}")
    return " ".join(words)


def render(peers: Peers, *, name: str = "funnel") -> str:
    """Draw a comparison.

    Args:
        peers: as its reader may see it; nothing of other units is drawn, nor is the
            range of their volumes.
        name: makes the identifiers inside the picture unique on a page.

    Returns:
        One ``<svg>`` element, without an XML declaration.
    """
    points = [one for one in peers.shown if one.judged.value is not None]
    volumes = [one.judged.sums.denominator or 0.0 for one in points]
    curve = _curve(peers, volumes)
    scale, ticks = _scales(peers, points, volumes, curve)
    out = opened(name, title_of(peers), describe(peers), height=HEIGHT)
    _band(out, curve, scale)
    _axes(out, peers, scale, ticks)
    _limits(out, peers, curve, scale)
    _points(out, points, scale)
    _labels(out, points, scale)
    out.append("</svg>")
    return "".join(out)


Curve = dict[str, list[float]]


def _curve(peers: Peers, volumes: Sequence[float]) -> Curve:
    """The limits from the least volume that is judged to beyond the largest that is shown."""
    comparison = peers.comparison
    start = comparison.smallest
    end = max([*volumes, 1.25 * start]) * 1.04
    least = min([one for one in volumes if one >= start], default=start)
    at = np.geomspace(max(start, 0.8 * least), end, _CURVE)
    found = comparison.limits_at(at)
    return {
        "at": at.tolist(),
        "lower95": found.lower95.tolist(),
        "upper95": found.upper95.tolist(),
        "lower998": found.lower998.tolist(),
        "upper998": found.upper998.tolist(),
    }


def _scales(
    peers: Peers, points: Sequence[Named], volumes: Sequence[float], curve: Curve
) -> tuple[_Scale, list[float]]:
    comparison = peers.comparison
    judged = [one.judged.value or 0.0 for one in points if one.judged.state == "judged"]
    # A unit that is too small may lie anywhere; it stands at the edge rather than
    # pressing the others together.
    high = max([*judged, *curve["upper998"], comparison.centre])
    low = min([*judged, *curve["lower998"], comparison.centre])
    if comparison.measure.model == "proportion":
        high = min(high, comparison.measure.per)
    ticks = nice_ticks(0.0 if low < 0.5 * high else low, high, 5)
    right = curve["at"][-1]
    left = min([*volumes, curve["at"][0]])
    # Units of about one size would all stand at the right of an axis that begins at 0.
    step = nice_ticks(0.0, right, 6)[1]
    left = 0.0 if left < 0.2 * right else step * (left // step)
    return _Scale(left, right, ticks[0], ticks[-1]), ticks


def _line(curve: Curve, which: str, scale: _Scale) -> str:
    pairs = zip(curve["at"], curve[which], strict=True)
    return "L".join(f"{scale.x(at):.1f} {scale.y(value):.1f}" for at, value in pairs)


def _band(out: list[str], curve: Curve, scale: _Scale) -> None:
    back = dict(curve)
    for which in ("at", "lower998"):
        back[which] = list(reversed(curve[which]))
    edge = f"{_line(curve, 'upper998', scale)}L{_line(back, 'lower998', scale)}"
    out.append(f'<path class="band" d="M{edge}Z" fill="{BAND}"/>')


def _axes(out: list[str], peers: Peers, scale: _Scale, ticks: Sequence[float]) -> None:
    floor, measure = HEIGHT - BOTTOM, peers.comparison.measure
    for tick in ticks:
        y = scale.y(tick)
        out.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{figure(tick)}</text>'
        )
    out.append(f'<path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" stroke="{LINE}" fill="none"/>')
    for tick in nice_ticks(scale.left, scale.right, 6):
        if scale.left <= tick <= scale.right:
            x = scale.x(tick)
            out.append(
                f'<path d="M{x:.1f} {floor}v4" stroke="{LINE}"/><text x="{x:.1f}" '
                f'y="{floor + 17}" text-anchor="middle">{tick:,.10g}</text>'
            )
    middle = (TOP + floor) / 2
    out.append(
        f'<text x="13" y="{middle:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 13 {middle:.0f})">{escape(measure.unit)}</text>'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">'
        f"Volume: {escape(measure.volume)}</text>"
    )


def _limits(out: list[str], peers: Peers, curve: Curve, scale: _Scale) -> None:
    y = scale.y(peers.comparison.centre)
    end = scale.x(curve["at"][-1])
    out.append(
        f'<path class="mean" d="M{LEFT} {y:.1f}H{end:.1f}" fill="none" stroke="#000" '
        'stroke-width="1.5"/>'
    )
    for which, dash in (
        ("lower998", ""),
        ("upper998", ""),
        ("lower95", ' stroke-dasharray="6 4"'),
        ("upper95", ' stroke-dasharray="6 4"'),
    ):
        out.append(
            f'<path class="limit" d="M{_line(curve, which, scale)}" fill="none" '
            f'stroke="{LINE}" stroke-width="1.5"{dash}/>'
        )
    words = [
        (scale.y(curve["upper998"][-1]), "99.8%"),
        (scale.y(curve["upper95"][-1]), "95%"),
        (y, "peers"),
        (scale.y(curve["lower95"][-1]), "95%"),
        (scale.y(curve["lower998"][-1]), "99.8%"),
    ]
    # Where the funnel is narrow its lines lie closer than letters are high.
    heights = [height for height, _ in words]
    for at in (1, 0):
        heights[at] = min(heights[at], heights[at + 1] - _LINE)
    for at in (3, 4):
        heights[at] = max(heights[at], heights[at - 1] + _LINE)
    for height, (_, word) in zip(heights, words, strict=True):
        out.append(
            f'<text x="{end + 5:.1f}" y="{height + 4:.1f}" font-size="11" fill="{LINE}">'
            f"{word}</text>"
        )


def _told(one: Named) -> str:
    """What a reader with a mouse is told of a point."""
    judged = one.judged
    return escape(f"{one.full_name}: {figure(judged.value)}. {judged.statement}")


def _points(out: list[str], points: Sequence[Named], scale: _Scale) -> None:
    groups: dict[str, list[str]] = {}
    # Those that stand out are drawn last, on top of the crowd.
    for one in sorted(points, key=lambda one: (one.judged.beyond, one.marked)):
        judged = one.judged
        x, y = _spot(one, scale)
        kind = _KINDS[judged.meaning] if judged.beyond else "common_cause"
        group = "too-small" if judged.state == "too_small" else kind
        groups.setdefault(group, []).append(
            f'<path d="{SHAPES[kind]}" transform="translate({x:.1f} {y:.1f})">'
            f"<title>{_told(one)}</title></path>"
        )
    for group, drawn in groups.items():
        fill = "#fff" if group == "too-small" else COLOURS[group]
        out.append(
            f'<g class="{group}" fill="{fill}" stroke="{INK}" stroke-width=".8">'
            f"{''.join(drawn)}</g>"
        )
    for one in points:
        if one.marked:
            x, y = _spot(one, scale)
            out.append(
                f'<circle class="marked" cx="{x:.1f}" cy="{y:.1f}" r="9.5" fill="none" '
                f'stroke="{MARK}" stroke-width="2.5"/>'
            )


def _spot(one: Named, scale: _Scale) -> Spot:
    return scale.x(one.judged.sums.denominator or 0.0), scale.y(one.judged.value or 0.0)


def _labels(out: list[str], points: Sequence[Named], scale: _Scale) -> None:
    """Names of the units that stand out."""
    named = [one for one in points if one.judged.beyond or one.marked]
    shared = Counter(one.name for one in named)
    room = Room((LEFT + 2, 2, WIDTH - RIGHT, HEIGHT - BOTTOM - 2))
    room.spots += [_spot(one, scale) for one in points]
    for one in sorted(named, key=lambda one: (not one.marked, _spot(one, scale)[0])):
        text = one.full_name if shared[one.name] > 1 else one.name
        low = one.judged.position in {"lower", "much_lower"}
        gap = 14.0 if one.marked else 9.0
        out.append(room.label(text, _spot(one, scale), gap=gap, below=low, bold=one.marked))
