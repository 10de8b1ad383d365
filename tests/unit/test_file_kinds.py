"""A file that cannot be events is refused before anything is sent, with what to do about it."""

from __future__ import annotations

import json

import pytest

from streams.sending.cells import CsvDialect
from streams.sending.file_kinds import WrongKind, check_csv, check_ndjson

EVENT = {"specversion": "1.0", "data": {"provider": "RXX"}}


def write(directory, name, content):
    path = directory / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("book.xlsx", b"PK\x03\x04 a sheet", "save the sheet as CSV"),
        ("book.xls", b"\xd0\xcf\x11\xe0 a sheet", "save the sheet as CSV"),
        ("events.ndjson", b"\x1f\x8b packed", "unpack it first"),
        ("events.jsonl", b"\xff\xfe{\x00", "save it as UTF-8"),
        ("events.json", json.dumps([EVENT]).encode(), "one event a line"),
        ("events.json", json.dumps(EVENT, indent=2).encode(), "an event over several lines"),
        ("events.dat", b"trust,when\nRXX,2026-01-01\n", "needs the ending .csv"),
        ("events.dat", b"{\x00}", "no text file"),
    ],
)
def test_what_are_no_lines_of_json_is_refused_with_what_to_do(tmp_path, name, content, told):
    with pytest.raises(WrongKind, match=told):
        check_ndjson(write(tmp_path, name, content))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 a sheet", "save the sheet as CSV"),
        (b"\xff\xfet\x00", "save it as UTF-8"),
        ("Krankenhaus für,wann\n".encode("cp1252"), "windows-1252"),
        (b"id;provider;time\n1;RXX;2026\n", 'delimiter = ";"'),
        (b"id\tprovider\n1\tRXX\n", r'delimiter = "\\t"'),
        (b"id,pro\x00vider\n", "no text file"),
    ],
)
def test_what_is_no_csv_of_its_dialect_is_refused_with_what_to_do(tmp_path, content, told):
    with pytest.raises(WrongKind, match=told):
        check_csv(write(tmp_path, "file.csv", content), CsvDialect())


def test_a_broken_line_in_a_file_called_ndjson_is_left_to_the_receipt(tmp_path):
    for content in (b"garbage\n{}\n", b"[]\n{}\n", b"\x00\n{}\n", b"", b"\xef\xbb\xbf\n"):
        check_ndjson(write(tmp_path, "events.ndjson", content))


def test_a_csv_file_that_the_mapping_describes_is_taken(tmp_path):
    check_csv(write(tmp_path, "a.csv", b"id;x\n1;2\n"), CsvDialect(delimiter=";"))
    check_csv(write(tmp_path, "b.csv", b"\xef\xbb\xbfid,x;y\n1,2\n"), CsvDialect())
    check_csv(write(tmp_path, "c.csv", "für,x\n".encode("cp1252")), CsvDialect(encoding="cp1252"))
    check_csv(write(tmp_path, "d.csv", "id,x\n".encode("utf-16")), CsvDialect(encoding="utf-16"))
    check_csv(write(tmp_path, "e.csv", b"id\n1\n"), CsvDialect())
