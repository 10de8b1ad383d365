"""What a chart says in words: its description, its numbers and its days."""

from __future__ import annotations

import math
from collections.abc import Sequence

from streams.alerts.disclosure import SUPPRESSED
from streams.histories.points import Expected, Point

WORDS = {
    "common_cause": "common cause",
    "special_cause_improvement": "special cause, improvement",
    "special_cause_concern": "special cause, concern",
    "special_cause_neutral_high": "special cause, high",
    "special_cause_neutral_low": "special cause, low",
}


def figure(value: float | None, *, per_cent: bool = False) -> str:
    """A number as people read it: three significant digits, or a percentage."""
    if value is None:
        return ""
    if per_cent:
        return f"{100 * value:.1f}%"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if value else "0"


def day_label(stamp: str) -> str:
    """``2026-03-01T…`` as ``1 Mar 26``."""
    year, month, day = stamp[2:4], int(stamp[5:7]), int(stamp[8:10])
    return f"{day} {_MONTHS[month - 1]} {year}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def describe(points: Sequence[Point], *, per_cent: bool = False) -> str:
    """What a chart of these points shows, in words."""
    closed = [point for point in points if not point.open]
    if not closed:
        return "No complete period yet."
    first, end = day_label(closed[0].period_start), day_label(closed[-1].period_end)
    words = [f"{len(closed)} periods from {first} to {end}."]
    last = closed[-1]
    kind = WORDS[last.point_type] + ("; provisional" if last.provisional else "")
    if last.disclosure == SUPPRESSED:
        words.append("The latest number is small and is not shown.")
    elif last.value is None:
        words.append("The latest value is missing.")
    else:
        latest = figure(last.value, per_cent=per_cent)
        words.append(f"The latest value is {latest} ({kind}).")
    if last.mean is not None:
        words.append(f"The mean is {figure(last.mean, per_cent=per_cent)}.")
    if last.lower is not None and last.upper is not None:
        words.append(
            f"The limits are {figure(last.lower, per_cent=per_cent)} "
            f"and {figure(last.upper, per_cent=per_cent)}."
        )
    words += _arriving(points, per_cent=per_cent)
    missing = sum(point.missing_denominator for point in points)
    if missing:
        words.append(f"{missing} periods lack their denominator.")
    held = sum(point.disclosure == SUPPRESSED for point in points)
    if held:
        words.append(f"{held} small numbers are not shown.")
    return " ".join(words)


def _arriving(points: Sequence[Point], *, per_cent: bool) -> list[str]:
    """What of the newest periods is still being reported, in sentences."""
    newest = [point for point in points if point.reported_share is not None]
    if not newest:
        return []
    many = f"{len(newest)} periods are" if len(newest) > 1 else "period is"
    words = [f"The last {many} still being reported, so flags there are provisional."]
    over = [point for point in newest if point.expected_final is not None]
    if over:
        last = over[-1]
        note = arriving_note(last.reported_share, last.expected_final, per_cent=per_cent)
        words.append(f"The period from {day_label(last.period_start)} is {note}.")
    return words


def arriving_note(share: float | None, final: Expected | None, *, per_cent: bool = False) -> str:
    """How much of a period is in and what it may come to; empty for a complete one."""
    if share is None:
        return ""
    words = f"about {100 * share:.0f}% reported"
    if final is not None:
        value, lower, upper = (
            figure(number, per_cent=per_cent) for number in (final.value, final.lower, final.upper)
        )
        words += f" and may come to {value} (80% interval {lower} to {upper})"
    return words


def delay_words(median: int) -> str:
    """Within how many days half of a feed's reports arrive."""
    return {0: "on the day itself", 1: "within a day"}.get(median, f"within {median} days")


def arrival_words(median: int, points: Sequence[Point], length: str) -> str:
    """How soon a feed's reports arrive, and what that means for the newest periods.

    Args:
        median: days within which half of them are recorded.
        points: of the series that is looked at.
        length: of its periods, ``week`` for example.
    """
    words = f"Half of this feed's reports arrive {delay_words(median)}"
    newest = sum(point.reported_share is not None for point in points)
    if not newest:
        return f"{words}."
    grows = any(point.expected_final is not None for point in points)
    may = "will still grow" if grows else "may still change"
    return f"{words}; the shaded {length}{'s' if newest > 1 else ''} {may}."
