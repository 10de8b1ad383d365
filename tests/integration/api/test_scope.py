"""Keys: needed for every call, and nothing outside their scope is ever seen."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from streams.region.places import provider_code
from streams.store import Role
from tests.integration.api.conftest import BATCH, NOW, House, alert, commit, house, incident
from tests.integration.api.test_shapes import check_problem, filled, routes

OPEN = {"/healthz", "/readyz"}
MINE, OTHER = provider_code(0), provider_code(1)


@pytest.fixture
def region(guarded):
    """Two providers with an event, an alert and a dead letter each, behind keys."""
    keys = {code: guarded.key(code) for code in (MINE, OTHER)}
    for code in (MINE, OTHER):
        guarded.push([incident(1, code)], **keys[code])
    guarded.runner.stop()
    for code in (MINE, OTHER):
        record = alert(f"alert-{code}", provider=code, unit=f"{code}01:W1")
        commit(guarded.store, ("opened", record))
    return guarded


def test_every_call_needs_a_key(guarded):
    for method, path in routes(guarded.app):
        answer = guarded.client.request(method, filled(path), content=b"{}")
        if path in OPEN:
            assert answer.status_code == 200
        else:
            body = check_problem(answer, 401)
            assert body["type"].endswith("unauthorised")
            assert "Bearer" in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer x", "Bearer earshot_00000000_secret", "Basic !!", "Basic eDp5", "Digest a"],
)
def test_a_wrong_key_is_no_key(guarded, header):
    answer = guarded.client.get("/v1/status", headers={"authorization": header})

    check_problem(answer, 401)


def test_a_revoked_key_is_no_key(guarded):
    made = guarded.store.create_key([MINE], now=guarded.clock())
    headers = {"authorization": f"Bearer {made.token}"}
    assert guarded.client.get("/v1/status", headers=headers).status_code == 200

    guarded.store.revoke_key(made.row.prefix, guarded.clock())

    check_problem(guarded.client.get("/v1/status", headers=headers), 401)


def test_a_browser_may_give_the_key_as_a_password(guarded):
    token = guarded.store.create_key([MINE], now=guarded.clock()).token
    basic = base64.b64encode(f"me:{token}".encode()).decode()

    answer = guarded.client.get("/", headers={"authorization": f"Basic {basic}"})

    assert answer.status_code == 200
    assert "<h1>Alerts</h1>" in answer.text


def test_a_provider_sees_only_itself(region):
    headers = region.key(MINE)

    def items(path):
        return region.client.get(path, headers=headers).json()["items"]

    assert {one["provider"] for one in items("/v1/alerts")} == {MINE}
    assert {one["provider"] for one in items("/v1/feeds")} == {MINE}
    assert {one["unit"][: len(MINE)] for one in items("/v1/series?limit=200")} == {MINE}
    kinds = {(one["kind"], one["provider"]) for one in items("/v1/units?limit=200")}
    assert {provider for kind, provider in kinds if kind in {"provider", "site", "ward"}} == {MINE}


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/alerts/alert-{OTHER}",
        f"/v1/alerts?unit={OTHER}",
        f"/v1/alerts?unit={OTHER}01:W1",
        f"/v1/alerts/together?unit={OTHER}",
        f"/v1/series?unit={OTHER}",
        f"/v1/series/{OTHER}~incidents~week",
        f"/v1/series/{OTHER}~incidents~week/chart.svg",
        f"/v1/units/{OTHER}",
        f"/v1/units?under={OTHER}",
        f"/v1/feeds?unit={OTHER}",
        f"/v1/stream?unit={OTHER}",
        f"/v1/comparisons?indicator=harm_share&unit={OTHER}",
        f"/v1/comparisons?indicator=harm_share&mark={OTHER}01:W1",
        f"/v1/comparisons/funnel.svg?indicator=harm_share&unit={OTHER}01",
        f"/comparisons?indicator=harm_share&unit={OTHER}",
        f"/alerts/alert-{OTHER}",
        f"/units/{OTHER}",
        f"/series/{OTHER}~incidents~week",
        f"/?unit={OTHER}",
    ],
)
def test_what_is_out_of_scope_is_not_told_from_what_is_not_there(region, path):
    mine = region.client.get(path, headers=region.key(MINE))
    theirs = region.client.get(path, headers=region.key(OTHER)) if "stream" not in path else None

    check_problem(mine, 404)
    assert theirs is None or theirs.status_code != 404


def test_nobody_acts_on_another_providers_alert(region):
    path = f"/v1/alerts/alert-{OTHER}/actions"
    answer = region.client.post(path, json={"action": "acknowledge"}, headers=region.key(MINE))

    check_problem(answer, 404)
    assert region.store.alert(f"alert-{OTHER}").state == "new"


def test_nobody_acts_on_another_providers_alert_among_others(region):
    seen = [{"id": name, "version": 1} for name in (f"alert-{MINE}", f"alert-{OTHER}", "none")]
    body = {"action": "acknowledge", "alerts": seen}
    answer = region.client.post("/v1/alerts/actions", json=body, headers=region.key(MINE))
    mine, theirs, nobodys = answer.json()["items"]

    assert answer.status_code == 207
    assert (mine["result"], theirs["result"]) == ("done", "refused")
    assert {**theirs, "id": ""} == {**nobodys, "id": ""}
    assert region.store.alert(f"alert-{OTHER}").state == "new"


def test_a_provider_is_not_told_how_many_alerts_of_others_were_acted_on_with_its_own(region):
    seen = [{"id": f"alert-{code}", "version": 1} for code in (MINE, OTHER)]
    body = {"action": "acknowledge", "alerts": seen}
    everyone = region.key(role=Role.OPERATOR)
    answer = region.client.post("/v1/alerts/actions", json=body, headers=everyone).json()
    mine = region.client.get(f"/v1/alerts/alert-{MINE}", headers=region.key(MINE)).json()

    assert (answer["done"], mine["actions"][0]["at_once"]) == (2, 1)


def test_the_audit_names_the_key_that_acted(region):
    path = f"/v1/alerts/alert-{MINE}/actions"
    answer = region.client.post(path, json={"action": "acknowledge"}, headers=region.key(MINE))

    assert answer.json()["actions"][0]["actor"].startswith("key:")


def test_events_of_another_provider_are_refused_one_by_one(region):
    sent = [incident(7, MINE), incident(8, OTHER)]
    answer = region.client.post(
        "/v1/events", content=json.dumps(sent), headers={**BATCH, **region.key(MINE)}
    )

    assert answer.status_code == 207
    (refused,) = answer.json()["rejected"]
    assert (refused["index"], refused["code"]) == (1, "out_of_scope")


def test_a_board_or_region_sees_its_members(region):
    places = region.client.get(f"/v1/units/{MINE}", headers=region.key(role=Role.OPERATOR)).json()[
        "parents"
    ]
    for above in places:
        headers = region.key(above["code"])
        found = region.client.get("/v1/alerts", headers=headers).json()["items"]
        assert MINE in {one["provider"] for one in found}, above
        named = region.client.get(f"/v1/alerts?unit={above['code']}", headers=headers).json()
        assert len(named["items"]) == len(found)


def test_an_operators_key_without_scope_sees_everything(region):
    headers = region.key(role=Role.OPERATOR)

    items = region.client.get("/v1/alerts", headers=headers).json()["items"]

    assert {one["provider"] for one in items} == {MINE, OTHER}
    assert region.client.get("/metrics", headers=headers).status_code == 200


def test_a_key_without_scope_sees_nothing(region):
    headers = region.key()

    assert region.client.get("/v1/alerts", headers=headers).json()["items"] == []
    assert region.client.get("/v1/feeds", headers=headers).json()["items"] == []


def test_idempotency_keys_of_two_senders_never_meet(guarded):
    answers = [
        guarded.client.post(
            "/v1/events",
            content=json.dumps([incident(1, code)]),
            headers={**BATCH, **guarded.key(code), "idempotency-key": '"same"'},
        )
        for code in (MINE, OTHER)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]


@pytest.fixture
def unlisted(tmp_path):
    """A house that asks for keys and was given no organisation file."""
    with house(tmp_path, auth=True) as opened:
        yield opened


def sent(opened: House, provider: str, **headers: str) -> dict:
    body = json.dumps([incident(1, provider)])
    answer = opened.client.post("/v1/events", content=body, headers={**BATCH, **headers}).json()
    assert opened.runner.wait_idle(120)
    return answer


def test_without_a_file_a_key_makes_its_own_provider_known(unlisted):
    key = unlisted.key("RNEW")

    assert sent(unlisted, "RNEW", **key)["accepted"] == 1
    shown = unlisted.client.get("/v1/units/RNEW01:W1", headers=key).json()
    assert (shown["provider"], shown["verified"]) == ("RNEW", False)
    assert unlisted.client.get("/v1/deadletters", headers=key).json()["items"] == []


@pytest.mark.parametrize(
    ("scope", "role"), [("RELSE", "provider"), ("Y56", "provider"), ((), "admin")]
)
def test_without_a_file_only_a_key_that_names_a_provider_makes_it_known(unlisted, scope, role):
    scope = (scope,) if scope else ()
    key = unlisted.key(*scope, role=role)

    for provider in ("RNEW", "Y56"):
        (refused,) = sent(unlisted, provider, **key)["rejected"]
        assert refused["code"] == "unknown_provider"


def test_an_unknown_provider_is_refused_where_keys_are_needed_and_a_file_says_who_there_is(guarded):
    answer = guarded.client.post(
        "/v1/events",
        content=json.dumps([incident(1, "RNEW")]),
        headers={**BATCH, **guarded.key("RNEW")},
    )

    assert answer.json()["rejected"][0]["code"] == "unknown_provider"


def test_status_gives_the_watermarks_of_the_callers_own_feeds(region):
    status = region.client.get("/v1/status", headers=region.key(MINE)).json()
    nobody = region.client.get("/v1/status", headers=region.key()).json()

    assert status["watermarks"]["incidents"]["latest"] == "2026-03-03T00:00:00Z"
    assert nobody["watermarks"]["incidents"]["latest"] is None


def test_an_overseer_sees_speaking_up_by_calendar_quarters_only(region):
    """Those who belong to the provider see three months at a time, rolling."""
    region.runner.start()
    cases = [
        {
            **incident(number, MINE, NOW - timedelta(days=9 * number)),
            "id": f"s-{number}",
            "type": "uk.nhs.quality.speakup.v1",
            "data": {"provider": MINE, "elements": ["detriment"], "route": "open"},
        }
        for number in range(50)
    ]
    region.push([*cases, incident(99, MINE)], **region.key(MINE))
    board = region.client.get(f"/v1/units/{MINE}", headers=region.key(MINE)).json()["parent"]

    def months(headers):
        path = f"/v1/series/{MINE}~speakup~week"
        points = region.client.get(path, headers=headers).json()["points"]
        return {int(point["period_start"][5:7]) for point in points}

    assert months(region.key(board)) <= {1, 4, 7, 10}
    assert len(months(region.key(MINE))) > 4
