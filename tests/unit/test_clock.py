"""Times are aware, in UTC and whole milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.facts.clock import ManualClock, from_ms, iso, parse_iso, system_clock, to_ms


def test_the_system_clock_is_aware_and_in_utc():
    assert system_clock().utcoffset() == timedelta(0)


def test_a_manual_clock_moves_only_when_told():
    clock = ManualClock(datetime(2026, 1, 5, 10, tzinfo=timezone(timedelta(hours=1))))

    assert clock() == clock() == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert clock.advance(timedelta(hours=2)) == clock() == datetime(2026, 1, 5, 11, tzinfo=UTC)


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 1, 5))  # noqa: DTZ001 - the naive time under test
    with pytest.raises(ValueError, match="aware"):
        to_ms(datetime(2026, 1, 5))  # noqa: DTZ001 - the naive time under test


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1_767_603_600_123, -62_135_596_800_000])
def test_milliseconds_survive_the_way_to_text_and_back(milliseconds):
    assert to_ms(from_ms(milliseconds)) == milliseconds
    assert parse_iso(iso(milliseconds)) == milliseconds


def test_texts_end_in_z():
    assert iso(1_767_603_600_000) == "2026-01-05T09:00:00.000Z"
