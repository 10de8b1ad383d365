"""What a backtest says in the terminal."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.backtests.scenarios import LABEL, Scenario, names, scenario

_ROWS_SHOWN = 40
_GAPS_SHOWN = 8
# A date cut short says nothing; names can be broken.
_WHOLE = frozenset({"signal", "onset", "more", "subsided"})
WAYS = {
    "earshot": "Earshot",
    "earshot_level2": "at level 2",
    "nhs_rules": "NHS rules",
    "cusum": "CUSUM",
    "reference_rate": "against a rate",
}


def show(console: Console, result: dict[str, Any]) -> None:
    """The alerts, what was not watched, and the comparison."""
    _alerts(console, result)
    for level in ("level1", "level2"):
        rate = result["false_alerts_per_unit_year"][level]
        if rate["value"] is not None:
            counted = result["false_alerts_per_unit_year"]["counted"]
            console.print(
                f"{level}: {rate['value']:.3f} alerts per unit-year ({counted}),"
                f" 95 % interval {rate['lower']:.3f} to {rate['upper']:.3f},"
                f" budget {result['budgets'][level]:g}",
                highlight=False,
            )
    delay = result["delay"]
    if delay["units"]:
        console.print(
            f"{delay['detected']} of {delay['units']} changed units alerted;"
            f" median delay {_weeks(delay['interpolated'])}",
            highlight=False,
        )
    early = result["changed_before_watching"]
    if early:
        counts = "counts" if len(early) == 1 else "count"
        console.print(
            f"{_number(len(early), 'unit')} had changed before anybody watched, and {counts}"
            f" neither as found nor as false: {_named(early)}",
            highlight=False,
        )
    for unlike in result["unlike_peers"][:_GAPS_SHOWN]:
        feeds = ", ".join(f"{name} x{ratio:.1f}" for name, ratio in unlike["feeds"].items())
        console.print(
            f"{escape(unlike['unit'])}: the baseline itself is unlike its peers' ({escape(feeds)})",
            highlight=False,
        )
    _not_watched(console, result["not_watched"], result["history_periods"])
    _comparison(console, result)


def _alerts(console: Console, result: dict[str, Any]) -> None:
    """A row for each episode: its first alert, and how many more of the same followed."""
    alerts = result["alerts"]
    further = Counter(_place(alert, alert["adds_to"]) for alert in alerts if "adds_to" in alert)
    first = [alert for alert in alerts if "adds_to" not in alert]
    table = Table(
        title=f"{_number(len(alerts), 'alert')} in {_number(len(first), 'episode')},"
        f" {result['unit_years']:.1f} unit-years",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    directions = [_direction(alert) for alert in first]
    # Most often all are concerns, and the names of feeds can use the room.
    several = len({*directions, "concern"}) > 1
    for name in (
        "unit", "level", *(["direction"] if several else []), "signal", "onset", "feeds",
        "more", "subsided",
    ):  # fmt: skip
        table.add_column(name, no_wrap=name in _WHOLE, overflow="fold")
    for alert, direction in zip(first[:_ROWS_SHOWN], directions, strict=False):
        table.add_row(
            escape(alert["unit"]),
            str(alert["level"]),
            *([direction] if several else []),
            alert["first_signal_at"],
            alert["onset"],
            escape(", ".join(alert["feeds"])),
            str(further[_place(alert, alert["first_signal_at"])] or ""),
            alert.get("subsided_at", ""),
        )
    console.print(table)
    if len(first) > _ROWS_SHOWN:
        console.print(f"... and {len(first) - _ROWS_SHOWN} more episodes (--json writes all)")


def _direction(alert: dict[str, Any]) -> str:
    explained = f" (better reporting, {alert['explained_at']})" if "explained_at" in alert else ""
    return str(alert["direction"]) + explained


def _place(alert: dict[str, Any], first_signal: str) -> tuple[str, str, str]:
    return alert["unit"], alert["direction"], first_signal


def _number(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _named(units: list[str]) -> str:
    more = "" if len(units) <= _GAPS_SHOWN else ", ... (--json names all)"
    return ", ".join(escape(unit) for unit in units[:_GAPS_SHOWN]) + more


def _not_watched(console: Console, resting: dict[str, Any], history: int) -> None:
    if short := resting["too_short"]:
        console.print(
            f"{_number(len(short), 'unit')} never judged, for want of more than {history} observed"
            f" periods: {_named(short)}",
            highlight=False,
        )
    if resting["rested_unit_years"] > 0:
        years = resting["rested_unit_years"]
        console.print(
            f"{years:.1f} unit-years rested after declared new beginnings", highlight=False
        )
    gaps = resting["gaps"]
    for gap in gaps[:_GAPS_SHOWN]:
        console.print(
            f"data: nothing of {escape(gap['feed'])} from {gap['from']} to {gap['to']}"
            f" in {gap['units']} unit{'s' if gap['units'] > 1 else ''}",
            highlight=False,
        )
    if len(gaps) > _GAPS_SHOWN:
        console.print(f"data: {len(gaps) - _GAPS_SHOWN} more gaps (--json writes all)")


def _comparison(console: Console, result: dict[str, Any]) -> None:
    caption = (
        "median delay; 95 % intervals; NHS rules and CUSUM: any feed"
        "\nprecision: changes found, each once, of those and the false alerts"
    )
    rate_name = "false a unit-year"
    if result["false_alerts_per_unit_year"]["counted"] == "no unit changed":
        # Without a known change nothing says which alerts were false.
        caption += "\nno change is known (changed_at), so every alert counts"
        rate_name = "alerts a unit-year"
    table = Table(title="Three ways of watching the same data", caption=caption)
    for name in ("", "alerts", rate_name, "found", "delay", "precision"):
        table.add_column(name, justify="left" if not name else "right")
    for name, row in result["comparison"].items():
        delay, rate = row["delay"], row["false_alerts_per_unit_year"]
        found = f"{delay['detected']} of {delay['units']}" if delay["units"] else "-"
        table.add_row(
            WAYS[name],
            str(row["alerts"]),
            interval(rate, 2),
            found,
            _weeks(delay["interpolated"]) if delay["units"] else "-",
            interval(row["precision"], 0, per_cent=True),
        )
    console.print(table)


def interval(rate: dict[str, Any], digits: int, *, per_cent: bool = False) -> str:
    """A figure with its limits, or a dash."""
    if rate["value"] is None:
        return "-"
    scale, unit = (100, " %") if per_cent else (1, "")
    value, lower, upper = (f"{scale * rate[key]:.{digits}f}" for key in ("value", "lower", "upper"))
    return f"{value}{unit} ({lower}-{upper})"


def _weeks(weeks: float | None) -> str:
    return "not reached" if weeks is None else f"{weeks:.1f} weeks"


def show_scenario(console: Console, read: Scenario, told: dict[str, Any]) -> None:
    """What came of a scenario, beside official action."""
    console.print(f"\n[bold]{escape(read.title)}[/bold]")
    console.print(LABEL, style="italic")
    console.print(escape(read.notes), highlight=False)
    if told["mechanism_withheld"]:
        console.print(f"Withheld: {escape(read.expect.through)}.", highlight=False)
    table = Table(title=f"From {told['begins']}, {len(told['affected_units'])} affected")
    for name in ("", "first signal", "alerts", "per unit-year"):
        table.add_column(name)
    for name, heard in told["heard"].items():
        alerts, years = heard["alerts_of_affected_units"], heard["unit_years_of_affected_units"]
        rate = f"{alerts / years:.2f}" if years else "-"
        table.add_row(WAYS[name], heard["first_signal_at"] or "none", str(alerts), rate)
    console.print(table)
    explained = told["heard"]["earshot"]["explained_later"]
    if explained:
        console.print(f"{explained} of Earshot's alerts were told as better reporting later")
    if told["outage_heard_at"]:
        console.print(f"The outage is heard as one on {told['outage_heard_at']}", highlight=False)
    if told["unlike_peers_at"]:
        console.print(
            f"Unlike its peers since {told['unlike_peers_at']}: its own past is no standard",
            highlight=False,
        )
    for one in told["official"]:
        console.print(f"{one['date']}: {escape(one['what'])}", highlight=False)
    expected = told["expected"]
    said = "as expected" if expected["kept"] else "NOT as expected"
    before = f" before {expected['before']}" if expected["before"] else ""
    console.print(
        f"{said}: {expected['result']}{before} ({escape(expected['why'])})", highlight=False
    )
    for source in told["sources"]:
        console.print(f"source: {escape(source)}", style="dim", highlight=False)


def show_scenarios(console: Console) -> None:
    """The scenarios that ship, one line each."""
    for name in names():
        read = scenario(name)
        console.print(
            f"{name:19} {read.kind:8} {escape(read.summary)}", highlight=False, soft_wrap=True
        )
    console.print(LABEL, style="italic")
