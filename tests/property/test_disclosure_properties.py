from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from streams.alerts import disclosure
from tests.unit.test_disclosure import day, months

COUNTS = st.lists(st.integers(0, 40), min_size=3, max_size=18)
KEYS = st.sampled_from(["speakup", "speakup_patient_safety", "speakup_bullying"])


@given(st.integers(0, 10_000))
def test_no_shown_count_is_small_or_exact_to_less_than_five(number):
    shown = disclosure.count(number)

    assert shown is None or shown == 0 or (shown >= 10 and shown % 5 == 0)
    assert shown is None or abs(shown - number) <= 2
    assert (shown == 0) == (number == 0)


@given(KEYS, COUNTS, st.booleans())
def test_no_point_of_a_protected_series_holds_a_small_number(key, counts, internal):
    points = disclosure.series_points(
        months(key, counts), None, closed_day=day(2026, 1), internal=internal
    )

    for point in points:
        assert point.numerator is None or point.numerator == 0 or point.numerator >= 10
        assert point.value is None or point.value == point.numerator
        assert (point.disclosure is not None) == (point.value is None)


@given(COUNTS, st.integers(0, 17), st.booleans())
def test_one_more_case_changes_a_protected_series_by_whole_steps_or_not_at_all(
    counts, place, internal
):
    more = list(counts)
    more[place % len(counts)] += 1
    before, after = (
        disclosure.series_points(
            months("speakup", numbers), None, closed_day=day(2026, 1), internal=internal
        )
        for numbers in (counts, more)
    )

    for one, other in zip(before, after, strict=True):
        if one.value is not None and other.value is not None:
            assert abs(other.value - one.value) in (0, 5)


@given(COUNTS, st.integers(1, 30))
def test_a_case_in_the_running_month_changes_nothing_that_is_shown(counts, new):
    """The calendar of the other feeds stands in the month after the last of ``counts``."""
    closed = day(2024 + len(counts) // 12, len(counts) % 12 + 1)
    before = disclosure.series_points(months("speakup", counts), None, closed_day=closed)
    after = disclosure.series_points(
        months("speakup", [*counts, new], open_after=1), None, closed_day=closed
    )

    assert before == after


@given(COUNTS, COUNTS)
def test_shares_of_protected_counts_come_from_rounded_counts(above, below):
    length = min(len(above), len(below))
    whole = [a + b for a, b in zip(above[:length], below[:length], strict=True)]
    points = disclosure.series_points(
        months("speakup_detriment_share", above[:length], whole), None, closed_day=day(2026, 1)
    )

    for point in points:
        for number in (point.numerator, point.denominator):
            assert number is None or number == 0 or (number >= 10 and number % 5 == 0)


NESTED = st.recursive(
    st.integers(1, 7) | st.floats(0, 1) | st.just("speakup"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)


def numbers(value) -> list[float]:
    """Every number within a JSON value."""
    if isinstance(value, dict):
        return [number for inner in value.values() for number in numbers(inner)]
    if isinstance(value, list):
        return [number for inner in value for number in numbers(inner)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


@given(NESTED, st.sampled_from([["speakup"], ["incidents", "speakup"]]))
def test_no_number_of_an_explanation_leaves_with_protected_evidence(explanation, feeds):
    """Whatever a detector explains, none of it goes out where speaking up takes part."""
    signal = {"feeds": feeds, "explanation": explanation}
    fields = {"feeds": feeds, "evidence": {"secret": explanation, "signals": [signal]}}

    shown = disclosure.alert(fields)

    assert numbers(shown["evidence"]) == []
    assert "secret" not in json.dumps(shown)


@given(NESTED)
def test_no_number_leaves_with_evidence_that_names_speaking_up_anywhere(explanation):
    """The alert names another feed, the joint evidence was computed from this one too."""
    data = {"feeds": ["incidents", "speakup"], "counts": explanation}
    signal = {"feeds": ["incidents"], "explanation": {"data": data, "more": explanation}}
    fields = {"feeds": ["incidents"], "evidence": {"signals": [signal]}}

    assert numbers(disclosure.alert(fields)["evidence"]) == []


@given(st.integers(0, 1000), st.integers(0, 20))
def test_a_counter_by_feed_never_falls_and_never_shows_small_numbers(number, more):
    before = disclosure.metric(number)
    after = disclosure.metric(number + more)

    assert after >= before
    assert before == 0 or before >= 10
    assert disclosure.reason("schema", number) == number
    assert disclosure.reason("ward_refused", number) == before
