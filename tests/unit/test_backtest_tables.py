"""The terminal's table of a backtest calls no alert false that nobody knows to be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from rich.console import Console

from api.cli.backtest_tables import show

RATE = {"value": 0.2, "lower": 0.1, "upper": 0.4, "alerts": 2}
DELAY = {"units": 0, "detected": 0, "median": None, "interpolated": None}


def told(
    counted: str,
    alerts: Sequence[dict[str, object]] = (),
    early: Sequence[str] = (),
    *,
    short: Sequence[str] = (),
    width: int = 120,
) -> str:
    console = Console(width=width, record=True, quiet=False, file=None, force_terminal=False)
    row = {
        "alerts": 2,
        "delay": DELAY,
        "false_alerts_per_unit_year": RATE,
        "precision": {"value": None, "lower": None, "upper": None},
    }
    with console.capture() as captured:
        show(
            console,
            {
                "alerts": list(alerts),
                "unit_years": 10.0,
                "false_alerts_per_unit_year": {"level1": RATE, "level2": RATE, "counted": counted},
                "budgets": {"level1": 0.2, "level2": 0.05},
                "delay": DELAY,
                "changed_before_watching": list(early),
                "unlike_peers": [],
                "not_watched": {"too_short": list(short), "rested_unit_years": 0.0, "gaps": []},
                "history_periods": 52,
                "comparison": {"earshot": row},
            },
        )
    return captured.get()


@pytest.mark.parametrize(
    ("counted", "name", "explained"),
    [
        ("no unit changed", "alerts a unit-year", True),
        ("alerts before changed_at", "false a unit-year", False),
    ],
)
def test_alerts_are_called_false_only_where_the_changes_are_known(counted, name, explained):
    text = told(counted)

    assert name in text
    assert ("no change is known" in text) is explained


def test_units_that_changed_before_anybody_watched_are_named():
    one, many = (told("alerts before changed_at", early=units) for units in (["W1"], ["W1", "W2"]))

    assert "1 unit had changed before anybody watched, and counts neither" in one
    assert "2 units had changed before anybody watched, and count neither" in many
    assert "W1, W2" in " ".join(many.split())
    assert "before anybody watched" not in told("alerts before changed_at")


def test_a_lasting_change_is_one_row_however_often_it_crosses_again():
    first = {
        "unit": "W1", "level": 1, "direction": "concern", "first_signal_at": "2025-03-10",
        "onset": "2025-02-03", "feeds": ["falls"], "subsided_at": "2025-09-01",
    }  # fmt: skip
    again = {**first, "first_signal_at": "2025-05-05", "adds_to": "2025-03-10"}
    del again["subsided_at"]
    elsewhere = {**first, "unit": "W2"}
    text = told("no unit changed", [first, again, elsewhere])

    assert "3 alerts in 2 episodes, 10.0 unit-years" in text
    assert "2025-05-05" not in text
    row, other = (line.split() for line in text.splitlines() if "2025-03-10" in line)
    assert row[-2:] == ["1", "2025-09-01"]
    assert other[-2:] == ["falls", "2025-09-01"]


def test_units_too_short_to_be_judged_are_named():
    text = " ".join(told("no unit changed", short=["W3", "W9"]).split())

    assert "2 units never judged, for want of more than 52 observed periods: W3, W9" in text
    assert "never judged" not in told("no unit changed")


def test_a_narrow_terminal_breaks_the_names_of_feeds_and_no_date():
    alert = {
        "unit": "Unit 04", "level": 2, "direction": "concern",
        "first_signal_at": "2020-04-30", "onset": "2020-01-01",
        "feeds": ["pressure_ulcers", "complaints"],
        "subsided_at": "2020-05-31",
    }  # fmt: skip
    text = told("no unit changed", [alert], width=80)

    words = ("2020-04-30", "2020-01-01", "2020-05-31", "pressure_ulcers")
    assert all(word in text for word in words)
    assert "…" not in text


def test_the_direction_is_told_where_not_all_are_concerns():
    alert = {
        "unit": "W1", "level": 1, "direction": "improvement", "first_signal_at": "2025-03-10",
        "onset": "2025-02-03", "feeds": ["falls"],
    }  # fmt: skip

    assert "improvement" in told("no unit changed", [alert])
    assert "direction" not in told("no unit changed", [{**alert, "direction": "concern"}])
