"""Alerts that began together, from events sent to what each reader is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pytest

from streams.facts.effects import Effects, Tally
from streams.facts.periods import Grid, first_day
from streams.store import Role
from tests.facts import fact
from tests.integration.api.conftest import NOW, House, house, incident
from tests.together import (
    PROVIDERS,
    WARDS,
    WEEK,
    began,
    furnish,
    instant,
    place,
    shock,
    tell,
    ward,
    write,
)


def settle(opened: House) -> None:
    """Furnish a house and let nobody else work in it."""
    opened.runner.stop()
    furnish(opened.store)


@pytest.fixture
def shaken(tmp_path) -> Iterator[House]:
    """A house with keys in which many wards began together."""
    with house(tmp_path, auth=True) as opened:
        settle(opened)
        tell(opened.store, *shock())
        yield opened


def groups(opened: House, headers, query: str = ""):
    answer = opened.client.get(f"/v1/alerts/together{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def everyone(opened: House):
    return opened.key(role=Role.OPERATOR)


# -- what is told ------------------------------------------------------------


def test_a_shock_in_many_wards_is_one_group(shaken):
    (group,) = groups(shaken, everyone(shaken))

    assert (24, 60, 3, 3, "many") == (
        group["units"], group["watched"], group["providers"], group["providers_watched"],
        group["reach"],
    )  # fmt: skip
    assert (instant(first_day(Grid.WEEK, WEEK)), instant(first_day(Grid.WEEK, WEEK + 2))) == (
        group["since"], group["until"],
    )  # fmt: skip
    assert 60 * 0.12 * 14 / 365.25 == pytest.approx(group["by_budget"], abs=1e-3)
    assert group["p_value"] < 1e-20
    assert (24, 24, []) == (group["alerts"], group["open"], group["others"])
    assert group["statement"].startswith(
        "At 24 of 60 wards in 3 of 3 providers, incidents may have risen, first signalled between"
    )
    assert 24 == sum(one["begun"] for one in group["periods"])


def test_a_quiet_house_has_none(tmp_path):
    """Sixty wards that begin as often as the budget lets them, and nothing shared."""
    with house(tmp_path) as opened:
        settle(opened)
        rng = np.random.default_rng(4)
        told = [
            began(f"q-{at}", ward(PROVIDERS[at % 3], int(rng.integers(WARDS))), int(week))
            for at, week in enumerate(rng.integers(WEEK - 60, WEEK + 2, 9))
        ]
        tell(opened.store, *told)

        assert [] == groups(opened, {})
        assert opened.client.get("/v1/alerts/q-1").json()["together"] is None


def test_an_empty_house_has_none(fresh):
    assert [] == groups(fresh, {})


def test_a_key_sees_the_group_of_its_own_provider_only(shaken):
    (group,) = groups(shaken, shaken.key("RA1"))

    assert (8, 20, 1, 1, "own") == (
        group["units"], group["watched"], group["providers"], group["providers_watched"],
        group["reach"],
    )  # fmt: skip
    assert 8 == group["alerts"]
    assert "of this provider share" in group["statement"]
    for other in ("RB2", "RC3"):
        assert other not in str(group)


def test_the_alerts_of_a_group_are_listed_by_its_id_within_the_same_scope(shaken):
    mine = shaken.key("RA1")
    (group,) = groups(shaken, mine)

    def listed(headers, query=""):
        path = f"/v1/alerts?limit=200&together={group['id']}{query}"
        return shaken.client.get(path, headers=headers)

    assert {f"RA1-{number}" for number in range(8)} == {
        one["id"] for one in listed(mine).json()["items"]
    }
    assert 24 == len(listed(everyone(shaken)).json()["items"])
    assert 8 == len(listed(everyone(shaken), "&unit=RB2").json()["items"])
    assert 0 == len(listed(mine, "&state=closed").json()["items"])
    assert 404 == listed(shaken.key("RZ9")).status_code


def test_a_group_that_is_not_there_is_not_found(shaken):
    headers = shaken.key("RA1")

    assert 404 == shaken.client.get("/v1/alerts?together=none", headers=headers).status_code
    assert 422 == shaken.client.get("/v1/alerts?together=a%20b", headers=headers).status_code
    assert 404 == shaken.client.get("/v1/alerts/together?unit=RB2", headers=headers).status_code
    assert 422 == shaken.client.get("/v1/alerts/together?unt=RA1", headers=headers).status_code


def test_a_unit_may_be_asked_for(shaken):
    (group,) = groups(shaken, everyone(shaken), "?unit=RB2")

    assert (8, 20, "own") == (group["units"], group["watched"], group["reach"])
    assert [] == groups(shaken, everyone(shaken), f"?unit={ward('RB2', 1)}")


def test_windows_may_be_asked_for_and_pages_go_on(shaken):
    headers = everyone(shaken)
    end = instant(first_day(Grid.WEEK, WEEK + 2))

    assert 1 == len(groups(shaken, headers, f"?until={end}&since=2025-01-01"))
    assert [] == groups(shaken, headers, f"?since={end}")
    assert [] == groups(shaken, headers, "?until=2025-01-01")
    assert [] == groups(shaken, headers, "?cursor=1")
    assert 400 == shaken.client.get("/v1/alerts/together?cursor=x", headers=headers).status_code


def test_an_alert_says_what_it_is_part_of(shaken):
    headers = shaken.key("RA1")
    (group,) = groups(shaken, headers)
    found = shaken.client.get("/v1/alerts/RA1-3", headers=headers).json()["together"]

    assert {"id": group["id"], "statement": group["statement"]} == found


# -- what changes ------------------------------------------------------------


def test_retracted_alerts_leave_the_group_and_closed_ones_stay(shaken):
    headers = everyone(shaken)
    records = shock()
    tell(shaken.store, *records[:3], change="retracted")
    shaken.store.act("RB2-1", "close", actor="t", at=NOW, outcome="explained_known")
    (group,) = groups(shaken, headers)

    assert (21, 20) == (group["alerts"], group["open"])
    assert 21 == group["units"]
    tell(shaken.store, *records[3:22], change="retracted")
    assert [] == groups(shaken, headers)


def test_units_that_enter_later_are_not_watched_before(shaken, tmp_path_factory):
    (before,) = groups(shaken, everyone(shaken))
    late = [place(f"RA101:L{number}", "ward", "RA101") for number in range(30)]
    tallies = [Tally("RA1", one.code, Grid.WEEK, WEEK + 2, b"x") for one in late]
    with house(tmp_path_factory.mktemp("late")) as opened:
        settle(opened)
        write(opened.store, Effects(units=late, tallies=tallies))
        tell(opened.store, *shock())
        (after,) = groups(opened, {})

    # Only the last of the periods that are shown knows the new units.
    assert before["watched"] == after["watched"]
    assert before["expected"] == after["expected"]
    assert before["periods"][-1]["expected"] < after["periods"][-1]["expected"]


def test_what_was_found_is_found_anew_when_something_arrives(fresh):
    """Facts bring units; until then what was found is remembered."""
    settle(fresh)
    tell(fresh.store, *shock())
    before = groups(fresh, {})
    fresh.store.act("RA1-1", "close", actor="t", at=NOW, outcome="explained_known")
    assert (24, 23) == (before[0]["open"], groups(fresh, {})[0]["open"])

    late = [place(f"RA101:L{number}", "ward", "RA101") for number in range(30)]
    tallies = [Tally("RA1", one.code, Grid.WEEK, WEEK - 100, b"x") for one in late]
    write(
        fresh.store,
        Effects(units=late, tallies=tallies, facts=[fact("i-1", "2026-03-01", provider="RA1")]),
    )
    assert (60, 90) == (before[0]["watched"], groups(fresh, {})[0]["watched"])


# -- speaking up -------------------------------------------------------------


@pytest.mark.parametrize("feeds", [("speakup",), ("incidents", "speakup")])
def test_signals_of_speaking_up_never_take_part(tmp_path, feeds):
    """Whatever else they name: their week would be counted with the others."""
    with house(tmp_path) as opened:
        settle(opened)
        sites = [place(f"RA1{number}", "site", "RA1") for number in range(10, 40)]
        tallies = [Tally("RA1", one.code, Grid.WEEK, WEEK - 100, b"x") for one in sites]
        write(opened.store, Effects(units=sites, tallies=tallies))
        told = [
            began(f"s-{one.code}", one.code, WEEK, *feeds, kind="site", domains=("listening",))
            for one in sites[:12]
        ]
        tell(opened.store, *told)
        assert [] == groups(opened, {})

        tell(opened.store, *shock())
        (group,) = groups(opened, {})
        listed = opened.client.get(f"/v1/alerts?limit=200&together={group['id']}").json()["items"]
        assert ([], 24) == (group["others"], group["alerts"])
        assert not any("speakup" in one["feeds"] for one in listed)
        assert opened.client.get(f"/v1/alerts/{told[0].id}").json()["together"] is None


def test_one_more_signal_of_speaking_up_changes_nothing_that_is_told(shaken):
    headers = everyone(shaken)
    before = shaken.client.get("/v1/alerts/together", headers=headers).text
    tell(shaken.store, began("s-1", "RA101", WEEK, "speakup", kind="site", domains=("listening",)))

    assert before == shaken.client.get("/v1/alerts/together", headers=headers).text


# -- from events -------------------------------------------------------------


def year_of_incidents(opened: House, at_the_end: float) -> House:
    """Two providers of ten wards: sixty weeks of incidents, with more or less in the last three."""
    rng = np.random.default_rng(8)
    start = NOW - timedelta(weeks=60)
    for provider in ("RA1", "RB2"):
        sent: list[dict] = []
        for number, week in ((number, week) for number in range(10) for week in range(60)):
            for _ in range(rng.poisson(at_the_end if week >= 57 else 3.0)):
                day = start + timedelta(weeks=week, hours=int(rng.integers(1, 168)))
                harm = "low" if rng.random() < 0.4 else "none"
                told = incident(
                    len(sent), provider, min(day, NOW), ward=f"W{number}", physical_harm=harm
                )
                sent.append(told)
        opened.push(sent, **opened.key(provider))
    return opened


def test_a_shock_in_the_events_is_heard_as_one_event(tmp_path):
    with house(tmp_path, auth=True) as opened:
        year_of_incidents(opened, 15.0)
        listed = opened.client.get("/v1/alerts?limit=200", headers=everyone(opened)).json()
        found = groups(opened, everyone(opened))

        assert 1 == len(found), [one["statement"] for one in found]
        assert found[0]["units"] >= 15
        assert 20 == found[0]["watched"]
        assert {"site", "provider"} >= {one["unit_kind"] for one in found[0]["others"]}
        assert found[0]["alerts"] <= len(listed["items"])
        assert ("incidents", "many") == (found[0]["indicator"], found[0]["reach"])
        (mine,) = groups(opened, opened.key("RA1"))
        assert (10, "own") == (mine["watched"], mine["reach"])


def test_a_year_in_which_nothing_happens_has_none(tmp_path):
    with house(tmp_path, auth=True) as opened:
        year_of_incidents(opened, 3.0)

        assert [] == groups(opened, everyone(opened))
