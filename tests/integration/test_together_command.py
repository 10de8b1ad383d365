"""What began together, in a terminal."""

from __future__ import annotations

import json

import pytest

from api.cli.alerts_together import sparkline
from tests.integration.earshot_process import completed, earshot, serving
from tests.together import shake


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    data = tmp_path_factory.mktemp("together") / "data"
    shake(data)
    with serving(data) as running:
        yield running


def alerts(service, *arguments):
    return earshot("alerts", *arguments, "--url", service.url)


def test_a_group_is_shown_with_its_weeks_and_its_id(service):
    (group,) = json.loads(alerts(service, "together", "--json").stdout)
    shown = alerts(service, "together").stdout

    assert (24, 24) == (group["units"], group["alerts"])
    assert group["id"] in shown.replace("\n", "")
    assert "2026-02-16" in shown
    assert "2026-03-01" in shown
    assert "of 60" in shown
    assert "24 of 24" in shown
    assert "██" in shown
    assert "Signals of speaking up take no part in it." in shown


def test_the_alerts_of_a_group_are_listed_and_say_so(service):
    (group,) = json.loads(alerts(service, "together", "--json").stdout)
    listed = json.loads(alerts(service, "list", "--together", group["id"], "--json").stdout)

    assert 24 == len(listed)
    assert "Began together" in alerts(service, "show", listed[0]["id"]).stdout


def test_where_nothing_began_together_it_says_so(service):
    shown = alerts(service, "together", "--until", "2020-01-01")

    assert (0, "No alerts began together beyond what chance gives.") == (
        shown.returncode,
        shown.stdout.strip(),
    )
    assert "[]" == alerts(service, "together", "--until", "2020-01-01", "--json").stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("together", "--since", "yesterday"), "expected a time such as"),
        (("together", "--unit", "RZ9"), "No such unit"),
        (("list", "--together", "none"), "No such group"),
    ],
)
def test_what_cannot_be_answered_ends_in_one_sentence(service, arguments, told):
    answer = alerts(service, *arguments)

    assert 1 == answer.returncode
    assert told in answer.stderr
    assert 1 == len(answer.stderr.strip().splitlines())


def test_the_command_is_completed():
    assert ["together"] == completed("earshot alerts tog")


@pytest.mark.parametrize(
    ("begun", "bars"), [([0, 1, 8], " ▁█"), ([0, 0], "  "), ([1, 100], "▁█"), ([], "")]
)
def test_whatever_began_is_seen_in_the_bars(begun, bars):
    periods = [{"period_start": f"2026-01-0{at + 1}", "begun": n} for at, n in enumerate(begun)]

    assert bars == sparkline({"until": "2026-02", "periods": periods})
