"""How a row of somebody's CSV file becomes an event: a declared mapping, no code.

A mapping is a small TOML file. Its values are templates: ``{column}`` stands for the
cell of that column, ``{column:lower}`` and ``{column:upper}`` change its case and
``{column:%Y-%m}`` formats a date. An empty cell leaves its field out::

    [event]
    type = "wardmetric"                     # or the full type, or a template
    id = "ae-{org_code}-{period:%Y-%m}"     # stable over corrections
    [period]                                # ward metrics and speaking-up aggregates
    start = "{period}"                      # any day of the period
    length = "month"                        # day, week, month or quarter
    [data]
    provider = "{org_code}"
    metric = "four_hour_breaches"
    numerator = "{breaches}"
    denominator = "{attendances}"
    [where]                                 # rows to take; the others are skipped
    type = ["1"]

``[csv]`` may set ``delimiter``, ``encoding``, ``dates`` (a strptime format where the
file does not use ISO 8601), ``timezone`` (for times without offset, for example
``"Europe/London"``) and ``empty`` (cells that mean nothing, by default only the empty
one). ``[translate.column]`` replaces cells by a table before anything else is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from string import Formatter
from typing import Any

from streams.facts.feeds import EVENT_TYPES, FEED_OF_TYPE, Feed
from streams.facts.periods import Grid, end_of, period_of_day, start_of
from streams.sending.cells import CsvDialect, RowError, as_day, as_integer, as_kind, stamp

Row = Mapping[str, str]

SHORT_TYPES = {
    "incident": EVENT_TYPES[Feed.INCIDENTS],
    "complaint": EVENT_TYPES[Feed.COMPLAINTS],
    "speakup": EVENT_TYPES[Feed.SPEAKUP],
    "wardmetric": EVENT_TYPES[Feed.WARDMETRICS],
}
LENGTHS = {"day": Grid.DAY, "week": Grid.WEEK, "month": Grid.MONTH, "quarter": Grid.QUARTER}

ENVELOPE = ("id", "source", "type", "time", "recordedtime", "revision", "withdrawn")
_ENVELOPE_KINDS = {
    "time": "time", "recordedtime": "time", "revision": "integer", "withdrawn": "boolean",
}  # fmt: skip
_DATA_KINDS = {
    "provider": "text", "site": "text", "ward": "text",
    "event_type": "text", "category": "text", "physical_harm": "text",
    "psychological_harm": "text", "patients": "integer", "reporter": "text",
    "anonymous": "boolean", "anonymity_reason": "text", "never_event": "boolean",
    "subject": "text", "profession": "text", "service_area": "text", "complainant": "text",
    "acknowledged_at": "time", "resolved_at": "time", "outcome": "text",
    "elements": "list", "route": "text", "worker_group": "text",
    "metric": "text", "numerator": "number", "denominator": "number",
    "period_start": "time", "period_end": "time", "provisional": "boolean",
}  # fmt: skip
FIELDS = (*ENVELOPE, *_DATA_KINDS)


class MappingError(ValueError):
    """The mapping itself, or the file's header, cannot be used."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with ``{column}`` places. Empty when any of its columns is empty."""

    text: str
    parts: tuple[tuple[str, str | None, str], ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Take a template apart; ``MappingError`` when its braces do not match."""
        try:
            parsed = [
                (literal, column, form or "")
                for literal, column, form, conversion in Formatter().parse(text)
                if conversion is None or _no_conversion(text)
            ]
        except ValueError as error:
            raise MappingError(f"template {text!r}: {error}") from None
        return cls(text, tuple(parsed))

    @property
    def columns(self) -> set[str]:
        """The columns the template reads."""
        return {column for _, column, _ in self.parts if column is not None}

    def fill(self, row: Row, dialect: CsvDialect) -> str:
        """The template with the row's cells; '' when one of them is empty."""
        filled = []
        for literal, column, form in self.parts:
            filled.append(literal)
            if column is None:
                continue
            cell = row[column].strip()
            if cell in dialect.empty:
                return ""
            filled.append(_formed(cell, form, column, dialect))
        return "".join(filled)


def _no_conversion(text: str) -> bool:
    raise MappingError(f"template {text!r}: write {{column}} or {{column:format}}, without '!'")


def _formed(cell: str, form: str, column: str, dialect: CsvDialect) -> str:
    if not form:
        return cell
    if form == "lower":
        return cell.lower()
    if form == "upper":
        return cell.upper()
    return as_day(cell, column, dialect).strftime(form)


@dataclass(frozen=True, slots=True)
class RowMapping:
    """A checked mapping; ``event`` turns one row into one CloudEvent."""

    name: str
    fields: Mapping[str, Template]
    counts: Mapping[str, Template] = field(default_factory=dict)
    period: tuple[Template, Grid] | None = None
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    translate: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dialect: CsvDialect = field(default_factory=CsvDialect)

    @property
    def columns(self) -> set[str]:
        """Every column the mapping reads."""
        templates = [*self.fields.values(), *self.counts.values()]
        if self.period is not None:
            templates.append(self.period[0])
        read = set().union(*(template.columns for template in templates))
        return read | set(self.where) | set(self.translate)

    def check_header(self, header: Iterable[str]) -> None:
        """Refuse a file that lacks a column the mapping reads, naming what it has."""
        have = list(header)
        missing = sorted(self.columns - set(have))
        if missing:
            raise MappingError(
                f"mapping {self.name} reads column(s) {', '.join(missing)}, "
                f"the file has {', '.join(have)}"
            )

    def event(self, row: Row) -> dict[str, Any] | None:
        """The row's event, or None where ``[where]`` leaves the row out.

        Raises:
            RowError: a cell cannot be read as what its field needs.

        """
        if self.translate:
            row = {
                column: self.translate.get(column, {}).get(cell, cell)
                for column, cell in row.items()
            }
        if any(row[column].strip() not in wanted for column, wanted in self.where.items()):
            return None
        values = {
            name: value
            for name, template in self.fields.items()
            if (value := _typed(name, template.fill(row, self.dialect), self.dialect)) is not None
        }
        if self.period is not None:
            values = self._span(row) | values
        return _envelope(values, self._counts(row))

    def _span(self, row: Row) -> dict[str, Any]:
        if self.period is None:
            return {}
        template, grid = self.period
        text = template.fill(row, self.dialect)
        if not text:
            raise RowError("missing_value", f"no date for the period ({template.text})")
        day = as_day(text, template.text, self.dialect)
        period = period_of_day(grid, (day - date(1970, 1, 1)).days)
        begin, end = stamp(start_of(grid, period)), stamp(end_of(grid, period))
        return {"period_start": begin, "period_end": end, "time": end}

    def _counts(self, row: Row) -> dict[str, int]:
        counts = {}
        for name, template in self.counts.items():
            text = template.fill(row, self.dialect)
            if text:
                counts[name] = as_integer(text, f"counts.{name}")
        return counts


def _envelope(values: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    for name in ("id", "type", "provider", "time"):
        if name not in values:
            raise RowError("missing_value", f"no value for {name}")
    data = {name: value for name, value in values.items() if name not in ENVELOPE}
    if counts:
        data["counts"] = counts
    kind = SHORT_TYPES.get(values["type"], values["type"])
    if kind not in FEED_OF_TYPE:
        raise RowError("unknown_type", "the type is none of " + ", ".join(SHORT_TYPES))
    event = {name: values[name] for name in ENVELOPE if name in values}
    event |= {"specversion": "1.0", "type": kind}
    event.setdefault("source", f"urn:nhs:ods:{values['provider']}")
    return event | {"datacontenttype": "application/json", "data": data}


def _typed(name: str, text: str, dialect: CsvDialect) -> Any:  # noqa: ANN401 - JSON values
    if not text:
        return None
    kind = _ENVELOPE_KINDS.get(name) or _DATA_KINDS.get(name, "text")
    return as_kind(kind, text, name, dialect)
