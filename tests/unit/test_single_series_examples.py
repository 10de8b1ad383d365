from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["shares", "measurements", "silence", "gaps"])
def test_the_examples_of_the_watches_give_what_they_show(name):
    outcome = doctest.testmod(importlib.import_module(f"detectors.{name}"))

    assert outcome.attempted > 0
    assert outcome.failed == 0
