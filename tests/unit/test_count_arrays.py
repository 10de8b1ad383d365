"""The arrays of the evidence over the feeds: kept up to date they are those made at once."""

from __future__ import annotations

import random

import numpy as np
import pytest

from detectors.evidence.model import EvidenceModel
from streams.catalogue.indicators import Catalogue
from streams.evidence.counting import CountWatch
from streams.evidence.reference import Reference
from streams.facts.feeds import Feed
from streams.histories.series import Block
from tests.facts import fact

CATALOGUE = Catalogue.load()
MODELS = Reference.shipped().models
BUDGETS = {"budget1": 0.2, "budget2": 0.05}


def some_facts(seed):
    """Facts of twenty weeks, in any order, some without a site, some corrected."""
    rng = random.Random(seed)
    for number in range(400):
        day, ward = rng.randrange(140), rng.choice(["W1", "W2", None])
        when = str(np.datetime64("2026-01-05") + day)
        feed = rng.choice([Feed.INCIDENTS, Feed.INCIDENTS, Feed.COMPLAINTS, Feed.WARDMETRICS])
        if feed is Feed.WARDMETRICS:
            start = np.datetime64("2026-01-05") + 7 * (day // 7)
            metric = rng.choice(["falls", "occupied_bed_days", "pressure_ulcers"])
            of = {"denominator": rng.randrange(150, 170)} if rng.random() < 0.7 else {}
            data = {
                "metric": metric, "numerator": rng.randrange(1, 9), **of,
                "period_start": f"{start}T00:00:00Z", "period_end": f"{start + 7}T00:00:00Z",
            }  # fmt: skip
            yield fact(f"m{number % 90}", str(start + 7), feed, ward=ward, **data)
        else:
            category = rng.choice(["fall", "pressure_ulcer", "other"])
            data = {"event_type": "incident", "category": category} if feed == 0 else {}
            yield fact(f"e{number % 300}", when, feed, ward=ward, **data)


def model_of(level, added=()):
    """The shipped model of a level, or one by hand that weighs further counts."""
    if not added:
        return MODELS[level]
    feeds = (*MODELS[level].feeds, *added)
    return EvidenceModel.plain(feeds, [1.0] * len(feeds))


def arrays_at_once(facts, level, added=()):
    block = Block(CATALOGUE, "RXX")
    block.change(facts)
    return CountWatch(level, model_of(level, added), **BUDGETS).arrays(block)


@pytest.mark.parametrize("added", [(), ("pressure_ulcers", "cdi")])
@pytest.mark.parametrize("level", ["ward", "site", "provider"])
@pytest.mark.parametrize("seed", [1, 2])
def test_arrays_brought_up_to_date_are_those_made_at_once(level, seed, added):
    block, held = Block(CATALOGUE, "RXX"), {}
    watch = CountWatch(level, model_of(level, added), **BUDGETS)
    facts = list(some_facts(seed))
    for start in range(0, len(facts), 37):
        for one in facts[start : start + 37]:
            block.change([one], [held[one.key]] if one.key in held else [])
            held[one.key] = one
        watch.evaluate(block)
        block.clean()
        expected = arrays_at_once(held.values(), level, added)
        actual = watch.arrays(block)
        assert (expected is None) == (actual is None)
        if expected is None or actual is None:
            continue

        order = [actual[0].index(code) for code in expected[0]]
        for name in ("counts", "exposure", "daily"):
            made, kept = getattr(expected[1], name), getattr(actual[1], name)
            assert np.array_equal(made, kept[order]), name


def test_falls_are_counted_once_from_a_units_first_audit_on():
    fell = [
        fact(f"i{day}", f"2026-02-{day:02d}", event_type="incident", category="fall")
        for day in range(2, 28)
    ]
    audit = fact(
        "a", "2026-02-16", Feed.WARDMETRICS, metric="falls", numerator=7, denominator=160,
        period_start="2026-02-09T00:00:00Z", period_end="2026-02-16T00:00:00Z",
    )  # fmt: skip
    arrays = arrays_at_once([*fell, audit], "ward")
    assert arrays is not None
    number = MODELS["ward"].feeds.index("incidents")

    assert arrays[1].counts[0, number].tolist() == [7.0, 0.0, 0.0]
    assert arrays[1].daily[0, number].sum(axis=1).tolist() == [7, 0, 0]
