from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom

from detectors.evidence.reporting_delay import ReportingDelay, nowcast


def recorded_by(now: int, rng: np.random.Generator, *, per_day: float = 40.0):
    """Events of 60 days with geometric delays, those recorded by ``now``."""
    days = np.repeat(np.arange(60), rng.poisson(per_day, 60))
    delays = rng.geometric(0.2, days.size) - 1
    known = days + delays <= now
    return delays[known], (now - days)[known]


def test_recent_events_do_not_make_delays_look_shorter_than_they_are():
    rng = np.random.default_rng(3)
    law = ReportingDelay.fit(*recorded_by(59, rng), longest=40)
    truth = 1.0 - 0.8 ** np.arange(1, 11)

    np.testing.assert_allclose(truth, law.recorded[:10], atol=0.03)


def test_the_delays_alone_would_look_shorter():
    rng = np.random.default_rng(3)
    delays, ages = recorded_by(10, rng)
    naive = (delays <= 2).mean()
    law = ReportingDelay.fit(delays, ages, longest=10)

    assert law.share(2) < naive


def test_without_any_event_all_is_taken_as_recorded():
    law = ReportingDelay.fit([], [], longest=5)

    assert law.completeness([0, 1, 2]) == 1.0


def test_few_events_lean_to_no_delay():
    one = ReportingDelay.fit([30], [60])
    many = ReportingDelay.fit([30] * 2000, [60] * 2000)

    assert one.share(0) > 0.95
    assert many.share(29) < 0.02


def test_days_to_come_are_not_recorded():
    law = ReportingDelay(np.array([0.5, 0.8, 1.0]))

    assert law.completeness([1, 0, -1, -2]) == pytest.approx((0.8 + 0.5) / 4)
    assert law.share(100) == 1.0


def test_a_nowcast_covers_the_final_count_as_often_as_it_says():
    rng = np.random.default_rng(5)
    rates = rng.gamma(4.0, 2.0, 2000)
    finals = rng.poisson(rates)
    seen = rng.binomial(finals, 0.6)
    told = [nowcast(int(n), 0.6, 1.0, 4.0, 0.5) for n in seen]
    covered = np.mean([t.lower <= f <= t.upper for t, f in zip(told, finals, strict=True)])

    assert 0.88 <= covered <= 0.98
    assert finals.mean() == pytest.approx(np.mean([t.mean for t in told]), rel=0.03)


@pytest.mark.parametrize(
    ("recorded", "completeness", "exposure", "a", "b"),
    [(0, 0.0, 1.0, 0.5, 3.0), (7, 0.4, 1.0, 4.0, 0.5), (300, 0.8, 900.0, 60.0, 150.0)],
)
def test_the_interval_is_that_of_the_negative_binomial_distribution(
    recorded, completeness, exposure, a, b
):
    told = nowcast(recorded, completeness, exposure, a, b, coverage=0.8)
    rest = nbinom(
        a + recorded,
        (b + completeness * exposure) / (b + exposure),
    )

    assert (told.lower, told.upper) == (recorded + rest.ppf(0.1), recorded + rest.ppf(0.9))
    assert told.mean == pytest.approx(recorded + rest.mean())


def test_a_complete_period_is_what_it_is():
    whole = nowcast(7, 1.0, 1.0, 2.0, 1.0)

    assert (whole.mean, whole.lower, whole.upper) == (7.0, 7, 7)


@pytest.mark.parametrize(
    ("delays", "ages", "message"),
    [([1, 2], [3], "2 delays for 1 ages"), ([3], [2], "between 0"), ([-1], [2], "between 0")],
)
def test_impossible_delays_are_told(delays, ages, message):
    with pytest.raises(ValueError, match=message):
        ReportingDelay.fit(delays, ages)
