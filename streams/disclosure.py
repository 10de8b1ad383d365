"""The one door that every outgoing number passes.

Speaking up is protected: detectors see true counts, people see counts that cannot
be traced to one person. The rule is that of the hospital statistics of England:
counts of 1 to 7 are not shown, larger ones are rounded to the nearest 5, zero is
shown as zero, and percentages are computed from the rounded counts. Three more
rules keep one new case from showing through:

* numbers are given for three months at a time, whole months only: rolling for the
  organisation itself, calendar quarters for everybody else;
* a period appears when the calendar of the *other* feeds has passed it, never
  because a case arrived;
* the lines of a chart are computed from the numbers shown, so they carry nothing else.

Pages, charts, the live stream, alerts and metrics all take their numbers from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from streams.feeds import Feed
from streams.periods import (
    SECONDS_PER_DAY,
    Grid,
    first_day,
    month_of_day,
    period_of_day,
    start_of,
)
from streams.points import Lines, Point, known, plain_points, stamp

if TYPE_CHECKING:
    from streams.views import SeriesView

SUPPRESSED = "suppressed"


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
    protected: frozenset[Feed] = frozenset({Feed.SPEAKUP})


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


# -- series ------------------------------------------------------------------


def series_points(
    view: SeriesView,
    lines: Lines | None,
    *,
    closed_day: int | None = None,
    internal: bool = True,
    policy: Policy = POLICY,
) -> list[Point]:
    """The points of a series, in time order.

    Args:
        view: the series with its true numbers.
        lines: the chart of its closed periods, or None where no limits are meaningful.
        closed_day: first UTC day that the calendar of the other feeds has not passed;
            only protected series need it.
        internal: whether the reader belongs to the organisation itself.
        policy: what to hold back.
    """
    if is_protected(view.indicator.feed, policy):
        return _protected_points(view, closed_day, internal=internal, policy=policy)
    return plain_points(view, lines)


def _window_ends(
    view: SeriesView, closed_day: int | None, *, internal: bool, months: int
) -> list[int]:
    """Months (exclusive ends) at which a protected series may show a number."""
    first = month_of_day(first_day(view.grid, int(view.periods[0])))
    if closed_day is None:
        # No other feed tells the time: wait for the quarter after the last case.
        last = first_day(view.grid, min(int(view.periods[-1]), view.open_from))
        closed_day = first_day(Grid.QUARTER, period_of_day(Grid.QUARTER, last))
    end = month_of_day(closed_day)
    step = 1 if internal and view.grid is not Grid.QUARTER else months
    start = first + months
    if step > 1:
        start += -start % months
    return list(range(start, end + 1, step))


def _protected_points(
    view: SeriesView, closed_day: int | None, *, internal: bool, policy: Policy
) -> list[Point]:
    if view.periods.size == 0:
        return []
    month = np.array([month_of_day(first_day(view.grid, int(p))) for p in view.periods])
    shares = view.indicator.kind in {"share", "proportion"}
    found = []
    for end in _window_ends(view, closed_day, internal=internal, months=policy.months):
        inside = (month >= end - policy.months) & (month < end)
        above = float(np.nansum(view.numerators[inside]))
        below = float(np.nansum(view.denominators[inside]))
        top = count(above, policy)
        bottom = count(below, policy) if shares else known(below) if below > 0 else None
        value: float | None
        if view.indicator.kind == "count":
            value, bottom = (None if top is None else top * view.indicator.per), None
        elif top is None or not bottom:
            value = None
        else:
            value = min(1.0, top / bottom) if shares else top / bottom
            value *= view.indicator.per
        held = top is None or (shares and bottom is None)
        found.append((end, value, top, bottom, held))
    shown = [value for _, value, *_ in found if value is not None]
    mean = sum(shown) / len(shown) if shown else None
    return [
        Point(
            period_start=stamp(start_of(Grid.MONTH, end - policy.months)),
            period_end=stamp(start_of(Grid.MONTH, end)),
            value=value,
            numerator=top,
            denominator=bottom,
            mean=mean,
            lower=None,
            upper=None,
            point_type="common_cause",
            special_cause=None,
            missing_denominator=False,
            open=False,
            disclosure=SUPPRESSED if held else None,
        )
        for end, value, top, bottom, held in found
    ]


def profile(entries: Iterable[tuple[Mapping[str, Any], Sequence[Point]]]) -> list[dict[str, Any]]:
    """A listening profile: each indicator with its latest closed number.

    Args:
        entries: what is said of an indicator, and its points as ``series_points`` gave them.
    """
    found = []
    for about, points in entries:
        closed = [point for point in points if not point.open]
        last = closed[-1] if closed else None
        found.append(
            {
                **about,
                "value": last.value if last else None,
                "numerator": last.numerator if last else None,
                "denominator": last.denominator if last else None,
                "period_start": last.period_start if last else None,
                "period_end": last.period_end if last else None,
                "mean": last.mean if last else None,
                "disclosure": last.disclosure if last else None,
            }
        )
    return found


# -- alerts ------------------------------------------------------------------

# What may be said of a signal that rests on protected feeds: no number that a
# count could be worked out from.
_SAFE_SIGNAL = ("detector", "version", "level", "opened", "raised", "subsided", "onset", "feeds")
_SAFE_EVIDENCE = ("detector", "version", "reference", "budget", "level_thresholds", "series")


def alert(fields: Mapping[str, Any], policy: Policy = POLICY) -> dict[str, Any]:
    """An alert as it may leave: evidence of protected feeds without its numbers.

    Args:
        fields: the alert's fields by name, ``evidence`` among them or not.
        policy: what to hold back.
    """
    found = dict(fields)
    feeds = [str(feed) for feed in found.get("feeds", ())]
    if not any(is_protected(feed, policy) for feed in feeds):
        return found
    if all(is_protected(feed, policy) for feed in feeds):
        for name in ("first_signal_at", "raised_at", "subsided_at"):
            found[name] = _end_of_week(found.get(name))
        found["onset"] = _start_of_month(found.get("onset"))
    evidence = found.get("evidence")
    if isinstance(evidence, Mapping):
        found["evidence"] = _safe_evidence(evidence, policy)
    return found


def _safe_evidence(evidence: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    safe = {name: evidence[name] for name in _SAFE_EVIDENCE if name in evidence}
    signals = []
    for signal in evidence.get("signals", ()):
        feeds = signal.get("feeds", ())
        if any(is_protected(str(feed), policy) for feed in feeds):
            kept = {name: signal[name] for name in _SAFE_SIGNAL if name in signal}
            if all(is_protected(str(feed), policy) for feed in feeds):
                for name in ("opened", "raised", "subsided"):
                    kept[name] = _end_of_week(kept.get(name))
                kept["onset"] = _start_of_month(kept.get("onset"))
            signals.append({**kept, "explanation": {}, "disclosure": SUPPRESSED})
        else:
            signals.append(dict(signal))
    return {**safe, "signals": signals, "disclosure": SUPPRESSED}


def tells_of_an_arrival(change: str, feeds: Sequence[str], policy: Policy = POLICY) -> bool:
    """Whether announcing this change of an alert would tell that one case arrived.

    Opening, raising, subsiding and retracting are conclusions over many cases;
    evidence that is added or amended may be a single one.
    """
    return change in {"evidence_added", "amended"} and any(is_protected(f, policy) for f in feeds)


# -- time and metrics --------------------------------------------------------


def moment(feed: Feed, at: datetime | None, policy: Policy = POLICY) -> datetime | None:
    """When a feed was last heard: to the quarter for protected feeds, as it is for others."""
    if at is None or not is_protected(feed, policy):
        return at
    day = int(at.timestamp() // SECONDS_PER_DAY)
    return start_of(Grid.QUARTER, period_of_day(Grid.QUARTER, day))


def metric(feed: Feed | str, number: float, policy: Policy = POLICY) -> float:
    """A counter of the service's own health by feed.

    A counter cannot be absent at one scrape and present at the next, so a protected
    one stays at zero until it may be shown and then moves in steps.
    """
    return float(count(number, policy) or 0) if is_protected(feed, policy) else float(number)


def _parsed(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _end_of_week(text: object) -> str | None:
    at = _parsed(text)
    if at is None:
        return None
    day: date = at.date() if at.time() == time.min else at.date() + timedelta(days=1)
    day += timedelta(days=-day.weekday() % 7)
    return stamp(datetime.combine(day, time.min, UTC))


def _start_of_month(text: object) -> str | None:
    at = _parsed(text)
    return None if at is None else stamp(datetime.combine(at.date().replace(day=1), time.min, UTC))
