"""An explanation in words: what was counted, and what had been expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.store import Store
from tests.integration.earshot_process import earshot
from tests.integration.test_one_truth import run
from tests.region_log import batches, in_order, log


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a small region with troubles."""
    data = tmp_path_factory.mktemp("house")
    store = Store.open(f"sqlite:///{data}/earshot.db")
    run(store, batches(log(in_order()), 50))
    store.close()
    return data


def weighed(data: Path, *, kinds: set[str]) -> tuple[str, list[dict[str, Any]]]:
    """An alert on counts of a unit of these kinds, and how each feed was weighed."""
    store = Store.open(f"sqlite:///{data}/earshot.db")
    try:
        for row in store.list_alerts(limit=100).items:
            (signal, *_) = row.evidence["signals"]
            if signal["detector"] == "evidence.counts" and row.unit_kind in kinds:
                return row.id, signal["explanation"]["feeds"]
    finally:
        store.close()
    raise AssertionError("the region has no such alert")


def test_an_alert_on_counts_is_explained_by_what_each_feed_brought(house: Path) -> None:
    alert, feeds = weighed(house, kinds={"ward"})

    told = earshot("explain", alert, "--data", house).stdout

    compared = [feed for feed in feeds if feed["expected"]]
    assert compared
    for feed in compared:
        (line,) = [one for one in told.splitlines() if one.startswith(f"{feed['feed']} ")]
        assert f"{feed['observed']:.4g} since the onset, {feed['expected']:.4g} expected" in line
    assert "week0" not in told


def test_what_speaking_up_brought_is_not_in_an_explanation(house: Path) -> None:
    alert, feeds = weighed(house, kinds={"site", "provider"})

    told = earshot("explain", alert, "--data", house).stdout

    (line,) = [one for one in told.splitlines() if one.startswith("speakup ")]
    assert "speakup" in {feed["feed"] for feed in feeds}
    assert line.split() == ["speakup", "held", "back"]
