"""How pages write a value with what it is in."""

from __future__ import annotations

import pytest

from api.wording import measured, words


@pytest.mark.parametrize(
    ("value", "measure", "told"),
    [
        (1.0, "incidents", "1 incident"),
        (1.0, "pressure ulcers", "1 pressure ulcer"),
        (1.0, "hours per patient day", "1 hour per patient day"),
        (1.0, "per 1,000 bed days", "1 per 1,000 bed days"),
        (0.0, "incidents", "0 incidents"),
        (28.0, "incidents", "28 incidents"),
        (9.0512, "per 1,000 bed days", "9.05 per 1,000 bed days"),
        (93.81, "%", "93.8%"),
        (100.0, "%", "100.0%"),
    ],
)
def test_a_value_stands_with_what_it_is_in(value: float, measure: str, told: str) -> None:
    assert measured(value, measure) == told


def test_monitors_are_called_by_their_names() -> None:
    assert [words(name) for name in ("adwin", "kswin", "page_hinkley")] == [
        "ADWIN", "KSWIN", "Page-Hinkley"
    ]  # fmt: skip
