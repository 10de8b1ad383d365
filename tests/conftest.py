"""Fixtures that every test may ask for; each kind lives in a module of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_MODULES = ("browser", "kafka_broker", "kafka_secured", "postgres", "stores")

pytest_plugins = [f"tests.{name}" for name in _MODULES if (_HERE / f"{name}.py").exists()]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where the machine is meant to have every part, a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("EARSHOT_NO_SKIPS"):
        return
    skipped = reporter.stats.get("skipped", [])
    for report in skipped:
        reporter.write_line(f"must not be skipped here: {report.nodeid}", red=True)
    if skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
