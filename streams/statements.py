"""Every sentence an alert may say, in one table.

The words are a safety control: a signal asks for a check, it does not judge a
unit. No sentence holds a count, so that none lets a reader infer a single report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from streams.periods import SECONDS_PER_DAY

if TYPE_CHECKING:
    from streams.signals import Signal

OPENINGS = {
    ("quality", "concern"): (
        "{what} at {unit} may have risen since about {onset}. Please check what is behind it."
    ),
    ("quality", "improvement"): (
        "{what} at {unit} may have fallen since about {onset}. It may be worth learning from."
    ),
    ("listening", "concern"): (
        "What is heard at {unit} may have changed since about {onset}: {what}. "
        "Please check that people can speak up and are answered."
    ),
    ("listening", "improvement"): (
        "Listening at {unit} may have improved since about {onset}: {what}."
    ),
    ("silence", "concern"): (
        "{what} from {unit} may have gone quiet since about {onset}. "
        "Please check whether reporting still works there."
    ),
    ("data_quality", "concern"): (
        "No {what} have come from {unit} since about {onset}. "
        "Please check the feed; until it returns, these series are not monitored."
    ),
}
BETTER_REPORTING = "more incidents are reported and a smaller share of them is harmful"
FEED_WORDS = {
    "incidents": "incidents",
    "complaints": "complaints",
    "speakup": "speaking-up reports",
    "falls": "falls",
    "wardmetrics": "ward metrics",
}
CHANCE = "about once in {years} for a stable {kind}"


def listing(words: Sequence[str]) -> str:
    """Join words as people do: "a", "a and b", "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def day_in_words(day: int) -> str:
    """A UTC day as "3 March 2025"."""
    moment = datetime.fromtimestamp(day * SECONDS_PER_DAY, UTC)
    return f"{moment.day} {moment:%B %Y}"


def statement(signals: Sequence[Signal], *, unit_name: str, unit_kind: str) -> str:
    """One plain sentence for an episode."""
    first = signals[0]
    words: list[str] = []
    for signal in signals:
        words += [word for word in _what(signal.words) if word not in words]
    what = listing(words)
    template = OPENINGS[first.kind, first.direction]
    if template.startswith("{what}"):
        what = what[:1].upper() + what[1:]
    place = unit_name if unit_kind != "ward" else f"ward {unit_name}"
    onset = day_in_words(min(signal.onset for signal in signals))
    return template.format(what=what, unit=place, onset=onset)


def _what(words: Mapping[str, Any]) -> list[str]:
    if "text" in words:
        return [str(words["text"])]
    return [FEED_WORDS.get(feed, feed.replace("_", " ")) for feed in words["feeds"]]


def false_alert_interval(unit_kind: str, budget: float) -> str:
    """How often a stable unit would show such a signal by chance, from alerts a year."""
    years = 1.0 / budget
    text = (
        f"{years:.0f} years"
        if years >= 2
        else "a year"
        if years >= 1
        else f"{12 * years:.0f} months"
    )
    return CHANCE.format(years=text, kind=unit_kind)
