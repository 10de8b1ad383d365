"""Every sentence an alert may say, in one table; its detectors' rules are in ``rules.py``.

The words are a safety control: a signal asks for a check, it does not judge a
unit. No sentence holds a count, so that none lets a reader infer a single report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from streams.facts.periods import SECONDS_PER_DAY

if TYPE_CHECKING:
    from streams.evidence.findings import Signal

SENTENCES = {
    ("quality", "concern"): (
        "At {unit}, {what} since about {onset}. Please check what is behind it."
    ),
    ("quality", "improvement"): (
        "At {unit}, {what} since about {onset}. It may be worth learning from."
    ),
    ("listening", "concern"): (
        "At {unit}, {what} since about {onset}. "
        "Please check that people can speak up and are answered."
    ),
    ("listening", "improvement"): (
        "At {unit}, {what} since about {onset}. People may be heard better there."
    ),
    ("silence", "concern"): (
        "At {unit}, {what} may have gone quiet since about {onset}. "
        "Please check whether reporting still works there."
    ),
    ("data_quality", "concern"): (
        "From {unit}, no {what} may have come since about {onset}. "
        "Please check the feed; until it returns, these series are not monitored."
    ),
}
ROSE, FELL = "{feeds} may have risen", "{feeds} may have become fewer"
MOVED = {
    "rise": "{indicator} may be higher",
    "fall": "{indicator} may be lower",
    "both": "{indicator} may be different",
}
BETTER_REPORTING = "more incidents may be reported and a smaller share of them be harmful"
FEED_WORDS = {
    "incidents": "incidents",
    "complaints": "complaints",
    "speakup": "speaking-up reports",
    "falls": "falls",
    "hospital_infections": "hospital-acquired infections",
    "cdi": "C. difficile infections",
    "mrsa_bsi": "MRSA bloodstream infections",
    "unplanned_icu_admissions": "unplanned admissions to intensive care",
    "wardmetrics": "ward metrics",
}
# What has gone quiet is the reporting of incidents.
REPORTS = FEED_WORDS | {"incidents": "incident reports"}
CHANCE = "about once in {years} for a stable {kind}"
# What began together is told of units, never of reports.
TOGETHER = (
    "At {units} of {watched} {kind}{where}, {what}, first signalled {when}. "
    "{expected} {cause} Please check for that first, and read these signals as one event."
)
ON_A_DAY, BETWEEN = "on {day}", "between {first} and {last}"
EXPECTED = {
    "budget": "By chance alone it would be {number}.",
    "usual": "As often as such signals usually begin it would be {number}.",
}
SHARED = {
    "many": "A common cause is likely; it may be {causes}.",
    "within": (
        "All of them are of one provider, so a cause within it is likely; it may be {causes}."
    ),
    "own": (
        "A cause that the {kind} of this provider share is likely; it may be {causes}. Other "
        "providers are not looked at here, so it may reach further."
    ),
}
CAUSES = {
    "told": "a change of reporting, a new form or an epidemic",
    "quiet": "a change of reporting, or a system or a feed that is held up",
}
WENT_QUIET = {
    "evidence.silence": "{reports} may have gone quiet",
    "evidence.outage": "no {reports} may have come",
}
ALSO = " The same began at {others}."
NO_SPEAKING_UP = "Signals of speaking up take no part in it."
RETRACTED = "The facts as they are now no longer support this signal."
INHERITED = "A correction moved the first signal; the work continues in another alert."


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
    clauses: list[str] = []
    for signal in signals:
        clause = _clause(signal.words, signal.direction)
        if clause not in clauses:
            clauses.append(clause)
    place = unit_name if unit_kind != "ward" else f"ward {unit_name}"
    onset = day_in_words(min(signal.onset for signal in signals))
    if all(signal.feeds == ("speakup",) for signal in signals):
        # A day could be that of one person's report.
        onset = onset.partition(" ")[2]
    sentence = SENTENCES[first.kind, first.direction]
    return sentence.format(what=listing(clauses), unit=place, onset=onset)


def _clause(words: Mapping[str, Any], direction: str) -> str:
    if "text" in words:
        return str(words["text"])
    feeds = [FEED_WORDS.get(feed, feed.replace("_", " ")) for feed in words["feeds"]]
    template = ROSE if direction == "concern" else FELL
    return template.format(feeds=listing(feeds))


def span_in_words(first: int, last: int) -> str:
    """UTC days from one to another: "between 5 and 18 October 2026", or "on 5 October 2026"."""
    begin, end = day_in_words(first), day_in_words(last)
    if begin == end:
        return ON_A_DAY.format(day=end)
    for shared in (end.partition(" ")[2], end[-4:]):
        if begin.endswith(f" {shared}"):
            return BETWEEN.format(first=begin.removesuffix(f" {shared}"), last=end)
    return BETWEEN.format(first=begin, last=end)


def uncapitalised(name: str) -> str:
    """A name within a sentence; abbreviations keep their capitals."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


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
