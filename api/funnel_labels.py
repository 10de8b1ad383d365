"""Where the names of points stand in a picture, so that they hide little and stay readable."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from api.sheet import LINE

Spot = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_LETTER, _LINE, _LONGEST = 6.6, 14.0, 40
"""About how wide a letter and how high a line is, and how many letters a label has."""
_POINT = 7.0
"""How far from the middle of a point a line to its label begins."""


@dataclass(slots=True)
class Room:
    """The room that labels share: what stands in it already, and where it ends."""

    edges: Box
    spots: list[Spot] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)

    def label(self, text: str, spot: Spot, *, gap: float, below: bool, bold: bool) -> str:
        """The label of a point, where it hides least, with a line to it if it stands apart.

        Args:
            text: what it says.
            spot: the point.
            gap: how far the label stands from it.
            below: whether room is sought below the point first.
            bold: whether it stands out.
        """
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        letter = 1.15 * _LETTER if bold else _LETTER
        places = self._places(spot, letter * len(text), gap, 1 if below else -1)
        box = min(places, key=lambda box: self._hidden(box, spot))
        line = _along(spot, box)
        self.taken.append(box)
        self.spots += line
        weight = ' font-weight="700"' if bold else ""
        return (
            f"{_drawn(line)}"
            f'<text class="label" x="{box[0]:.1f}" y="{box[3] - 3:.1f}" stroke="#fff" '
            f'stroke-width="3" paint-order="stroke" stroke-linejoin="round"{weight}>'
            f"{escape(text)}</text>"
        )

    def _places(self, spot: Spot, width: float, gap: float, away: int) -> list[Box]:
        """Where a label may stand, the nearest places first, away from the crowd."""
        x, y = spot
        found = []
        for step in (0, 1, 2, -1, 3, -2, 4):
            middle = y + away * step * _LINE
            lefts = [x + gap, x - gap - width]
            if step:
                lefts.insert(0, x - width / 2)
            found += [
                (left, middle - _LINE / 2, left + width, middle + _LINE / 2) for left in lefts
            ]
        left, top, right, bottom = self.edges
        inside = [
            box
            for box in found
            if box[0] >= left and box[1] >= top and box[2] <= right and box[3] <= bottom
        ]
        return inside or found[:1]

    def _hidden(self, box: Box, spot: Spot) -> int:
        """How much a label would hide: others count most, then lines, then points."""
        others = sum(
            box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]
            for other in self.taken
        )
        crossed = sum(
            any(other[0] < x < other[2] and other[1] < y < other[3] for x, y in _along(spot, box))
            for other in self.taken
        )
        under = sum(
            box[0] - 4 < x < box[2] + 4 and box[1] - 3 < y < box[3] + 3 for x, y in self.spots
        )
        return 10 * others + 3 * crossed + under


def _along(spot: Spot, box: Box) -> list[Spot]:
    """Points of a line from a point to its label; none where the label stands beside it."""
    x, y = spot
    if box[1] < y < box[3]:
        return []
    end_x = min(max(x, box[0] + 4), box[2] - 4)
    end_y = box[3] if box[3] < y else box[1] + 2
    whole = math.hypot(end_x - x, end_y - y)
    begin = min(1.0, _POINT / whole) if whole else 1.0
    parts = [begin + (1.0 - begin) * step / 6 for step in range(7)]
    return [(x + part * (end_x - x), y + part * (end_y - y)) for part in parts]


def _drawn(line: Sequence[Spot]) -> str:
    if not line:
        return ""
    (left, top), (right, bottom) = line[0], line[-1]
    return (
        f'<path class="leader" d="M{left:.1f} {top:.1f}L{right:.1f} {bottom:.1f}" '
        f'stroke="{LINE}" stroke-width=".8"/>'
    )
