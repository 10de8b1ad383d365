"""Organisations with dates: who is known, who lies under whom, and units' public codes.

The hierarchy (provider, ICB, region, nation) is data from a file and changes: it
is read as rows with a first and last day, and every question names a day. The
format is described in ``streams/catalogue/organisations/README.md``.
"""

from __future__ import annotations

import csv
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from streams.facts.effects import UnitRecord

_SHIPPED = Path(__file__).with_name("organisations") / "england.csv"
_COLUMNS = ("code", "kind", "name", "parent", "valid_from", "valid_to")
_CODE = re.compile(r"[A-Z0-9]{3,10}")
_PARENTS = {
    "site": {"provider"},
    "provider": {"icb", "region", "nation"},
    "icb": {"region", "nation"},
    "region": {"nation"},
    "nation": set[str](),
}


class OrganisationsError(ValueError):
    """The organisation file cannot be used; the message names the line and the reason."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation over a span of days; ``valid_to`` is its last day (None: still)."""

    code: str
    kind: str
    name: str
    parent: str | None
    valid_from: date
    valid_to: date | None

    def stands(self, on: date) -> bool:
        """Whether the row holds on a day."""
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class _Snapshot:
    """The hierarchy between two changes."""

    def __init__(self, rows: Iterable[Organisation]) -> None:
        self.by_code = {row.code: row for row in rows}
        self.ancestors: dict[str, list[str]] = {}
        self.providers_under: dict[str, frozenset[str]] = {}
        under: dict[str, set[str]] = {}
        for row in self.by_code.values():
            above = self._above(row)
            self.ancestors[row.code] = above
            if row.kind == "provider":
                for code in (row.code, *above):
                    under.setdefault(code, set()).add(row.code)
        self.providers_under = {code: frozenset(found) for code, found in under.items()}

    def _above(self, row: Organisation) -> list[str]:
        found: list[str] = []
        parent = row.parent
        while parent is not None and parent in self.by_code and len(found) < len(_PARENTS):
            found.append(parent)
            parent = self.by_code[parent].parent
        return found


class Organisations:
    """The organisations of a file, as they stood on any day."""

    def __init__(self, rows: Iterable[Organisation]) -> None:
        self.rows = tuple(rows)

    @classmethod
    def load(cls, path: Path | None = None) -> Organisations:
        """Read a file, or the shipped one (the nation and its regions).

        Raises:
            OrganisationsError: the file is missing or a line is wrong.
        """
        shipped = _rows(_SHIPPED)
        if path is None:
            return cls(shipped)
        given = _rows(path)
        named = {row.code for row in given}
        rows = [*(row for row in shipped if row.code not in named), *given]
        _check(path, rows)
        return cls(rows)

    @cached_property
    def _changes(self) -> list[date]:
        days = {row.valid_from for row in self.rows}
        days |= {row.valid_to + timedelta(days=1) for row in self.rows if row.valid_to is not None}
        return sorted(days - {date.min})

    @cached_property
    def _snapshots(self) -> list[_Snapshot]:
        return [
            _Snapshot(row for row in self.rows if row.stands(day))
            for day in (date.min, *self._changes)
        ]

    def _on(self, on: date) -> _Snapshot:
        return self._snapshots[bisect_right(self._changes, on)]

    def provider_known(self, code: str, on: date) -> bool:
        """Whether the file has a provider of this code on a day."""
        row = self._on(on).by_code.get(code)
        return row is not None and row.kind == "provider"

    def known(self, code: str, on: date) -> bool:
        """Whether the file has any organisation of this code on a day."""
        return code in self._on(on).by_code

    def scope_of(self, code: str, on: date) -> frozenset[str]:
        """The providers an organisation speaks for: itself, or its members; empty if unknown."""
        return self._on(on).providers_under.get(code, frozenset())

    def ancestors(self, code: str, on: date) -> list[str]:
        """The organisations above one, nearest first."""
        return self._on(on).ancestors.get(code, [])

    def units(self, on: date) -> list[UnitRecord]:
        """The organisations standing on a day, in the order of the file.

        Above the provider a unit belongs to no provider, and its ``provider`` is
        empty.
        """
        snapshot = self._on(on)
        return [
            UnitRecord(
                code=row.code,
                kind=row.kind,
                parent=row.parent,
                provider=_provider_of(row),
                local=row.code,
                name=row.name,
                verified=True,
            )
            for row in snapshot.by_code.values()
        ]


def _provider_of(row: Organisation) -> str:
    if row.kind == "provider":
        return row.code
    return (row.parent or "") if row.kind == "site" else ""


def unit_codes(provider: str, site: str | None, ward: str | None) -> tuple[str, ...]:
    """The public codes of the units an event belongs to, top down.

    A site code that does not begin with its provider's is made distinct by it; a
    ward code is unique within its site only, so it carries the site's.
    """
    if site is None:
        return (provider,) if ward is None else (provider, f"{provider}::{ward}")
    if not site.startswith(provider) or site == provider:
        site = f"{provider}-{site}"
    return (provider, site) if ward is None else (provider, site, f"{site}:{ward}")


def _rows(path: Path) -> list[Organisation]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != _COLUMNS:
                raise OrganisationsError(f"{path}: expected the columns {', '.join(_COLUMNS)}")
            rows = [_row(path, reader.line_num, line) for line in reader]
    except OSError as error:
        raise OrganisationsError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise OrganisationsError(f"{path}: {error}") from error
    return rows


def _row(path: Path, number: int, line: dict[str, str]) -> Organisation:
    place = f"{path}, line {number}"
    if None in line or None in line.values():
        raise OrganisationsError(f"{place}: expected {len(_COLUMNS)} columns")
    try:
        row = Organisation(
            code=line["code"].strip(),
            kind=line["kind"].strip(),
            name=line["name"].strip(),
            parent=line["parent"].strip() or None,
            valid_from=_day(line["valid_from"]) or date.min,
            valid_to=_day(line["valid_to"]),
        )
    except ValueError as error:
        raise OrganisationsError(f"{place}: dates are written 2026-04-01") from error
    if row.kind not in _PARENTS:
        raise OrganisationsError(f"{place}: a kind is one of {', '.join(_PARENTS)}")
    if _CODE.fullmatch(row.code) is None:
        raise OrganisationsError(f"{place}: a code is 3 to 10 capital letters and digits")
    if not row.name:
        raise OrganisationsError(f"{place}: a name is required")
    if row.valid_to is not None and row.valid_to < row.valid_from:
        raise OrganisationsError(f"{place}: it ends before it begins")
    return row


def _day(text: str) -> date | None:
    return date.fromisoformat(text.strip()) if text.strip() else None


def _check(path: Path, rows: list[Organisation]) -> None:
    """Parents exist and lie above; no two rows of a code hold on the same day."""
    kinds = {row.code: row.kind for row in rows}
    spans: dict[str, list[Organisation]] = {}
    for row in rows:
        if kinds[row.code] != row.kind:
            raise OrganisationsError(f"{path}: {row.code} has two kinds")
        if row.parent is not None and kinds.get(row.parent) not in _PARENTS[row.kind]:
            raise OrganisationsError(f"{path}: {row.code} has a parent that does not lie above it")
        spans.setdefault(row.code, []).append(row)
    for code, held in spans.items():
        held.sort(key=lambda row: row.valid_from)
        for earlier, later in pairwise(held):
            if earlier.valid_to is None or later.valid_from <= earlier.valid_to:
                raise OrganisationsError(f"{path}: {code} has two rows for the same day")
