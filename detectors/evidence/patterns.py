"""Ways of failing: which feeds rise together, and by how much.

A pattern names a level of change for each feed; its weight says how likely that
way is before any data are seen. Without a pattern for it a change has little
power, so the table always holds every feed alone, the groups of hard feeds
(what is recorded of care: incidents, falls) and of soft feeds (what people say:
complaints, speaking up), and all feeds together. Where a house adds further counts
of harm (``widened``), those and the falls rising together without the incidents is
a way of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from detectors.evidence.counts import F64

LOW, HIGH = 1, 2
PAIRS_UP_TO = 5  # with more unknown feeds the pairs would outnumber everything else


@dataclass(frozen=True)
class FeedNature:
    """How one feed tends to change: its group, its two levels and its weight alone."""

    soft: bool
    levels: tuple[float, float]
    alone: float


KNOWN = {
    "incidents": FeedNature(soft=False, levels=(1.25, 1.5), alone=0.25),
    "falls": FeedNature(soft=False, levels=(1.35, 1.95), alone=0.11),
    "complaints": FeedNature(soft=True, levels=(1.35, 2.0), alone=0.08),
    "speakup": FeedNature(soft=True, levels=(1.35, 2.0), alone=0.02),
}
UNKNOWN = FeedNature(soft=False, levels=(1.3, 1.8), alone=0.1)
TOGETHER = {"all": 0.30, "soft": 0.30, "hard": 0.05, "pairs": 0.20, "harms": 0.05}
REPORTED = "incidents"  # hard, but a count of what is reported as much as of harm
HIGH_SHARE = 0.6  # of a way's weight, where it is told by a low and a high row only
IMPROVEMENT_LEVELS = (0.8, 0.6)


@dataclass(frozen=True, eq=False)
class Patterns:
    """A table of ways in which feeds change together.

    Args:
        feeds: names of the feeds.
        ratios: ``F64[F, L]``, the factor of each level of each feed (1 = unchanged).
        choice: ``int64[C, F]``, the level of each feed in each pattern; 0 is
            unchanged, level ``l`` is column ``l - 1`` of ``ratios``.
        weight: ``F64[C]``, prior weights, summing to one.

    """

    feeds: tuple[str, ...]
    ratios: F64
    choice: npt.NDArray[np.int64]
    weight: F64

    def describe(self, pattern: int) -> str:
        """Name the feeds that change in a pattern, with their factors."""
        parts = [
            f"{name} x{self.ratios[f, level - 1]:g}"
            for f, name in enumerate(self.feeds)
            if (level := int(self.choice[pattern, f]))
        ]
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Give the table as plain lists."""
        return {
            "ratios": self.ratios.tolist(),
            "choice": self.choice.tolist(),
            "weight": self.weight.tolist(),
        }

    @classmethod
    def from_dict(cls, feeds: Sequence[str], table: Mapping[str, Any]) -> Patterns:
        """Read a table written by ``to_dict``."""
        return cls(
            feeds=tuple(feeds),
            ratios=np.array(table["ratios"], dtype=np.float64).reshape(len(feeds), -1),
            choice=np.array(table["choice"], dtype=np.int64).reshape(-1, len(feeds)),
            weight=np.array(table["weight"], dtype=np.float64),
        )


def rises(feeds: Sequence[str], *, harms: bool = False) -> Patterns:
    """Make the table of concerns for any set of feeds.

    Known names take their nature from ``KNOWN``; where none is known each feed
    alone, each pair (up to five feeds) and all together share the weight. With ``harms``
    the hard feeds without the incidents are one way more, where there are two or more.
    """
    natures = [KNOWN.get(name, UNKNOWN) for name in feeds]
    rows: list[tuple[list[int], float]] = []
    everything = tuple(range(len(feeds)))
    groups = {
        "soft": tuple(f for f in everything if natures[f].soft),
        "hard": tuple(f for f in everything if not natures[f].soft),
    }
    if len(feeds) > 1:
        rows += _spread(len(feeds), everything, TOGETHER["all"], groups)
    known = any(name in KNOWN for name in feeds)
    for name, members in groups.items():
        if known and 1 < len(members) < len(feeds):
            rows += _spread(len(feeds), members, TOGETHER[name], {})
    if not known and 2 < len(feeds) <= PAIRS_UP_TO:
        pairs = list(combinations(everything, 2))
        for pair in pairs:
            rows += _spread(len(feeds), pair, TOGETHER["pairs"] / len(pairs), {})
    harmed = tuple(f for f in groups["hard"] if feeds[f] != REPORTED)
    if harms and 1 < len(harmed) < len(groups["hard"]):
        rows += _spread(len(feeds), harmed, TOGETHER["harms"], {})
    for f in everything:
        rows += _spread(len(feeds), (f,), natures[f].alone, {})
    return _table(feeds, np.array([n.levels for n in natures]), rows)


def widened(table: Patterns, feeds: Sequence[str]) -> Patterns:
    """Give a table of concerns for its feeds and further counts of harm.

    What was learned of the old ways (``ways``) is kept: a new way has its usual weight times
    the learned weight over the usual one of what it is among the old feeds.

    Raises:
        ValueError: feeds that do not begin with those of the table.

    """
    held = len(table.feeds)
    if tuple(feeds[:held]) != table.feeds:
        raise ValueError(f"{', '.join(feeds)} do not begin with {', '.join(table.feeds)}")
    new, usual = rises(feeds, harms=True), rises(table.feeds, harms=True)
    given = dict(zip(map(tuple, table.choice.tolist()), table.weight, strict=True))
    ratio = {
        way: given[way] / before
        for way, before in zip(map(tuple, usual.choice.tolist()), usual.weight, strict=True)
        if way in given
    }
    learned = np.array([ratio.get(tuple(row[:held]), 1.0) for row in new.choice.tolist()])
    weight = new.weight * learned
    ratios = np.concatenate([table.ratios, new.ratios[held:]])
    return replace(new, ratios=ratios, weight=weight / weight.sum())


def falls(feeds: Sequence[str], improvable: Sequence[bool]) -> Patterns:
    """Make the table of improvements over the feeds where a fall is good."""
    members = tuple(f for f, good in enumerate(improvable) if good)
    rows: list[tuple[list[int], float]] = []
    if len(members) > 1:
        rows += _spread(len(feeds), members, 0.5, {})
    for f in members:
        rows += _spread(len(feeds), (f,), 0.5 / len(members), {})
    return _table(feeds, np.tile(np.array(IMPROVEMENT_LEVELS), (len(feeds), 1)), rows)


def _spread(
    width: int, members: tuple[int, ...], weight: float, groups: Mapping[str, tuple[int, ...]]
) -> list[tuple[list[int], float]]:
    """Share a way's weight over its levels: low, high, and one group high, the other low."""

    def row(high: tuple[int, ...]) -> list[int]:
        return [0 if f not in members else HIGH if f in high else LOW for f in range(width)]

    mixed = [row(group) for group in groups.values() if 0 < len(group) < len(members)]
    if not mixed:
        return [(row(()), (1.0 - HIGH_SHARE) * weight), (row(members), HIGH_SHARE * weight)]
    rows = [row(()), row(members), *mixed]
    return [(levels, weight / len(rows)) for levels in rows]


def _table(feeds: Sequence[str], ratios: F64, rows: list[tuple[list[int], float]]) -> Patterns:
    choice = np.array([levels for levels, _ in rows], dtype=np.int64).reshape(-1, len(feeds))
    weight = np.array([weight for _, weight in rows], dtype=np.float64)
    return Patterns(
        feeds=tuple(feeds),
        ratios=ratios.astype(np.float64).reshape(len(feeds), -1),
        choice=choice,
        weight=weight / weight.sum() if len(weight) else weight,
    )
