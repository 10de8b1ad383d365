"""Evidence as it may leave: without the numbers that speaking up could be read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from streams.alerts.policy import POLICY, SUPPRESSED, Policy, is_protected
from streams.histories.points import stamp

# What may be said of a signal that rests on protected numbers: its dates and feeds, and
# the numbers of the other feeds that do not depend on the protected ones.
_SAFE_SIGNAL = (
    "detector", "version", "rule", "level", "opened", "raised", "subsided", "onset", "feeds",
)  # fmt: skip
_SAFE_EVIDENCE = ("detector", "version", "reference", "budget", "level_thresholds", "series")
_SAFE_FEED = (
    "feed", "contributes", "observed", "expected", "ratio", "baseline_rate", "baseline_periods",
)  # fmt: skip

# Times of processing: a case that is sent the minute it is received would be known by them.
_PROCESSED = frozenset({"opened_at", "changed_at"})


def alert(fields: Mapping[str, Any], policy: Policy = POLICY) -> dict[str, Any]:
    """An alert as it may leave: evidence of protected feeds without its numbers.

    The joint evidence of a site or provider is computed from all its feeds, so it is
    filtered whichever of them the alert names.

    Args:
        fields: the alert's fields by name, ``evidence`` among them or not.
        policy: what to hold back.
    """
    found = dict(fields)
    if _only_protected(found.get("feeds", ()), policy):
        for name in ("first_signal_at", "raised_at", "subsided_at"):
            found[name] = _end_of_week(found.get(name))
        for name in _PROCESSED.intersection(found):
            found[name] = _end_of_week(found[name])
        found["onset"] = _start_of_month(found.get("onset"))
    evidence = found.get("evidence")
    if isinstance(evidence, Mapping):
        found["evidence"] = _safe_evidence(evidence, policy)
    return found


def taken_in(feeds: Iterable[str], now: datetime, policy: Policy = POLICY) -> datetime:
    """When a change of an alert was taken in, as it may be kept and told.

    Where protected feeds alone speak that is the end of the week, as for the times of their
    events. It is so in the store already: an alert that others join later keeps the time.

    Args:
        feeds: those that the alert names after the change.
        now: the time of processing, aware.
        policy: what to hold back.
    """
    return _week_end(now) if _only_protected(feeds, policy) else now


def _only_protected(feeds: Iterable[object], policy: Policy) -> bool:
    named = [str(feed) for feed in feeds]
    return bool(named) and all(is_protected(feed, policy) for feed in named)


def _mentions(value: object, policy: Policy) -> bool:
    """Whether a protected feed is named anywhere within evidence."""
    if isinstance(value, str):
        return any(covered.topic in value for covered in policy.protected)
    if isinstance(value, Mapping):
        return any(_mentions(part, policy) for pair in value.items() for part in pair)
    if isinstance(value, Sequence):
        return any(_mentions(part, policy) for part in value)
    return False


def _safe_evidence(evidence: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    if not _mentions(evidence, policy):
        return dict(evidence)
    safe = {name: evidence[name] for name in _SAFE_EVIDENCE if name in evidence}
    signals = [_safe_signal(signal, policy) for signal in evidence.get("signals", ())]
    return {**safe, "signals": signals, "disclosure": SUPPRESSED}


def _safe_signal(signal: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    if not _mentions(signal, policy):
        return dict(signal)
    safe = {name: signal[name] for name in _SAFE_SIGNAL if name in signal}
    if _only_protected(safe.get("feeds", ()), policy):
        for name in ("opened", "raised", "subsided"):
            safe[name] = _end_of_week(safe.get(name))
        safe["onset"] = _start_of_month(safe.get("onset"))
    feeds = []
    given = signal.get("explanation")
    listed = given.get("feeds", ()) if isinstance(given, Mapping) else ()
    for entry in listed if isinstance(listed, Sequence) else ():
        if not isinstance(entry, Mapping) or "feed" not in entry:
            continue
        if _mentions(entry, policy):
            feeds.append({"feed": entry["feed"], "contributes": entry.get("contributes")})
        else:
            feeds.append({name: entry[name] for name in _SAFE_FEED if name in entry})
    explanation = {"feeds": feeds} if feeds else {}
    return {**safe, "explanation": explanation, "disclosure": SUPPRESSED}


def _parsed(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _end_of_week(text: object) -> str | None:
    at = _parsed(text)
    return None if at is None else stamp(_week_end(at))


def _week_end(at: datetime) -> datetime:
    at = at.astimezone(UTC)
    day: date = at.date() if at.time() == time.min else at.date() + timedelta(days=1)
    day += timedelta(days=-day.weekday() % 7)
    return datetime.combine(day, time.min, UTC)


def _start_of_month(text: object) -> str | None:
    at = _parsed(text)
    return None if at is None else stamp(datetime.combine(at.date().replace(day=1), time.min, UTC))
