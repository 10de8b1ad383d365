"""An HTTP server in a thread of its own, so that the command stays in charge of its end.

The main thread waits for SIGTERM or Ctrl-C. Then no new connection is taken, streams
are told to end, requests under way are finished, and only after that the runner and the
store are closed: an answer that was given is always true.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from api.app import create_app
from api.cli.stores import HouseError

if TYPE_CHECKING:
    from types import FrameType

    from api.service import Service

#: Seconds that requests under way have to finish after SIGTERM.
GRACE = 10
_START = 30.0
# A caller whose host is gone, or that no longer reads its stream, is let go after a minute.
_CARE = {
    "SO_KEEPALIVE": 1,
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,
}


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        HouseError: the address cannot be listened on.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named by its protocol, or asyncio does not see that it is TCP and leaves Nagle's
    # algorithm on, which holds back every answer on an open connection for 40 ms.
    door = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option, value in _CARE.items():
        # Connections that are taken have them from here; not every system knows them all.
        if hasattr(socket, option):
            level = socket.SOL_SOCKET if option == "SO_KEEPALIVE" else socket.IPPROTO_TCP
            door.setsockopt(level, getattr(socket, option), value)
    try:
        door.bind((host, port))
        door.listen(2048)
    except OSError as error:
        door.close()
        reason = error.strerror or str(error)
        raise HouseError(f"cannot listen on {host} port {port}: {reason}") from None
    return door


@contextmanager
def serving(service: Service, door: socket.socket) -> Iterator[None]:
    """Answer HTTP on ``door`` until the block ends, then finish what is under way.

    Raises:
        HouseError: the server did not come up.

    """
    config = uvicorn.Config(
        create_app(service),
        access_log=False,
        log_config=None,
        lifespan="auto",
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=30,
        server_header=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [door]}, name="earshot-http", daemon=True
    )
    thread.start()
    deadline = time.monotonic() + _START
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise HouseError("the HTTP server did not come up")
        time.sleep(0.01)
    try:
        yield
    finally:
        service.close()
        server.should_exit = True
        thread.join(GRACE + 5)


@contextmanager
def stop_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl-C sets; a second one ends the process at once."""
    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
