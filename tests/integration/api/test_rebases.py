from __future__ import annotations

import json
from datetime import date, timedelta
from urllib.parse import quote

import pytest

from tests.integration.api.conftest import house
from tests.integration.api.test_shapes import check_problem

SERIES = "RXX01:W1~falls~week"
PATH = f"/v1/series/{quote(SERIES)}"
START = date(2025, 6, 2)
WEEKS = 39
SHIFT = 18
DECLARED = {
    "rebased_at": (START + timedelta(weeks=SHIFT, days=2)).isoformat(),
    "person": "Head of Nursing",
    "reason": "two wards merged",
}


def week(number, falls):
    start = START + timedelta(weeks=number)
    end = start + timedelta(weeks=1)
    return {
        "specversion": "1.0", "id": f"m{number}", "source": "urn:nhs:ods:RXX",
        "type": "uk.nhs.quality.wardmetric.v1", "time": f"{end}T00:00:00Z",
        "data": {
            "provider": "RXX", "site": "RXX01", "ward": "W1", "metric": "falls",
            "numerator": falls, "period_start": f"{start}T00:00:00Z",
            "period_end": f"{end}T00:00:00Z",
        },
    }  # fmt: skip


@pytest.fixture
def ward(fresh):
    levels = [(4, 6, 5), (14, 16, 15)]
    receipt = fresh.push([week(n, levels[n >= SHIFT][n % 3]) for n in range(WEEKS)])
    assert 0 == len(receipt["rejected"]), receipt
    return fresh


def post(client, path, body, **headers):
    return client.post(path, content=json.dumps(body), headers=headers)


def test_a_named_person_starts_the_limits_of_a_series_afresh(ward):
    before = ward.client.get(PATH).json()
    answer = post(ward.client, f"{PATH}/rebases", DECLARED)
    after = ward.client.get(PATH).json()

    assert 201 == answer.status_code, answer.text
    assert {**DECLARED, "actor": "local", "withdrawn_at": None}.items() <= answer.json().items()
    assert [] == before["rebases"]
    assert [answer.json()] == after["rebases"]
    means = [point["mean"] for point in after["points"]]
    assert 1 == len({point["mean"] for point in before["points"]})
    assert means[SHIFT - 1] == pytest.approx(5.0, abs=0.2)
    assert means[SHIFT] == pytest.approx(15.0, abs=0.2)


def test_what_was_shown_as_a_concern_stays_visible_before_the_rebase(ward):
    post(ward.client, f"{PATH}/rebases", DECLARED)

    points = ward.client.get(PATH).json()["points"]

    assert all(point["value"] is not None for point in points)
    assert {None} == {point["special_cause"] for point in points}


def test_the_picture_and_the_page_say_where_and_why(ward):
    post(ward.client, f"{PATH}/rebases", DECLARED)

    picture = ward.client.get(f"{PATH}/chart.svg").text
    page = ward.client.get(f"/series/{quote(SERIES)}").text

    assert '<g class="rebase">' in picture
    assert "Limits start afresh: two wards merged (Head of Nursing)" in picture
    assert "two wards merged (Head of Nursing)" in page


def test_a_rebase_is_taken_back_and_stays_in_the_listing_and_the_audit(ward):
    number = post(ward.client, f"{PATH}/rebases", DECLARED).json()["id"]
    withdrawal = {"person": "Medical Director", "reason": "the wards were not merged"}
    answer = post(ward.client, f"{PATH}/rebases/{number}/withdrawal", withdrawal)
    listed = ward.client.get(f"{PATH}/rebases").json()
    detail = ward.client.get(PATH).json()

    assert 200 == answer.status_code, answer.text
    assert {"items": [answer.json()], "next": None} == listed
    assert "Medical Director" == listed["items"][0]["withdrawn_by"]
    assert [] == detail["rebases"]
    assert 1 == len({point["mean"] for point in detail["points"]})
    lines = ward.store.audit(subject="RXX01:W1~falls").items
    assert ["rebase_withdrawn", "rebased"] == [line.what for line in lines]
    assert "two wards merged" == lines[1].detail["reason"]
    again = post(ward.client, f"{PATH}/rebases/{number}/withdrawal", withdrawal)
    assert "withdrawn" == check_problem(again, 422)["errors"][0]["code"]


def test_the_limits_say_how_they_are_made(ward):

    assert "three_sigma" == ward.client.get(PATH).json()["limits_by"]


@pytest.mark.parametrize(
    ("changed", "name", "code"),
    [
        ({"rebased_at": "2025-06-04"}, "rebased_at", "too_early"),
        ({"rebased_at": "yesterday"}, "rebased_at", "date_parsing"),
        ({"person": " "}, "person", "string_too_short"),
        ({"reason": "seen for patient 9434765919"}, "reason", "personal_data"),
        ({"reason": "a\u0000b"}, "reason", "characters"),
        ({"why": "x"}, "why", "extra_forbidden"),
    ],
)
def test_a_rebase_that_cannot_be_is_refused_with_the_field(ward, changed, name, code):
    problem = check_problem(post(ward.client, f"{PATH}/rebases", DECLARED | changed), 422)

    assert [(name, code)] == [(one["name"], one["code"]) for one in problem["errors"]]


def test_one_day_is_declared_once(ward):
    assert 201 == post(ward.client, f"{PATH}/rebases", DECLARED).status_code

    problem = check_problem(post(ward.client, f"{PATH}/rebases", DECLARED), 422)

    assert "taken" == problem["errors"][0]["code"]


def test_what_is_not_there_is_not_found(ward):
    withdrawal = {"person": "Somebody", "reason": "a mistake"}
    other = f"/v1/series/{quote('RXX01:W9~falls~week')}/rebases"

    check_problem(post(ward.client, other, DECLARED), 404)
    check_problem(ward.client.get(other), 404)
    check_problem(post(ward.client, f"{PATH}/rebases/7/withdrawal", withdrawal), 404)
    check_problem(post(ward.client, f"{PATH}/rebases/0/withdrawal", withdrawal), 422)
    kind = {"content-type": "text/plain"}
    check_problem(post(ward.client, f"{PATH}/rebases", DECLARED, **kind), 415)


def test_a_series_of_speaking_up_has_no_limits_to_start_afresh(told):
    items = told.client.get("/v1/series", params={"indicator": "speakup"}).json()["items"]
    path = f"/v1/series/{quote(items[0]['id'])}/rebases"

    problem = check_problem(post(told.client, path, DECLARED), 422)

    assert "protected" == problem["errors"][0]["code"]


def test_another_organisation_can_neither_see_nor_declare(ward, tmp_path):
    post(ward.client, f"{PATH}/rebases", DECLARED)
    url = str(ward.store.database.url)
    with house(tmp_path / "guarded", url=url, auth=True) as guarded:
        stranger, own = guarded.key("RYY"), guarded.key("RXX")

        check_problem(guarded.client.get(f"{PATH}/rebases", headers=stranger), 404)
        check_problem(post(guarded.client, f"{PATH}/rebases", DECLARED, **stranger), 404)
        later = DECLARED | {"rebased_at": "2025-12-01"}
        answer = post(guarded.client, f"{PATH}/rebases", later, **own)

    assert 201 == answer.status_code, answer.text
    assert answer.json()["actor"].startswith("key:")
