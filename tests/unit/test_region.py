"""The simulated region is what the demonstration and the tests are fed with."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime

import numpy as np
import pytest

from streams.region.plan import RATES, Plan, events

END = date(2026, 6, 1)
SMALL = Plan(end=END, weeks=30, live_weeks=2, providers=2, sites=1, wards=3)


def test_the_same_seed_gives_the_same_events():
    assert events(SMALL) == events(SMALL)


def test_another_seed_gives_other_events():
    other = Plan(end=END, weeks=30, live_weeks=2, providers=2, sites=1, wards=3, seed=7)

    assert events(SMALL) != events(other)


def test_events_come_in_the_order_they_are_sent():
    moments = [sent.at for sent in events(SMALL)]

    assert moments == sorted(moments)


def test_nothing_happens_or_is_sent_outside_the_region_s_weeks():
    start = SMALL.start.timestamp() * 1000
    end = start + SMALL.total_weeks * 7 * 86_400_000
    sent = events(SMALL)

    assert all(start <= one.at <= end for one in sent)
    assert all(
        datetime.fromisoformat(one.event["recordedtime"]).timestamp() * 1000 <= end
        for one in sent
        if "recordedtime" in one.event
    )


def test_a_fact_keeps_its_id_over_revisions_and_ids_are_unique_otherwise():
    versions = Counter(
        (one.event["source"], one.event["id"], one.event["revision"]) for one in events(SMALL)
    )

    assert set(versions.values()) == {1}


def test_speaking_up_never_names_a_ward():
    cases = [one.event for one in events(SMALL) if one.event["type"].endswith("speakup.v1")]

    assert cases
    assert all("ward" not in case["data"] for case in cases)


def test_rates_of_a_quiet_region_are_those_of_the_table():
    quiet = Plan(end=END, weeks=120, live_weeks=0, providers=3, sites=2, wards=5, troubled=False)
    falls = sum(one.event["data"].get("category") == "fall" for one in events(quiet))

    assert falls / (120 * 30) == pytest.approx(RATES["falls"], rel=0.15)


def test_the_ward_with_all_feeds_rising_reports_more_after_its_week():
    plan = Plan(end=END, weeks=60, live_weeks=0, providers=4, sites=1, wards=5)
    trouble = next(one for one in plan.troubles() if one.name == "all_feeds")
    weekly = np.zeros(plan.total_weeks)
    for sent in events(plan):
        data = sent.event["data"]
        if "category" in data and (data["site"], data["ward"]) == (trouble.site, trouble.ward):
            weekly[(sent.at - int(plan.start.timestamp() * 1000)) // (7 * 86_400_000)] += 1

    assert weekly[trouble.week :].mean() > 1.3 * weekly[: trouble.week].mean()


def test_the_ward_whose_culture_improves_reports_more_and_harms_less():
    plan = Plan(end=END, weeks=80, live_weeks=0)
    trouble = next(one for one in plan.troubles() if one.name == "culture")
    seen = {False: [0, 0], True: [0, 0]}
    for sent in events(plan):
        data = sent.event["data"]
        if "category" in data and (data["site"], data["ward"]) == (trouble.site, trouble.ward):
            week = (sent.at - int(plan.start.timestamp() * 1000)) // (7 * 86_400_000)
            tally = seen[week >= trouble.week]
            tally[0] += 1
            tally[1] += data["physical_harm"] != "none"
    before, after = seen[False], seen[True]

    assert not trouble.concern
    assert after[0] / 20 > 1.2 * before[0] / 60
    assert after[1] / after[0] < 0.75 * before[1] / before[0]


def test_the_provider_whose_feed_stops_sends_no_incidents_but_its_ward_metrics():
    plan = Plan(end=END, weeks=40, live_weeks=0, providers=4, sites=1, wards=2)
    trouble = next(one for one in plan.troubles() if one.name == "outage")
    since = plan.start.timestamp() * 1000 + trouble.week * 7 * 86_400_000
    types = Counter(
        one.event["type"]
        for one in events(plan)
        if one.at > since and one.event["data"]["provider"] == trouble.unit
    )

    assert types["uk.nhs.quality.incident.v1"] == 0
    assert types["uk.nhs.quality.wardmetric.v1"] > 0


@pytest.mark.parametrize("size", [{"providers": 0}, {"wards": 11}, {"sites": 10}, {"weeks": 0}])
def test_a_region_of_an_impossible_size_is_refused(size):
    with pytest.raises(ValueError, match="must be"):
        Plan(end=END, **size)
