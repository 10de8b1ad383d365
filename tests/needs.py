"""What a test needs of the machine: said by name where it is lacking."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def lacking(what: str) -> NoReturn:
    """Skip the test by name; fail it where the machine is meant to have everything."""
    if os.environ.get("EARSHOT_NO_SKIPS"):
        pytest.fail(f"needs {what}")
    pytest.skip(f"needs {what}")
