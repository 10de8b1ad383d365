"""Counts files: one row per unit, feed and period, as a backtest reads them.

The header names ``unit,feed,period_start,period_end,count`` and, if known,
``exposure``, ``changed_at`` and ``rebased_at``. A row that cannot be used is an error
that names its line, never a silent gap (``countsrows``).
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO

import numpy as np

from detectors.evidence.counts import FeedCounts
from streams.backtests.countsrows import CountsFileError, Reading, header_of, take
from streams.facts.periods import PER_YEAR, Grid, first_day

__all__ = ["Counts", "CountsFileError", "read_counts"]

_FIRST = ("incidents", "complaints", "speakup", "falls")
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class Counts:
    """A counts file as arrays.

    Args:
        units, feeds: names, in an order that is not the file's: units by name, the feeds of
            events first and then the others by name.
        grid: weeks or months.
        block: the counts; periods without a row have exposure zero.
        starts, ends: for each column the text of the file's ``period_start`` and
            ``period_end``; columns without any row are written as dates.
        end_days: the day after each column's last one, from 1970.
        changed_at: for each unit the day on which the truth changed, or None.
        knows_changes: whether the file has a ``changed_at`` column.
        rebases: where somebody declared that a series begins anew (wards that merged,
            a definition that changed): unit, feed and the first column of the new
            stretch, in order.

    """

    units: tuple[str, ...]
    feeds: tuple[str, ...]
    grid: Grid
    block: FeedCounts
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    end_days: tuple[int, ...]
    changed_at: tuple[float | None, ...]
    knows_changes: bool
    rebases: tuple[tuple[int, int, int], ...] = ()

    @property
    def per_year(self) -> float:
        """Periods per year."""
        return PER_YEAR[self.grid]


def read_counts(path: str | Path) -> Counts:
    """Read a counts file.

    ``period_end`` may be the last day of a period or the day after it; one file
    keeps to one of them. An empty ``exposure`` takes the last one known of the same
    unit and feed; a feed that has none in all the file is counted without. A period without
    a row was not observed. Columns stand between commas, semicolons or tabs. Weeks may start on any
    weekday, but on the same in all the file; months start on the first.
    ``rebased_at`` may stand in any row of its unit and feed, a day each; the period
    that holds the day is the first of the new stretch.

    Raises:
        CountsFileError: the file cannot be read or a row cannot be used.

    """
    reading = Reading()
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream, strict=True, delimiter=_delimiter(stream))
            header = header_of(table.fieldnames)
            for row in table:
                take(reading, row, table.line_num)
    except OSError as error:
        raise CountsFileError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CountsFileError(f"{path}: not UTF-8 text") from error
    except csv.Error as error:
        raise CountsFileError(f"line {table.line_num}: {error}") from error
    if not reading.rows:
        raise CountsFileError("the file has no rows")
    return _arrays(reading, knows_changes="changed_at" in header)


def _delimiter(stream: TextIO) -> str:
    """What stands between the columns, by the first line; the stream is at its beginning again."""
    first = stream.readline()
    stream.seek(0)
    return max(",;\t", key=first.count)


def _arrays(reading: Reading, *, knows_changes: bool) -> Counts:
    grid = reading.grid or Grid.WEEK
    first = min(reading.texts)
    periods = max(reading.texts) - first + 1
    if periods > 5_000:
        raise CountsFileError(f"the file spans {periods} periods; 5,000 are the most")
    # The order of the rows must not decide anything: fit and simulation follow that of the arrays.
    units = sorted(reading.units)
    feeds = sorted(
        reading.feeds, key=lambda name: (_FIRST.index(name) if name in _FIRST else 9, name)
    )
    unit_place = {reading.units[name]: place for place, name in enumerate(units)}
    feed_place = {reading.feeds[name]: place for place, name in enumerate(feeds)}
    shape = (len(units), len(feeds), periods)
    counts, exposure = np.zeros(shape), np.zeros(shape)
    without = _feeds_without_exposure(reading)
    for (unit, feed, period), (count, relative, _) in reading.rows.items():
        place = (unit_place[unit], feed_place[feed], period - first)
        counts[place] = count
        exposure[place] = 1.0 if feed in without else relative
    _carry_forward(exposure)
    anchor = _anchor(reading)
    columns = [_column(reading, grid, anchor, period) for period in range(first, first + periods)]
    return Counts(
        units=tuple(units),
        feeds=tuple(feeds),
        grid=grid,
        block=FeedCounts(np.where(exposure > 0, counts, 0.0), exposure, first),
        starts=tuple(start for start, _, _ in columns),
        ends=tuple(end for _, end, _ in columns),
        end_days=tuple(day for _, _, day in columns),
        changed_at=tuple(reading.changed.get(reading.units[name]) for name in units),
        knows_changes=knows_changes,
        rebases=_rebases(reading, [day for _, _, day in columns], unit_place, feed_place),
    )


def _feeds_without_exposure(reading: Reading) -> set[int]:
    """Feeds that have no exposure in any row.

    Raises:
        CountsFileError: a unit has none of a feed that others have one of; its rate could
            not be compared with theirs, and leaving it out would be silence.
    """
    lines: dict[tuple[int, int], int] = {}
    known: set[tuple[int, int]] = set()
    for (unit, feed, _), (_, relative, line) in reading.rows.items():
        lines.setdefault((unit, feed), line)
        if not math.isnan(relative):
            known.add((unit, feed))
    with_some = {feed for _, feed in known}
    for place, line in lines.items():
        if place not in known and place[1] in with_some:
            raise CountsFileError(
                f"line {line}: this unit has no exposure for a feed that other units have one for"
            )
    return set(reading.feeds.values()) - with_some


def _rebases(
    reading: Reading, ends: list[int], units: dict[int, int], feeds: dict[int, int]
) -> tuple[tuple[int, int, int], ...]:
    """Declared new beginnings as columns; one before or after all periods changes nothing."""
    found = {
        (units[unit], feeds[feed], int(np.searchsorted(ends, moment, side="right")))
        for unit, feed, moment in reading.rebased
    }
    return tuple(sorted(place for place in found if 0 < place[2] < len(ends)))


def _carry_forward(exposure: np.ndarray) -> None:
    """Fill an empty exposure with the last one known of the series; else not observed."""
    for unit, feed in np.argwhere(np.isnan(exposure).any(axis=2)):
        last = 0.0
        series = exposure[unit, feed]
        for t, value in enumerate(series):
            if math.isnan(value):
                series[t] = last
            elif value > 0:
                last = float(value)


def _anchor(reading: Reading) -> int:
    """Day on which week 0 of the file's own weekday starts."""
    period = next(iter(reading.texts))
    return math.floor(reading.moments[reading.texts[period][0]]) - 7 * period


def _column(reading: Reading, grid: Grid, anchor: int, period: int) -> tuple[str, str, int]:
    day = anchor + 7 * period if grid is Grid.WEEK else first_day(grid, period)
    after = day + 7 if grid is Grid.WEEK else first_day(grid, period + 1)
    if period in reading.texts:
        return (*reading.texts[period], after)
    last = after - 1 if reading.inclusive else after
    return (_iso(day), _iso(last), after)


def _iso(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()
