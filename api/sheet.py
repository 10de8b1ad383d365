"""The sheet that every picture of a page is drawn on: its size, colours, shapes and axis.

The colours are those of the NHS "Making Data Count" charts. No meaning rests on colour alone: a
concern is a triangle, an improvement a diamond, a neutral special cause a square and common
cause a circle. A picture carries a title and a description for those who cannot see it. Only
presentation attributes are used, so that a strict content policy leaves it whole.
"""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 40
INK, LINE, ZONE = "#212b32", "#4c6272", "#e8edee"
COLOURS = {
    "common_cause": "#a6a6a6",
    "special_cause_improvement": "#00b0f0",
    "special_cause_concern": "#e46c0a",
    "special_cause_neutral_high": "#490092",
    "special_cause_neutral_low": "#490092",
}
TARGET = "#de1b1b"
SHAPES = {
    "common_cause": "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
    "special_cause_improvement": "M0-5.5L5 0L0 5.5L-5 0z",
    "special_cause_concern": "M0-5.5L5.2 4L-5.2 4z",
    "special_cause_neutral_high": "M-4-4h8v8h-8z",
    "special_cause_neutral_low": "M-4-4h8v8h-8z",
}


def nice_ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers that cover ``low`` to ``high``, about ``wanted`` steps."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    rough = span / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    start = math.floor(low / step + 1e-9)
    end = math.ceil(high / step - 1e-9)
    return [number * step for number in range(start, end + 1)]


def opened(name: str, title: str, description: str, *, height: int = HEIGHT) -> list[str]:
    """The beginning of a picture: its element with its words, and the ground it is drawn on."""
    name = _attr(name)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'class="chart" aria-labelledby="{name}-t {name}-d" '
        f'font-family="Frutiger, Arial, sans-serif" font-size="12" fill="{INK}">'
    )
    return [
        head,
        f'<title id="{name}-t">{escape(title)}</title>',
        f'<desc id="{name}-d">{escape(description)}</desc>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]


def _attr(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in text)
