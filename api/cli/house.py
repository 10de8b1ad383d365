"""Where the parts are put together: one place that every command with a store goes through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.cli.stores import HouseError, open_store
from api.settings import Settings
from streams.catalogue.definitions import CatalogueError
from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations, OrganisationsError
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import InvalidReferenceError, Reference
from streams.facts.clock import Clock, system_clock
from streams.runners.engine import Engine
from streams.store import Store


@dataclass(frozen=True, slots=True)
class House:
    """The parts that every door and runner shares."""

    settings: Settings
    store: Store
    catalogue: Catalogue
    organisations: Organisations
    reference: Reference
    budgets: Budgets
    clock: Clock = system_clock

    def engine(self) -> Engine:
        """An engine over these parts."""
        return Engine(
            self.store,
            catalogue=self.catalogue,
            organisations=self.organisations,
            reference=self.reference,
            budgets=self.budgets,
            clock=self.clock,
            # Where keys vouch the door has judged by them, and the journal holds nothing else.
            open_registration=self.settings.embedded
            and (not self.settings.keys_needed or self.settings.keys_vouch),
        )

    def unit_name(self, code: str) -> str:
        """A unit's name: the organisation file's, or else the local part of its code."""
        for unit in self.organisations.units(self.clock().date()):
            if unit.code == code:
                return unit.name
        return code.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Definitions:
    """What is read from files: indicators, organisations and the pooled reference."""

    catalogue: Catalogue
    organisations: Organisations
    reference: Reference


def read_definitions(settings: Settings) -> Definitions:
    """Read the files that the settings name, or what ships.

    Raises:
        HouseError: a file is missing or wrong.

    """
    try:
        return Definitions(
            catalogue=Catalogue.load(settings.indicators),
            organisations=Organisations.load(settings.organisations),
            reference=(
                Reference.load(settings.reference) if settings.reference else Reference.shipped()
            ),
        )
    except (CatalogueError, OrganisationsError, InvalidReferenceError) as error:
        raise HouseError(str(error)) from None


@contextmanager
def opened(
    settings: Settings, clock: Clock = system_clock, *, patience: float | None = None
) -> Iterator[House]:
    """The parts, put together; the store is closed afterwards.

    ``patience`` is how long a statement may take, as ``Store.open`` takes it.

    Raises:
        HouseError: a file is wrong or the store cannot be opened.

    """
    parts = read_definitions(settings)
    store = open_store(settings, patience=patience)
    try:
        yield House(
            settings=settings,
            store=store,
            catalogue=parts.catalogue,
            organisations=parts.organisations,
            reference=parts.reference,
            budgets=Budgets(settings.budget_level1, settings.budget_level2),
            clock=clock,
        )
    finally:
        store.close()
