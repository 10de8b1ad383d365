"""Speaking up beside peers: nothing is told that the shown quarters do not tell already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from detectors.charts.funnel import funnel
from tests.integration.api.conftest import NOW, House, house, incident

PEERS = [f"RQ{letter}" for letter in "ABCDEFGHIJKL"]
SMALL, CASES = PEERS[1], PEERS[11]
KEY = "speakup_worker_safety_share"
QUERY = {"indicator": KEY, "level": "provider"}
DOORS = ["/v1/comparisons", "/v1/comparisons/funnel.svg", "/comparisons"]
QUARTERS = [(2025, 1), (2025, 4), (2025, 7), (2025, 10)]


def aggregate(provider: str, year: int, month: int, counts: dict[str, int], revision=1) -> dict:
    start = datetime(year, month, 1, tzinfo=UTC)
    end = datetime(year + month // 10, (month + 2) % 12 + 1, 1, tzinfo=UTC)
    return {
        **incident(0, provider),
        "id": f"q-{provider}-{year}-{month}",
        "revision": revision,
        "type": "uk.nhs.quality.speakup.v1",
        "time": end.isoformat(),
        "data": {
            "provider": provider,
            "period_start": start.isoformat(),
            "period_end": end.isoformat(),
            "counts": counts,
        },
    }


def quarters(provider: str, at: int) -> list[dict]:
    """About a third of the cases; the first provider has twice as many."""
    return [
        aggregate(provider, year, month, {"cases": of, "worker_safety_or_wellbeing": part})
        for number, (year, month) in enumerate(QUARTERS)
        for of in [53 + 7 * at + number]
        for part in [of * (2 if at == 0 else 1) // 3]
    ]


def case(number: int, day: datetime, provider: str = CASES) -> dict:
    elements = ["worker_safety_or_wellbeing"] if number % 3 == 0 else ["bullying_or_harassment"]
    return {
        **incident(number, provider),
        "id": f"s-{number}",
        "type": "uk.nhs.quality.speakup.v1",
        "time": day.isoformat(),
        "data": {"provider": provider, "elements": elements, "route": "open"},
    }


def told(directory, small: int):
    """Twelve providers; the second had a quarter with ``small`` cases about worker safety."""
    opened = house(directory)
    running = opened.__enter__()
    sent = [one for at, code in enumerate(PEERS[:11]) for one in quarters(code, at)]
    low = {"cases": 61, "worker_safety_or_wellbeing": small}
    sent.append(aggregate(SMALL, *QUARTERS[2], low, revision=2))
    start = datetime(2025, 1, 1, 9, tzinfo=UTC)
    sent += [case(number, start + timedelta(days=1.5 * number)) for number in range(243)]
    # Other feeds tell the time.
    sent += [incident(n, code, NOW - timedelta(days=n)) for code in PEERS for n in (1, 20)]
    receipt = running.push(sent)
    assert receipt["rejected"] == []
    return opened, running


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """Only read."""
    opened, running = told(tmp_path_factory.mktemp("spoken"), small=3)
    yield running
    opened.__exit__(None, None, None)


def listing(spoken: House) -> dict:
    answer = spoken.client.get("/v1/comparisons", params=QUERY)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_numbers_are_the_sums_of_the_quarters_that_everybody_is_shown(spoken):
    found = listing(spoken)

    assert (found["since"], found["until"]) == ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    assert {one["unit"] for one in found["items"]} == set(PEERS)
    compared = [one for one in found["items"] if one["state"] == "judged"]
    assert len(compared) == 11
    for one in compared:
        series = spoken.client.get(f"/v1/series/{one['series']}").json()
        starts = [f"{year}-{month:02d}-01T00:00:00Z" for year, month in QUARTERS]
        points = [point for point in series["points"] if point["period_start"] in starts]
        assert one["periods"] == len(points) == 4
        assert one["numerator"] == sum(point["numerator"] for point in points)
        assert one["denominator"] == sum(point["denominator"] for point in points)
        assert one["numerator"] % 5 == one["denominator"] % 5 == 0


def test_centre_spread_and_limits_follow_from_these_numbers_alone(spoken):
    found = listing(spoken)
    compared = [one for one in found["items"] if one["state"] == "judged"]
    above = np.array([one["numerator"] for one in compared])
    below = np.array([one["denominator"] for one in compared])
    plot = funnel(above, below, kind="proportion", target=above.sum() / below.sum())
    limits = plot.limits(adjusted=plot.overdispersed)

    assert found["centre"] == pytest.approx(100 * above.sum() / below.sum())
    assert found["phi"] == pytest.approx(plot.phi)
    for at, one in enumerate(compared):
        assert one["upper998"] == pytest.approx(100 * limits.upper998[at])
    assert compared[0]["unit"] == PEERS[0]
    assert compared[0]["position"] == "much_higher"


def test_a_unit_with_a_suppressed_quarter_takes_no_part(spoken):
    """Its total over the year, beside three shown quarters, would give the fourth."""
    found = listing(spoken)
    (one,) = [one for one in found["items"] if one["unit"] == SMALL]

    assert one["state"] == "held_back"
    assert one["disclosure"] == "suppressed"
    given = {name for name in one if isinstance(one[name], float)}
    assert given == set()
    assert found["peers"]["held_back"] == 1
    assert any("with small numbers are left out" in note for note in found["notes"])
    page = spoken.client.get("/comparisons", params=QUERY).text
    row = page[page.index(f"/units/{SMALL}") :].partition("</tr>")[0]
    assert row.count(">*</abbr>") == 2
    assert SMALL not in spoken.client.get("/v1/comparisons/funnel.svg", params=QUERY).text


def test_whatever_a_suppressed_number_is_the_answer_is_the_same(spoken, tmp_path):
    opened, other = told(tmp_path, small=6)
    try:
        for path in DOORS:
            first = spoken.client.get(path, params=QUERY)
            second = other.client.get(path, params=QUERY)
            assert first.status_code == 200
            assert first.text == second.text
    finally:
        opened.__exit__(None, None, None)


def test_one_more_case_changes_nothing_that_can_be_read(tmp_path):
    opened, spoken = told(tmp_path, small=3)
    try:
        before = [spoken.client.get(path, params=QUERY).text for path in DOORS]
        spoken.push(
            [case(999, NOW - timedelta(hours=2)), case(996, NOW - timedelta(days=3), PEERS[2])]
        )
        after = [spoken.client.get(path, params=QUERY).text for path in DOORS]
    finally:
        opened.__exit__(None, None, None)

    assert before == after


def test_counts_that_were_left_out_are_unknown_and_not_zero(spoken):
    """The first eleven count no such case; the twelfth has none with that element."""
    answer = spoken.client.get(
        "/v1/comparisons", params={**QUERY, "indicator": "speakup_detriment_share"}
    )

    assert answer.status_code == 422
    assert "Fewer than 8 providers have numbers in this window (there are 1)" in answer.text
