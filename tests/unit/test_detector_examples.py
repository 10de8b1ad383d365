from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from detectors.conformance import detector_modules, subjects

WITH_EXAMPLES = [
    module
    for module in detector_modules()
    if ">>> " in Path(module.__file__).read_text(encoding="utf-8")
]


def test_every_family_of_detectors_has_examples():
    shown = {module.__name__.split(".")[1] for module in WITH_EXAMPLES}
    families = {subject.detector.__module__.split(".")[1] for subject in subjects()}

    assert families - shown == set()


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=lambda module: module.__name__)
def test_the_examples_in_the_documentation_give_what_they_show(module):
    outcome = doctest.testmod(module)

    assert outcome.attempted > 0
    assert outcome.failed == 0
