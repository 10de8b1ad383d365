from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from detectors.evidence.counts import WEEKS_PER_YEAR
from detectors.evidence.fleet import fit_fleet
from detectors.evidence.holidays import holiday_weeks
from detectors.evidence.model import EvidenceModel
from detectors.evidence.simulate import simulate

FEEDS = ("incidents", "complaints")
QUIET = np.array([[-0.4, -0.1], [-0.6, -0.2]])


def week(text: str) -> int:
    return (date.fromisoformat(text) - date(1969, 12, 29)).days // 7


def holidays_of(text: str) -> tuple[float, float]:
    christmas, others = holiday_weeks(week(text), 1, WEEKS_PER_YEAR)[:, 0]
    return float(christmas), float(others)


@pytest.mark.parametrize(
    ("monday", "christmas", "others"),
    [
        ("2024-12-23", 6 / 7, 0),
        ("2024-12-30", 4 / 7, 0),
        ("2025-04-14", 0, 1),
        ("2025-04-21", 0, 1),
        ("2025-05-05", 0, 1),
        ("2025-06-02", 0, 0),
        ("2023-05-08", 0, 1),
    ],
)
def test_a_week_has_the_holidays_of_the_calendar(monday, christmas, others):
    assert holidays_of(monday) == pytest.approx((christmas, others))


def test_months_have_no_holidays_of_their_own():
    assert not holiday_weeks(650, 24, 12.0).any()


def test_the_fit_learns_what_holidays_do_to_each_feed():
    truth = replace(EvidenceModel.plain(FEEDS, (8.0, 2.0), dispersion=0.04), holiday=QUIET)
    rng = np.random.default_rng(3)
    rates = rng.gamma(4.0, np.array([2.0, 0.5]), (400, 2))
    block = simulate(
        truth, rates, np.full((400, 2), 0.04), np.ones((400, 2, 104)), week0=2700, rng=rng
    ).block
    model = fit_fleet(block, FEEDS).model

    assert model.holiday == pytest.approx(QUIET, abs=0.06)
    assert EvidenceModel.from_dict(model.to_dict()).seasonal(2804, 52) == pytest.approx(
        truth.seasonal(2804, 52), rel=0.06
    )


def test_a_model_that_knows_no_holidays_expects_every_week_alike():
    model = EvidenceModel.plain(FEEDS, (8.0, 2.0))

    assert model.seasonal(2700, 104) == pytest.approx(np.ones((2, 104)))


def test_holidays_that_do_not_fit_the_feeds_are_refused():
    with pytest.raises(ValueError, match="holiday must have two coefficients"):
        replace(EvidenceModel.plain(FEEDS, (8.0, 2.0)), holiday=np.zeros((2, 3)))
