"""Exact run lengths of CUSUM charts of counts, lattice or not.

Poisson, negative binomial, binomial and Bernoulli charts all have increments that are linear
in the count, a x - b: with a log likelihood ratio of a rise, or with Lucas's x - k. After n
points without a return to zero the statistic is s + a (x_1 + ... + x_n) - b n, so it is known
from n and the sum of the counts, whatever a and b are. The probabilities of the sums are
carried forward until no passage is left under way, which gives the expected length of a
passage and its chance of an alarm without any grid (``detectors.run_lengths.passages`` says how run
lengths follow). A grid, which is what most programs use, is off by up to 19 % for counts with
20 cells.

Equality with the limit is decided within 1e-9 of a count, so decimals such as k = 4.4 behave
as written.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.arrays import Floats
from detectors.compiled import compiled
from detectors.run_lengths.distributions import CountDistribution
from detectors.run_lengths.passages import (
    Passage,
    check_sides_take_turns,
    run_length,
    two_sided_run_length,
)
from detectors.sequential.count_cusum_design import CountCusum
from detectors.sequential.cusum_recursion import TIE

_LOST = 1e-14  # share of the alarm chance (or of the length) that may still be under way
_LONGEST_PASSAGE = 2_000_000
_GREATEST_SUM = 20_000


@compiled
def _passage(
    probability: Floats,
    beyond: Floats,
    drift: float,
    limit: float,
    start: float,
    rising: int,
    reached: int,
) -> tuple[float, float, float]:
    """Expected length, chance of an alarm, and what was still under way at the end.

    In units of one count: the statistic after n points is start + sum - drift n when rising,
    start - sum + drift n when falling. ``beyond[j]`` is P(X >= j) when rising, P(X < j) when
    falling, so that neither is found by subtraction from one.
    """
    width = int(limit) + 3
    now = np.zeros(width)
    new = np.zeros(width)
    now[0] = 1.0
    first, last = 0, 0  # the sums that now[0], now[last - first] stand for
    length, alarm, under_way = 0.0, 0.0, 1.0
    n = 0
    largest = len(probability) - 1
    while n < _LONGEST_PASSAGE:
        n += 1
        length += under_way
        # The least and the greatest sum that leave the passage under way after this point.
        if rising:
            zero = drift * n - start
            low = int(np.floor(zero + TIE)) + 1
            edge = zero + limit
            high = int(np.ceil(edge - TIE)) - 1 if reached else int(np.floor(edge + TIE))
        else:
            zero = drift * n + start
            high = int(np.ceil(zero - TIE)) - 1
            edge = zero - limit
            low = int(np.floor(edge + TIE)) + 1 if reached else int(np.ceil(edge - TIE))
        low = max(low, first)
        under_way = 0.0
        new[:] = 0.0
        for i in range(last - first + 1):
            mass = now[i]
            if mass == 0.0:
                continue
            total = first + i
            if rising:
                alarm += mass * beyond[min(max(high + 1 - total, 0), largest + 1)]
            elif low > total:
                alarm += mass * beyond[min(low - total, largest + 1)]
            for x in range(max(0, low - total), min(high - total, largest) + 1):
                part = mass * probability[x]
                new[total + x - low] += part
                under_way += part
        now, new = new, now
        if high < low:
            break
        first, last = low, high
        if under_way <= _LOST * min(alarm, 1.0) or under_way < 1e-290:
            return length, alarm, 0.0
    return length, alarm, under_way


def passage_from(chart: CountCusum, counts: CountDistribution, start: float) -> Passage:
    """The passage that begins at ``start``, under the given distribution of counts.

    Raises ``ValueError`` when the design is too large to be followed.
    """
    unit = abs(chart.slope)
    limit = chart.h / unit
    rising = chart.slope > 0.0
    # A falling chart is sent back to zero by any count it cannot hold.
    largest = math.ceil(limit + chart.drift) + 2
    if largest > _GREATEST_SUM:
        raise ValueError(f"h {chart.h} is {limit:.0f} counts, too many to follow")
    probability, tail = counts.probabilities(largest)
    beyond = tail if rising else np.concatenate([[0.0], np.cumsum(probability)])
    length, alarm, under_way = _passage(
        probability,
        beyond,
        chart.drift,
        limit,
        start / unit,
        int(rising),
        int(chart.alarm == "reached"),
    )
    if under_way > 0.0:
        raise ValueError(
            f"a passage of the chart with h {chart.h} may take more than "
            f"{_LONGEST_PASSAGE} points; simulate it"
        )
    return Passage(length, alarm)


def count_cusum_run_length(chart: CountCusum, counts: CountDistribution) -> float:
    """Average run length of a one-sided CUSUM of independent counts, in points.

    Example:
        >>> from detectors.run_lengths.distributions import Poisson
        >>> chart = CountCusum(slope=1.0, intercept=1.25, h=7.5)
        >>> round(count_cusum_run_length(chart, Poisson(1.0)), 2)
        387.97
    """
    later = passage_from(chart, counts, 0.0)
    first = passage_from(chart, counts, chart.head_start) if chart.head_start > 0.0 else later
    return run_length(first, later)


def count_cusum_two_sided_run_length(
    rise: CountCusum, fall: CountCusum, counts: CountDistribution
) -> float:
    """Average run length until a chart for rises or a chart for falls alarms.

    Both must be in counts (slope 1 and -1). Raises ``ValueError`` for other slopes and for
    designs whose sides could be positive together at an alarm.
    """
    if rise.slope != 1.0 or fall.slope != -1.0:
        raise ValueError(f"slopes must be 1 and -1, not {rise.slope} and {fall.slope}")
    # While both are positive their sum moves by -k_rise + k_fall a point.
    check_sides_take_turns(
        rise.intercept, rise.h, rise.head_start, fall.intercept, fall.h, fall.head_start
    )
    high, low = passage_from(rise, counts, 0.0), passage_from(fall, counts, 0.0)
    return two_sided_run_length(
        passage_from(rise, counts, rise.head_start),
        high,
        passage_from(fall, counts, fall.head_start),
        low,
    )
