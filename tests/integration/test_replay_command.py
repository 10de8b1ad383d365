"""Everything derived can be thrown away and made again from the facts."""

from __future__ import annotations

import sqlite3
from datetime import date

import orjson

from streams.region.plan import Plan, events
from streams.store import Store
from tests.integration.earshot_process import earshot, serving

PLAN = Plan(end=date(2026, 6, 1), weeks=70, live_weeks=0, providers=1, sites=1, wards=3)


def digest(data):
    store = Store.open(f"sqlite:///{data}/earshot.db")
    try:
        return store.digest(), [row.id for row in store.list_alerts(limit=100).items]
    finally:
        store.close()


def test_tallies_and_alerts_thrown_away_are_made_again_just_as_they_were(tmp_path):
    data = tmp_path / "data"
    file = tmp_path / "region.ndjson"
    file.write_bytes(b"\n".join(orjson.dumps(sent.event) for sent in events(PLAN)))
    with serving(data) as service:
        pushed = earshot("push", file, "--url", service.url)
        service.wait_idle(240)
        service.stop()
    before, alerts = digest(data)
    nothing = earshot("replay", "--data", data)
    with sqlite3.connect(data / "earshot.db") as store:
        store.execute("DELETE FROM tally WHERE period % 2 = 0")
        store.execute("DELETE FROM alert")
    broken, _ = digest(data)
    dry = earshot("replay", "--data", data, "--dry-run")
    still, _ = digest(data)
    wet = earshot("replay", "--data", data)
    after, again = digest(data)
    verified = earshot("explain", again[0], "--verify", "--data", data)

    assert pushed.returncode == 0, pushed.stderr
    assert alerts
    assert "0 tallies changed, alerts: as they were" in nothing.stdout, nothing.stdout
    assert before != broken
    assert broken == still
    assert "opened" in dry.stdout
    assert "opened" in wet.stdout
    assert after == before
    assert sorted(again) == sorted(alerts)
    assert verified.returncode == 0, verified.stdout


def test_a_store_without_facts_is_said_to_have_none(tmp_path):
    done = earshot("replay", "--data", tmp_path)

    assert done.returncode == 0
    assert "no facts" in done.stdout


def test_an_alert_that_is_not_there_is_said_so(tmp_path):
    done = earshot("explain", "abc", "--data", tmp_path)

    assert done.returncode == 1
    assert "no alert begins with 'abc'" in done.stderr
