"""The named scenarios over several seeds: when each way of watching spoke, and who kept silent.

    python -m bench.scenarios [--seeds N] [--processes N] [--write]

``--write`` puts the tables into ``docs/methods-scenarios.md``, and a short one into
``docs/methods.md``, between their marks and draws the pictures of two scenarios under their own
seeds. The series of real data (deaths
certified by Shipman, cardiac operations) are read from the reference cases of the tests.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from api.cli.backtest_picture import draw
from detectors.sequential.risk_adjusted_cusum import risk_adjusted_cusum
from detectors.sequential.sprt import sprt
from detectors.sequential.sprt_models import PoissonRisk
from streams.backtests.report import report
from streams.backtests.scenario_verdict import Outcome, Verdict, play, verdict
from streams.backtests.scenarios import Scenario, names, scenario

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "methods-scenarios.md"
SHORT_PAGE = ROOT / "docs" / "methods.md"
PICTURES = ROOT / "docs" / "images"
DRAWN = ("mid-staffordshire", "reporting-culture")
CASES = ROOT / "tests" / "reference"
BESIDE = Path(os.environ.get("EARSHOT_REFERENCE_CASES", ROOT.parent / "shared" / "reference"))
BUDGET = 0.2
SEEDS = 12
STEP = 100  # between seeds; any other would do


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one scenario."""

    scenario: Scenario
    found: dict[str, Verdict]
    withheld: Verdict | None
    unlike: int
    others_unlike: float
    outages: tuple[date | None, ...]


def play_once(name: str, seed: int, withheld: bool) -> Outcome:  # noqa: FBT001 - for a pool
    return play(scenario(name), budget=BUDGET, seed=seed, withheld=withheld)


def rows(seeds: int, processes: int) -> Iterator[Row]:
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for name in names():
            read = scenario(name)
            chosen = [read.seed + STEP * number for number in range(seeds)]
            runs = list(pool.map(play_once, [name] * seeds, chosen, [False] * seeds))
            careless = None
            if read.control and read.expect.through != "season":
                runs2 = list(pool.map(play_once, [name] * seeds, chosen, [True] * seeds))
                careless = verdict(runs2, budget=BUDGET)
            others = [run.unlike_peers for run in runs]
            yield Row(
                scenario=read,
                found={way: verdict(runs, way, budget=BUDGET) for way in runs[0].heard},
                withheld=careless,
                unlike=sum(run.unlike is not None for run in runs),
                others_unlike=sum(n for n, _ in others) / max(1, sum(of for _, of in others)),
                outages=tuple(run.outage for run in runs),
            )
            print(name, flush=True)


def failings(found: list[Row]) -> str:
    lines = [
        (
            "| scenario | change | Earshot, median signal (earliest to latest) | in time "
            "| level 2 | against a rate | unlike peers | official action | expected |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        read, first = row.scenario, row.scenario.official[0]
        seen, second = row.found["earshot"], row.found["earshot_level2"]
        rate = row.found.get("reference_rate")
        expect = read.expect
        in_time = f"{seen.in_time:.0%} before {expect.before}" if expect.before else "-"
        lines.append(
            f"| `{read.name}` | {read.begins} | {spread(seen)} | {in_time} | {spread(second)} | "
            f"{spread(rate) if rate else '-'} | {row.unlike} of {seen.runs} | "
            f"{first.date}: {first.what} | {expect.result}: {kept(seen)} |"
        )
    return "\n".join(lines)


def controls(found: list[Row]) -> str:
    lines = [
        (
            "| scenario | through | alerts per unit-year of those concerned | as many by chance "
            "| withheld | NHS rules | CUSUM | silence |"
        ),
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        seen = row.found["earshot"]
        explained = (
            f", {seen.explained / seen.alerts:.0%} explained later" if seen.explained else ""
        )
        chance = "under 0.001" if seen.chance < 0.001 else f"{seen.chance:.3f}"
        lines.append(
            f"| `{row.scenario.name}` | {row.scenario.expect.through} | "
            f"{rate(seen)}{explained} | {chance} | "
            f"{rate(row.withheld) if row.withheld else '-'} | {rate(row.found['nhs_rules'])} | "
            f"{rate(row.found['cusum'])} | {kept(seen)} |"
        )
    return "\n".join(lines)


def summary(found: list[Row]) -> str:
    """Every scenario in a line: when it was heard, and when somebody acted."""
    lines = [
        "| simulated scenario | change | Earshot, median signal | official action |",
        "|---|---|---|---|",
    ]
    for row in found:
        read, seen = row.scenario, row.found["earshot"]
        heard = f"{seen.middle or 'not in half the runs'}"
        acted = f"{read.official[0].date}: {read.official[0].what}" if read.official else "-"
        if read.control:
            heard, acted = f"silent: {rate(seen)} a unit-year", "none: nothing is wrong"
        lines.append(f"| `{read.name}` | {read.begins} | {heard} | {acted} |")
    return "\n".join(lines)


def peers(found: list[Row]) -> str:
    lines = [
        "| scenario | unit-years | Earshot | level 2 | NHS rules | CUSUM | against a rate |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        cells = [
            false_rate(row.found[way]) if way in row.found else "-"
            for way in ("earshot", "earshot_level2", "nhs_rules", "cusum", "reference_rate")
        ]
        years = row.found["earshot"].quiet_years
        lines.append(f"| `{row.scenario.name}` | {years:,.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(found: Verdict) -> str:
    known = [day for day in found.signals if day is not None]
    if not known:
        return f"none in {found.runs} runs"
    middle = found.middle or "not in half the runs"
    missed = len(found.signals) - len(known)
    latest = f"{known[-1]}" if not missed else f"never in {missed} of {found.runs}"
    return f"{middle} ({known[0]} to {latest})"


def rate(found: Verdict) -> str:
    return f"{found.alerts / found.years:.2f}" if found.years else "-"


def false_rate(found: Verdict) -> str:
    return f"{found.false / found.quiet_years:.3f}" if found.quiet_years else "-"


def kept(found: Verdict) -> str:
    return "kept" if found.kept else "**not kept**"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def real_series() -> str:
    lines = [
        "| series | method | signal | what happened |",
        "|---|---|---|---|",
    ]
    groups: dict[str, list[dict[str, str]]] = defaultdict(list)
    for entry in table(CASES / "shipman_sprt.csv"):
        groups[entry["group"]].append(entry)
    for group, entries in groups.items():
        deaths = np.array([[float(one["obs"]), float(one["exp"])] for one in entries])
        for lower, method in (("none", "SPRT"), ("hold", "CUSUM")):
            years = []
            for error in (1e-2, 1e-4, 1e-6):
                path = sprt(deaths, PoissonRisk(2.0), alpha=error, beta=error, lower=lower)
                hits = np.flatnonzero(path.signals == 1)
                years.append(entries[int(hits[0])]["year"] if hits.size else "none")
            lines.append(
                f"| deaths certified by Shipman, {group.replace('65plus', ' 65 and over')} | "
                f"{method} of doubled risk, errors 1e-2, 1e-4, 1e-6 | {', '.join(years)} | "
                "arrest in September 1998 |"
            )
    cardiac = BESIDE / "racusum_cardiac_spcadjust.csv"
    if cardiac.exists():
        patients = table(cardiac)
        outcome = np.array([float(one["y"]) for one in patients])
        risk = np.array([float(one["p"]) for one in patients])
        for h in (4.5, 7.0):
            alarms = risk_adjusted_cusum(outcome, risk, rise=2.0, h=h).alarms + 1
            said = ", ".join(f"operation {n:,}" for n in alarms) or "none"
            lines.append(
                f"| cardiac operations of one centre ({len(patients):,}) | risk-adjusted CUSUM of "
                f"doubled odds, h = {h:g} | {said} | phase I is the first two years |"
            )
    return "\n".join(lines)


def write(page: Path, parts: dict[str, str]) -> None:
    text = page.read_text("utf-8")
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n{part}\n{end}{tail}"
    page.write_text(text, "utf-8")


def write_pictures() -> None:
    for name in DRAWN:
        outcome = play(scenario(name), budget=BUDGET)
        picture = draw(outcome.test, report(outcome.test), outcome)
        (PICTURES / f"scenario-{name}.svg").write_text(picture, "utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=SEEDS)
    options.add_argument("--processes", type=int, default=1)
    options.add_argument("--write", action="store_true")
    asked = options.parse_args()
    found = list(rows(asked.seeds, asked.processes))
    parts = {
        "failings": failings([row for row in found if not row.scenario.control]),
        "controls": controls([row for row in found if row.scenario.control]),
        "peers": peers([row for row in found if row.found["earshot"].quiet_years]),
        "real series": real_series(),
        "runs": f"{asked.seeds} seeds a scenario, a budget of {BUDGET:g} at level 1.",
    }
    short = {"scenarios": summary(found)}
    for part in (*parts.values(), *short.values()):
        print(part, end="\n\n")
    if asked.write:
        write(PAGE, parts)
        write(SHORT_PAGE, short)
        write_pictures()


if __name__ == "__main__":
    main()
