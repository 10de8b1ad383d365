"""The listening socket of the HTTP door."""

from __future__ import annotations

import socket

import pytest

from api.cli.serving import listen
from api.cli.stores import HouseError


def test_answers_on_an_open_connection_are_not_held_back():
    """Asyncio turns Nagle's algorithm off only for sockets that name their protocol."""
    with listen("127.0.0.1", 0) as door:
        assert socket.IPPROTO_TCP == door.proto


def test_an_address_in_use_is_said_in_words():
    with listen("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
        with pytest.raises(HouseError, match=f"cannot listen on 127.0.0.1 port {port}"):
            listen("127.0.0.1", port)
