"""What began together, as one reader may see it."""

from __future__ import annotations

from collections.abc import Collection

from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.store import Store
from streams.together.begun import BegunReader
from streams.together.claims import claims
from streams.together.grouping import Group, together
from streams.together.watched import Watched


class TogetherReader:
    """Reads groups of alerts that began together.

    Nothing of it is stored: a group is a view over the alerts that its reader may list, by the
    budgets in force. Safe to use from many threads.

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

    def groups(
        self, providers: frozenset[str] | None, units: Collection[str] | None = None
    ) -> list[Group]:
        """The groups among the alerts of some providers, the newest first.

        Args:
            providers: those whose alerts may be seen; None for all.
            units: only units of these codes; None for all of the providers.
        """
        begun = [
            one
            for one in self._begun.all()
            if (providers is None or one.provider in providers)
            and (units is None or one.unit in units)
        ]
        if not begun:
            return []
        known = self._store.known_units(providers)
        watched = Watched(known, self._store.providers(), among=units)
        return together(begun, self._claims, watched)
