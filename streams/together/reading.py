"""What began together, as one reader may see it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.effects import ProviderRecord
from streams.store import Store
from streams.together.begun import Beginning, BegunReader
from streams.together.claims import claims
from streams.together.grouping import FEWEST, Group, together
from streams.together.watched import Watched

Question = tuple[frozenset[str] | None, frozenset[str] | None]
_KEPT = 64
"""Readers whose groups are remembered."""


class TogetherReader:
    """Reads groups of alerts that began together.

    Nothing of it is stored: a group is a view over the alerts that its reader may list, by the
    budgets in force. What was found is remembered until an alert changes or something arrives.
    Safe to use from many threads.

    Args:
        store: where alerts, units and tallies are read.
        catalogue: the indicators.
        reference: which feeds are watched jointly.
        budgets: false alerts per unit and year.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, reference: Reference, budgets: Budgets
    ) -> None:
        self._store = store
        self._begun = BegunReader(store)
        self._claims = claims(catalogue, reference, budgets)
        self._kept: OrderedDict[Question, tuple[object, list[Group]]] = OrderedDict()
        self._lock = threading.Lock()

    def groups(
        self, providers: frozenset[str] | None, units: frozenset[str] | None = None
    ) -> list[Group]:
        """The groups among the alerts of some providers, the newest first.

        Args:
            providers: those whose alerts may be seen; None for all.
            units: only units of these codes; None for all of the providers.
        """
        number, begun = self._begun.all()
        version = (number, self._store.feeds(providers), self._store.providers())
        question = (providers, units)
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None and kept[0] == version:
                self._kept.move_to_end(question)
                return kept[1]
        # Two readers may both look; both are right.
        found = self._found(begun, version[2], providers, units)
        with self._lock:
            self._kept[question] = (version, found)
            self._kept.move_to_end(question)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _found(
        self,
        begun: Sequence[Beginning],
        ends: Sequence[ProviderRecord],
        providers: frozenset[str] | None,
        units: frozenset[str] | None,
    ) -> list[Group]:
        seen = [
            one
            for one in begun
            if (providers is None or one.provider in providers)
            and (units is None or one.unit in units)
        ]
        if len(seen) < FEWEST:
            return []
        watched = Watched(self._store.known_units(providers), ends, among=units)
        return together(seen, self._claims, watched)
