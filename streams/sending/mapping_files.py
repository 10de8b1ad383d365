"""Where mappings come from: a TOML file, one that ships, or the file's own column names."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streams.facts.feeds import FEED_OF_TYPE
from streams.sending.cells import CsvDialect
from streams.sending.mapping import FIELDS, LENGTHS, SHORT_TYPES, MappingError, RowMapping, Template

_SHIPPED = Path(__file__).parent / "mappings"
_SECTIONS = {"event", "period", "data", "where", "translate", "csv"}


def shipped() -> list[str]:
    """Names of the mappings that come with the product."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def load(name: str) -> RowMapping:
    """A shipped mapping by its name, or the mapping of a TOML file by its path.

    Raises:
        MappingError: there is no such mapping, or it says something unknown.

    """
    path = _SHIPPED / f"{name}.toml" if name in shipped() else Path(name)
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        known = ", ".join(shipped())
        raise MappingError(f"no mapping {name!r}: give a TOML file or one of {known}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"mapping {name}: {error}") from None
    return parse(tables, path.stem)


def parse(tables: Mapping[str, Any], name: str) -> RowMapping:
    """A mapping from the tables of its TOML file; unknown names are refused."""
    _only(tables, _SECTIONS, f"mapping {name}")
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise MappingError(f"mapping {name}: [{section}] must be a table")
    data = dict(tables.get("data", {}))
    counts = _table(data.pop("counts", {}), f"mapping {name} [data.counts]")
    texts = {**tables.get("event", {}), **data}
    _only(texts, set(FIELDS), f"mapping {name}")
    fields = _templates(texts, f"mapping {name}")
    kind = fields.get("type")
    if kind is not None and not kind.columns and kind.text not in {*SHORT_TYPES, *FEED_OF_TYPE}:
        raise MappingError(
            f"mapping {name}: the type {kind.text!r} is none of {', '.join(SHORT_TYPES)}"
        )
    return RowMapping(
        name=name,
        fields=fields,
        counts=_templates(counts, f"mapping {name} [data.counts]"),
        period=_period(tables.get("period"), name),
        where={
            column: frozenset(_scalars(wanted, f"mapping {name} [where] {column}"))
            for column, wanted in tables.get("where", {}).items()
        },
        translate={
            column: _translation(table, f"mapping {name} [translate.{column}]")
            for column, table in tables.get("translate", {}).items()
        },
        dialect=_dialect(tables.get("csv", {}), name),
    )


def from_header(header: Iterable[str]) -> RowMapping:
    """The mapping of a file whose columns already carry the contract's names.

    Columns with other names are not sent.
    """
    fields = {name: Template.parse(f"{{{name}}}") for name in header if name in FIELDS}
    return RowMapping(name="of column names", fields=fields)


def with_columns(mapping: RowMapping, assignments: Iterable[str]) -> RowMapping:
    """The mapping with ``name=column`` assignments on top.

    Raises:
        MappingError: an assignment is not of that form or names no field.

    """
    extra: dict[str, Template] = {}
    for assignment in assignments:
        name, separator, column = assignment.partition("=")
        if not separator or not column:
            raise MappingError(f"--map wants name=column, not {assignment!r}")
        _only([name], set(FIELDS), "--map")
        extra[name] = Template(f"{{{column}}}", (("", column, ""),))
    return replace(mapping, fields={**mapping.fields, **extra})


def _table(found: object, where: str) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise MappingError(f"{where} must be a table")
    return found


def _scalar(found: object, where: str) -> str:
    """A text, or a number as it is written; TOML's other values mean nothing here."""
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise MappingError(f"{where} must be a text")
    return str(found)


def _scalars(found: object, where: str) -> list[str]:
    return [_scalar(one, where) for one in (found if isinstance(found, list) else [found])]


def _templates(texts: Mapping[str, Any], where: str) -> dict[str, Template]:
    return {
        key: Template.parse(
            str(text).lower() if isinstance(text, bool) else _scalar(text, f"{where}: {key}")
        )
        for key, text in texts.items()
    }


def _translation(found: object, where: str) -> dict[str, str]:
    return {cell: _scalar(new, f"{where} {cell}") for cell, new in _table(found, where).items()}


def _only(names: Iterable[str], allowed: set[str], where: str) -> None:
    unknown = sorted(set(names) - allowed)
    if unknown:
        raise MappingError(
            f"{where}: unknown name(s) {', '.join(unknown)}; known are {', '.join(sorted(allowed))}"
        )


def _period(table: Mapping[str, Any] | None, name: str) -> tuple[Template, Any] | None:
    if table is None:
        return None
    _only(table, {"start", "length"}, f"mapping {name} [period]")
    length = table.get("length")
    if not isinstance(length, str) or length not in LENGTHS or "start" not in table:
        lengths = ", ".join(LENGTHS)
        raise MappingError(f"mapping {name} [period] needs start and length (one of {lengths})")
    start = _scalar(table["start"], f"mapping {name} [period] start")
    return Template.parse(start), LENGTHS[length]


def _dialect(table: Mapping[str, Any], name: str) -> CsvDialect:
    _only(table, {"delimiter", "encoding", "dates", "timezone", "empty"}, f"mapping {name} [csv]")
    settings: dict[str, Any] = {}
    for key, value in table.items():
        if key == "empty":
            settings[key] = tuple(_scalars(value, f"mapping {name} [csv] {key}"))
        elif isinstance(value, str):
            settings[key] = value
        else:
            raise MappingError(f"mapping {name} [csv]: {key} must be a text")
    dialect = CsvDialect(**settings)
    try:
        "".encode(dialect.encoding)
    except LookupError:
        raise MappingError(f"mapping {name}: unknown encoding {dialect.encoding!r}") from None
    if len(dialect.delimiter) != 1:
        raise MappingError(f"mapping {name}: the delimiter must be one character")
    if dialect.timezone is not None:
        try:
            ZoneInfo(dialect.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise MappingError(f"mapping {name}: unknown timezone {dialect.timezone!r}") from None
    return dialect
