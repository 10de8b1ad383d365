"""Units and who may see them: one place for scope and for what lies under a unit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from api.auth import Caller
from api.problems import Problem
from api.service import Service
from streams.facts.effects import UnitRecord

ABOVE_PROVIDERS = frozenset({"icb", "region", "nation"})


@dataclass(frozen=True, slots=True)
class Selection:
    """What a unit filter and a scope leave: None means no restriction."""

    providers: frozenset[str] | None
    units: frozenset[str] | None = None


class Places:
    """The hierarchy as one caller sees it on one day."""

    def __init__(self, service: Service, caller: Caller, on: date) -> None:
        self._service = service
        self._caller = caller
        self._on = on
        self._by_provider: dict[str, list[UnitRecord]] = {}
        self._filed = {unit.code: unit for unit in service.organisations.units(on)}

    def unit(self, code: str) -> UnitRecord:
        """A unit that the caller may see.

        Raises:
            Problem: ``not-found``; a unit out of scope is not told from one that is not there.
        """
        found = self._filed.get(code) or self._service.store.unit(code)
        if found is None or not self._visible(found):
            raise Problem("not-found", "No such unit is visible to this caller.")
        return found

    def _visible(self, unit: UnitRecord) -> bool:
        providers = self._caller.providers
        if providers is None:
            return True
        if unit.kind in ABOVE_PROVIDERS:
            return unit.code in self._above(providers)
        return unit.provider in providers

    def _above(self, providers: Iterable[str]) -> set[str]:
        ancestors = self._service.organisations.ancestors
        return {code for provider in providers for code in ancestors(provider, self._on)}

    def name(self, code: str) -> str:
        """A unit's name, or its code where it has none."""
        found = self._filed.get(code) or self._service.store.unit(code)
        return found.name if found is not None else code

    def providers_of(self, unit: UnitRecord) -> frozenset[str]:
        """The providers that a unit is, belongs to or consists of."""
        if unit.kind in ABOVE_PROVIDERS:
            return self._service.organisations.scope_of(unit.code, self._on)
        return frozenset({unit.provider})

    def select(self, code: str | None) -> Selection:
        """What the caller sees of a unit and all under it, or of everything."""
        scope = self._caller.providers
        if code is None:
            return Selection(scope)
        unit = self.unit(code)
        providers = self.providers_of(unit)
        if scope is not None:
            providers &= scope
        if unit.kind in ABOVE_PROVIDERS or unit.kind == "provider":
            return Selection(providers)
        return Selection(providers, frozenset(self._service.store.units_under(code)))

    def parents(self, unit: UnitRecord) -> list[UnitRecord]:
        """The units above one, nearest first."""
        found: list[UnitRecord] = []
        above = unit.parent
        while above is not None and len(found) < 8:
            parent = self._filed.get(above) or self._service.store.unit(above)
            if parent is None:
                break
            found.append(parent)
            above = parent.parent
        return found

    def whereabouts(self, code: str) -> list[UnitRecord]:
        """The site and the provider that a unit belongs to, nearest first.

        Wards of different hospitals share names, so a name alone does not say where.
        """
        found = self._filed.get(code) or self._service.store.unit(code)
        parents = [] if found is None else self.parents(found)
        return [above for above in parents if above.kind not in ABOVE_PROVIDERS]

    def children(self, unit: UnitRecord) -> list[UnitRecord]:
        """The units one step below that the caller may see, by code."""
        found = {
            child.code: child
            for child in self._filed.values()
            if child.parent == unit.code and self._visible(child)
        }
        if unit.kind not in ABOVE_PROVIDERS:
            for child in self._stored(unit.provider):
                if child.parent == unit.code:
                    found.setdefault(child.code, child)
        return [found[code] for code in sorted(found)]

    def _stored(self, provider: str) -> list[UnitRecord]:
        found = self._by_provider.get(provider)
        if found is None:
            found = self._by_provider[provider] = self._service.store.units(provider)
        return found

    def filed(self) -> list[UnitRecord]:
        """The units of the organisation file on this day."""
        return list(self._filed.values())

    def under(self, unit: UnitRecord) -> list[UnitRecord]:
        """The units at any depth below one that the caller may see, by code."""
        found: dict[str, UnitRecord] = {}
        waiting = [unit]
        while waiting:
            for child in self.children(waiting.pop()):
                if child.code not in found:
                    found[child.code] = child
                    waiting.append(child)
        return [found[code] for code in sorted(found)]

    def units(self) -> list[UnitRecord]:
        """All units the caller may see, by code."""
        scope = self._caller.providers
        found = {unit.code: unit for unit in self._filed.values() if self._visible(unit)}
        stored = (
            self._service.store.units()
            if scope is None
            else [unit for one in sorted(scope) for unit in self._service.store.units(one)]
        )
        for unit in stored:
            found.setdefault(unit.code, unit)
        return [found[code] for code in sorted(found)]
