"""A backtest as one picture (SVG, drawn by string like the control charts).

Above, for a scenario, what was counted in the affected units; then for each unit a lane in
which every way of watching has a row of marks; below, false alerts with their intervals,
delay and precision. Shapes tell the ways apart, not colour alone. Counts are drawn only
where they are simulated.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from api.sheet import INK, LINE, ZONE
from streams.backtests.backtest import Backtest
from streams.backtests.rivals import rivals
from streams.backtests.scenario_verdict import Outcome
from streams.backtests.scenarios import LABEL

WIDTH, LEFT, RIGHT = 860, 170, 20
LANES = 12
CHANGED = "#da291c"
_LANE, _ROW, _PANEL = 46, 13, 54
_EPOCH = date(1970, 1, 1)
_WAYS = (
    ("earshot", "Earshot", "#005eb8", "M-5 4.5L0-5L5 4.5z"),
    ("nhs_rules", "NHS rules", "#768692", "M-3.5-3.5h7v7h-7z"),
    ("cusum", "CUSUM", "#ae5f00", "M-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z"),
)
_LEAST_RATE, _MOST_RATE = 0.01, 30.0


class _Sheet:
    """A page that grows downwards."""

    def __init__(self, test: Backtest) -> None:
        self.out: list[str] = []
        self.y = 0.0
        self._ends = test.counts.end_days
        self._span = max(1, self._ends[-1] - self._first)

    @property
    def _first(self) -> int:
        return self._ends[0] - 7

    def x(self, day: float) -> float:
        """Where a day from 1970 stands."""
        place = LEFT + (day - self._first) / self._span * (WIDTH - LEFT - RIGHT)
        return min(max(place, LEFT), WIDTH - RIGHT)

    def text(self, x: float, words: str, *, anchor: str = "start", style: str = "") -> None:
        """Words on the current line."""
        self.out.append(
            f'<text x="{x:.1f}" y="{self.y:.1f}" text-anchor="{anchor}"{style}>'
            f"{escape(words)}</text>"
        )

    def years(self, height: float) -> None:
        """A line at every new year, over the height from here on."""
        begin = (_EPOCH + timedelta(days=self._first)).year + 1
        last = (_EPOCH + timedelta(days=self._ends[-1])).year
        for year in range(begin, last + 1):
            x = self.x((date(year, 1, 1) - _EPOCH).days)
            self.out.append(
                f'<path d="M{x:.1f} {self.y:.1f}v{height:.1f}" stroke="#d8dde0"/>'
                f'<text x="{x:.1f}" y="{self.y + height + 14:.1f}" text-anchor="middle" '
                f'fill="{LINE}">{year}</text>'
            )


def draw(test: Backtest, result: dict[str, Any], outcome: Outcome | None = None) -> str:
    """Draw a backtest.

    Args:
        test: what was watched.
        result: its report.
        outcome: the scenario that it is of, if it is of one.

    Returns:
        One ``<svg>`` element.

    """
    sheet = _Sheet(test)
    title = "Backtest: three ways of watching the same data"
    note = f"{result['unit_years']:.1f} unit-years judged, {len(test.counts.units)} units"
    if outcome is not None:
        title = outcome.drawn.scenario.title
        note = f"{LABEL} {len(test.counts.units)} units, seed {outcome.drawn.seed}."
    sheet.y = 24
    sheet.text(16, title, style=' font-size="16" font-weight="bold"')
    sheet.y = 44
    sheet.text(16, note, style=f' fill="{LINE}"')
    sheet.y = 58
    if outcome is not None:
        _feeds(sheet, test, outcome)
    _lanes(sheet, test, outcome)
    if outcome is not None:
        _official(sheet, outcome)
    _scores(sheet, result)
    height = sheet.y + 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-labelledby="b-t b-d" font-family="Frutiger, Arial, sans-serif" font-size="12" '
        f'fill="{INK}"><title id="b-t">{escape(title)}</title>'
        f'<desc id="b-d">{escape(_description(result))}</desc>'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
    )
    return head + "".join(sheet.out) + "</svg>\n"


def _description(result: dict[str, Any]) -> str:
    parts = []
    for way, name, _, _ in _WAYS:
        row = result["comparison"].get(way)
        if row is None:
            continue
        rate, delay = row["false_alerts_per_unit_year"], row["delay"]
        said = "unknown" if rate["value"] is None else f"{rate['value']:.2f}"
        found = f", {delay['detected']} of {delay['units']} changes found" if delay["units"] else ""
        parts.append(f"{name}: {said} false alerts per unit-year{found}")
    return "; ".join(parts) + "."


def _feeds(sheet: _Sheet, test: Backtest, outcome: Outcome) -> None:
    """Weekly counts over exposure in the affected units, thin, and their mean of eight weeks."""
    counts, some = test.counts, list(outcome.drawn.affected)
    begins = sheet.x(outcome.drawn.counts.end_days[outcome.drawn.begins] - 7)
    for feed, name in enumerate(counts.feeds):
        exposure = counts.block.exposure[some, feed].sum(axis=0)
        events = counts.block.counts[some, feed].sum(axis=0)
        rate = np.divide(events, exposure, out=np.full_like(events, np.nan), where=exposure > 0)
        window = np.ones(8)
        smooth = np.convolve(events, window)[: len(events)] / np.maximum(
            np.convolve(exposure, window)[: len(events)], 1e-9
        )
        smooth[exposure <= 0] = np.nan
        top = max(float(np.nanmax(rate)), 1e-9)
        floor = sheet.y + _PANEL - 6
        for line, stroke in (
            (rate, 'stroke="#aeb7bd" stroke-width=".8"'),
            (smooth, f'stroke="{INK}"'),
        ):
            path, drawing = [], False
            for column, value in enumerate(line):
                if not math.isnan(value):
                    y = floor - value / top * (_PANEL - 14)
                    step = "L" if drawing else "M"
                    path.append(f"{step}{sheet.x(counts.end_days[column]):.1f} {y:.1f}")
                drawing = not math.isnan(value)
            sheet.out.append(f'<path d="{"".join(path)}" fill="none" {stroke}/>')
        sheet.out.append(
            f'<path d="M{LEFT} {floor:.1f}H{WIDTH - RIGHT}" stroke="{LINE}"/>'
            f'<path d="M{begins:.1f} {floor:.1f}v{14 - _PANEL}" stroke="{CHANGED}" '
            'stroke-dasharray="4 3"/>'
            f'<text x="{LEFT - 8}" y="{floor - 14:.1f}" text-anchor="end">{escape(name)}</text>'
            f'<text x="{LEFT - 8}" y="{floor:.1f}" text-anchor="end" fill="{LINE}">'
            f"to {top:.3g} a week</text>"
        )
        sheet.y += _PANEL
    sheet.y += 4


def _lanes(sheet: _Sheet, test: Backtest, outcome: Outcome | None) -> None:
    nhs, cusum = rivals(test.counts, test.history, test.judged)
    marks: dict[str, list[tuple[int, int]]] = {
        "earshot": [(alert.unit, alert.column) for alert in test.alerts],
        "nhs_rules": list(nhs.alerts),
        "cusum": list(cusum.alerts),
    }
    shown = _shown(test, outcome)
    ends = test.counts.end_days
    sheet.years(_LANE * len(shown) + 4)
    for unit in shown:
        top = sheet.y + 4
        first = np.flatnonzero(test.judged[unit])
        until = sheet.x(ends[int(first[0])] - 7) if len(first) else WIDTH - RIGHT
        name = test.counts.units[unit]
        sheet.out.append(
            f'<rect x="{LEFT}" y="{top:.1f}" width="{until - LEFT:.1f}" height="{_LANE - 6}" '
            f'fill="{ZONE}"><title>baseline only</title></rect>'
            f'<text x="{LEFT - 8}" y="{top + 24:.1f}" text-anchor="end">{escape(name[:24])}</text>'
        )
        changed = test.counts.changed_at[unit]
        if changed is not None:
            x = sheet.x(changed)
            sheet.out.append(
                f'<path d="M{x:.1f} {top:.1f}v{_LANE - 6}" stroke="#da291c" stroke-width="1.5" '
                'stroke-dasharray="4 3"><title>the truth changed</title></path>'
            )
        for row, (way, _, colour, shape) in enumerate(_WAYS):
            y = top + 8 + row * _ROW
            drawn = "".join(
                f'<path d="{shape}" transform="translate({sheet.x(ends[column]):.1f} {y:.1f})"/>'
                for place, column in marks[way]
                if place == unit
            )
            if drawn:
                sheet.out.append(f'<g class="{way}" fill="{colour}">{drawn}</g>')
        sheet.y += _LANE
    left_out = len(test.counts.units) - len(shown)
    sheet.y += 34
    if left_out:
        sheet.text(LEFT, f"and {left_out} more units", style=f' fill="{LINE}"')
    x = float(WIDTH - RIGHT - 330)
    for _, name, colour, shape in _WAYS:
        sheet.out.append(
            f'<path d="{shape}" transform="translate({x:.1f} {sheet.y - 4:.1f})" fill="{colour}"/>'
        )
        sheet.text(x + 10, name)
        x += 95
    sheet.text(x, "| change", style=' fill="#da291c"')
    sheet.y += 14


def _shown(test: Backtest, outcome: Outcome | None) -> list[int]:
    """The affected and three peers of a scenario; else changed units, then those that alerted."""
    if outcome is not None:
        return list(range(len(test.counts.units)))[: min(LANES, len(outcome.drawn.affected) + 3)]
    changed = [unit for unit, day in enumerate(test.counts.changed_at) if day is not None]
    alerted = [alert.unit for alert in sorted(test.alerts, key=lambda alert: alert.column)]
    return list(dict.fromkeys([*changed, *alerted, *range(len(test.counts.units))]))[:LANES]


def _official(sheet: _Sheet, outcome: Outcome) -> None:
    signal = outcome.heard["earshot"].signal
    lines = [(one.date, one.what) for one in outcome.drawn.scenario.official]
    if signal is not None and not outcome.drawn.scenario.control:
        lines.append((signal, f"Earshot's first signal ({', '.join(outcome.feeds)})"))
    for day, what in sorted(lines):
        sheet.y += 16
        sheet.text(LEFT - 8, day.isoformat(), anchor="end")
        sheet.text(LEFT, what)
    if lines:
        sheet.y += 10


def _scores(sheet: _Sheet, result: dict[str, Any]) -> None:
    """False alerts on a logarithmic scale, delay and precision, a row each."""
    right = 470

    def place(rate: float) -> float:
        share = math.log(max(rate, _LEAST_RATE) / _LEAST_RATE) / math.log(_MOST_RATE / _LEAST_RATE)
        return LEFT + min(share, 1.0) * (right - LEFT)

    sheet.y += 18
    sheet.text(LEFT, "false alerts per unit-year, 95 % interval", style=' font-weight="bold"')
    sheet.text(right + 30, "found, median delay", style=' font-weight="bold"')
    sheet.text(right + 215, "precision", style=' font-weight="bold"')
    budget = place(result["budgets"]["level1"])
    height = 24 * len(_WAYS) + 6
    sheet.out.append(
        f'<path d="M{budget:.1f} {sheet.y + 6:.1f}v{height}" stroke="#007f3b" '
        f'stroke-dasharray="3 3"><title>the budget</title></path>'
    )
    for way, name, colour, shape in _WAYS:
        row = result["comparison"].get(way)
        if row is None:
            continue
        sheet.y += 24
        sheet.text(LEFT - 8, name, anchor="end")
        rate, delay, precise = row["false_alerts_per_unit_year"], row["delay"], row["precision"]
        if rate["value"] is not None:
            low, middle, high = (place(rate[key]) for key in ("lower", "value", "upper"))
            sheet.out.append(
                f'<path d="M{low:.1f} {sheet.y - 4:.1f}H{high:.1f}" stroke="{colour}" '
                f'stroke-width="2"/><path d="{shape}" fill="{colour}" '
                f'transform="translate({middle:.1f} {sheet.y - 4:.1f})"/>'
            )
        if delay["units"]:
            weeks = delay["interpolated"]
            said = "not reached" if weeks is None else f"{weeks:.1f} weeks"
            sheet.text(right + 30, f"{delay['detected']} of {delay['units']}, {said}")
        if precise["value"] is not None:
            sheet.text(right + 215, f"{precise['value']:.0%}")
    sheet.y += 22
    for tick in (0.01, 0.1, 1.0, 10.0):
        sheet.text(place(tick), f"{tick:g}", anchor="middle", style=f' fill="{LINE}"')
    sheet.y += 14
    sheet.text(
        LEFT, f"dashed: the budget, {result['budgets']['level1']:g}", style=' fill="#007f3b"'
    )
