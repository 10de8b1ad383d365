"""Files that are no lines of events, told by their first bytes before anything is sent.

A workbook pushed as it is would be refused line by line, with a reason that helps nobody.
Signatures: the formats' own specifications (ZIP and OLE containers, gzip, PDF, Parquet).
"""

from __future__ import annotations

import codecs
from pathlib import Path

from streams.sending.cells import CsvDialect

_LOOKED_AT = 4096
_LINES = {".ndjson", ".jsonl"}
_SIGNATURES = (
    (b"PK\x03\x04", "a workbook or another ZIP file; save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an older Office file; save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"%PDF", "a PDF; export the figures as CSV"),
    (b"PAR1", "a Parquet file; export it as CSV or NDJSON"),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class WrongKind(ValueError):  # noqa: N818 - named as the condition
    """The file is of a kind that cannot be pushed; the message says what to do."""


def check_ndjson(path: Path) -> None:
    """Refuse what cannot be lines of JSON.

    In a file that is called NDJSON a broken line is that line's own fault.

    Raises:
        WrongKind: the file is of another kind; the message says what to do.

    """
    head = _head(path)
    _refuse_signatures(path, head)
    if path.suffix.lower() in _LINES:
        return
    _refuse_nul(path, head)
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        raise WrongKind(
            f"{path.name}: a JSON array; write one event a line, for example with jq -c '.[]'"
        )
    if text and not text.startswith(b"{"):
        raise WrongKind(
            f"{path.name}: the first line is not a JSON object; a CSV file needs the ending .csv "
            "or --mapping"
        )
    if text and text.split(b"\n", 1)[0].strip() == b"{":
        raise WrongKind(
            f"{path.name}: an event over several lines; write one event a line, for example with "
            "jq -c ."
        )


def check_csv(path: Path, dialect: CsvDialect) -> None:
    """Refuse what cannot be a CSV file of this dialect.

    Raises:
        WrongKind: the file is of another kind; the message says what to do.

    """
    head = _head(path)
    encoding = dialect.encoding
    if head.startswith(_UTF16) and "16" in encoding:
        return
    _refuse_signatures(path, head)
    _refuse_nul(path, head)
    header = head.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0]
    try:
        text = header.decode(encoding)
    except UnicodeDecodeError:
        raise WrongKind(
            f"{path.name}: the column names are not {encoding.upper()}; save it as CSV (UTF-8), or "
            'set encoding under [csv] in a mapping, for example "windows-1252"'
        ) from None
    for other, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if dialect.delimiter not in text and other in text:
            raise WrongKind(
                f"{path.name}: the columns are separated by {name}; set delimiter = "
                f'"{other if other != chr(9) else chr(92) + "t"}" under [csv] in a mapping'
            )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LOOKED_AT)


def _refuse_signatures(path: Path, head: bytes) -> None:
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise WrongKind(f"{path.name} is {what}")
    if head.startswith(_UTF16):
        raise WrongKind(f"{path.name} is UTF-16; save it as UTF-8")


def _refuse_nul(path: Path, head: bytes) -> None:
    if b"\0" in head:
        raise WrongKind(f"{path.name} is no text file; events are lines of JSON, or a CSV file")
