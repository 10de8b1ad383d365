"""What is said of a group, in the words of ``streams.evidence.statements``."""

from __future__ import annotations

from typing import Literal

from streams.catalogue.indicators import Catalogue
from streams.evidence.statements import (
    ALSO,
    CAUSES,
    EXPECTED,
    FEED_WORDS,
    MOVED,
    REPORTS,
    ROSE,
    SHARED,
    TOGETHER,
    WENT_QUIET,
    listing,
    span_in_words,
    uncapitalised,
)
from streams.together.claims import Claim
from streams.together.grouping import Group


def what_began(claim: Claim, catalogue: Catalogue) -> str:
    """What a claim's signals say, as a clause: "incidents may have risen"."""
    if claim.detector in WENT_QUIET:
        return WENT_QUIET[claim.detector].format(reports=REPORTS[claim.indicator])
    if claim.detector == "evidence.counts":
        words = FEED_WORDS.get(claim.indicator, claim.indicator.replace("_", " "))
        return ROSE.format(feeds=words)
    indicator = catalogue[claim.indicator]
    return MOVED[indicator.concern or "both"].format(indicator=uncapitalised(indicator.name))


def reach(group: Group) -> Literal["many", "within", "own"]:
    """How far a group reaches: ``many`` providers, ``within`` one of them, or the only one.

    The only one is the reader's ``own``, or the one that was asked for.
    """
    if group.providers_watched == 1:
        return "own"
    return "within" if len(group.providers) == 1 else "many"


def statement(group: Group, catalogue: Catalogue) -> str:
    """A group in a few plain sentences."""
    reaching = reach(group)
    causes = CAUSES["quiet" if group.claim.detector in WENT_QUIET else "told"]
    where = ""
    if reaching == "many" and group.level != "provider":
        where = f" in {len(group.providers):,} of {group.providers_watched:,} providers"
    told = TOGETHER.format(
        units=f"{len(group.units):,}",
        watched=f"{group.watched:,}",
        kind=f"{group.level}s",
        where=where,
        what=what_began(group.claim, catalogue),
        when=span_in_words(group.since, group.until - 1),
        expected=expected_in_words(group),
        cause=SHARED[reaching].format(causes=causes, kind=f"{group.level}s"),
    )
    others = [
        f"{number:,} {level}{'' if number == 1 else 's'}"
        for level, number in group.others.items()
        if number
    ]
    return told + (ALSO.format(others=listing(others)) if others else "")


def expected_in_words(group: Group) -> str:
    """How many were expected: by chance at most, or as often as is usual where that is more."""
    number = "less than one" if group.expected < 0.95 else f"about {group.expected:,.0f}"
    if group.expected > group.by_budget:
        return EXPECTED["usual"].format(number=number)
    at_most = " at most" if group.expected >= 0.95 else ""
    return EXPECTED["budget"].format(number=f"{number}{at_most}")
