"""Senders that stop or dribble, and callers that are gone, keep no place for ever."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from api import bodies
from api.cli.serving import listen, serving
from tests.integration.api.conftest import house

HEAD = (
    b"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    b"content-type: application/x-ndjson\r\ncontent-length: 1000\r\n\r\n"
)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server as the commands start it."""
    with house(tmp_path) as opened, listen("127.0.0.1", 0) as door, serving(opened.service, door):
        yield int(door.getsockname()[1])


def answered(sender: socket.socket) -> tuple[str, dict[str, object]]:
    """The status line and the problem; the server ends the connection after them."""
    sender.settimeout(20)
    told = b""
    while part := sender.recv(65_536):
        told += part
    head, _, body = told.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0].decode(), json.loads(body)


def test_a_body_that_stops_coming_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_PAUSE_SECONDS", 0.3)
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(HEAD + b"{")
        status, problem = answered(sender)

    assert status.startswith("HTTP/1.1 408")
    assert problem["type"] == "urn:earshot:problem:too-slow"


def test_a_body_that_dribbles_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_BODY_SECONDS", 1.0)
    with socket.create_connection(("127.0.0.1", port)) as sender:
        sender.sendall(HEAD)
        sender.settimeout(0.1)
        told = b""
        deadline = time.monotonic() + 20
        while not told and time.monotonic() < deadline:
            sender.sendall(b"{")
            try:
                told = sender.recv(65_536)
            except TimeoutError:
                continue

    assert told.startswith(b"HTTP/1.1 408")


def test_a_stream_is_listened_to_longer_than_a_body_is_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(bodies, "_BODY_SECONDS", 0.3)
    with urlopen(f"http://127.0.0.1:{port}/v1/stream", timeout=2) as stream:
        lines = iter(stream.readline, b"")
        assert next(lines) == b": listening\n"
        with pytest.raises(TimeoutError):
            list(lines)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="another system's sockets")
def test_callers_that_are_gone_are_noticed() -> None:
    with (
        listen("127.0.0.1", 0) as door,
        socket.create_connection(door.getsockname()),
        door.accept()[0] as taken,
    ):
        assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
