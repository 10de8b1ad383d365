"""Claims on the alert budget: what may begin by chance, and how often at most.

A group of alerts is of one claim: what one detector says of one indicator, on one grid. How much
of a unit's budget a claim has is decision 12's; that is what begins by chance at most, because
thresholds aim at less and a unit that reports little spends less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streams.alerts.disclosure import is_protected
from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import (
    LEVELS,
    SHARES,
    SILENCE_LEVELS,
    Budgets,
    alone_at,
    watched_alone,
)
from streams.evidence.reference import Reference
from streams.evidence.rules import ALONE
from streams.facts.feeds import Feed
from streams.facts.periods import JUDGED, Grid

Key = tuple[str, str, Grid]
"""A claim's detector, the key of its indicator (or the topic of its feed), and its grid."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim on the budget of every unit of some levels.

    ``rate`` is how many alerts of it a stable unit may have by chance, a year, at most.
    ``weight`` is its part in the chance of a false group, the same for each of its levels;
    those of all claims and levels add up to one at most.
    """

    key: Key
    feed: Feed
    levels: tuple[str, ...]
    rate: float
    weight: float

    @property
    def detector(self) -> str:
        """Who makes the claim."""
        return self.key[0]

    @property
    def indicator(self) -> str:
        """What it is about."""
        return self.key[1]

    @property
    def grid(self) -> Grid:
        """The periods at whose ends it is judged."""
        return self.key[2]


def claims(catalogue: Catalogue, reference: Reference, budgets: Budgets) -> dict[Key, Claim]:
    """All claims that may be grouped, by key; none of a protected feed is among them.

    A signal of the joint watch names one feed or several, and is a claim on each of them, so
    each is given all of the watch's part: too much rather than too little. An indicator that
    may come by week, month or quarter is a claim on each grid.
    """
    found = [
        *_counted(catalogue, reference, budgets),
        *_alone(catalogue, reference, budgets),
        *_silences(budgets),
    ]
    return {claim.key: claim for claim in found}


def _counted(catalogue: Catalogue, reference: Reference, budgets: Budgets) -> Iterator[Claim]:
    keys = [
        key
        for key in dict.fromkeys(key for model in reference.models.values() for key in model.feeds)
        if key in catalogue and not is_protected(catalogue[key].feed)
    ]
    for key in keys:
        levels = [level for level in LEVELS if key in reference.models[level].feeds]
        yield _claim(
            "evidence.counts", key, Grid.WEEK, catalogue[key].feed, levels,
            rate=budgets.share("counts")["budget1"],
            weight=SHARES["counts"] / len(keys),
        )  # fmt: skip


def _alone(catalogue: Catalogue, reference: Reference, budgets: Budgets) -> Iterator[Claim]:
    for part in ("indicators", "listening"):
        chosen = watched_alone(catalogue, reference, part)
        for indicator in chosen:
            if is_protected(indicator.feed):
                continue
            for grid in JUDGED:
                levels = alone_at(indicator, reference, grid)
                if not levels:
                    continue
                yield _claim(
                    ALONE[indicator.evidence or ""], indicator.key, grid, indicator.feed, levels,
                    rate=budgets.share(part, len(chosen))["budget1"],
                    weight=SHARES[part] / len(chosen) / len(JUDGED),
                )  # fmt: skip


def _silences(budgets: Budgets) -> Iterator[Claim]:
    """Units that went quiet, and feeds that stopped at a whole provider."""
    number = len(SILENCE_LEVELS)
    for feed, levels in SILENCE_LEVELS.items():
        if is_protected(feed):
            continue
        for detector, of in (("evidence.silence", levels), ("evidence.outage", {"provider"})):
            yield _claim(
                detector, feed.topic, Grid.WEEK, feed, of,
                rate=budgets.share("silence", number)["budget1"],
                weight=SHARES["silence"] / number / 2,
            )  # fmt: skip


def _claim(
    detector: str, indicator: str, grid: Grid, feed: Feed, levels: Iterable[str],
    *, rate: float, weight: float
) -> Claim:  # fmt: skip
    """A claim with its levels in their order and its weight divided among them."""
    ordered = tuple(level for level in LEVELS if level in set(levels))
    return Claim((detector, indicator, grid), feed, ordered, rate, weight / len(ordered))
