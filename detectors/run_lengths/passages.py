"""Run lengths of a CUSUM put together from its passages.

A passage starts at some value of the statistic and ends when the statistic returns to zero or
alarms. From zero a CUSUM is a sequence of independent passages until one of them alarms, so

    L(0) = m(0) / u(0),     L(s) = m(s) + (1 - u(s)) L(0),

where a passage from s lasts m(s) points on average and alarms with chance u(s) (E. S. Page,
"Continuous inspection schemes", Biometrika 41, 1954). Both are found without subtracting
nearly equal numbers, so run lengths of any size keep their relative precision.

Two sides, of which one is at zero whenever the other alarms, have

    L = (L+(s+) L-(0) + L-(s-) L+(0) - L+(0) L-(0)) / (L+(0) + L-(0)),

which from zero is 1/L = 1/L+ + 1/L- (J. M. Lucas & R. B. Crosier, "Fast initial response for
CUSUM quality-control schemes", Technometrics 24, 1982).
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Passage(NamedTuple):
    """Expected length of a passage in points, and its chance to end in an alarm."""

    length: float
    alarm: float


def run_length(first: Passage, later: Passage) -> float:
    """Average run length when the first passage has a head start and later ones do not."""
    if later.alarm <= 0.0:
        return math.inf
    return first.length + (1.0 - first.alarm) * (later.length / later.alarm)


def two_sided_run_length(
    first_high: Passage, high: Passage, first_low: Passage, low: Passage
) -> float:
    """Average run length until either side alarms, from the passages of each."""
    rate_high = high.alarm / high.length
    rate_low = low.alarm / low.length
    if rate_high + rate_low <= 0.0:
        return math.inf
    ends = first_high.length * rate_high + first_low.length * rate_low
    return (1.0 - first_high.alarm - first_low.alarm + ends) / (rate_high + rate_low)


def check_sides_take_turns(
    k: float, h: float, head_start: float, k_low: float, h_low: float, head_start_low: float
) -> None:
    """Raise ``ValueError`` for a design in which one side can alarm while the other is not zero.

    While both sides are positive their sum falls by k + k_low a point, so they take turns
    when neither h, nor h_low, nor both head starts together exceed the lesser decision
    interval by more than k + k_low.
    """
    if max(h, h_low, head_start + head_start_low) - k - k_low > min(h, h_low):
        raise ValueError(
            "the two sides could be positive when one alarms: h and h_low may differ by at most "
            "k + k_low, and head starts add up to at most the lesser of them plus k + k_low; not "
            f"h {h} and h_low {h_low}, head starts {head_start} and {head_start_low}, "
            f"k + k_low {k + k_low}"
        )
