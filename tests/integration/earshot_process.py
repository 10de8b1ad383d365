"""The real program as tests run it: started as users start it, asked over HTTP, stopped."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def environment(**extra: str) -> dict[str, str]:
    """The environment of this process without settings of an Earshot."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
    return {**clean, "COLUMNS": "100", **extra}


def earshot(
    *arguments: object, timeout: float = 120, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *map(str, arguments)],
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def completed(line: str) -> list[str]:
    """What a shell is offered for the last word of a command line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    told = subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main(prog_name='earshot')"],
        env=environment(_EARSHOT_COMPLETE="complete_bash", **words),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return told.stdout.split()


@dataclass
class Running:
    """A service in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    def page(self, path: str, key: str | None = None) -> str:
        """The text at a path."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        request = Request(self.url + path, headers=headers)  # noqa: S310 - our own loopback
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return str(answer.read().decode())

    def get(self, path: str, key: str | None = None) -> Any:
        """The JSON at a path."""
        return json.loads(self.page(path, key))

    def wait_idle(self, seconds: float = 120, key: str | None = None) -> dict[str, Any]:
        """Wait until everything accepted shows in alerts; give the status."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            status = self.get("/v1/status", key)
            if status["lag"] == 0:
                return status
            time.sleep(0.2)
        raise AssertionError(f"still behind after {seconds} s:\n{self.log.read_text()[-3000:]}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def serving(data: Path, *options: object, command: str = "serve") -> Iterator[Running]:
    """A service on a free port over a data directory, killed if the test did not stop it."""
    log = data.with_name(f"{data.name}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                sys.executable, "-u", "-m", "api.cli", command, "--data", str(data),
                "--port", "0", *map(str, options),
            ],
            env=environment(), stdout=output, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    try:
        yield Running(process, _address(process, log), log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = ADDRESS.search(log.read_text())
        if found:
            return found.group()
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the service did not come up:\n{log.read_text()}")
