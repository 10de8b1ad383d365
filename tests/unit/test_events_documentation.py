"""What is public is documented: fields, rejection codes, catalogue settings and entries."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from streams.catalogue.definitions import Entry
from streams.catalogue.indicators import Catalogue
from streams.facts.events import EVENTS, json_schema
from streams.facts.feeds import Feed
from streams.facts.rejections import REJECTION_CODES
from streams.facts.vocabulary import AGGREGATE_COUNTS, Element

DOCS = Path(__file__).parents[2] / "docs"
EVENTS_PAGE = (DOCS / "events.md").read_text()
INDICATORS_PAGE = (DOCS / "indicators.md").read_text()


def test_every_rejection_code_is_in_the_table_of_codes():
    listed = re.findall(r"^\| `([a-z_]+)` \|", EVENTS_PAGE, re.MULTILINE)

    assert set(REJECTION_CODES) <= set(listed)


@pytest.mark.parametrize("feed", Feed)
def test_every_field_of_every_event_is_described(feed):
    schema = json_schema(feed)
    names = set(schema["properties"])
    for part in schema["$defs"].values():
        names |= set(part["properties"])

    missing = {name for name in names - set(get_args(Element)) if f"`{name}`" not in EVENTS_PAGE}
    assert not missing


def test_every_setting_of_an_entry_is_described():
    names = [field.name for field in msgspec.structs.fields(Entry)]

    assert [name for name in names if f"`{name}`" not in INDICATORS_PAGE] == []


def test_every_shipped_indicator_is_listed_as_it_is():
    for one in Catalogue.load().indicators:
        watched = (one.concern or "") if one.evidence else ""
        row = (
            f"| `{one.key}` | {one.name} | {one.kind} | {one.grid.name.lower()}"
            f" | {one.direction} | {watched} |"
        )
        assert row in INDICATORS_PAGE


def test_the_example_that_extends_the_catalogue_does(tmp_path):
    example = INDICATORS_PAGE.split("```toml\n")[2].split("```")[0]
    path = tmp_path / "mine.toml"
    path.write_text(example)

    assert "device_incidents" in Catalogue.load(path)


def test_there_is_one_schema_for_each_type():
    assert {json_schema(feed)["title"] for feed in EVENTS} == {feed.event_type for feed in Feed}
    assert "cases" in AGGREGATE_COUNTS
