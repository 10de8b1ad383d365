"""Playing a simulated region into a running service, and telling what comes of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import detectors
from api.cli.alerts_listed import alert_table
from api.cli.embedded import Embedded
from streams.alerts import disclosure
from streams.facts.effects import AlertRecord
from streams.intake.packing import pack
from streams.intake.receiving import open_request
from streams.region.clerk import Sent
from streams.region.plan import Plan, Trouble, events
from streams.store import AlertRow

_CHUNK = 4000
_PATIENCE = 600.0
_LOOK = 0.2


@dataclass(slots=True)
class Player:
    """One demonstration: history as fast as it goes, then live at a given speed."""

    running: Embedded
    plan: Plan
    console: Console
    url: str
    stop: threading.Event
    _sent: list[Sent] = field(default_factory=list)
    _shown: set[str] = field(default_factory=set)

    def history(self) -> None:
        """Send the weeks before the cut and show the alerts they end with."""
        began = time.monotonic()
        places = self.plan.providers * self.plan.sites * self.plan.wards
        self.console.print(f"[bold]Earshot demonstration[/]: {self.url}")
        self.console.print(
            f"{self.plan.providers} simulated providers, {places} wards, "
            f"{self.plan.weeks} weeks of history up to {self.plan.cut:%d %B %Y}."
        )
        if not _compiled_before():
            self.console.print(
                "The first run compiles the detectors; that takes about half a minute, once."
            )
        self._sent = events(self.plan)
        cut = int(self.plan.cut.timestamp() * 1000)
        past = [sent for sent in self._sent if sent.at < cut]
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("events"),
            TimeElapsedColumn(),
            console=self.console,
        ) as bar:
            task = bar.add_task("Taking in history", total=len(past))
            before, _ = self.running.runner.progress()
            self._load(past, lambda done: bar.update(task, completed=done - before))
        if self.stop.is_set():
            return
        self._tell(time.monotonic() - began)

    def live(self, speed: float) -> None:
        """Send the weeks after the cut, ``speed`` events a second, until told to stop."""
        cut = int(self.plan.cut.timestamp() * 1000)
        to_come = [sent for sent in self._sent if sent.at >= cut]
        self.console.print(
            f"\nLive from here: {speed:g} events a second. The page is {self.url}  "
            "Ctrl-C ends the demonstration."
        )
        place, due = 0, 0.0
        while place < len(to_come) and not self.stop.wait(1.0):
            due += speed
            upto = _whole_moments(to_come, min(place + int(due), len(to_come)))
            due -= upto - place
            self._append(to_come[place:upto])
            place = upto
            self._announce(to_come[place - 1].at if place else cut)
        if not self.stop.is_set():
            self.console.print("The simulated region has reached today; the page stays up.")
            self.stop.wait()

    def _load(self, past: Sequence[Sent], show: Callable[[int], None]) -> None:
        deadline = time.monotonic() + _PATIENCE
        for start in range(0, len(past), _CHUNK):
            if self.stop.is_set():
                return
            self._append(past[start : start + _CHUNK])
            show(self.running.runner.progress()[1])
        while not self.stop.is_set() and time.monotonic() < deadline:
            idle = self.running.runner.wait_idle(_LOOK)
            show(self.running.runner.progress()[1])
            if idle:
                return

    def _append(self, sent: Sequence[Sent]) -> None:
        """Take events in as a request would be: decode, check, pack, make durable."""
        if not sent:
            return
        service = self.running.service
        body = b"\n".join(orjson.dumps(one.event) for one in sent)
        now = service.clock()
        opened = open_request(body, "application/x-ndjson", service.context(None, now))
        if opened.rejections:
            first = opened.rejections[0]
            raise AssertionError(f"a simulated event was refused: {first.code}: {first.detail}")
        self.running.journal.append(pack(opened.facts), now)
        self.running.runner.wake()

    def _alerts(self) -> list[dict[str, Any]]:
        page = self.running.house.store.list_alerts(limit=1000)
        return [_shown(row) for row in page.items]

    def _tell(self, seconds: float) -> None:
        alerts = self._alerts()
        self._shown = {alert["id"] for alert in alerts}
        self.console.print(
            f"\n[bold]{len(alerts)} alert(s)[/] after {seconds:.0f} seconds; "
            f"the page with their charts is {self.url}\n"
        )
        self.console.print(alert_table(alerts))
        self.console.print("\n[bold]What was planted, and what was heard[/]\n")
        self.console.print(_planted(self.plan, alerts))

    def _announce(self, at: int) -> None:
        """Print alerts that came up since the last look, with the simulated day."""
        fresh = [alert for alert in self._alerts() if alert["id"] not in self._shown]
        self._shown |= {alert["id"] for alert in fresh}
        day = datetime.fromtimestamp(at / 1000, UTC)
        for alert in fresh:
            self.console.print(
                f"{day:%d %B}  [bold]level {alert['level']}[/] "
                f"{escape(alert['unit_name'])} ({escape(alert['unit'])}): "
                f"{escape(alert['statement'])}"
            )


def _compiled_before() -> bool:
    """Whether compiled detectors are kept from an earlier run."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    place = Path(chosen) if chosen else Path(detectors.__file__).parent / "__pycache__"
    return any(place.rglob("*.nbi"))


def _whole_moments(sent: Sequence[Sent], upto: int) -> int:
    """``upto``, or later: what is sent at one moment (a week's metrics) is not torn apart."""
    while 0 < upto < len(sent) and sent[upto].at == sent[upto - 1].at:
        upto += 1
    return upto


def _shown(row: AlertRow) -> dict[str, Any]:
    """An alert as the terminal may show it."""
    told = disclosure.alert({one.name: getattr(row, one.name) for one in fields(AlertRecord)})
    return {**told, "state": str(row.state)}


def _planted(plan: Plan, alerts: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Where", "Planted", "Since", "Heard"):
        table.add_column(name, overflow="fold")
    for trouble in plan.troubles():
        since = plan.start + timedelta(weeks=trouble.week)
        table.add_row(
            trouble.unit, trouble.sentence, f"{since:%d %b %Y}", _heard(trouble, since, alerts)
        )
    return table


def _heard(trouble: Trouble, since: datetime, alerts: Sequence[dict[str, Any]]) -> str:
    """The first alert on the unit after its trouble began, or that there is none."""
    later = [
        alert
        for alert in alerts
        if alert["unit"] == trouble.unit
        and datetime.fromisoformat(alert["first_signal_at"]) >= since
    ]
    concerns = [alert for alert in later if alert["direction"] == "concern"]
    if not trouble.concern:
        if concerns:
            return "a concern, which it should not be"
        return "told as an improvement" if later else "no concern, as it should be"
    if not concerns:
        return "not yet"
    first = min(concerns, key=lambda alert: str(alert["first_signal_at"]))
    weeks = (datetime.fromisoformat(first["first_signal_at"]) - since).days / 7
    return f"{first['kind']}, level {first['level']}, after {weeks:.1f} weeks"
