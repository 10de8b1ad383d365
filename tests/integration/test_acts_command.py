"""Acting on several alerts in a terminal: shown, agreed to, done, and told one by one."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

from streams.store import Store
from tests.integration.earshot_process import completed, earshot, environment, serving
from tests.together import WEEK, began, furnish, shake, tell, ward


@pytest.fixture
def service(tmp_path):
    """A service in which 24 wards of three providers began together."""
    data = tmp_path / "data"
    shake(data)
    with serving(data) as running:
        yield running


def alerts(service, *arguments):
    return earshot("alerts", *arguments, "--url", service.url)


def asked(service, reply, *arguments):
    """The command in a terminal where somebody replies to its question."""
    ours, theirs = pty.openpty()
    os.write(ours, reply)
    try:
        return subprocess.run(
            [sys.executable, "-m", "api.cli", "alerts", *arguments, "--url", service.url],
            env=environment(), stdin=theirs, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)


def group(service):
    return service.get("/v1/alerts/together")["items"][0]["id"]


def states(service):
    return {one["id"]: one["state"] for one in service.get("/v1/alerts?limit=200")["items"]}


def test_a_group_is_closed_in_one_step_after_it_was_shown_and_agreed_to(service):
    told = asked(
        service, b"y\n", "close", "--together", group(service), "--outcome", "explained_data",
        "--note", "A new form",
    )  # fmt: skip

    assert 0 == told.returncode, told.stderr
    assert told.stdout.index("Falls may have risen.") < told.stdout.index("all these 24 alerts?")
    assert 24 == told.stdout.count("closed")
    assert told.stdout.rstrip().endswith("24 done")
    assert {"closed"} == set(states(service).values())
    (done,) = service.get("/v1/alerts/RB2-3")["actions"]
    assert ("A new form", 8) == (done["note"], done["at_once"])


def test_who_does_not_agree_has_done_nothing(service):
    told = asked(service, b"n\n", "acknowledge", "--together", group(service))

    assert 1 == told.returncode
    assert "earshot: nothing was done" in told.stderr
    assert {"new"} == set(states(service).values())


def test_where_nobody_can_be_asked_it_is_shown_and_not_done_without_yes(service):
    told = alerts(service, "acknowledge", "RA1-1", "RA1-2")
    assert (1, "RA1-1" in told.stdout) == (told.returncode, True)
    assert "give --yes" in told.stderr
    assert {"new"} == set(states(service).values())

    told = alerts(service, "acknowledge", "RA1-1", "RA1-2", "--yes", "--note", "seen")
    assert (0, True) == (told.returncode, "2 done" in told.stdout)
    acknowledged = {name for name, state in states(service).items() if state == "acknowledged"}
    assert {"RA1-1", "RA1-2"} == acknowledged


def test_what_became_of_each_is_told_and_a_refusal_gives_the_exit_code(service):
    alerts(service, "close", "RA1-1", "--outcome", "no_concern")
    alerts(service, "acknowledge", "RA1-2")
    told = alerts(service, "acknowledge", "RA1-1", "RA1-2", "RA1-3", "--yes")

    assert 1 == told.returncode
    assert "1 done, 1 unchanged, 1 refused" in told.stdout
    assert "that is closed cannot take 'acknowledge'" in " ".join(told.stdout.split())
    assert "acknowledged" == states(service)["RA1-3"]


def test_more_than_a_request_takes_are_acted_on_all_the_same(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    store = Store.open(f"sqlite:///{data}/earshot.db")
    furnish(store)
    names = [f"m-{number:03}" for number in range(205)]
    tell(store, *(began(name, ward("RA1", at % 20), WEEK) for at, name in enumerate(names)))
    store.close()
    with serving(data) as running:
        told = alerts(running, "comment", *names, "--note", "seen", "--yes", "--json")
        found = json.loads(told.stdout)

    assert (0, 205) == (told.returncode, found["done"])
    assert set(names) == {one["id"] for one in found["items"]}


def test_of_a_group_those_that_cannot_take_it_are_left_out_and_told(service):
    alerts(service, "close", "RA1-1", "--outcome", "no_concern")
    told = alerts(service, "acknowledge", "--together", group(service), "--yes")
    again = alerts(service, "acknowledge", "--together", group(service), "--yes")

    assert (0, True) == (told.returncode, "23 done" in told.stdout)
    assert "1 of 24 alerts of the group cannot take 'acknowledge'." in told.stderr
    assert 1 == again.returncode
    assert "none of the 24 alerts of the group can take 'acknowledge' now" in again.stderr


def test_as_json_it_is_one_document_whoever_is_asked(service):
    told = asked(service, b"y\n", "snooze", "RA1-1", "RB2-1", "--until", "2099-01-01", "--json")
    found = json.loads(told.stdout)
    alone = json.loads(alerts(service, "comment", "RA1-1", "--note", "seen", "--json").stdout)

    assert {"action": "snooze", "done": 2, "unchanged": 0, "refused": 0} == {
        name: found[name] for name in ("action", "done", "unchanged", "refused")
    }
    assert {"RA1-1", "RB2-1"} == {one["id"] for one in found["items"]}
    assert "Falls may have risen." in told.stderr
    assert ("RA1-1", "snoozed") == (alone["id"], alone["state"])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("acknowledge",), 2, "give the ids of alerts or --together GROUP"),
        (("acknowledge", "RA1-1", "--together", "x"), 2, "one of the two"),
        (("acknowledge", "--together", "none", "--yes"), 1, "No such group"),
        (("acknowledge", "RA1-1", "ffff", "--yes"), 1, "No such alert"),
        (("acknowledge", "RA1-1", "../status", "--yes"), 1, "There is no such thing"),
        (("acknowledge", "RA1-1", "RA1", "--yes"), 1, "8 alerts begin with 'RA1'"),
        (("comment", "RA1-1", "RA1-2", "--note", " ", "--yes"), 1, "a comment needs its note"),
        (("snooze", "RA1-1", "RA1-2", "--until", "2020-01-01", "--yes"), 1, "in the future"),
    ],
)
def test_what_cannot_be_asked_is_told_and_nothing_is_done(service, arguments, code, told):
    answer = alerts(service, *arguments)

    assert code == answer.returncode
    assert told in " ".join(answer.stderr.replace("│", " ").split())
    assert {"new"} == set(states(service).values())


def test_the_options_are_completed():
    assert ["--together"] == completed("earshot alerts acknowledge --tog")
    assert ["--yes"] == completed("earshot alerts close --ye")
