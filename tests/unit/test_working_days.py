from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.facts.working_days import add_working_days, bank_holidays, is_working_day

EPOCH = date(1970, 1, 1)


def day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2020, "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28"),
        (2021, "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28"),
        (2022, "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27"),
        (2023, "01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26"),
        (2026, "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"),
    ],
)
def test_the_bank_holidays_are_those_that_were_published(year, days):
    assert sorted(stamp.isoformat()[5:] for stamp in bank_holidays(year)) == days.split()


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        ("2026-01-05", 3, "2026-01-08"),
        ("2026-01-09", 3, "2026-01-14"),
        ("2025-12-24", 3, "2025-12-31"),
        ("2026-04-02", 1, "2026-04-07"),
        ("2026-01-10", 1, "2026-01-12"),
        ("2026-01-05", 0, "2026-01-05"),
    ],
)
def test_a_limit_ends_on_a_working_day(start, count, end):
    assert add_working_days(day(start), count) == day(end)


@given(st.integers(11_000, 30_000), st.integers(1, 60))
def test_a_limit_holds_as_many_working_days_as_it_says(start, count):
    end = add_working_days(start, count)

    assert sum(is_working_day(one) for one in range(start + 1, end + 1)) == count
    assert is_working_day(end)
    assert (EPOCH + timedelta(days=end)).weekday() < 5
