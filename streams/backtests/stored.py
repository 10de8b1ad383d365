"""The counts of a running house, as a backtest takes them: read, never written.

Units of one class with the feeds that the joint evidence weighs there, as the
production makes them of the stored facts: falls counted once, exposures relative to
each unit's own early activity, closed weeks only.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from detectors.evidence.counts import FeedCounts
from detectors.evidence.model import EvidenceModel
from streams.backtests.arrange import BacktestError
from streams.backtests.calibration import stack
from streams.backtests.countsfile import Counts
from streams.catalogue.indicators import Catalogue
from streams.evidence.counting import CountWatch
from streams.facts.periods import Grid, first_day
from streams.histories.series import Block, Histories

_EPOCH = date(1970, 1, 1)


def stored_counts(
    store: Histories,
    providers: Iterable[str],
    *,
    catalogue: Catalogue,
    level: str,
    model: EvidenceModel,
    changed: Mapping[str, float] | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Counts:
    """Read the weekly counts of all units of a level.

    Args:
        store: where histories are.
        providers: whose.
        catalogue: the indicators in force.
        level: ward, site or provider.
        model: names the feeds that are weighed at that level.
        changed: for units whose truth is known to have changed, the day from 1970.
        progress: called with the share of providers that are read.

    Raises:
        BacktestError: nothing is stored of the level, or a changed unit is not known.

    """
    codes: list[str] = []
    parts: list[FeedCounts] = []
    every = list(providers)
    for number, provider in enumerate(every):
        # The evidence is not asked here, so that the budgets do not matter.
        watch = CountWatch(level, model, budget1=0.2, budget2=0.05)
        found = watch.arrays(Block.load(store, catalogue, provider))
        if found is not None:
            codes += found[0]
            parts.append(found[1])
        progress((number + 1) / len(every))
    if not parts:
        raise BacktestError(f"the store holds no weekly counts of any {level}")
    block = stack(parts)
    known = np.asarray((block.exposure > 0).any(axis=(0, 2)))
    if not known.any():
        raise BacktestError(f"no {level} of the store has a closed week yet")
    unknown = sorted(set(changed or {}) - set(codes))
    if unknown:
        raise BacktestError(f"there is no {level} {unknown[0]} in the store")
    mondays = [first_day(Grid.WEEK, block.week0 + week) for week in range(block.periods + 1)]
    texts = [(_EPOCH + timedelta(days=day)).isoformat() for day in mondays]
    return Counts(
        units=tuple(codes),
        feeds=tuple(np.array(model.feeds)[known].tolist()),
        grid=Grid.WEEK,
        block=FeedCounts(block.counts[:, known], block.exposure[:, known], block.week0),
        starts=tuple(texts[:-1]),
        ends=tuple(texts[1:]),
        end_days=tuple(mondays[1:]),
        changed_at=tuple((changed or {}).get(code) for code in codes),
        knows_changes=changed is not None,
    )


def read_changes(path: str | Path) -> dict[str, float]:
    """Read which units' truth is known to have changed, and on which day.

    A CSV file with the columns ``unit`` and ``changed_at``.

    Raises:
        BacktestError: the file cannot be read or a row cannot be used; it names the line.

    """
    found: dict[str, float] = {}
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            table = csv.DictReader(stream)
            if not {"unit", "changed_at"} <= set(table.fieldnames or ()):
                raise BacktestError(f"{path}: the header must name unit and changed_at")
            for row in table:
                moment = datetime.fromisoformat(str(row["changed_at"]).strip())
                aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                found[str(row["unit"]).strip()] = aware.timestamp() / 86_400
    except OSError as error:
        raise BacktestError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BacktestError(f"{path}: not UTF-8 text") from error
    except ValueError as error:
        if isinstance(error, BacktestError):
            raise
        raise BacktestError(
            f"{path}: line {table.line_num}: changed_at must be a date such as 2026-03-30"
        ) from None
    return found
