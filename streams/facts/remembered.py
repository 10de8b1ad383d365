"""What was found before, so that it need not be found again: up to so many, then begun anew.

What events say repeats without end, so a table begun anew is soon full of what matters. It is a
plain dictionary and keeps no order of use, because looking up is what happens for every event.
"""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


def keep(held: dict[K, V], key: K, value: V, *, most: int = 65_536) -> None:
    """Remember one; where there is no room for it, all others are forgotten."""
    if len(held) >= most and key not in held:
        held.clear()
    held[key] = value
