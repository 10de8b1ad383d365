"""The variation and assurance icons of "Making Data Count", as SVG.

Each icon is a ring in its colour with a letter and a shape, so that it reads
without colour: H with a rising line, L with a falling one, P for a target that
will be passed, F for one that will be missed, ? for hit and miss.
"""

from __future__ import annotations

from typing import Final

GREY, BLUE, ORANGE, PURPLE = "#a6a6a6", "#00b0f0", "#e46c0a", "#490092"

_WAVE = "14,38 20,28 26,36 32,24 38,34 44,26 50,34"
_RISING = "16,46 26,42 36,40 48,32"
_FALLING = "16,32 26,38 36,40 48,46"
_LEVEL = "14,48 50,48"

#: Name -> (colour, letter, points of the line, words).
ICONS: Final[dict[str, tuple[str, str, str, str]]] = {
    "common_cause": (GREY, "", _WAVE, "Common cause variation: no significant change"),
    "improvement_high": (BLUE, "H", _RISING, "Special cause, improvement: high"),
    "improvement_low": (BLUE, "L", _FALLING, "Special cause, improvement: low"),
    "concern_high": (ORANGE, "H", _RISING, "Special cause, concern: high"),
    "concern_low": (ORANGE, "L", _FALLING, "Special cause, concern: low"),
    "neutral_high": (PURPLE, "H", _RISING, "Special cause, neither better nor worse: high"),
    "neutral_low": (PURPLE, "L", _FALLING, "Special cause, neither better nor worse: low"),
    "consistent_pass": (BLUE, "P", _LEVEL, "Will consistently pass the target"),
    "consistent_fail": (ORANGE, "F", _LEVEL, "Will consistently miss the target"),
    "inconsistent": (GREY, "?", _LEVEL, "Hit and miss: may pass or miss the target"),
}


def words(name: str) -> str:
    """What an icon says."""
    return ICONS[name][3]


def icon(name: str) -> str:
    """One icon as an ``<svg>`` element of 64 by 64; raises KeyError for an unknown name."""
    colour, letter, line, text = ICONS[name]
    inside = f'<polyline points="{line}" fill="none" stroke="#212b32" stroke-width="2"/>'
    if letter:
        inside += (
            '<text x="32" y="29" text-anchor="middle" font-family="Arial, sans-serif" '
            f'font-size="20" font-weight="bold" fill="#212b32">{letter}</text>'
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="44" height="44" '
        f'role="img" class="icon" aria-label="{text}"><title>{text}</title>'
        f'<circle cx="32" cy="32" r="27" fill="#fff" stroke="{colour}" stroke-width="7"/>{inside}'
        "</svg>"
    )
