"""Token buckets: what a key may ask for, and how long it waits when it asked for too much."""

from __future__ import annotations

import pytest

from api.problems import Problem
from api.rates import BURST_SECONDS, Limits, RateLimit
from api.settings import Settings


class Stopwatch:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        """Seconds since some moment."""
        return self.at


@pytest.fixture
def watch():
    return Stopwatch()


def test_a_minute_s_worth_may_come_at_once(watch):
    limit = RateLimit(10, watch)
    for _ in range(int(10 * BURST_SECONDS)):
        assert limit.wait("k") == 0
        limit.spend("k", 1)

    assert limit.wait("k") == pytest.approx(0.1)


def test_the_time_that_is_told_is_enough_and_no_shorter_one_is(watch):
    limit = RateLimit(2, watch)
    limit.spend("k", 500)
    wait = limit.wait("k")
    assert wait == pytest.approx((500 - 120 + 1) / 2)
    watch.at += wait - 1
    assert limit.wait("k") == pytest.approx(1)
    watch.at += 1
    assert limit.wait("k") == 0


def test_one_request_larger_than_the_bucket_is_served_and_waited_for_afterwards(watch):
    limit = RateLimit(1, watch)
    assert limit.wait("k") == 0
    limit.spend("k", 50_000)
    assert limit.wait("k") > 49_000


def test_a_bucket_holds_no_more_than_its_minute(watch):
    limit = RateLimit(1, watch)
    limit.spend("k", 1)
    watch.at += 1e6
    limit.spend("k", 60)
    assert limit.wait("k") > 0


def test_a_low_rate_serves_what_comes_first(watch):
    limit = RateLimit(0.001, watch)
    assert limit.wait("k") == 0
    limit.spend("k", 1)
    assert limit.wait("k") == pytest.approx(1000)


def test_each_name_has_a_bucket_of_its_own_and_no_rate_is_no_limit(watch):
    limit, none = RateLimit(1, watch), RateLimit(0, watch)
    for one in (limit, none):
        one.spend("k", 1e9)
    assert limit.wait("other") == 0
    assert none.wait("k") == 0


def test_a_refusal_is_a_problem_that_says_when_to_come_again(watch):
    told: list[str] = []
    limits = Limits(Settings(auth=True, rate_events=1, rate_requests=1), told.append, watch)
    limits.before_events("k")
    limits.after_events("k", 100)
    with pytest.raises(Problem) as refused:
        limits.before_events("k")
    limits.request("k")

    assert 429 == refused.value.status_code
    assert {"Retry-After": "41"} == refused.value.headers
    assert {"accepted": 0, "duplicates": 0, "rejected": []} == refused.value.members
    assert ["events"] == told


def test_on_loopback_without_keys_nothing_is_limited(watch):
    limits = Limits(Settings(rate_events=1, rate_requests=1), pytest.fail, watch)
    limits.after_events("local", 1_000_000)
    limits.before_events("local")
    for _ in range(200):
        limits.request("local")
