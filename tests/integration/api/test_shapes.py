"""One shape for every error and every listing, over all routes."""

from __future__ import annotations

import inspect
import json
from contextlib import suppress
from urllib.parse import parse_qsl

import anyio
import pytest
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from api.problems import PROBLEMS, TYPE_PREFIX
from streams.store import StoreUnavailable

LISTINGS = [
    "/v1/alerts",
    "/v1/alerts/together",
    "/v1/series",
    "/v1/units",
    "/v1/feeds",
    "/v1/deadletters",
    "/v1/comparisons?indicator=falls_per_1000_bed_days",
    "/v1/schemas",
]
PAGED = LISTINGS[:-1]


def routes(app) -> list[tuple[str, str]]:
    """Every method and path that the application answers, whichever way it is mounted."""
    found = [
        (method.upper(), path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
    pages = ["/", "/units", "/comparisons", "/feeds"]
    pages += ["/alerts/{alert_id}", "/units/{code}", "/series/{series_id}"]
    return found + [("GET", path) for path in pages]


def filled(path: str) -> str:
    for name in ("alert_id", "series_id", "code", "event_type", "name"):
        path = path.replace("{" + name + "}", "nothing-here")
    return path


def check_problem(answer, status: int | None = None) -> dict:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert status is None or answer.status_code == status
    code = body["type"].removeprefix(TYPE_PREFIX)
    assert PROBLEMS[code] == (answer.status_code, body["title"])
    assert body["status"] == answer.status_code
    assert body["correlation_id"] == answer.headers["x-correlation-id"]
    return body


def test_every_route_of_the_contract_is_there(told):
    paths = told.app.openapi()["paths"]

    assert {
        "/v1/events",
        "/v1/alerts",
        "/v1/alerts/actions",
        "/v1/alerts/together",
        "/v1/alerts/{alert_id}",
        "/v1/alerts/{alert_id}/actions",
        "/v1/series",
        "/v1/series/{series_id}",
        "/v1/series/{series_id}/chart.svg",
        "/v1/comparisons",
        "/v1/comparisons/funnel.svg",
        "/v1/units",
        "/v1/units/{code}",
        "/v1/feeds",
        "/v1/deadletters",
        "/v1/deadletters/replay",
        "/v1/stream",
        "/v1/status",
        "/v1/schemas/{event_type}",
        "/metrics",
        "/healthz",
        "/readyz",
    } <= set(paths)


@pytest.mark.parametrize("path", LISTINGS)
def test_every_listing_has_the_same_envelope(told, path):
    body = told.client.get(path).json()

    assert isinstance(body["items"], list)
    assert body["next"] is None or isinstance(body["next"], str)


@pytest.mark.parametrize("path", PAGED)
def test_pages_of_a_listing_join_to_the_whole(told, path):
    path, _, query = path.partition("?")
    chosen = dict(parse_qsl(query))
    whole = told.client.get(path, params={**chosen, "limit": 200}).json()
    step = max(1, len(whole["items"]) // 3)
    found, cursor = [], None
    while True:
        params = chosen | {"limit": step} | ({"cursor": cursor} if cursor else {})
        page = told.client.get(path, params=params).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None or len(found) >= len(whole["items"]):
            break

    assert found[: len(whole["items"])] == whole["items"]


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=99999999999999999999",
        "cursor=%00",
        "cursor=" + "a" * 500,
    ],
)
def test_a_wrong_page_is_a_problem(told, path, query):
    check_problem(told.client.get(f"{path}{'&' if '?' in path else '?'}{query}"), 422)


@pytest.mark.parametrize("path", PAGED)
@pytest.mark.parametrize("cursor", ["x", "W10", "bm90IGpzb24", "-1", "é", "WyJhIiwxLCJiIl0"])
def test_a_cursor_that_was_not_given_is_a_problem(told, path, cursor):
    path, _, query = path.partition("?")
    params = dict(parse_qsl(query)) | {"cursor": cursor}
    body = check_problem(told.client.get(path, params=params), 400)

    assert body["type"].endswith("invalid-cursor")


def test_every_unknown_thing_is_a_problem(told):
    for method, path in routes(told.app):
        if "{" in path and method == "GET":
            check_problem(told.client.get(filled(path)), 404)


def test_every_wrong_method_is_a_problem(told):
    for _, path in routes(told.app):
        answer = told.client.request("PATCH", filled(path))
        body = check_problem(answer, 405)
        assert body["type"].endswith("method-not-allowed")
        assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/nothing", "/%00", "/v1/units/%ff%00"])
def test_an_unknown_path_is_a_problem(told, path):
    answer = told.client.get(path)

    assert answer.status_code in {404, 422}
    check_problem(answer)


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "since=2026-01-01T00:00:00",
        "until=0001-01-01T00:00:00%2B14:00",
        "level=3",
        "state=gone",
        "domain=money",
        "kind=none",
        "unit=%00",
        "unit=",
    ],
)
def test_a_wrong_filter_is_a_problem_that_names_it_and_repeats_nothing(told, query):
    body = check_problem(told.client.get(f"/v1/alerts?{query}"), 422)

    assert body["errors"][0]["name"].startswith(query.partition("=")[0])
    assert "yesterday" not in json.dumps(body)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/deadletters/replay", b"", 422),
        ("/v1/deadletters/replay", b"{", 422),
        ("/v1/deadletters/replay", b'{"dry_run": 0}', 422),
        ("/v1/deadletters/replay", b'{"ids": [1e400]}', 422),
        ("/v1/deadletters/replay", b'{"surprise": "secret"}', 422),
        ("/v1/alerts/none/actions", b"[]", 422),
        ("/v1/alerts/none/actions", b'{"action": "dance"}', 422),
        ("/v1/alerts/none/actions", b'{"action": "comment", "note": "x"}', 404),
        ("/v1/alerts/actions", b"", 422),
        ("/v1/alerts/actions", b'{"action": "acknowledge"}', 422),
        ("/v1/alerts/actions", b'{"action": "acknowledge", "alerts": ["secret"]}', 422),
    ],
)
def test_a_wrong_body_is_a_problem(told, path, body, status):
    answer = told.client.post(path, content=body, headers={"content-type": "application/json"})

    check_problem(answer, status)
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path", ["/v1/deadletters/replay", "/v1/alerts/none/actions", "/v1/alerts/actions"]
)
def test_a_body_of_another_type_is_a_problem(told, path):
    answer = told.client.post(path, content=b"{}", headers={"content-type": "text/plain"})

    check_problem(answer, 415)


def test_a_failure_is_a_problem_and_tells_nothing(fresh, capsys):
    fresh.service.progress = lambda: 1 // 0

    body = check_problem(fresh.client.get("/v1/status"), 500)

    assert body["type"].endswith("internal")
    assert "division" not in json.dumps(body)


def test_a_store_that_does_not_answer_is_a_problem(fresh, monkeypatch):
    def down():
        raise StoreUnavailable("gone")

    fresh.service.progress = down
    monkeypatch.setattr(fresh.service.store, "counters", down)

    check_problem(fresh.client.get("/v1/status"), 503)
    check_problem(fresh.client.get("/readyz"), 503)
    assert fresh.client.get("/v1/status").headers["retry-after"] == "5"
    assert fresh.client.get("/healthz").text == "ok\n"
    assert "earshot_store_up 0.0" in fresh.client.get("/metrics").text


def test_a_reader_of_pages_is_told_in_a_page_that_the_store_does_not_answer(fresh, monkeypatch):
    def down(*_args, **_kwargs):
        raise StoreUnavailable("gone")

    monkeypatch.setattr(fresh.service.store, "list_alerts", down)
    answer = fresh.client.get("/", headers={"accept": "text/html"})

    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "The store is unavailable" in answer.text
    assert "gone" not in answer.text


def test_a_reader_who_leaves_a_stream_is_no_failure_and_other_errors_are(fresh, capsys):
    async def broken(kind):
        yield b"begun"
        raise ExceptionGroup("tasks", [kind()])

    @fresh.app.get("/left")
    def left():
        return StreamingResponse(broken(anyio.BrokenResourceError))

    @fresh.app.get("/failed")
    def failed():
        return StreamingResponse(broken(ZeroDivisionError))

    for path in ("/left", "/failed"):
        with suppress(Exception):
            fresh.client.get(path)
    told = capsys.readouterr()

    assert (told.out + told.err).count("request_failed") == 1


def test_a_runner_that_fails_makes_the_service_unready(fresh):
    assert fresh.client.get("/readyz").status_code == 200
    fresh.service.failure = lambda: "RuntimeError: something with details"

    answer = fresh.client.get("/readyz")

    check_problem(answer, 503)
    assert "details" not in answer.text


def test_a_log_that_is_away_leaves_the_service_ready_and_is_told(fresh):
    assert fresh.client.get("/readyz").text == "ready\n"
    assert "earshot_log_up 1.0" in fresh.client.get("/metrics").text

    fresh.service.log_takes = lambda: False

    answer = fresh.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.text.startswith("ready\ndegraded: log ")
    assert "earshot_log_up 0.0" in fresh.client.get("/metrics").text


def test_a_correlation_id_is_taken_over_where_it_is_sane(told):
    given = told.client.get("/v1/units/none", headers={"x-correlation-id": "abc-1"})
    strange = told.client.get("/v1/units/none", headers={"x-correlation-id": "a b\tc"})

    assert check_problem(given)["correlation_id"] == "abc-1"
    assert check_problem(strange)["correlation_id"] != "a b\tc"


@pytest.mark.parametrize("path", ["/alerts/none", "/units/none", "/series/none", "/nowhere"])
@pytest.mark.parametrize(
    "accepts", ["text/html", "Text/HTML", "text/html,application/xhtml+xml,*/*;q=0.8"]
)
def test_a_reader_of_pages_gets_a_page_and_the_api_never_does(told, path, accepts):
    page = told.client.get(path, headers={"accept": accepts})
    api = told.client.get(f"/v1{path}", headers={"accept": accepts})

    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such thing here" in page.text
    check_problem(api, 404)


def test_another_host_name_is_refused_where_no_key_is_asked_for(told):
    rebound = told.client.get("/v1/status", headers={"host": "evil.example.org"})

    check_problem(rebound, 421)
    for host in ("localhost:8470", "127.0.0.1", "[::1]:8470"):
        assert told.client.get("/v1/status", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    ("given", "status", "title"),
    [
        ({}, 500, "The service failed to answer"),
        ({"host": "evil.example.org"}, 421, "The service does not answer to this host name"),
        ({"content-length": "99000000"}, 413, "The request body is too large"),
    ],
)
def test_a_reader_of_pages_gets_a_page_whatever_went_wrong(
    fresh, monkeypatch, given, status, title
):
    monkeypatch.setattr(fresh.service.store, "feeds", lambda *_: 1 // 0)
    asked = {"accept": "text/html", **given}

    page = fresh.client.get("/feeds", headers=asked)
    api = fresh.client.get("/v1/feeds", headers=asked)

    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert f"<h1>{title}</h1>" in page.text
    assert page.headers["x-correlation-id"] in page.text
    assert "division" not in page.text
    check_problem(api, status)


def test_another_sites_page_may_not_act(told):
    answer = told.client.post(
        "/v1/events", content=b"[]", headers={"origin": "https://evil.example.org"}
    )

    check_problem(answer, 403)


def test_every_answer_carries_the_headers_that_keep_browsers_safe(told):
    for path in ("/", "/v1/status", "/nothing"):
        headers = told.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


def test_openapi_describes_what_is_answered(told):
    schema = told.client.get("/openapi.json").json()

    assert schema["openapi"].startswith("3.")
    problem = schema["components"]["schemas"]["Problem"]
    assert {"type", "title", "status", "correlation_id"} <= set(problem["required"])
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            assert operation.get("summary"), path
            for status, response in operation["responses"].items():
                if status.startswith(("4", "5")):
                    assert list(response["content"]) == ["application/problem+json"], path


def test_the_schemas_of_events_are_published(told):
    listed = told.client.get("/v1/schemas").json()["items"]

    assert len(listed) == 4
    for item in listed:
        schema = told.client.get(item["schema"]).json()
        assert schema["$schema"].startswith("https://json-schema.org/")


def test_routes_are_plain_functions_so_that_the_store_never_blocks_the_loop(told):
    def endpoints(routes):
        for route in routes:
            if isinstance(route, APIRoute):
                yield route.path, route.endpoint

    waiting = [
        path
        for path, endpoint in endpoints(told.app.routes)
        if inspect.iscoroutinefunction(endpoint)
    ]
    assert waiting == []


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/v1/alerts", "/v1/status", "/metrics", "/"]
)
def test_head_is_answered_as_get_without_the_body(told, path):
    got, headed = told.client.get(path), told.client.head(path)

    assert headed.status_code == got.status_code == 200
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert headed.content == b""


def test_head_of_what_is_not_there_or_not_allowed_says_so(told):
    assert told.client.head("/v1/alerts/none").status_code == 404
    assert told.client.head("/v1/events").status_code == 405
    assert told.client.head("/v1/alerts?stat=new").status_code == 422
