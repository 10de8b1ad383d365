"""What must hold of beginnings in any row of periods, whatever is expected in each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.many_series.beginnings import scan_beginnings

periods = st.lists(st.tuples(st.integers(0, 12), st.floats(0.01, 8.0)), min_size=1, max_size=40)
counting = st.fixed_dictionaries(
    {
        "longest": st.integers(1, 6),
        "year": st.integers(1, 60),
        "fewest": st.integers(1, 6),
        "excess": st.floats(0.0, 4.0),
    }
)


def p_value(rows, settings):
    found = scan_beginnings([n for n, _ in rows], [mean for _, mean in rows], **settings)
    return 1.0 if found is None else found.p_value


@given(periods, counting, st.data())
def test_one_more_beginning_never_makes_p_larger(rows, settings, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    more = [(n + (at == place), mean) for at, (n, mean) in enumerate(rows)]

    assert p_value(more, settings) <= p_value(rows, settings) * (1 + 1e-9)


@given(periods, counting, st.floats(1.0, 3.0))
def test_more_units_or_a_larger_budget_never_make_p_smaller(rows, settings, factor):
    larger = [(n, mean * factor) for n, mean in rows]

    assert p_value(larger, settings) >= p_value(rows, settings) * (1 - 1e-9)


@given(periods, counting)
def test_longer_windows_and_years_are_allowed_for(rows, settings):
    """The same window costs more where more of them are asked."""
    longer = {**settings, "year": settings["year"] + 5}

    assert p_value(rows, longer) >= p_value(rows, settings) * (1 - 1e-9)


@given(periods, counting)
def test_a_window_lies_within_the_row_and_holds_what_it_says(rows, settings):
    found = scan_beginnings([n for n, _ in rows], [mean for _, mean in rows], **settings)

    if found is not None:
        inside = rows[found.start : found.stop]
        assert 1 <= len(inside) <= settings["longest"]
        assert found.observed == sum(n for n, _ in inside) >= settings["fewest"]
        assert found.expected == pytest.approx(sum(mean for _, mean in inside))
        assert 0.0 < found.chance <= found.p_value <= 1.0


@given(periods, counting)
def test_time_may_run_backwards(rows, settings):
    assert p_value(rows[::-1], settings) == pytest.approx(p_value(rows, settings), rel=1e-9)
