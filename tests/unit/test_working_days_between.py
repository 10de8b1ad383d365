from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from streams.facts.working_days import add_working_days, is_working_day, working_days_between

EPOCH = date(1970, 1, 1)
days = st.integers(0, 36_500)


def number(year: int, month: int, day: int) -> int:
    return (date(year, month, day) - EPOCH).days


def test_the_day_of_receipt_does_not_count():
    monday = number(2024, 3, 4)

    assert working_days_between(monday, monday) == 0
    assert working_days_between(monday, monday + 1) == 1
    assert working_days_between(monday, monday + 7) == 5
    assert working_days_between(monday + 7, monday) == 0


def test_christmas_takes_its_substitute_days():
    assert working_days_between(number(2021, 12, 24), number(2021, 12, 29)) == 1


@given(days, st.integers(0, 400))
def test_counting_by_days_and_by_weeks_agree(start, length):
    by_day = sum(is_working_day(day) for day in range(start + 1, start + length + 1))

    assert working_days_between(start, start + length) == by_day


@given(days, st.integers(0, 60))
def test_adding_working_days_and_counting_them_agree(start, count):
    assert working_days_between(start, add_working_days(start, count)) == count
