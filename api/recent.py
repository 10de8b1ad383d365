"""The events accepted a moment ago, so that a repeat is called one at once.

The store knows an event when it is processed; between acceptance and that a sender
may repeat itself. What is remembered here only makes receipts more precise: the
pipeline recognises every repeat by itself.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from streams.facts.messages import Fact
from streams.intake.conflicts import clash

Place = tuple[str, bytes]
Rank = tuple[int, bool, bytes]


class RecentFacts:
    """The ranks of the latest facts, oldest first to go."""

    def __init__(self, room: int = 50_000) -> None:
        self._room = room
        self._ranks: OrderedDict[Place, Rank] = OrderedDict()
        self._lock = threading.Lock()

    def split(
        self, facts: Iterable[Fact], stored: Mapping[str, Mapping[bytes, Fact]]
    ) -> tuple[list[Fact], list[Fact], list[int]]:
        """Facts that are news, those that are known in this or a later version, and losers.

        A loser is a content of a revision under which another content counts; it is
        given by its number among the facts.

        Args:
            facts: in the order of the request; repeats within it are known too.
            stored: the versions that the store holds, by provider and key.
        """
        news: list[Fact] = []
        known: list[Fact] = []
        losers: list[int] = []
        within: dict[Place, Rank] = {}
        with self._lock:
            for number, fact in enumerate(facts):
                place = (fact.provider, fact.key)
                held = within.get(place) or self._ranks.get(place)
                kept = stored.get(fact.provider, {}).get(fact.key)
                if kept is not None and (held is None or kept.rank > held):
                    held = kept.rank
                if held is not None and fact.rank <= held:
                    if clash(fact.rank, held):
                        losers.append(number)
                    else:
                        known.append(fact)
                else:
                    within[place] = fact.rank
                    news.append(fact)
        return news, known, losers

    def remember(self, facts: Iterable[Fact]) -> None:
        """Note facts that are durable now."""
        with self._lock:
            for fact in facts:
                place = (fact.provider, fact.key)
                if fact.rank > self._ranks.get(place, (0, False, b"")):
                    self._ranks[place] = fact.rank
                self._ranks.move_to_end(place)
            while len(self._ranks) > self._room:
                self._ranks.popitem(last=False)
