"""False alerts of the whole house on a region without trouble, against the budget.

Everything that a provider's events pass through takes part: intake, histories, the
joint watch over the feeds with its looks within the week, shares, measurements and
silence, with the shipped calibration, which was not fitted to this region. Alerts
are counted by level of unit with exact 95 % Poisson intervals.

    python -m bench.budget [WEEKS] [SEED]
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import date

from bench.pipeline import NOW, messages, whole
from detectors.evidence.counts import WEEKS_PER_YEAR
from streams.backtests.scores import poisson_limits
from streams.catalogue.organisations import Organisations
from streams.evidence.evaluation import Budgets
from streams.intake.receiving import Context
from streams.region.plan import Plan

PROVIDERS, SITES, WARDS = 6, 2, 10
# Nothing alerts before half a year of history.
SILENT_WEEKS = 26


def main(weeks: int = 130, seed: int = 11) -> None:
    plan = Plan(
        end=date(2026, 11, 2),
        weeks=weeks,
        live_weeks=0,
        providers=PROVIDERS,
        sites=SITES,
        wards=WARDS,
        troubled=False,
        seed=seed,
    )
    context = Context(
        organisations=Organisations.load(None), now=NOW, open_registration=True, scope=None
    )
    events, seconds, house = whole(messages(plan), context)
    units: Counter[str] = Counter()
    alerts: Counter[tuple[str, str]] = Counter()
    for state in house.states.values():
        units.update(slot.kind for slot in state.block.slots if not slot.own)
        for alert in state.alerts.values():
            if alert.direction != "concern":
                alerts[alert.unit_kind, "improvement"] += 1
                continue
            alerts[alert.unit_kind, "level 1"] += 1
            if alert.level == 2:
                alerts[alert.unit_kind, "level 2"] += 1
    print(f"{events:,} events of a stable region of {weeks} weeks, seed {seed}, {seconds:.0f} s")
    budgets = Budgets()
    allowed = {"level 1": budgets.level1, "level 2": budgets.level2}
    print("unit      alerts       number  a unit and year   95 % interval    budget")
    for kind in ("ward", "site", "provider"):
        years = units[kind] * (weeks - SILENT_WEEKS) / WEEKS_PER_YEAR
        for what in ("level 1", "level 2", "improvement"):
            number = alerts[kind, what]
            low, high = poisson_limits(number, years)
            budget = f"{allowed[what]:.3f}" if what in allowed else ""
            print(
                f"{kind:9} {what:11} {number:7} {number / years:16.3f}"
                f"   {low:.3f} to {high:.3f} {budget:>9}"
            )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
