"""What came of a scenario: when each way of watching spoke, and whether that was expected.

A failing is judged by the first alert of the affected unit after its change. A control,
and a failing that precedes all history, is judged by the alerts of the affected units
from the moment on which something begins: they keep silent when the number is
compatible with the budget of false alerts, that is when as many or more would come by
chance at least once in a hundred times. Chance is Poisson around a rate that is not quite
the budget in each fleet, for a threshold fitted to one year of sixty units is itself
uncertain (``FLEET_CV``): negative binomial. Several seeds are pooled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from detectors.single_series.silence import feed_outage
from streams.backtests.backtest import Backtest, Progress, run
from streams.backtests.rivals import rivals
from streams.backtests.scenario_fleet import Drawn, draw
from streams.backtests.scenario_reference import reference_alerts
from streams.backtests.scenarios import LABEL, Scenario

#: The share of seeds in which an expected signal has to come in time.
IN_TIME = 0.8
#: How improbable more alerts than the budget allows have to be to break a silence.
BY_CHANCE = 0.01
#: How much the false alerts of stable fleets differ, each with thresholds from its own year:
#: coefficient of variation over 16 fleets of 60 wards with correlated weeks.
FLEET_CV = 0.6
WAYS = ("earshot", "earshot_level2", "nhs_rules", "cusum", "reference_rate")

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one way of watching made of one run.

    ``signal`` is the end of the period that raised the first alert of an affected unit
    after the change; ``alerts`` and ``years`` are those of all affected units since then,
    of which ``explained`` were told to be better reporting by later weeks; ``false`` and
    ``quiet_years`` are those of everyone else and of the time before.
    """

    signal: date | None
    alerts: int
    years: float
    explained: int
    false: int
    quiet_years: float


@dataclass(frozen=True, eq=False)
class Outcome:
    """One run of a scenario.

    ``feeds`` are those that the first alert of an affected unit names, ``outage`` the
    day on which the watch for silent feeds tells of an outage, ``unlike`` the day from which an
    affected unit is known to be unlike its peers, and ``unlike_peers`` how many others are
    said to be, of how many.
    """

    drawn: Drawn
    test: Backtest
    heard: dict[str, Heard]
    feeds: tuple[str, ...]
    outage: date | None
    unlike: date | None
    unlike_peers: tuple[int, int]


def play(
    scenario: Scenario,
    *,
    budget: float = 0.2,
    budget2: float | None = None,
    seed: int | None = None,
    withheld: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Draw a scenario and watch it.

    Args:
        scenario: what happens.
        budget: false alerts per unit and year at level 1.
        budget2: the same at level 2, a quarter of it by default.
        seed: another seed than the scenario's own.
        withheld: leave out what lets a control be told from a failing.
        progress: called with what is being done and the share that is done.

    """
    drawn = draw(scenario, seed=seed, withheld=withheld)
    test = run(
        drawn.counts,
        budget=budget,
        budget2=budget / 4 if budget2 is None else budget2,
        history=scenario.history,
        progress=progress,
    )
    nhs, cusum = rivals(test.counts, test.history, test.judged)
    alerts = {
        "earshot": [(alert.unit, alert.column) for alert in test.alerts],
        "earshot_level2": [
            (alert.unit, alert.raised_column) for alert in test.alerts if alert.raised_column >= 0
        ],
        "nhs_rules": list(nhs.alerts),
        "cusum": list(cusum.alerts),
    }
    if scenario.reference_feeds:
        alerts["reference_rate"] = reference_alerts(drawn, test)
    heard = {way: _heard(drawn, test, found, way) for way, found in alerts.items()}
    heard["nhs_rules"] = replace(
        heard["nhs_rules"], signal=_heard(drawn, test, nhs.heard, "nhs_rules").signal
    )
    marked = [one for one in test.unlike if one.unit in drawn.affected]
    others = len(test.unlike) - len(marked)
    return Outcome(
        drawn=drawn,
        test=test,
        heard=heard,
        feeds=_feeds(drawn, test),
        outage=_outage(drawn),
        unlike=_EPOCH + timedelta(days=drawn.counts.end_days[marked[0].column - 1])
        if marked
        else None,
        unlike_peers=(others, scenario.peers - scenario.affected),
    )


def _heard(drawn: Drawn, test: Backtest, alerts: Sequence[tuple[int, int]], way: str) -> Heard:
    ends, per_year = drawn.counts.end_days, drawn.counts.per_year
    concerned = test.judged.copy()
    concerned[drawn.scenario.affected :] = False
    concerned[:, : drawn.begins] = False
    explained = {
        (alert.unit, alert.column if way == "earshot" else alert.raised_column)
        for alert in test.alerts
        if alert.withdrawn >= 0 and way.startswith("earshot")
    }
    hits = sorted(column for unit, column in alerts if concerned[unit, column])
    return Heard(
        signal=_EPOCH + timedelta(days=ends[hits[0]]) if hits else None,
        alerts=len(hits),
        years=float(concerned.sum()) / per_year,
        explained=sum(bool(concerned[alert]) and alert in explained for alert in alerts),
        false=len(alerts) - len(hits),
        quiet_years=float((test.judged & ~concerned).sum()) / per_year,
    )


def _feeds(drawn: Drawn, test: Backtest) -> tuple[str, ...]:
    """The feeds that the first alert of an affected unit names."""
    found = [
        alert
        for alert in test.alerts
        if alert.unit in drawn.affected and alert.column >= drawn.begins
    ]
    if not found:
        return ()
    first = min(found, key=lambda alert: alert.column)
    return tuple(test.stages[0].model.feeds[feed] for feed in first.feeds)


def _outage(drawn: Drawn) -> date | None:
    """When the watch for silent feeds would tell of the affected units' outage."""
    for outage in drawn.scenario.outages:
        feed = drawn.counts.feeds.index(outage.feed)
        totals = drawn.counts.block.counts[: drawn.scenario.affected, feed].sum(axis=0)
        per_year, minimum = drawn.counts.per_year, drawn.scenario.history // 2
        for found in feed_outage(
            totals, budget1=0.2, budget2=0.05, per_year=per_year, minimum=minimum
        ):
            if found.opened >= drawn.begins:
                return _EPOCH + timedelta(days=drawn.counts.end_days[found.opened])
    return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What several runs of a scenario say of one way of watching.

    ``signals`` are the dates in order, None (last) for runs without one; ``in_time``
    the share of runs that signalled before the day that the scenario names; ``chance`` the
    probability of as many alerts by chance alone; ``kept`` whether that is what was expected.
    """

    runs: int
    signals: tuple[date | None, ...]
    in_time: float
    alerts: int
    years: float
    explained: int
    chance: float
    false: int
    quiet_years: float
    kept: bool

    @property
    def middle(self) -> date | None:
        """The median signal; None where half the runs or more had none."""
        return self.signals[(len(self.signals) - 1) // 2] if self.signals else None


def verdict(outcomes: Sequence[Outcome], way: str = "earshot", *, budget: float = 0.2) -> Verdict:
    """Pool the runs of one scenario.

    Args:
        outcomes: runs of the same scenario under different seeds.
        way: one of ``WAYS``.
        budget: what an alert by chance is judged against.

    """
    scenario = outcomes[0].drawn.scenario
    heard = [outcome.heard[way] for outcome in outcomes]
    signals = sorted((one.signal for one in heard), key=lambda day: day or date.max)
    limit = scenario.expect.before or date.max
    in_time = sum(day is not None and day < limit for day in signals) / len(signals)
    alerts, years = sum(one.alerts for one in heard), sum(one.years for one in heard)
    chance = by_chance(alerts, budget * years, len(heard))
    signal = scenario.expect.result == "signal"
    return Verdict(
        runs=len(heard),
        signals=tuple(signals),
        in_time=in_time,
        alerts=alerts,
        years=years,
        explained=sum(one.explained for one in heard),
        chance=chance,
        false=sum(one.false for one in heard),
        quiet_years=sum(one.quiet_years for one in heard),
        kept=in_time >= IN_TIME if signal else chance >= BY_CHANCE,
    )


def by_chance(alerts: int, expected: float, fleets: int) -> float:
    """The probability of as many alerts or more in stable units of several fleets."""
    from scipy.stats import nbinom  # noqa: PLC0415 - costs a command-line start a second

    if not alerts:
        return 1.0
    alpha = FLEET_CV**2 / fleets
    return float(nbinom.sf(alerts - 1, 1.0 / alpha, 1.0 / (1.0 + alpha * expected)))


def told(outcome: Outcome, *, budget: float = 0.2) -> dict[str, Any]:
    """The outcome as plain data, for a result file."""
    scenario = outcome.drawn.scenario
    return {
        "name": scenario.name,
        "title": scenario.title,
        "label": LABEL,
        "kind": scenario.kind,
        "seed": outcome.drawn.seed,
        "mechanism_withheld": outcome.drawn.withheld,
        "begins": scenario.begins.isoformat(),
        "affected_units": [outcome.drawn.counts.units[unit] for unit in outcome.drawn.affected],
        "expected": {
            "result": scenario.expect.result,
            "before": scenario.expect.before and scenario.expect.before.isoformat(),
            "through": scenario.expect.through or None,
            "why": scenario.expect.why,
            "kept": verdict([outcome], budget=budget).kept,
        },
        "heard": {
            way: {
                "first_signal_at": heard.signal and heard.signal.isoformat(),
                "alerts_of_affected_units": heard.alerts,
                "unit_years_of_affected_units": heard.years,
                "explained_later": heard.explained,
                "false_alerts": heard.false,
                "quiet_unit_years": heard.quiet_years,
            }
            for way, heard in outcome.heard.items()
        },
        "outage_heard_at": outcome.outage and outcome.outage.isoformat(),
        "unlike_peers_at": outcome.unlike and outcome.unlike.isoformat(),
        "official": [
            {"date": one.date.isoformat(), "what": one.what, "source": one.source}
            for one in scenario.official
        ],
        "sources": list(scenario.sources),
        "notes": scenario.notes,
    }
