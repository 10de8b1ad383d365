"""The live stream over a real server: resumed without a loss, scoped, disclosed, ended in time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import fastapi.routing
import httpx2
import pytest

from api.cli.serving import listen, serving
from streams.store import Role
from tests.integration.api.conftest import alert, commit, house, incident
from tests.integration.api.test_shapes import check_problem


@dataclass(frozen=True)
class Heard:
    """One server-sent event."""

    id: str
    event: str
    data: dict


def heard(response: httpx2.Response) -> Iterator[Heard]:
    """The events of a stream, comments left out."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line == "":
            if "data" in fields:
                yield Heard(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


@contextmanager
def served(opened) -> Iterator[str]:
    """The house behind a real server; gives its address."""
    with listen("127.0.0.1", 0) as door, serving(opened.service, door):
        yield f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def live(tmp_path) -> Iterator[tuple]:
    """A house with one ward behind a real server."""
    with house(tmp_path) as opened:
        opened.push([incident(1)])
        opened.runner.stop()
        with served(opened) as url:
            yield opened, url


def later(action, seconds: float = 0.3) -> threading.Thread:
    """Do something while the test listens."""
    thread = threading.Timer(seconds, action)
    thread.start()
    return thread


def listening(url: str, path: str = "/v1/stream", **headers: str):
    return httpx2.stream("GET", url + path, headers=headers, timeout=30)


def test_a_change_is_heard_by_those_who_listen(live):
    opened, url = live
    with listening(url) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        later(lambda: commit(opened.store, ("opened", alert("a1"))))
        first = next(heard(response))

    assert first.event == "opened"
    assert first.data["change"] == "opened"
    assert first.data["alert"]["id"] == "a1"
    assert first.data["alert"]["state"] == "new"


def test_a_listener_that_comes_back_hears_what_it_missed_once_and_in_order(live):
    opened, url = live
    with listening(url) as response:
        later(lambda: commit(opened.store, ("opened", alert("a1"))))
        first = next(heard(response))
    for number in range(2, 7):
        commit(opened.store, ("opened", alert(f"a{number}")))
    opened.store.act("a1", "acknowledge", actor="local", at=opened.clock())

    with listening(url, **{"last-event-id": first.id}) as response:
        events = heard(response)
        missed = [next(events) for _ in range(6)]
        later(lambda: commit(opened.store, ("raised", replace(alert("a2"), level=2))))
        new = next(events)

    assert [one.data["alert"]["id"] for one in missed] == ["a2", "a3", "a4", "a5", "a6", "a1"]
    assert missed[-1].event == "workflow"
    assert (new.event, new.data["alert"]["level"]) == ("raised", 2)
    numbers = [int(one.id) for one in (first, *missed, new)]
    assert numbers == sorted(set(numbers))


def test_many_listeners_that_break_off_anywhere_hear_everything_exactly_once(live):
    opened, url = live
    total = 40

    def write():
        for number in range(total):
            commit(opened.store, ("opened", alert(f"n{number:02}")))

    def listen_in_pieces(found: list[str], piece: int) -> None:
        last = "0"
        while len(found) < total:
            with listening(url, **{"last-event-id": last}) as response:
                for number, one in enumerate(heard(response), 1):
                    found.append(one.data["alert"]["id"])
                    last = one.id
                    if number == piece or len(found) >= total:
                        break

    lists: list[list[str]] = [[] for _ in range(3)]
    threads = [
        threading.Thread(target=listen_in_pieces, args=(found, piece), daemon=True)
        for found, piece in zip(lists, (1, 7, 100), strict=True)
    ]
    for thread in threads:
        thread.start()
    write()
    for thread in threads:
        thread.join(60)

    wanted = [f"n{number:02}" for number in range(total)]
    assert lists == [wanted, wanted, wanted]


def test_a_new_listener_hears_only_what_is_new(live):
    opened, url = live
    commit(opened.store, ("opened", alert("old")))
    with listening(url) as response:
        later(lambda: commit(opened.store, ("opened", alert("new"))))
        first = next(heard(response))

    assert first.data["alert"]["id"] == "new"


def test_a_listener_can_ask_for_one_unit(live):
    opened, url = live
    other = alert("b1", unit="RXX02", unit_kind="site")

    def write():
        commit(opened.store, ("opened", other), ("opened", alert("a1")))

    with listening(url, "/v1/stream?unit=RXX01") as response:
        later(write)
        first = next(heard(response))

    assert first.data["alert"]["id"] == "a1"


def test_added_evidence_of_speaking_up_is_not_announced(live):
    opened, url = live
    quiet = alert("s1", feeds=("incidents", "speakup"))
    commit(opened.store, ("opened", quiet))

    def write():
        more = replace(quiet, evidence={**quiet.evidence, "more": 1})
        commit(opened.store, ("evidence_added", more))
        commit(opened.store, ("raised", replace(more, level=2)))

    with listening(url) as response:
        later(write)
        first = next(heard(response))

    assert first.event == "raised"


@pytest.mark.parametrize("value", ["x", "-1", "1e3", "9" * 30])
def test_a_number_the_stream_never_gave_is_a_problem(live, value):
    _, url = live

    answer = httpx2.get(f"{url}/v1/stream", headers={"last-event-id": value})

    check_problem(answer, 400)


def test_a_quiet_stream_is_kept_alive(live, monkeypatch):
    _, url = live
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.2)
    with listening(url) as response:
        lines = response.iter_lines()
        comments = [line for line, _ in zip(lines, range(8), strict=False) if line.startswith(":")]

    assert ": ping" in comments


def test_streams_end_when_the_service_closes(live):
    opened, url = live
    with listening(url) as response:
        later(opened.service.close)
        started = time.monotonic()
        assert list(heard(response)) == []

    assert time.monotonic() - started < 15


def test_the_number_of_listeners_is_a_metric(live):
    _, url = live
    with listening(url) as response:
        lines = response.iter_lines()
        next(lines)
        assert "earshot_stream_clients 1.0" in httpx2.get(f"{url}/metrics").text

    deadline = time.monotonic() + 30
    while "earshot_stream_clients 0.0" not in httpx2.get(f"{url}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_key_hears_only_its_own_alerts(tmp_path, plan):
    file = tmp_path / "organisations.csv"
    file.write_text(plan.organisations(), "utf-8")
    with house(tmp_path, file, auth=True) as opened:
        mine, other = "RZ1", "RZ2"
        headers = opened.key(mine)
        everything = opened.key(role=Role.OPERATOR)

        def write():
            commit(opened.store, ("opened", alert("theirs", provider=other, unit=f"{other}01:W1")))
            commit(opened.store, ("opened", alert("mine", provider=mine, unit=f"{mine}01:W1")))

        with served(opened) as url:
            check_problem(httpx2.get(f"{url}/v1/stream"), 401)
            with listening(url, **headers) as response, listening(url, **everything) as all_of_it:
                later(write)
                scoped = next(heard(response))
                events = heard(all_of_it)
                unscoped = [next(events).data["alert"]["id"] for _ in range(2)]

    assert scoped.data["alert"]["id"] == "mine"
    assert unscoped == ["theirs", "mine"]
