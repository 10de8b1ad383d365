"""What a log holds and the service refuses is listed, counted and, once good, taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from streams.intake.packing import Packet
from streams.runners.journal import Journal
from streams.store import Store
from tests.integration.earshot_process import earshot, serving

INCIDENT = {
    "specversion": "1.0",
    "id": "i1",
    "source": "urn:nhs:ods:RZ7",
    "type": "uk.nhs.quality.incident.v1",
    "time": "2026-08-01T12:00:00Z",
    "data": {
        "provider": "RZ7",
        "event_type": "incident",
        "category": "other",
        "physical_harm": "none",
    },
}
OTHERS = "code,kind,name,parent,valid_from,valid_to\nRZ8,provider,Eight,Y56,,\n"
ORGANISATIONS = f"{OTHERS}RZ7,provider,Seven,Y56,,\n"


def _append(data, value, events=1):
    """Put a message into the journal as another program would: past the doors' checks."""
    store = Store.open(f"sqlite:///{data}/earshot.db")
    try:
        Journal(store).append([Packet("incidents", b"RZ7", value, events)], datetime.now(UTC))
    finally:
        store.close()


def test_dead_letters_are_counted_by_reason_and_taken_when_the_reason_is_gone(tmp_path):
    data = tmp_path / "data"
    key = earshot("keys", "create", "--role", "operator", "--data", data).stdout.strip()

    def letters(command, *options):
        url = ("--url", service.url)
        return earshot("deadletters", command, *options, *url, EARSHOT_KEY=key)

    organisations = tmp_path / "organisations.csv"
    organisations.write_text(OTHERS)
    with serving(data, "--auth", "--organisations", organisations) as service:
        _append(data, json.dumps(INCIDENT).encode())
        _append(data, b'{"specversion": ')
        service.wait_idle(key=key)
        counted = letters("count")
        listed = letters("list", "--json")
        tried = letters("replay", "--dry-run")
        service.stop()
    organisations.write_text(ORGANISATIONS)
    with serving(data, "--auth", "--organisations", organisations) as service:
        dry = letters("replay", "--dry-run")
        wet = letters("replay")
        service.wait_idle(key=key)
        again = letters("replay")
        feeds = service.get("/v1/feeds", key=key)["items"]

    assert "1  unknown_provider" in counted.stdout, counted.stdout + counted.stderr
    assert "1  malformed_json" in counted.stdout
    assert {one["code"] for one in json.loads(listed.stdout)} == {
        "unknown_provider",
        "malformed_json",
    }
    assert "0 would be taken" in tried.stdout
    assert "1 would be taken" in dry.stdout
    assert "1 taken" in wet.stdout
    assert "0 taken" in again.stdout
    assert any(feed["provider"] == "RZ7" for feed in feeds)


def test_no_dead_letters_is_said_so(tmp_path):
    with serving(tmp_path / "data") as service:
        done = earshot("deadletters", "count", "--url", service.url)

    assert done.stdout == "No dead letters.\n"
