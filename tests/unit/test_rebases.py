from __future__ import annotations

from datetime import date

import pytest

from detectors.charts.chart import Rebase, chart

VALUES = [5.0, 7.0, 4.0, 6.0, 5.0, 6.0, 14.0, 16.0, 13.0, 17.0, 15.0, 14.0]
MERGED = Rebase(6, person="Head of Nursing", reason="two wards merged", date=date(2026, 4, 1))


def test_a_decision_starts_a_new_stretch_and_stays_with_the_chart():
    drawn = chart(VALUES, kind="xmr", rebase=[MERGED])

    assert drawn.rebases == (MERGED,)
    assert drawn.group.tolist() == [0] * 6 + [1] * 6
    assert drawn.mean.tolist() == chart(VALUES, kind="xmr", rebase=[6]).mean.tolist()


def test_phases_known_by_design_need_no_decision():
    assert chart(VALUES, kind="xmr", rebase=[6]).rebases == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"position": 0}, "position of a rebase must be at least 1, not 0"),
        ({"person": " "}, "person of the rebase at 6 must not be empty"),
        ({"reason": ""}, "reason of the rebase at 6 must not be empty"),
    ],
)
def test_a_rebase_needs_somebody_and_something_behind_it(changes, message):
    given = {"position": 6, "person": "x", "reason": "y", "date": date(2026, 4, 1), **changes}
    with pytest.raises(ValueError, match=message):
        Rebase(**given)


def test_a_decision_outside_the_series_is_refused():
    with pytest.raises(ValueError, match="rebase at 6 is outside the 4 points"):
        chart(VALUES[:4], kind="xmr", rebase=[MERGED])
