"""Backtests on files: causal, honest about the truth, the same by command line."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from streams.backtests import backtest
from streams.backtests.backtest import BacktestError, run
from streams.backtests.countsfile import read_counts
from streams.backtests.report import interpolated_median, report
from streams.evidence.reference import Reference

FEEDS = ("incidents", "complaints", "falls")
RATES = (5.0, 1.0, 2.0)
MONDAY = date(2022, 1, 3)
COLUMNS = ("unit", "feed", "period_start", "period_end", "count")


@pytest.fixture(autouse=True)
def small_simulations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrate on few pseudo-units: these tests ask what is used, not how exact it is."""
    monkeypatch.setattr(backtest, "PSEUDO_UNITS", 60)


def make(
    path: Path,
    *,
    weeks: int = 95,
    units: int = 12,
    changed: int = 4,
    at: int = 70,
    starts: tuple[int, ...] = (0,),
    seed: int = 1,
) -> Path:
    rng = np.random.default_rng(seed)
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(
            ["unit", "feed", "period_start", "period_end", "count", "exposure", "changed_at"]
        )
        for unit in range(units):
            rate = rng.gamma(5, 0.2)
            counts = rng.poisson(np.array(RATES)[:, None] * rate, size=(3, weeks))
            if unit < changed:
                counts[:, at:] = rng.poisson(2.5 * rate * np.array(RATES)[:, None], (3, weeks - at))
            for week in range(starts[unit % len(starts)], weeks):
                begin = MONDAY + timedelta(weeks=week)
                truth = MONDAY + timedelta(weeks=at) if unit < changed else ""
                for name, count in zip(FEEDS, counts[:, week], strict=True):
                    table.writerow([f"U{unit}", name, begin, begin + timedelta(7), count, 1, truth])
    return path


def shorten(path: Path, last: str, into: Path) -> Path:
    """Keep the rows of periods that had ended on a day."""
    lines = path.read_text().splitlines(keepends=True)
    into.write_text("".join(lines[:1] + [row for row in lines[1:] if row.split(",")[3] <= last]))
    return into


def test_changed_units_are_found_and_the_rest_counted_as_false(tmp_path: Path):
    counts = read_counts(make(tmp_path / "c.csv"))
    result = report(run(counts, budget=0.2, budget2=0.05))

    assert result["delay"]["units"] == 4
    assert result["delay"]["detected"] == 4
    assert 0 < result["delay"]["interpolated"] < 6
    assert result["unit_years"] == pytest.approx(12 * 43 / 52.18, rel=1e-3)
    false = result["false_alerts_per_unit_year"]
    assert false["lower"] <= false["value"] <= false["upper"]
    assert false["unit_years"] == pytest.approx((12 * 18 + 8 * 25) / 52.18, rel=1e-3)
    late = [item for item in result["alerts"] if item["unit"] in {"U0", "U1", "U2", "U3"}]
    raised = [item for item in late if item["level"] == 2]
    assert {item["unit"] for item in raised} == {"U0", "U1", "U2", "U3"}
    assert all(item["raised_at"] >= item["first_signal_at"] for item in raised)
    assert all(item["direction"] == "concern" for item in result["alerts"])


def test_a_change_within_the_baseline_is_told_and_scored_as_nothing(tmp_path: Path):
    result = report(run(read_counts(make(tmp_path / "c.csv", at=30)), budget=0.2, budget2=0.05))

    assert result["changed_before_watching"] == ["U0", "U1", "U2", "U3"]
    assert result["delay"]["units"] == 0
    assert {row["delay"]["units"] for row in result["comparison"].values()} == {0}
    false = result["false_alerts_per_unit_year"]
    assert false["unit_years"] == pytest.approx(8 * 43 / 52.18, rel=1e-3)


def test_alerts_on_a_lasting_change_add_to_its_first_until_that_subsides(tmp_path: Path):
    result = report(run(read_counts(make(tmp_path / "c.csv")), budget=1.0, budget2=0.5))
    openings = {
        (item["unit"], item["direction"], item["first_signal_at"]): item.get("subsided_at", "9999")
        for item in result["alerts"]
        if "adds_to" not in item
    }
    later = [item for item in result["alerts"] if "adds_to" in item]
    ends = [
        openings[item["unit"], item["direction"], item["adds_to"]] for item in later
    ]  # each adds to an alert that was told

    assert later
    assert all(
        item["adds_to"] < item["first_signal_at"] <= end
        for item, end in zip(later, ends, strict=True)
    )
    # What opens an episode comes after the one before it had ended.
    for (unit, direction, opened), end in openings.items():
        others = [o for u, d, o in openings if (u, d) == (unit, direction) and o > opened]
        assert all(other > end for other in others)
    # Every alert before a change counts as false, whether or not it adds to another.
    changed, when = {"U0", "U1", "U2", "U3"}, str(MONDAY + timedelta(weeks=70))
    false = [
        item
        for item in result["alerts"]
        if item["unit"] not in changed or item["first_signal_at"] <= when
    ]
    assert result["false_alerts_per_unit_year"]["alerts"] == len(false)


@pytest.mark.parametrize("starts", [(0,), (0, 6, 20, 31)])
def test_nothing_later_than_an_alert_was_used_for_it(tmp_path: Path, starts: tuple[int, ...]):
    path = make(tmp_path / "c.csv", starts=starts, changed=8)
    whole = report(run(read_counts(path), budget=1.0, budget2=0.5))["alerts"]
    assert len(whole) > 8
    for last in sorted({item["first_signal_at"] for item in whole})[::4]:
        part = read_counts(shorten(path, last, tmp_path / "s.csv"))
        then = report(run(part, budget=1.0, budget2=0.5))["alerts"]

        def said(items: list[dict], until: str = last) -> list[tuple]:
            return [
                tuple(str(item[k]) for k in ("unit", "first_signal_at", "onset", "feeds"))
                for item in items
                if item["first_signal_at"] <= until
            ]

        assert said(then) == said(whole)


def test_every_unit_is_baseline_only_for_its_own_first_periods(tmp_path: Path):
    path = make(tmp_path / "c.csv", starts=(0, 30), changed=12, at=60)
    result = report(run(read_counts(path), budget=0.2, budget2=0.05, history=40))
    first: dict[str, str] = {}
    for item in result["alerts"]:
        first.setdefault(item["unit"], item["first_signal_at"])

    late = str(MONDAY + timedelta(weeks=70))
    assert all(when > late for unit, when in first.items() if int(unit[1:]) % 2)
    assert any(when < late for unit, when in first.items() if not int(unit[1:]) % 2)


def test_a_months_file_with_names_of_its_own_is_judged_too(tmp_path: Path):
    rng = np.random.default_rng(4)
    path = tmp_path / "m.csv"
    with path.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for unit in range(6):
            for month in range(36):
                begin = date(2020 + month // 12, month % 12 + 1, 1)
                end = date(2020 + (month + 1) // 12, (month + 1) % 12 + 1, 1)
                mean = 20 * (2 if unit == 0 and month >= 24 else 1)
                table.writerow([f"U{unit}", "late letters", begin, end, rng.poisson(mean)])
    found = run(read_counts(path), budget=0.2, budget2=0.05)
    result = report(found)

    assert found.history == 12
    assert [a for a in result["alerts"] if a["unit"] == "U0" and a["first_signal_at"] > "2022-01"]
    assert result["unit_years"] == pytest.approx(12.0)
    assert result["false_alerts_per_unit_year"]["counted"] == "no unit changed"


def test_missing_weeks_and_a_late_feed_are_no_obstacle(tmp_path: Path):
    path = make(tmp_path / "c.csv")
    lines = path.read_text().splitlines(keepends=True)
    kept = [
        row
        for n, row in enumerate(lines)
        if n == 0 or (n % 11 and not (",falls," in row and row.split(",")[2] < "2022-06-01"))
    ]
    path.write_text("".join(kept))
    found = run(read_counts(path), budget=0.2, budget2=0.05)

    assert report(found)["delay"]["detected"] == 4
    assert len(found.stages) == 2


def test_a_stored_calibration_replaces_the_files_own(tmp_path: Path):
    counts = read_counts(make(tmp_path / "c.csv"))
    result = report(
        run(counts, budget=0.2, budget2=0.05, reference=Reference.shipped(), unit_class="ward")
    )

    assert result["calibration"]["source"] == Reference.shipped().version
    assert result["delay"]["detected"] == 4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"budget": 0.0, "budget2": 0.0}, "budgets must be positive"),
        ({"budget": float("inf"), "budget2": 0.05}, "below one alert a period, 52 a year"),
        ({"budget": 0.1, "budget2": 0.2}, "level 2 not above level 1"),
        ({"history": 2}, "at least 6"),
        ({"history": 400}, "nothing to judge"),
        ({"reference": Reference.shipped(), "unit_class": "planet"}, "no class planet"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict, words: str):
    counts = read_counts(make(tmp_path / "c.csv", weeks=60, at=55))
    with pytest.raises(BacktestError, match=words):
        run(counts, **{"budget": 0.2, "budget2": 0.05, **options})


def test_the_command_writes_the_file_and_a_table(tmp_path: Path):
    path = make(tmp_path / "c.csv", weeks=80, units=6)
    out = tmp_path / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "backtest", path, "--budget", "0.2", "--json", out],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "level1:" in done.stdout
    result = json.loads(out.read_text())
    assert set(result["alerts"][0]) >= {
        "unit", "level", "direction", "first_signal_at", "onset", "feeds",
    }  # fmt: skip


def test_the_command_names_the_line_of_a_bad_file(tmp_path: Path):
    path = tmp_path / "c.csv"
    path.write_text("unit,feed,period_start,period_end,count\nA,x,2024-01-01,2024-01-08,many\n")
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "backtest", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "line 2: count" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interpolated_median_spreads_ties_over_the_step_before_them():
    assert interpolated_median(np.array([1.0, 2.0, 2.0, 3.0])) == pytest.approx(1.5)
    assert interpolated_median(np.array([4.0, np.inf, np.inf])) is None
    assert interpolated_median(np.array([])) is None


def test_processes_share_the_units_out_and_change_nothing(tmp_path: Path):
    counts = read_counts(make(tmp_path / "c.csv", units=10, changed=5, starts=(0, 20)))
    alone, shared = (
        run(counts, budget=1.0, budget2=0.5, processes=processes) for processes in (1, 2)
    )

    assert alone.alerts
    assert shared.alerts == alone.alerts
    assert shared.improvements == alone.improvements


def test_a_declared_beginning_rests_and_then_is_judged_by_its_own_baseline(tmp_path: Path):
    path = make(tmp_path / "c.csv", weeks=160, units=12, changed=6, at=70)
    day = str(MONDAY + timedelta(weeks=70))
    lines = [line.strip() for line in path.read_text().splitlines()]
    rows = [
        line + ("," + day if n < 12 * 3 * 160 // 2 and f",{day}," in line else ",")
        for n, line in enumerate(lines[1:])
    ]
    path.write_text("\n".join([lines[0] + ",rebased_at", *rows]) + "\n")
    counts = read_counts(path)
    result = report(run(counts, budget=0.2, budget2=0.05))
    declared = {counts.units[unit] for unit, _, _ in counts.rebases}
    plain = report(run(read_counts(make(path, weeks=160, changed=6)), budget=0.2, budget2=0.05))

    assert declared == {f"U{unit}" for unit in range(6)}
    late = [a for a in result["alerts"] if a["unit"] in declared and a["first_signal_at"] > day]
    assert len(late) <= 2
    assert all(a["first_signal_at"] > str(MONDAY + timedelta(weeks=122)) for a in late)
    assert result["not_watched"]["rested_unit_years"] == pytest.approx(6 * 52 / 52.18, rel=1e-3)
    assert plain["not_watched"]["rested_unit_years"] == 0
    assert plain["delay"]["detected"] == 6


def test_gaps_of_a_feed_are_told_as_data(tmp_path: Path):
    path = make(tmp_path / "c.csv", units=8)
    out = {str(MONDAY + timedelta(weeks=week)) for week in range(80, 84)}
    kept = []
    for row in path.read_text().splitlines(keepends=True):
        unit, feed, start = row.split(",")[:3]
        if not (unit in {"U5", "U6"} and feed == "falls" and start in out):
            kept.append(row)
    path.write_text("".join(kept))
    told = report(run(read_counts(path), budget=0.2, budget2=0.05))["not_watched"]["gaps"]

    assert told == [
        {"kind": "data_quality", "feed": "falls", "from": min(out), "to": "2023-08-14", "units": 2}
    ]
