"""Rows of a file with the byte each one ends at, so that a push can stop and go on anywhere.

Nothing here holds more than one record: a file may be larger than memory. A record
that cannot be read is a row with a reason, and reading goes on with the next line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from streams.sending.cells import RowError
from streams.sending.mapping import MappingError, RowMapping
from streams.sending.mapping_files import from_header, with_columns

MAX_RECORD = 1_000_000
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One record of the file.

    ``line`` is the event as one line of JSON, None where there is nothing to send:
    the row is blank or left out by the mapping, or has a ``code`` and ``detail`` that
    say why it cannot be read. ``raw`` are its bytes in the file; ``number`` is the
    line it starts on, counted from 1.
    """

    number: int
    raw: bytes
    line: bytes | None = None
    code: str | None = None
    detail: str = ""


class NdjsonRows:
    """An NDJSON file: each line is sent as it stands, so the service judges it."""

    start = 0

    def read(self, file: IO[bytes], first_number: int) -> Iterator[Row]:
        """Rows from where ``file`` stands; ``first_number`` is the number of that line."""
        number = first_number
        for raw in _lines(file):
            if len(raw) > MAX_RECORD:
                yield Row(number, raw, code="too_large", detail=_too_long())
            else:
                stripped = raw.removeprefix(_BOM).strip()
                # A carriage return inside a line would cut it in two for a strict reader.
                yield Row(number, raw, line=stripped.replace(b"\r", b" ") or None)
            number += 1


class CsvRows:
    """A CSV file read through a mapping. The header is read when this is made."""

    def __init__(
        self, path: Path, mapping: RowMapping | None, assignments: tuple[str, ...] = ()
    ) -> None:
        encoding = mapping.dialect.encoding if mapping else "utf-8"
        delimiter = mapping.dialect.delimiter if mapping else ","
        with path.open("rb") as file:
            raw = file.readline(MAX_RECORD + 1)
        try:
            text = raw.removeprefix(_BOM).decode(encoding)
            cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise MappingError(f"{path.name}: the header cannot be read: {error}") from None
        self.header = [name.strip() for name in cells]
        if not any(self.header):
            raise MappingError(f"{path.name}: the first line must hold the column names")
        if len(set(self.header)) != len(self.header):
            raise MappingError(f"{path.name}: two columns have the same name")
        chosen = mapping or from_header(self.header)
        self.mapping = with_columns(chosen, assignments)
        self.mapping.check_header(self.header)
        for needed in ("id", "type", "provider"):
            if needed not in self.mapping.fields:
                raise MappingError(
                    f"{path.name}: no column gives {needed}; use --map {needed}=COLUMN "
                    "or --mapping FILE"
                )
        self.start = len(raw)

    @property
    def unsent(self) -> list[str]:
        """Columns of the file that the mapping does not read."""
        return [name for name in self.header if name not in self.mapping.columns]

    def read(self, file: IO[bytes], first_number: int) -> Iterator[Row]:
        """Rows from where ``file`` stands; ``first_number`` is the number of that line."""
        number = first_number
        records = _records(file)
        for raw in records:
            yield self._row(number, raw)
            number += max(raw.count(b"\n"), 1)

    def _row(self, number: int, raw: bytes) -> Row:
        if not raw.strip():
            return Row(number, raw)
        try:
            cells = self._cells(raw)
            event = self.mapping.event(dict(zip(self.header, cells, strict=True)))
        except RowError as error:
            return Row(number, raw, code=error.code, detail=str(error))
        return Row(number, raw, line=None if event is None else orjson.dumps(event))

    def _cells(self, raw: bytes) -> list[str]:
        dialect = self.mapping.dialect
        if len(raw) > MAX_RECORD:
            raise RowError("too_large", _too_long())
        try:
            text = io.StringIO(raw.decode(dialect.encoding), newline="")
            cells = next(csv.reader(text, delimiter=dialect.delimiter, strict=True))
        except UnicodeDecodeError:
            detail = f"not {dialect.encoding} text; set encoding under [csv] in the mapping"
            raise RowError("not_text", detail) from None
        except csv.Error as error:
            raise RowError("not_csv", str(error)) from None
        if len(cells) != len(self.header):
            detail = f"{len(cells)} cells, the header has {len(self.header)}"
            raise RowError("wrong_columns", detail)
        return cells


def _too_long() -> str:
    return f"longer than {MAX_RECORD:,} bytes"


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines with their ends. One beyond ``MAX_RECORD`` comes whole but is read in pieces."""
    while raw := file.readline(MAX_RECORD + 1):
        pieces = [raw]
        while len(pieces[-1]) > MAX_RECORD and not pieces[-1].endswith(b"\n"):
            pieces.append(file.readline(MAX_RECORD + 1))
        yield raw if len(pieces) == 1 else b"".join(pieces)


def _records(file: IO[bytes]) -> Iterator[bytes]:
    """CSV records: lines joined while a quote is open.

    A quote that is never closed must not swallow the rest of the file: past
    ``MAX_RECORD`` bytes, or at the end, its first line stands alone and reading goes
    on behind it.
    """
    while True:
        begin = file.tell()
        first = next(_lines(file), None)
        if first is None:
            return
        record, quotes = [first], first.count(b'"')
        size = len(first)
        while quotes % 2 and size <= MAX_RECORD:
            line = file.readline(MAX_RECORD + 1)
            if not line:
                break
            record.append(line)
            quotes += line.count(b'"')
            size += len(line)
        if quotes % 2 and len(record) > 1:
            file.seek(begin + len(first))
            record = [first]
        yield b"".join(record)
