"""What an evaluation says is a function of the facts that stand."""

from __future__ import annotations

import numpy as np
import pytest

from streams.catalogue.indicators import Catalogue
from streams.evidence.evaluation import Budgets, Evaluation
from streams.evidence.reference import Reference
from streams.facts.messages import Fact
from streams.histories.series import Block
from tests.facts import fact

CATALOGUE = Catalogue.load()
FIRST = np.datetime64("2024-01-01")


def reports(*, revision: int = 1, withdrawn: bool = False) -> list[Fact]:
    """Two years of reports of one ward: three a week, twenty a week for a time, then none."""
    found = []
    for week in range(100):
        number = 3 if week < 80 else 20 if week < 88 else 0
        found += [
            fact(
                f"e{week}-{one}", str(FIRST + 7 * week + one % 7), event_type="incident",
                physical_harm="none" if week < 80 else "severe", reporter="staff",
                revision=revision, withdrawn=withdrawn,
            )
            for one in range(number)
        ]  # fmt: skip
    return found


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.shipped()


def test_alerts_whose_facts_are_all_withdrawn_are_gone(reference: Reference) -> None:
    block = Block(CATALOGUE, "RXX")
    evaluation = Evaluation(CATALOGUE, reference, Budgets())
    told, gone = reports(), reports(revision=2, withdrawn=True)
    block.change(told)
    alerts = evaluation.alerts(block)
    block.change(gone, told)

    assert {"quality"} <= {alert.kind for alert in alerts}
    assert [] == evaluation.alerts(block)
    block.change(told, gone)
    assert alerts == evaluation.alerts(block)


def test_taking_facts_in_one_by_one_says_what_taking_them_in_at_once_says(
    reference: Reference,
) -> None:
    told = reports()
    once, steps = Block(CATALOGUE, "RXX"), Block(CATALOGUE, "RXX")
    kept = Evaluation(CATALOGUE, reference, Budgets())
    once.change(told)
    for start in range(0, len(told), 40):
        steps.change(told[start : start + 40])
        alerts = kept.alerts(steps)

    assert Evaluation(CATALOGUE, reference, Budgets()).alerts(once) == alerts
