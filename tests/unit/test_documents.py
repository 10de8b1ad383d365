"""Documents are part of the product: their links lead somewhere and their examples are real."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.cli import COMMANDS
from streams.catalogue.organisations import Organisations
from streams.intake.receiving import Context, open_request
from streams.sending.mapping_files import parse

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "docs/**/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_link_to_a_file_leads_to_one(document):
    text = (ROOT / document).read_text("utf-8")
    links = re.findall(r"\]\(([^)#\s]+)", text)
    missing = [
        link
        for link in links
        if "://" not in link and not (ROOT / document).parent.joinpath(link).exists()
    ]

    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_every_command_that_is_shown_exists(document):
    text = (ROOT / document).read_text("utf-8")
    shown = set(re.findall(r"(?:^|[`$/ ])earshot ([a-z]+)\b", text, re.MULTILINE))
    prose = {"demonstration", "events", "serves", "tells", "hears", "is", "and", "says"}

    assert shown - prose <= set(COMMANDS)


def test_every_decision_is_in_the_list_of_decisions():
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text("utf-8")

    assert [path.name for path in folder.glob("0*.md") if f"({path.name})" not in listed] == []


def test_the_readme_shows_both_commands_of_a_newcomer():
    assert "make demo" in README
    assert "make test" in README


def test_the_event_in_the_readme_is_taken():
    body = re.search(r"-d '(\{.*?\})'\n", README, re.DOTALL)
    assert body
    opened = open_request(
        body.group(1).encode(),
        "application/cloudevents+json",
        Context(
            organisations=Organisations.load(None),
            now=datetime(2026, 11, 23, tzinfo=UTC),
            open_registration=True,
            scope=None,
        ),
    )

    assert json.loads(body.group(1))["data"]["ward"] == "Oak"
    assert len(opened.facts) == 1


def test_the_mapping_in_the_command_line_page_is_a_mapping():
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    block = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    assert block

    assert parse(tomllib.loads(block.group(1)), "page").columns >= {"org_code", "period"}


def test_the_readme_s_figures_are_those_of_the_file_it_pushes():
    rows = (ROOT / "examples" / "ae_attendances.csv").read_text("utf-8").splitlines()[1:]
    type_1 = sum(row.split(",")[2].strip('"') == "1" for row in rows)

    assert f"{len(rows):,} rows" in README
    assert f"{type_1:,} accepted" in README
    assert f"{len(rows) - type_1:,} left out" in README
