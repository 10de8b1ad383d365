from __future__ import annotations

import datetime as dt

import pytest

from detectors.charts.funnel_reference import NoReferenceRateError, reference_rates

APRIL_24, APRIL_25 = dt.date(2024, 4, 1), dt.date(2025, 4, 1)
RATES = reference_rates("term births, England", [(APRIL_24, 0.0021), (APRIL_25, 0.0019)])


def test_a_rate_is_in_force_from_its_day_until_the_next():
    assert 0.0021 == RATES.in_force(APRIL_24)
    assert 0.0021 == RATES.in_force(dt.date(2025, 3, 31))
    assert 0.0019 == RATES.in_force(APRIL_25)
    assert 0.0019 == RATES.in_force(dt.date(2040, 1, 1))


def test_before_the_first_rate_there_is_none():
    with pytest.raises(NoReferenceRateError, match="no rate before 2024-04-01, so not 2024-03-31"):
        RATES.in_force(dt.date(2024, 3, 31))


def test_after_the_end_there_is_none():
    ended = reference_rates("term births", [(APRIL_24, 0.0021)], until=APRIL_25)

    assert 0.0021 == ended.in_force(dt.date(2025, 3, 31))
    with pytest.raises(NoReferenceRateError, match="no rate from 2025-04-01 on"):
        ended.in_force(APRIL_25)


def test_a_revision_leaves_the_past_as_it_was():
    revised = RATES.revised(dt.date(2026, 4, 1), 0.0018)

    assert 0.0019 == revised.in_force(dt.date(2026, 3, 31))
    assert 0.0018 == revised.in_force(dt.date(2026, 4, 1))
    assert 0.0019 == RATES.in_force(dt.date(2026, 4, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: reference_rates("x", []), "at least one"),
        (lambda: reference_rates("x", [(APRIL_25, 1.0), (APRIL_24, 1.0)]), "must rise"),
        (lambda: reference_rates("x", [(APRIL_24, 0.0)]), "must be positive, not 0.0"),
        (lambda: reference_rates("x", [(APRIL_24, 1.0)], until=APRIL_24), "until must be after"),
        (lambda: RATES.revised(APRIL_25, 0.001), "must rise"),
    ],
)
def test_rates_without_order_or_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
