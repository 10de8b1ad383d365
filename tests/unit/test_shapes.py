"""Shapes: facts that are recognised add what they would add alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest

from streams.catalogue.indicators import Catalogue
from streams.catalogue.shapes import Placed, Shapes
from streams.facts.feeds import Feed
from streams.facts.messages import Fact
from streams.facts.periods import Grid
from tests.facts import fact

CATALOGUE = Catalogue.load()


def test_complaints_recognised_without_their_moments_add_what_they_add_alone():
    answers = [None, "2026-01-07T10:00:00Z", "2026-01-08T23:59:59Z", "2026-01-09T00:30:00+01:00"]
    ends = [None, "2026-01-08T09:00:00Z", "2026-07-05T12:00:00Z", "2026-07-06T00:00:00Z"]
    found = set()
    for number, (day, answer, end, outcome) in enumerate(
        product((5, 6), answers, ends, ("open", "upheld"))
    ):
        sent = fact(
            f"c{number}", f"2026-01-{day:02d}T09:00:00Z", Feed.COMPLAINTS,
            acknowledged_at=answer, resolved_at=end, outcome=outcome,
        )  # fmt: skip
        alone = Catalogue.load().additions(sent)
        assert CATALOGUE.additions(sent) == alone
        found.add(alone)

    assert len(found) > 6


def place(shapes: Shapes, facts: Sequence[Fact]) -> Placed:
    """Where facts of one feed go."""
    return shapes.place([[one for one in facts if one.feed is feed] for feed in Feed])


def test_a_metric_has_one_shape_whatever_its_numbers():
    sent = [
        fact(
            f"m{number}", "2026-01-12", Feed.WARDMETRICS, metric="sickness",
            numerator=number, denominator=100,
            period_start="2026-01-05T00:00:00Z", period_end="2026-01-12T00:00:00Z",
        )
        for number in (3, 4, 5.5)
    ]  # fmt: skip
    shapes = Shapes(CATALOGUE)

    placed = place(shapes, sent)

    assert ([0, 0, 0], [20464] * 3) == (placed.shape.tolist(), placed.day.tolist())
    assert shapes.number == 1


def millionths(rule, numerator, denominator):
    """Numerator and denominator as the documentation of indicators has them; none if empty."""
    if denominator is not None and rule.denominator != "none":
        return [(round(numerator * 10**6), round(denominator * 10**6))] if denominator else []
    if rule.measured:
        return [(round(numerator * 10**6 / rule.per), 10**6)]
    return [(round(numerator * 10**6), 0)]


@pytest.mark.parametrize("metric", sorted(CATALOGUE.metrics))
@pytest.mark.parametrize("denominator", [None, 0, 7, 1_000_000_000, 0.000001])
def test_metrics_at_once_add_what_each_adds_alone_in_whole_millionths(metric, denominator):
    numbers = [0, 3, 5.5, 0.0000005, 999_999_999.999999, 1_000_000_000]
    sent = [
        fact(
            f"m{number}", "2026-02-01", Feed.WARDMETRICS, metric=metric, numerator=number,
            period_start="2026-01-01T00:00:00Z", period_end="2026-02-01T00:00:00Z",
            **({} if denominator is None else {"denominator": denominator}),
        )
        for number in numbers
    ]  # fmt: skip
    shapes = Shapes(CATALOGUE)

    placed = place(shapes, sent)

    starts, cells = placed.starts, placed.cells
    for at, one in enumerate(sent):
        shape = placed.shape[at]
        found = [
            (cells[cell, 0], Grid.MONTH, placed.above[at], placed.below[at])
            for cell in range(starts[shape, Grid.MONTH], starts[shape, Grid.MONTH + 1])
        ]
        alone = CATALOGUE.additions(one)
        assert found == [(a.indicator, a.grid, a.numerator, a.denominator) for a in alone]
        assert [(above, below) for _, _, above, below in found] == millionths(
            CATALOGUE.metrics[metric], numbers[at], denominator
        )


def test_an_aggregate_counts_on_the_last_day_of_its_period():
    shapes = Shapes(CATALOGUE)
    sent = fact(
        "a", "2026-04-03", Feed.SPEAKUP, counts={"cases": 4},
        period_start="2026-01-01T00:00:00Z", period_end="2026-04-01T00:00:00Z",
    )  # fmt: skip

    assert [20543, 20543] == place(shapes, [sent, sent]).day.tolist()


@pytest.mark.parametrize(
    ("start", "end", "quarters"),
    [
        ("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z", 1),
        ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", 1),
        ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", "2026-03-31T00:00:00Z", 0),
    ],
)
def test_an_aggregate_counts_for_its_quarter_as_a_whole_where_it_ends_with_it(start, end, quarters):
    sent = fact(
        "a", "2026-04-03", Feed.SPEAKUP, counts={"cases": 4}, period_start=start, period_end=end
    )
    placed = place(Shapes(CATALOGUE), [sent])
    starts, shape = placed.starts, placed.shape[0]
    cells = placed.cells[starts[shape, Grid.QUARTER] : starts[shape, Grid.QUARTER + 1], 0].tolist()

    assert cells.count(len(CATALOGUE.indicators) + int(Feed.SPEAKUP)) == quarters


def test_a_full_table_of_shapes_is_begun_anew():
    shapes = Shapes(CATALOGUE)
    first = place(shapes, [fact("a", "2026-01-05")])
    shapes.clear()

    assert first.shape == place(shapes, [fact("b", "2026-01-05")]).shape == [0]
