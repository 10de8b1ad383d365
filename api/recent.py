"""The events accepted a moment ago, so that a repeat is called one at once.

The store knows an event when it is processed; between acceptance and that a sender
may repeat itself. What is remembered here only makes receipts more precise: the
pipeline recognises every repeat by itself.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from streams.facts.messages import Fact, held
from streams.intake.conflicts import clash

Place = tuple[str, bytes]


class RecentFacts:
    """The versions of the latest facts, oldest first to go.

    A full room holds 27 MB of incidents or 34 MB of metrics. Their ranks alone, which is what
    is compared, would be a third less, for the bodies decide between two contents of one
    revision; but every new fact would then have to be ranked, at 0.3 µs more each.
    """

    def __init__(self, room: int = 50_000) -> None:
        self._room = room
        self._latest: OrderedDict[Place, Fact] = OrderedDict()
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
        within: dict[Place, Fact] = {}
        with self._lock:
            for number, fact in enumerate(facts):
                place = (fact.provider, fact.key)
                recent = within.get(place) or self._latest.get(place)
                latest = _later(recent, held(fact, stored))
                if latest is None or fact.rank > latest.rank:
                    within[place] = fact
                    news.append(fact)
                elif clash(fact.rank, latest.rank):
                    losers.append(number)
                else:
                    known.append(fact)
        return news, known, losers

    def remember(self, facts: Iterable[Fact]) -> None:
        """Note facts that are durable now."""
        with self._lock:
            for fact in facts:
                place = (fact.provider, fact.key)
                self._latest[place] = _later(self._latest.get(place), fact) or fact
                self._latest.move_to_end(place)
            while len(self._latest) > self._room:
                self._latest.popitem(last=False)


def _later(one: Fact | None, other: Fact | None) -> Fact | None:
    """The later of two versions, as far as there are any."""
    if one is None or other is None:
        return one or other
    return one if one.rank >= other.rank else other
