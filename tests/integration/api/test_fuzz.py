"""Whatever is asked, the answer is a success or a problem document, never a crash."""

from __future__ import annotations

import json
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.api.test_shapes import check_problem

MANY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
PATHS = [
    "/v1/alerts",
    "/v1/alerts/together",
    "/v1/series",
    "/v1/units",
    "/v1/feeds",
    "/v1/deadletters",
    "/v1/alerts/{}",
    "/v1/series/{}",
    "/v1/series/{}/chart.svg",
    "/v1/comparisons",
    "/v1/comparisons?indicator=falls_per_1000_bed_days",
    "/v1/comparisons/funnel.svg?indicator=harm_share",
    "/comparisons",
    "/v1/units/{}",
    "/v1/schemas/{}",
    "/v1/icons/{}.svg",
    "/alerts/{}",
    "/units/{}",
    "/series/{}",
    "/static/{}",
    "/",
]
NAMES = [
    "unit", "state", "level", "kind", "domain", "since", "until", "cursor", "limit", "include",
    "indicator", "grid", "under", "provider", "on", "feed", "silent", "code", "onset", "mark",
    "together",
]  # fmt: skip
ODD = [
    "",
    "\0",
    "%",
    "..",
    "../..",
    "~",
    "RZ1~incidents~week",
    "9" * 40,
    "-1",
    "1e9",
    "é",
    "\ud7ff",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(ODD)


def fine(answer) -> None:
    assert answer.status_code < 500, answer.text[:300]
    if answer.status_code >= 400:
        check_problem(answer)


@MANY
@given(st.sampled_from(PATHS), TEXT, st.dictionaries(st.sampled_from(NAMES), TEXT, max_size=4))
def test_any_query_is_answered(told, path, name, query):
    fine(told.client.get(path.replace("{}", quote(name, safe="") or "x"), params=query))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ACTION = st.fixed_dictionaries(
    {"action": st.sampled_from(["acknowledge", "comment", "snooze", "close", "assign"])},
    optional=dict.fromkeys(("note", "outcome", "until", "assignee", "version", "surprise"), JSON),
)
SEEN = st.fixed_dictionaries({"id": TEXT | st.just("x"), "version": st.integers(1, 3)})
ACTIONS = st.builds(
    lambda action, alerts: {**action, "alerts": alerts},
    ACTION,
    JSON | st.lists(SEEN | JSON, max_size=4) | st.lists(SEEN, max_size=4),
)


@MANY
@given(
    st.sampled_from(["/v1/alerts/x/actions", "/v1/alerts/actions", "/v1/deadletters/replay"]),
    st.binary(max_size=40)
    | (JSON | ACTION | ACTIONS).map(lambda value: json.dumps(value).encode()),
)
def test_any_body_is_answered(told, path, body):
    fine(told.client.post(path, content=body, headers={"content-type": "application/json"}))


@MANY
@given(
    st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "application/x-ndjson",
            "application/x-ndjson; charset=latin-1",
        ]
    ),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20) | st.none(),
)
def test_any_events_are_receipted(told, body, kind, key):
    headers = {"content-type": kind} | ({"idempotency-key": key} if key is not None else {})
    answer = told.client.post("/v1/events", content=body, headers=headers)

    fine(answer)
    if answer.status_code in {202, 207}:
        assert set(answer.json()) == {"accepted", "duplicates", "rejected"}


@MANY
@given(
    st.dictionaries(
        st.sampled_from(["accept", "authorization", "x-correlation-id", "last-event-id", "origin"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
        max_size=3,
    )
)
def test_any_headers_are_answered(told, headers):
    fine(told.client.get("/v1/status", headers=headers))


@MANY
@given(st.dictionaries(st.sampled_from(["action", "note", "until", "version", "x"]), TEXT))
def test_any_form_is_answered(told, fields):
    answer = told.client.post("/alerts/none/actions", data=fields)

    assert answer.status_code in {400, 404, 415, 422}
