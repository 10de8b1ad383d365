"""Filling the arrays of the evidence over the feeds, one unit at a time, compiled.

See ``streams.evidence.count_arrays`` for what the numbers mean. Every unit is filled from its
first week on, always in the same order, and compared with what stood there, so the
first week that is different is found on the way.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.catalogue.contributions import MILLION
from streams.histories.cell_lines import (
    ABOVE,
    BELOW,
    DAYS,
    FACTS,
    WEEKDAYS,
    Cells,
    held,
    is_held,
    number_at,
)

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]

# Kinds of feeds: not watched here, a metric out of its denominators, events by day, a metric
# out of the wards that report it.
ABSENT, METRIC, EVENTS, BY_WARD = range(4)
# Columns of the description of a feed, and how many they are.
KIND, POSITION, CLOSED, STARTS, FEED = range(5)
# Exposure is relative to a unit's first quarter of reported activity.
REFERENCE_WEEKS = 13


class Calendar(NamedTuple):
    """Which months the weeks of a frame lie in.

    ``month`` (7 weeks) gives each day's, counted from ``first``; ``length`` days of each.
    """

    month: I64
    length: I64
    first: int


class Room(NamedTuple):
    """Room for one unit: feeds by weeks, and what its exposure is made of."""

    counts: F64
    exposure: F64
    daily: I64
    relative: F64
    below: F64


@compiled
def first_weeks(cells: Cells, slots: I64, positions: I64, never: int) -> I64:
    """The first week with a fact (positions, slots), ``never`` where there is none."""
    found = np.full((positions.size, slots.size), never, dtype=np.int64)
    for number in range(positions.size):
        for place in range(slots.size):
            row = cells.table[slots[place], positions[number]]
            if row < 0:
                continue
            for column in range(cells.width):
                if held(cells.pool, cells.lines[row, FACTS], column) > 0:
                    found[number, place] = cells.first + column
                    break
    return found


@compiled
def _cell(cells: Cells, slot: int, own: int, position: int, period: int) -> tuple[int, int, int]:
    """Facts, numerator and denominator; what a unit says of itself goes before its wards' sum."""
    column = period - cells.first
    if column < 0 or column >= cells.width:
        return 0, 0, 0
    lines, each, pool = cells.lines, cells.each, cells.pool
    row = -1
    if own >= 0:
        row = cells.table[own, position]
    if row < 0 or held(pool, lines[row, FACTS], column) <= 0:
        row = cells.table[slot, position]
    if row < 0:
        return 0, 0, 0
    return (
        held(pool, lines[row, FACTS], column), number_at(lines, each, pool, row, ABOVE, column),
        number_at(lines, each, pool, row, BELOW, column),
    )  # fmt: skip


@compiled
def _activity(
    weeks: Cells, months: Cells, calendar: Calendar, slot: int, own: int, position: int,
    week0: int, out: F64,
) -> None:  # fmt: skip
    """An activity metric by week per reporting ward, NaN where missing.

    Per ward, so that one ward's missing return is not a fall in activity. A week
    without a weekly figure takes its days' share of the month's.
    """
    for t in range(out.size):
        facts, total, _ = _cell(weeks, slot, own, position, week0 + t)
        activity = total / MILLION
        if facts <= 0:
            activity = 0.0
            for day in range(7 * t, 7 * t + 7):
                month = calendar.month[day]
                reported, total, _ = _cell(months, slot, own, position, calendar.first + month)
                if day == 7 * t + 3:
                    facts = reported
                if reported > 0:
                    activity += total / MILLION / calendar.length[month]
                else:
                    activity = math.nan
        out[t] = activity / facts if facts > 0 else math.nan


@compiled
def _relative(activity: F64, out: F64) -> None:
    """Activity over the unit's own first quarter of it; 1 where it is not known."""
    number = 0
    total = 0.0
    for t in range(activity.size):
        if activity[t] > 0.0 and number < REFERENCE_WEEKS:
            number += 1
            total += activity[t]
    reference = total / number if number > 0 else 1.0
    for t in range(activity.size):
        out[t] = activity[t] / reference if activity[t] > 0.0 else 1.0


@compiled
def _fill_metric(
    weeks: Cells, slot: int, own: int, position: int, week0: int, f: int, room: Room
) -> None:
    """A metric is observed where somebody sent it; its denominator is its exposure."""
    for t in range(room.below.size):
        facts, numerator, denominator = _cell(weeks, slot, own, position, week0 + t)
        room.below[t] = denominator / MILLION if denominator > 0 else math.nan
        room.counts[f, t] = numerator / MILLION
        room.exposure[f, t] = 1.0 if facts > 0 else 0.0
    relative = np.empty(room.below.size)
    _relative(room.below, relative)
    for t in range(room.below.size):
        room.exposure[f, t] *= relative[t]


@compiled
def _fill_by_ward(
    weeks: Cells, slot: int, own: int, position: int, week0: int, f: int, room: Room
) -> None:
    """A metric is out of the wards that sent it, by their activity: new ones are no rise."""
    for t in range(room.below.size):
        facts, total, denominator = _cell(weeks, slot, own, position, week0 + t)
        room.counts[f, t], room.exposure[f, t] = total / MILLION, facts
        room.below[t] = denominator / MILLION / facts if facts > 0 < denominator else math.nan
    relative = np.empty(room.below.size)
    _relative(room.below, relative)
    for t in range(room.below.size):
        # Without a denominator of its own, by the activity that the wards reported.
        each = relative[t] if room.below[t] > 0.0 else room.relative[t]
        room.below[t] = room.exposure[f, t] * each
    _relative(room.below, relative)
    for t in range(room.below.size):
        room.exposure[f, t] = relative[t] if room.exposure[f, t] > 0.0 else 0.0


@compiled
def _fill_events(
    weeks: Cells, slot: int, position: int, week0: int, start: int, end: int, f: int, room: Room
) -> None:
    """Events are observed from ``start`` to before ``end``, by day."""
    row = weeks.table[slot, position]
    for t in range(room.relative.size):
        week = week0 + t
        alive = start <= week < end
        room.exposure[f, t] = room.relative[t] if alive else 0.0
        column = week - weeks.first
        if row < 0 or column < 0 or column >= weeks.width:
            continue
        room.counts[f, t] = (
            number_at(weeks.lines, weeks.each, weeks.pool, row, ABOVE, column) / MILLION
        )
        by_day = weeks.lines[row, DAYS]
        if is_held(by_day):
            for day in range(7):
                room.daily[f, t, day] = held(weeks.pool, by_day, WEEKDAYS * column + day)


@compiled
def _count_once(
    weeks: Cells, slot: int, whole: int, part: int, others: int, week0: int, room: Room
) -> None:
    """Take from one feed, from the first observation of another on, what both count."""
    row = weeks.table[slot, part]
    if row < 0:
        return
    audited = False
    for t in range(room.relative.size):
        for f in range(room.exposure.shape[0]):
            audited = audited or (others >> f & 1 > 0 and room.exposure[f, t] > 0.0)
        column = week0 + t - weeks.first
        if not audited or column < 0 or column >= weeks.width:
            continue
        if room.counts[whole, t] > 0.0:
            left = room.counts[whole, t] - held(weeks.pool, weeks.lines[row, FACTS], column)
            room.counts[whole, t] = max(left, 0.0)
        by_day = weeks.lines[row, DAYS]
        if is_held(by_day):
            for day in range(7):
                events = held(weeks.pool, by_day, WEEKDAYS * column + day)
                room.daily[whole, t, day] = max(room.daily[whole, t, day] - events, 0)


@compiled
def _write(room: Room, counts: F64, exposure: F64, daily: U16) -> int:
    """Write a unit's rows; the first week that is different, or their number."""
    first = room.relative.size
    for f in range(room.counts.shape[0]):
        for t in range(room.relative.size):
            differs = counts[f, t] != room.counts[f, t] or exposure[f, t] != room.exposure[f, t]
            counts[f, t] = room.counts[f, t]
            exposure[f, t] = room.exposure[f, t]
            for day in range(7):
                events = np.uint16(room.daily[f, t, day])
                differs = differs or daily[f, t, day] != events
                daily[f, t, day] = events
            if differs and t < first:
                first = t
    return first


@compiled
def fill(
    slots: I64, own: I64, units: I64, weeks: Cells, months: Cells, calendar: Calendar,
    feeds: I64, starts: I64, bed_days: int, once: I64, week0: int, counts: F64,
    exposure: F64, daily: U16,
) -> I64:  # fmt: skip
    """Fill the rows of some units; give the first week of each that is different.

    Args:
        slots: the slot of every unit of the arrays.
        own: the slot of what each says of itself, or -1.
        units: the units to fill.
        weeks: the week grid.
        months: the month grid.
        calendar: the months of the weeks from ``week0``.
        feeds: a row a feed: its kind, position in the catalogue, first week that is
            not observed any more, row in ``starts``.
        starts: (rows, units) the first week in which a unit is observed.
        bed_days: position of the activity metric, or -1.
        once: rows of a feed, the position of a part of it that others count as well, and
            those as the bits of a number.
        week0: the first week.
        counts: F64[units, feeds, weeks], written.
        exposure: F64[units, feeds, weeks], written.
        daily: U16[units, feeds, weeks, 7], written.

    """
    number, width = feeds.shape[0], counts.shape[2]
    room = Room(
        np.empty((number, width)), np.empty((number, width)),
        np.empty((number, width, 7), dtype=np.int64), np.empty(width), np.empty(width),
    )  # fmt: skip
    first = np.full(units.size, width, dtype=np.int64)
    for place in range(units.size):
        u = units[place]
        slot, mine = slots[u], own[u]
        room.counts[:] = 0.0
        room.exposure[:] = 0.0
        room.daily[:] = 0
        room.relative[:] = 1.0
        if bed_days >= 0:
            _activity(weeks, months, calendar, slot, mine, bed_days, week0, room.below)
            _relative(room.below, room.relative)
        for f in range(number):
            position = feeds[f, POSITION]
            if feeds[f, KIND] == METRIC:
                _fill_metric(weeks, slot, mine, position, week0, f, room)
            elif feeds[f, KIND] == BY_WARD:
                _fill_by_ward(weeks, slot, mine, position, week0, f, room)
            elif feeds[f, KIND] == EVENTS:
                start = starts[feeds[f, STARTS], u]
                _fill_events(weeks, slot, position, week0, start, feeds[f, CLOSED], f, room)
            for t in range(width):
                if room.exposure[f, t] <= 0.0:
                    room.counts[f, t] = 0.0
        for pair in range(once.shape[0]):
            _count_once(weeks, slot, once[pair, 0], once[pair, 1], once[pair, 2], week0, room)
        first[place] = _write(room, counts[u], exposure[u], daily[u])
    return first
