"""A real browser for the tests: Debian's Chromium, headless, each test with a profile of its own.

Playwright drives it and looks for nothing on the network. Without Chromium the tests that
need it are skipped by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.needs import lacking

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_SWITCHES = (
    "--disable-background-networking",
    "--disable-component-update",
    # A container may have little shared memory.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    # Root and many containers have no sandbox; nothing but our own pages is opened.
    "--no-sandbox",
)
_PATIENCE_MS = 30_000
DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def find_browser() -> str | None:
    """The program of a Chromium, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of one file: while it is driven, no other loop can run beside."""
    program = find_browser()
    if program is None:
        lacking("Chromium (Debian's package chromium)")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=[*_SWITCHES])
        yield started
        started.close()


@contextmanager
def tab(browser: Browser, url: str, **context: Any) -> Iterator[Page]:
    """A page of a fresh profile; what the browser complained about fails the test."""
    complaints: list[str] = []
    with browser.new_context(base_url=url, **{"viewport": DESK, **context}) as profile:
        profile.set_default_timeout(_PATIENCE_MS)
        page = profile.new_page()
        page.on(
            "console",
            lambda line: complaints.append(line.text) if line.type == "error" else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
    assert complaints == []
