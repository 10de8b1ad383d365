"""A log that cannot be written costs its lines, not the service that has something to say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.earshot_process import environment

# The runner of the embedded service tells of a store that is away, and goes on when it is there.
_PROGRAM = """
import sys
from datetime import UTC, datetime
from api.cli.logs import log_to_stderr
from streams.runners.embedded import EmbeddedRunner
from streams.runners.journal import Journal
from streams.store import Store, StoreUnavailable
from tests.packets import packet

class Away:
    tries = 0
    def assign(self, partition):
        self.tries += 1
        if self.tries < 4:
            raise StoreUnavailable("database or disk is full")
        return {}
    def process(self, partition, messages): pass
    def revoke(self, partition): pass

log_to_stderr()
store = Store.open(sys.argv[1])
journal = Journal(store)
journal.append([packet()], datetime.now(UTC))
runner = EmbeddedRunner(store, journal, Away())
runner.start()
print("caught up" if runner.wait_idle(20) else "stands still", flush=True)
runner.stop()
"""


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def reader_that_left() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("log", [full_disk, reader_that_left])
def test_a_runner_goes_on_whatever_becomes_of_its_log(
    tmp_path: Path, log: Callable[[], int]
) -> None:
    unwritable = log()
    try:
        told = subprocess.run(
            [sys.executable, "-c", _PROGRAM, f"sqlite:///{tmp_path}/earshot.db"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=unwritable,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(unwritable)

    assert told.stdout == "caught up\n"
