"""The policy on small numbers about people: what is protected and how it is rounded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from streams.facts.feeds import PROTECTED, Feed

SUPPRESSED: Final = "suppressed"


@dataclass(frozen=True, slots=True)
class Policy:
    """How small numbers about people are shown.

    ``smallest`` is the least count that is shown (smaller ones but zero are not),
    ``base`` what shown counts are rounded to, ``months`` the length of the window
    that numbers are given for, ``protected`` the feeds that the policy covers.
    """

    smallest: int = 8
    base: int = 5
    months: int = 3
    protected: frozenset[Feed] = PROTECTED


POLICY = Policy()


def is_protected(feed: Feed | str, policy: Policy = POLICY) -> bool:
    """Whether the policy covers a feed (given as such or by its topic's name)."""
    return any(feed in {covered, covered.topic} for covered in policy.protected)


def count(number: float, policy: Policy = POLICY) -> int | None:
    """A count of people as it may be shown, or None where it is held back."""
    exact = max(0, round(number))
    if exact == 0:
        return 0
    if exact < policy.smallest:
        return None
    return policy.base * math.floor(exact / policy.base + 0.5)


def percentage(numerator: float, denominator: float, policy: Policy = POLICY) -> float | None:
    """A share from 0 to 1, computed from counts as they may be shown."""
    above, below = count(numerator, policy), count(denominator, policy)
    if above is None or not below:
        return None
    return min(1.0, above / below)
