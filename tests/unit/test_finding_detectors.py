"""Each family says where its methods are, and is right about it."""

from __future__ import annotations

import importlib
import re

import pytest

from detectors.conformance import subjects

FAMILIES = (
    "charts", "drift", "evidence", "many_series", "run_lengths", "sequential", "single_series",
    "surveillance",
)  # fmt: skip


def names_in(family: str) -> list[str]:
    text = importlib.import_module(f"detectors.{family}").__doc__ or ""
    return [name for name in re.findall(r"``([a-z_]+\.\w+)``", text) if name != "module.name"]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_family_names_can_be_imported_and_is_described(family):
    names = names_in(family)

    assert names
    for name in names:
        module, _, member = name.partition(".")
        found = getattr(importlib.import_module(f"detectors.{family}.{module}"), member)

        assert found.__doc__, name


def test_every_module_with_a_detector_is_named_by_its_family():
    homes = {subject.detector.__module__.split(".", 1)[1] for subject in subjects()}
    named = {f"{family}.{name.split('.')[0]}" for family in FAMILIES for name in names_in(family)}

    assert set() == {home for home in homes if home.startswith(FAMILIES)} - named


def test_the_package_names_every_family():
    text = importlib.import_module("detectors").__doc__ or ""
    told = set(re.findall(r"^``(\w+)``", text, re.MULTILINE))

    assert told == {*FAMILIES, "bank", "conformance"}
    for name in told:
        assert importlib.import_module(f"detectors.{name}").__doc__
