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

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from streams.alerts.disclosed_evidence import alert, taken_in
from streams.alerts.disclosed_series import calendar, closed_month, series_points, window_total
from streams.alerts.policy import POLICY, SUPPRESSED, Policy, count, is_protected, percentage
from streams.facts.feeds import Feed
from streams.facts.periods import (
    SECONDS_PER_DAY,
    Grid,
    period_of_day,
    start_of,
)

if TYPE_CHECKING:
    from streams.evidence.listening import Standing
    from streams.histories.reporting import FeedDelay

__all__ = [
    "DELAY_HELD",
    "POLICY",
    "SUPPRESSED",
    "Policy",
    "alert",
    "calendar",
    "closed_month",
    "count",
    "is_protected",
    "may_be_grouped",
    "metric",
    "moment",
    "percentage",
    "profile",
    "reason",
    "reporting_delay",
    "series_points",
    "taken_in",
    "tells_of_an_arrival",
    "window_total",
]


def profile(standings: Iterable[Standing], policy: Policy = POLICY) -> list[dict[str, Any]]:
    """A listening profile as it may be shown.

    Of a protected aspect the trend is told in words, the share only from counts as
    they may be shown, and nothing of the year before.
    """
    return [_standing(one, policy) for one in standings]


def _standing(one: Standing, policy: Policy) -> dict[str, Any]:
    found: dict[str, Any] = {
        "aspect": one.aspect.key,
        "name": one.aspect.name,
        "indicator": one.aspect.indicator,
        "form": one.aspect.form,
        "better": one.aspect.better,
        "grid": one.aspect.grid.name.lower(),
        "enough": one.enough,
        "words": one.words,
        "variation": one.variation,
        "value": one.value,
        "numerator": one.numerator,
        "denominator": one.denominator,
        "before": one.before,
        "disclosure": None,
    }
    if one.aspect.protected:
        above = None if one.numerator is None else count(one.numerator, policy)
        below = None if one.denominator is None else count(one.denominator, policy)
        value = None
        if one.enough and one.numerator is not None and one.denominator is not None:
            value = percentage(one.numerator, one.denominator, policy)
        held = one.numerator is not None and (above is None or below is None)
        found |= {"numerator": above, "denominator": below, "value": value, "before": None}
        found["disclosure"] = SUPPRESSED if held else None
    return found


# -- reporting delay ---------------------------------------------------------

DELAY_HELD = "when cases of speaking up were recorded is not shown"


def reporting_delay(
    feed: Feed, learn: Callable[[], FeedDelay], policy: Policy = POLICY
) -> FeedDelay | None:
    """What a feed's reports say about their delay, or None where it must not be known.

    Of a protected feed it is not even learnt: cases are few, and a share that moves by the
    day would tell that one arrived. Its numbers are of whole months that are long past.
    """
    return None if is_protected(feed, policy) else learn()


# -- alerts ------------------------------------------------------------------


def tells_of_an_arrival(change: str, record: bytes, policy: Policy = POLICY) -> bool:
    """Whether announcing this change of an alert would tell that one case arrived.

    Opening, raising, subsiding and retracting are conclusions over many cases;
    evidence that is added or amended may be a single one. The joint evidence of a site
    weighs all its feeds, whichever of them the alert names, and lists them.

    Args:
        change: what happened to the alert.
        record: the alert with its evidence, as JSON.
        policy: what is protected.
    """
    if change not in {"evidence_added", "amended"}:
        return False
    return any(covered.topic.encode() in record for covered in policy.protected)


def may_be_grouped(feeds: Iterable[str], policy: Policy = POLICY) -> bool:
    """Whether a signal may be counted among those that began together.

    A count by week would say in which week a signal of a protected feed opened, to whoever
    sees it change, and which of a group's signals it was. Such signals take no part, alone or
    beside other feeds; one that names no feed is not known to be of an open one.

    Args:
        feeds: the topics that the signal names.
        policy: what is protected.
    """
    named = list(feeds)
    return bool(named) and not any(is_protected(feed, policy) for feed in named)


# -- time and metrics --------------------------------------------------------


_PROTECTED_REASONS = frozenset({"ward_refused"})


def moment(feed: Feed, at: datetime | None, policy: Policy = POLICY) -> datetime | None:
    """When a feed was last heard: to the quarter for protected feeds, as it is for others."""
    if at is None or not is_protected(feed, policy):
        return at
    day = int(at.timestamp() // SECONDS_PER_DAY)
    return start_of(Grid.QUARTER, period_of_day(Grid.QUARTER, day))


def metric(number: float, policy: Policy = POLICY) -> float:
    """A counter of the service's own health that is told apart by feed.

    Every feed's counter moves in steps, not the protected one's alone: the total over
    the feeds is published exactly, so exact neighbours would give the protected number
    as a difference. A counter cannot be absent at one scrape and present at the next,
    so it stays at zero until it may be shown.
    """
    return float(count(number, policy) or 0)


def reason(code: str, number: float, policy: Policy = POLICY) -> float:
    """A counter of refused events by reason.

    Only speaking up can be refused for naming a ward, so that reason's counter would
    tell that a case was sent; it moves in steps.
    """
    return metric(number, policy) if code in _PROTECTED_REASONS else float(number)
