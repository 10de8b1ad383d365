"""Cells are the same numbers however narrow they are held, and nothing ever wraps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.facts.periods import Grid
from streams.histories.cell_entry import add
from streams.histories.matrices import Matrix

MILLION = 10**6
SLOTS, INDICATORS = 2, 3
DAILY = np.array([True, False, False])
amounts = st.one_of(
    st.integers(-3, 130),
    st.sampled_from([126, 127, 128, 32_766, 32_768, 2**31 - 2, 2**31, 2**40]),
)
sums = st.one_of(
    amounts.map(lambda n: n * MILLION), st.integers(-(2**50), 2**50), st.just(0), st.just(MILLION)
)
entries = st.tuples(
    st.integers(0, SLOTS - 1), st.integers(0, 40), st.integers(0, INDICATORS - 1),
    st.integers(1, 40_000), sums, sums, st.lists(amounts, min_size=7, max_size=7),
)  # fmt: skip


def entered(matrix: Matrix, placed: np.ndarray) -> None:
    """Enter rows of leaf, period, indicator, facts, sums and days."""
    columns = matrix.table[placed[:, 0], placed[:, 2]]
    rows = matrix.rows
    for slot, indicator in zip(*np.nonzero(matrix.table < 0), strict=True):
        if (placed[:, [0, 2]] == (slot, indicator)).all(axis=1).any():
            matrix.table[slot, indicator] = rows
            rows += 1
    assert columns.size == len(placed)
    matrix.span(int(placed[:, 1].min()), int(placed[:, 1].max()))
    matrix.add_rows(rows, DAILY)
    chain = np.arange(SLOTS, dtype=np.int32)[:, None]
    at = np.zeros(2, dtype=np.int64)
    while not add(placed, chain, matrix.cells, matrix.dirty, at):
        matrix.more_room()


@settings(max_examples=80, deadline=None)
@given(batches=st.lists(st.lists(entries, min_size=1, max_size=8), min_size=1, max_size=6))
def test_cells_hold_every_number_in_whatever_order_they_grow(batches) -> None:
    matrix = Matrix(Grid.WEEK, INDICATORS)
    matrix.add_slots(SLOTS)
    expected = np.zeros((3, SLOTS * INDICATORS, 41), dtype=np.int64)
    days = np.zeros((SLOTS, 41, 7), dtype=np.int64)
    for batch in batches:
        placed = np.array([[*entry[:6], *entry[6]] for entry in batch], dtype=np.int64)
        entered(matrix, placed)
        for slot, period, indicator, facts, above, below, by_day in batch:
            expected[:, INDICATORS * slot + indicator, period] += (facts, above, below)
            if DAILY[indicator]:
                days[slot, period] += by_day

    assert np.array_equal(expected, matrix.read(matrix.table.ravel(), 0, 41))
    for slot in range(SLOTS):
        row = int(matrix.table[slot, 0])
        seen = [] if row < 0 else np.flatnonzero(expected[0, INDICATORS * slot]).tolist()
        assert (seen[0], seen[-1]) == matrix.extent(row) if seen else row < 0
        for period in seen:
            assert days[slot, period].tolist() == matrix.days(row, period).tolist()


@pytest.mark.parametrize(("above", "words"), [(MILLION, 0), (0, 0), (None, 1)])
def test_what_follows_from_the_number_of_facts_is_not_held(above: int | None, words: int) -> None:
    matrix = Matrix(Grid.MONTH, INDICATORS)
    matrix.add_slots(SLOTS)
    placed = np.zeros((2, 13), dtype=np.int64)
    placed[:, 1], placed[:, 2], placed[:, 3] = (0, 1), 1, (2, 5)
    placed[:, 4] = (MILLION, 4 * MILLION) if above is None else above * placed[:, 3]
    entered(matrix, placed)

    # Eight months of facts are one word.
    assert matrix.width == 8
    assert int(matrix.cells.used[0]) == 1 + words


def test_reading_beyond_the_columns_gives_nothing() -> None:
    matrix = Matrix(Grid.WEEK, INDICATORS)
    matrix.add_slots(SLOTS)

    assert not matrix.read(np.array([-1, -1]), 2900, 5).any()
