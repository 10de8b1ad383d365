"""``earshot compare``: peers in a terminal."""

from __future__ import annotations

import json

import pytest

from tests.integration.api.test_comparisons import PEERS, breaches
from tests.integration.earshot_process import completed, earshot, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    data = tmp_path_factory.mktemp("peers") / "data"
    events = data.parent / "events.ndjson"
    events.write_text("\n".join(json.dumps(event) for event in breaches(PEERS)))
    with serving(data) as running:
        earshot("push", events, "--url", running.url, "--quiet")
        running.wait_idle()
        yield running


def compare(service, *arguments):
    return earshot("compare", *arguments, "--url", service.url)


def test_peers_are_a_table_with_those_beyond_the_limits_first(service):
    told = compare(service, "four_hour_breaches", "--mark", PEERS[4])

    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].split()[:2] == ["Unit", "Value"]
    assert lines[1].startswith(PEERS[0])
    assert "higher than expected" in lines[1]
    assert any(line.startswith(f"> {PEERS[4]}") for line in lines)
    assert "Of 12 providers compared, 1 lies beyond the outer limits" in told.stdout
    assert "raises no alert" in told.stdout


def test_the_same_as_one_document(service):
    told = compare(service, "four_hour_breaches", "--level", "provider", "--json")
    found = json.loads(told.stdout)

    assert found["items"][0]["unit"] == PEERS[0]
    assert len(found["items"]) == 12
    assert found["next"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("incidents",), "Compare Incidents per 1,000 bed days"),
        (("sickness",), "This is a measurement."),
        (("nothing",), "There is no such indicator in the catalogue"),
        (("four_hour_breaches", "--level", "ward"), "It can be compared by provider"),
        (("four_hour_breaches", "--unit", "NOWHERE"), "No such unit is visible"),
        (("four_hour_breaches", "--since", "2025-11-03"), "No whole closed month"),
    ],
)
def test_what_cannot_be_compared_ends_in_one_sentence(service, arguments, sentence):
    told = compare(service, *arguments)

    assert told.returncode == 1
    assert sentence in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1


def test_indicators_are_completed():
    assert set(completed("earshot compare falls")) == {"falls", "falls_per_1000_bed_days"}
