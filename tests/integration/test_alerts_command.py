"""The inbox in a terminal: an alert is worked on from its opening to its close."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from streams.store import Store
from tests.alerts import alert, changed
from tests.integration.earshot_process import earshot, serving

ID = "0123456789abcdef0123"
INCIDENT = {
    "specversion": "1.0",
    "id": "i1",
    "source": "urn:nhs:ods:RXX",
    "type": "uk.nhs.quality.incident.v1",
    "time": "2026-01-01T12:00:00Z",
    "data": {"provider": "RXX", "site": "RXX01", "ward": "W1"},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    data = tmp_path_factory.mktemp("inbox") / "data"
    events = data.parent / "events.ndjson"
    events.write_text(json.dumps(INCIDENT))
    with serving(data) as running:
        earshot("push", events, "--url", running.url, "--quiet")
        running.wait_idle()
        running.stop()
    store = Store.open(f"sqlite:///{data}/earshot.db")
    version = store.load_partition(0).version
    change = changed("opened", alert(ID))
    store.commit(0, version, change, store.load_partition(0).positions, datetime.now(UTC))
    store.close()
    with serving(data) as running:
        yield running


def alerts(service, *arguments):
    return earshot("alerts", *arguments, "--url", service.url)


def test_an_alert_is_worked_on_from_its_opening_to_its_close(service):
    day = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    moves = [
        ("acknowledge", ("--note", "seen"), "acknowledged"),
        ("assign", ("--to", "Quality team"), "acknowledged"),
        ("comment", ("--note", "A new matron since June"), "acknowledged"),
        ("start-review", (), "under_review"),
        ("snooze", ("--until", day), "snoozed"),
        ("escalate", (), "escalated"),
        ("close", ("--outcome", "explained_known", "--note", "as found"), "closed"),
        ("reopen", (), None),
    ]
    for command, options, state in moves:
        answer = alerts(service, command, ID[:6], *options)

        assert answer.returncode == 0, (command, answer.stderr)
        assert state is None or f"{ID} is now {state}" in answer.stdout

    shown = json.loads(alerts(service, "show", ID[:6], "--json").stdout)
    assert [one["action"].replace("_", "-") for one in shown["actions"]] == [
        command for command, _, _ in moves
    ]
    assert "Quality team" in {one["assignee"] for one in shown["actions"]}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("close", ID), "Missing option '--outcome'"),
        (("close", ID, "--outcome", "solved"), "explained_casemix"),
        (("comment", ID, "--note", " "), "a comment needs its note"),
        (("snooze", ID, "--until", "2020-01-01"), "a time in the future"),
        (("reopen", ID), "cannot take 'reopen'; allowed: "),
        (("acknowledge", "ffff"), "No such alert"),
        (("list", "--state", "solved"), "'under_review'"),
        (("list", "--since", "yesterday"), "expected a time such as"),
        (("list", "--unit", "RNOT"), "No such unit"),
    ],
)
def test_a_move_that_cannot_be_made_says_what_can(service, arguments, told):
    answer = alerts(service, *arguments)

    assert answer.returncode in {1, 2}
    assert told in " ".join(answer.stderr.split())
    assert answer.stderr.count("allowed: ") <= 1
