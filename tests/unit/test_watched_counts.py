"""Counts that are watched by themselves: the metrics of harm that no fleet is fitted to."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.effects import AlertRecord
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.histories.series import Block
from tests.facts import fact

CATALOGUE = Catalogue.load()
REFERENCE = Reference.shipped()
START = np.datetime64("2022-01")
MONTHS = 48
OFTEN = Budgets(2.0, 0.5)


def month(
    name: str, number: int, value: int, *, ward: str = "W1", denominator: int | None = None
) -> Fact:
    """What a ward tells of a metric in a month."""
    first = START + number
    last = (first + 1).astype("datetime64[D]") - 1
    of = {} if denominator is None else {"denominator": denominator}
    return fact(
        f"{name}-{ward}-{number}", f"{last}T23:00:00", Feed.WARDMETRICS, ward=ward, metric=name,
        period_start=str(first.astype("datetime64[D]")), period_end=str(last), numerator=value,
        **of,
    )  # fmt: skip


def told(facts: list[Fact]) -> list[AlertRecord]:
    block = Block(CATALOGUE, "RXX")
    block.change(facts)
    return Evaluation(CATALOGUE, REFERENCE, OFTEN).alerts(block)


def ulcers(after: int, *, ward: str = "W1", before: int = 3) -> list[Fact]:
    """Four years of pressure ulcers, from the fourth year on as many as ``after``."""
    return [
        month("pressure_ulcers", n, (before if n < 36 else after) + n % 2, ward=ward)
        for n in range(MONTHS)
    ]


def of_ward(alerts: list[AlertRecord]) -> list[AlertRecord]:
    return [alert for alert in alerts if alert.unit_kind == "ward"]


def test_pressure_ulcers_that_treble_raise_an_alert_that_names_them() -> None:
    (alert,) = of_ward(told(ulcers(10)))
    (signal,) = alert.evidence["signals"]

    assert "pressure ulcers acquired in care may be higher since about" in alert.statement
    assert (alert.kind, alert.direction, alert.domains) == ("quality", "concern", ("safety",))
    assert alert.onset.startswith("2025-01")
    assert signal["detector"] == "evidence.count"
    assert signal["explanation"]["change"]["rate_ratio"] > 2


@pytest.mark.parametrize("name", ["pressure_ulcers", "cdi"])
def test_as_many_as_ever_raise_none(name: str) -> None:
    assert told([month(name, n, 3 + n % 3) for n in range(MONTHS)]) == []


@pytest.mark.parametrize("name", ["hospital_infections", "cardiac_arrests"])
def test_a_rate_is_of_its_own_denominator(name: str) -> None:
    def facts(grown: int) -> list[Fact]:
        return [
            month(name, n, (4 if n < 36 else 12) + n % 2, denominator=900 if n < 36 else grown)
            for n in range(MONTHS)
        ]

    assert len(of_ward(told(facts(900)))) == 1
    assert of_ward(told(facts(2700))) == []


def test_a_ward_that_grows_has_more_of_everything_and_no_alert() -> None:
    beds = [month("occupied_bed_days", n, 600 if n < 36 else 1800) for n in range(MONTHS)]

    assert len(of_ward(told(ulcers(9)))) == 1
    assert of_ward(told(ulcers(9) + beds)) == []


def test_wards_that_begin_to_report_are_no_rise_of_their_provider() -> None:
    first = ulcers(3) + ulcers(3, ward="W2")
    later = [one for ward in ("W3", "W4", "W5", "W6") for one in ulcers(3, ward=ward)[36:]]

    assert told(first + later) == []


def test_a_metric_that_was_corrected_takes_its_alert_with_it() -> None:
    wrong = ulcers(10)
    right = [msgspec.structs.replace(one, revision=2) for one in ulcers(3)]
    block = Block(CATALOGUE, "RXX")
    evaluation = Evaluation(CATALOGUE, REFERENCE, OFTEN)
    block.change(wrong)

    assert of_ward(evaluation.alerts(block))
    block.change(right, wrong)
    assert evaluation.alerts(block) == []


def test_a_count_of_the_reference_is_not_watched_twice() -> None:
    falls = [month("falls", n, 5 if n < 36 else 20) for n in range(MONTHS)]

    detectors = {s["detector"] for one in told(falls) for s in one.evidence["signals"]}

    assert "evidence.count" not in detectors
