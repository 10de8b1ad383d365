"""Signals become alert episodes: what overlaps in one unit is told as one.

A signal is one detector's crossing: evidence over the four feeds, or one
indicator's. Signals of the same unit, kind and direction whose times overlap are
one alert, opened by the first; later ones add evidence to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby

from streams.evidence.findings import Evidence, Signal, ToldAlert, instant, instant_of
from streams.evidence.statements import false_alert_interval, statement
from streams.facts.effects import AlertRecord
from streams.facts.feeds import FEED_OF_TOPIC, PROTECTED
from streams.facts.periods import Grid, first_day, period_of_day

__all__ = ["Signal", "alert_id", "alert_of", "episodes", "instant", "instant_of"]

FOREVER = 2**31
# A local check within eight working days, as for national maternity signals.
RESPOND_BY = {1: 8, 2: 8}


def alert_id(unit: str, kind: str, direction: str, opened: str) -> str:
    """The same facts give the same name on any machine.

    ``opened`` is the end of the day whose data opened the episode, so that a late
    event of that day amends the alert rather than naming it anew.
    """
    text = "\0".join((unit, kind, direction, opened))
    return blake2b(text.encode(), digest_size=10).hexdigest()


def episodes(signals: Iterable[Signal]) -> list[list[Signal]]:
    """Group signals into episodes: same unit, kind and direction, overlapping in time."""

    def place(signal: Signal) -> tuple[str, str, str]:
        return (signal.unit, signal.kind, signal.direction)

    found: list[list[Signal]] = []
    ordered = sorted(signals, key=lambda s: (*place(s), s.opened, s.detector))
    for _, group in groupby(ordered, key=place):
        end = -FOREVER
        for signal in group:
            if signal.opened > end:
                found.append([])
                end = -FOREVER
            found[-1].append(signal)
            end = max(end, FOREVER if signal.subsided is None else signal.subsided)
    return found


def alert_of(
    signals: list[Signal],
    *,
    provider: str,
    unit_name: str,
    unit_kind: str,
    reference: str,
    budgets: Mapping[int, float],
) -> AlertRecord:
    """Tell one episode as an alert."""
    first = signals[0]
    level = max(signal.level for signal in signals)
    raised = [signal.raised for signal in signals if signal.raised is not None]
    ended = [signal.subsided for signal in signals]
    subsided = None if None in ended else max(day for day in ended if day is not None)
    # A name that was made of the day could be tried with seven days.
    named = _week_end(first) if _protected(first.feeds) else instant(first.opened)
    feeds = tuple(sorted({feed for signal in signals for feed in signal.feeds}))
    return ToldAlert(
        id=alert_id(first.unit, first.kind, first.direction, named),
        provider=provider,
        unit=first.unit,
        unit_name=unit_name,
        unit_kind=unit_kind,
        level=level,
        direction=first.direction,
        kind=first.kind,
        domains=tuple(sorted({domain for signal in signals for domain in signal.domains})),
        feeds=feeds,
        first_signal_at=_first_signal(first, feeds),
        raised_at=instant(min(raised)) if raised else None,
        onset=instant(min(signal.onset for signal in signals)),
        subsided_at=None if subsided is None else instant(subsided),
        statement=statement(signals, unit_name=unit_name, unit_kind=unit_kind),
        false_alert_interval=false_alert_interval(unit_kind, budgets[level]),
        respond_by=RESPOND_BY[level],
        evidence=Evidence(reference, budgets[level], tuple(signals)),
    )


def _first_signal(first: Signal, feeds: Sequence[str]) -> str:
    """When an alert was first signalled, as it may be told, listed and filtered by.

    Where protected feeds alone speak that is the end of the week: a listing that kept the day
    would give it away by its order, its filters and its cursors, whatever it showed.
    """
    if _protected(feeds):
        return _week_end(first)
    return instant(first.opened) if first.moment is None else instant_of(first.moment)


def _protected(feeds: Sequence[str]) -> bool:
    """Whether protected feeds alone speak."""
    return bool(feeds) and all(FEED_OF_TOPIC.get(feed) in PROTECTED for feed in feeds)


def _week_end(signal: Signal) -> str:
    """The end of the week whose data opened a signal."""
    last = period_of_day(Grid.WEEK, signal.opened - 1)
    return instant(first_day(Grid.WEEK, last + 1))
