"""Embedded runners as processes of their own, born warm, to be killed and paused by tests.

A fresh interpreter spends a second on imports, in which a kill proves nothing. So one
process imports everything and forks a runner whenever a test asks for it; each runner
opens the store for itself. ``python -m tests.nursery`` reads ``[url, batch]`` lines and
writes ``born PID``, ``ready PID`` (the runner owns its partition) and ``done PID`` (the
journal is processed and the runner has ended) lines.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from streams.catalogue.indicators import Catalogue
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.evidence.reference import Reference
from streams.facts.messages import Message
from streams.runners.embedded import EmbeddedRunner
from streams.runners.engine import Engine
from streams.runners.journal import Journal
from streams.store import Store
from tests.packets import SmallPacket
from tests.region_log import NOW, in_order, log

_PATIENCE = 120.0
_ROOT = Path(__file__).parents[1]
_ENGINE = {
    "catalogue": Catalogue.load(),
    "organisations": Organisations.load(None),
    "reference": Reference.shipped(),
    "budgets": Budgets(),
    "clock": lambda: NOW,
    "open_registration": True,
}


def engine(store: Store) -> Engine:
    """What turns events into alerts, as a runner here has it."""
    return Engine(store, **_ENGINE)


def run(url: str, batch: int = 64) -> None:
    """Work through the journal of a store, in this process."""
    store = Store.open(url)
    runner = EmbeddedRunner(store, Journal(store), engine(store), clock=lambda: NOW, batch=batch)
    runner.start()
    _say("ready")
    while not runner.wait_idle(60):
        pass
    runner.stop()
    store.close()
    _say("done")


def fill(store: Store, messages: list[Message]) -> None:
    """Append messages to a store's journal, as intake would."""
    packets = [
        SmallPacket(m.topic, m.key or b"", m.value or b"", len(json.loads(m.value or b"[]")))
        for m in messages
    ]
    Journal(store).append(packets, NOW)


class Nursery:
    """The test's side: asks for runners and hears from them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: set[tuple[str, int]] = set()
        self._children: set[int] = set()
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, url: str, batch: int) -> int:
        """Start a runner; its process number."""
        before = frozenset(self._children)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([url, batch]) + "\n")
        self._process.stdin.flush()
        while self._children == before:
            self._listen()
        (born,) = self._children - before
        return born

    def wait_for(self, word: str, pid: int) -> None:
        """Wait until a runner has said ``ready`` or ``done``."""
        while (word, pid) not in self._said:
            self._listen()

    def send(self, number: signal.Signals, pid: int) -> bool:
        """Send a signal; False where the runner had ended before."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self, pid: int) -> bool:
        """Kill a runner at once and wait until it is gone; False where it had ended before."""
        alive = self.send(signal.SIGKILL, pid)
        # Signals reach a process until its parent has reaped it.
        while self.send(signal.SIGKILL, pid):
            time.sleep(0.002)
        self._children.discard(pid)
        return alive

    def close(self) -> None:
        """Kill what is left."""
        for pid in self._children:
            self.send(signal.SIGKILL, pid)
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _listen(self) -> None:
        try:
            line = self._lines.get(timeout=_PATIENCE)
        except queue.Empty:
            raise RuntimeError(f"no runner said anything for {_PATIENCE} s") from None
        if not line:
            raise RuntimeError("the nursery has ended")
        word, _, pid = line.partition(" ")
        if word == "born":
            self._children.add(int(pid))
        elif word == "failed":
            raise RuntimeError(f"runner {pid.strip()} failed, see the log")
        else:
            self._said.add((word, int(pid)))


@contextmanager
def nursery(log_file: Path) -> Iterator[Nursery]:
    """A nursery whose runners write their logs to a file."""
    with log_file.open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            cwd=_ROOT,
        )
    try:
        opened = Nursery(process)
        yield opened
    finally:
        opened.close()


def _say(word: str) -> None:
    # One write of a few bytes: a kill cannot tear it.
    os.write(1, f"{word} {os.getpid()}\n".encode())


def _warm() -> None:
    """Load what an engine loads at its first batch, so that every runner is born with it."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"sqlite:///{directory}/earshot.db")
        engine(store).process(0, log(in_order()[:2000], 20))
        store.close()


def _serve() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    _warm()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        url, batch = json.loads(line)
        pid = os.fork()
        if pid == 0:
            try:
                run(url, batch)
            except BaseException:  # noqa: BLE001 - the parent's own code must not run here
                traceback.print_exc()
                _say("failed")
            os._exit(0)
        os.write(1, f"born {pid}\n".encode())


if __name__ == "__main__":
    _serve()
