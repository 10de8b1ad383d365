"""The organisation file: as it stood on a day."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

import streams.catalogue.organisations as module
from streams.catalogue.organisations import Organisations, OrganisationsError, unit_codes

EXAMPLE = Path(module.__file__).with_name("organisations") / "example.csv"
HEADER = "code,kind,name,parent,valid_from,valid_to\n"
BEFORE, AFTER = date(2026, 3, 31), date(2026, 4, 1)


def test_the_shipped_file_has_the_nation_and_its_seven_regions():
    shipped = Organisations.load()

    units = shipped.units(AFTER)
    assert [unit.kind for unit in units] == ["nation"] + ["region"] * 7
    assert {unit.parent for unit in units[1:]} == {"ENG"}
    assert all(unit.verified and unit.provider == "" for unit in units)


def test_boards_that_merge_change_what_lies_above_on_that_day():
    example = Organisations.load(EXAMPLE)

    assert example.ancestors("EXA", BEFORE) == ["EXI1", "Y58", "ENG"]
    assert example.ancestors("EXA", AFTER) == ["EXI3", "Y58", "ENG"]
    assert example.ancestors("EXA02", date(2023, 1, 1)) == ["EXA", "EXI1", "Y58", "ENG"]
    assert example.scope_of("EXI1", BEFORE) == {"EXA"}
    assert example.scope_of("EXI1", AFTER) == set()
    assert example.scope_of("EXI3", AFTER) == {"EXA", "EXB"}
    assert example.scope_of("ENG", AFTER) == {"EXA", "EXB"}


def test_a_provider_speaks_for_itself_and_an_unknown_code_for_nobody():
    example = Organisations.load(EXAMPLE)

    assert example.scope_of("EXA", AFTER) == {"EXA"}
    assert example.scope_of("ZZZ", AFTER) == set()
    assert example.ancestors("ZZZ", AFTER) == []


def test_what_is_known_depends_on_the_day():
    example = Organisations.load(EXAMPLE)

    assert not example.provider_known("EXA", date(2020, 1, 1))
    assert example.provider_known("EXA", BEFORE)
    assert not example.provider_known("EXI1", BEFORE)
    assert example.known("EXI1", BEFORE)
    assert not example.known("EXI1", AFTER)
    assert "EXA02" not in {unit.code for unit in example.units(AFTER)}


def test_units_name_their_parent_and_provider():
    units = {unit.code: unit for unit in Organisations.load(EXAMPLE).units(BEFORE)}

    assert (units["EXA"].parent, units["EXA"].provider) == ("EXI1", "EXA")
    assert (units["EXA01"].parent, units["EXA01"].provider) == ("EXA", "EXA")
    assert units["EXA01"].name == "Example general hospital"


@pytest.mark.parametrize(
    ("site", "ward", "codes"),
    [
        (None, None, ("EXA",)),
        ("EXA01", None, ("EXA", "EXA01")),
        ("EXA01", "7", ("EXA", "EXA01", "EXA01:7")),
        ("north", "7", ("EXA", "EXA-north", "EXA-north:7")),
        (None, "7", ("EXA", "EXA::7")),
        ("EXA", None, ("EXA", "EXA-EXA")),
    ],
)
def test_public_codes_are_distinct_over_providers(site, ward, codes):
    assert unit_codes("EXA", site, ward) == codes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("code,name\n", "expected the columns"),
        (HEADER + "EXA,provider,A\n", "expected 6 columns"),
        (HEADER + "EXA,provider,A,,,,\n", "expected 6 columns"),
        (HEADER + "exa,provider,A,,,\n", "capital letters"),
        (HEADER + "EXA,trust,A,,,\n", "a kind is one of"),
        (HEADER + "EXA,provider,,,,\n", "a name is required"),
        (HEADER + "EXA,provider,A,,01/04/2026,\n", "line 2: dates are written"),
        (HEADER + "EXA,provider,A,,2026-04-01,2026-03-01\n", "ends before it begins"),
        (HEADER + "EXA,provider,A,ZZZ,,\n", "a parent that does not lie above"),
        (HEADER + "EXA,provider,A,,,\nEXB,icb,B,EXA,,\n", "a parent that does not lie above"),
        (HEADER + "EXA,provider,A,,,\nEXA,site,A,,,\n", "two kinds"),
        (HEADER + "EXA,provider,A,,,\nEXA,provider,A,,2026-01-01,\n", "two rows for the same day"),
        ("\xff", "expected the columns"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, why):
    path = tmp_path / "mine.csv"
    path.write_text(text)

    with pytest.raises(OrganisationsError, match=why):
        Organisations.load(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(HEADER.encode() + b"\xff\xfe,,,,,\n")

    for name in ("bytes.csv", "nowhere.csv"):
        with pytest.raises(OrganisationsError, match=name):
            Organisations.load(tmp_path / name)


def test_a_file_may_name_a_region_anew(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEADER + "Y56,region,Greater London,ENG,,\n")

    names = {unit.code: unit.name for unit in Organisations.load(path).units(AFTER)}
    assert names["Y56"] == "Greater London"
    assert len(names) == 8
