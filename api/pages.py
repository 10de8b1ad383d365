"""The pages: one alert with its charts, units, series and feeds, rendered here.

They read what the API reads, through the same scope and disclosure, work without
JavaScript and fetch nothing from anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from api import wording
from api.alerts import AlertId, Alerts
from api.auth import Caller, CallerOf
from api.bodies import Body
from api.charts import render
from api.feeds import feed_fields, feeds_seen
from api.forms import asked_action, form_body
from api.histories import Histories, History
from api.peers import peers_link
from api.places import Places
from api.problems import Problem, document
from api.profiles import listening
from api.renderings import (
    alert_summary,
    contributing,
    delays_told,
    series_detail,
    series_summary,
    unit_fields,
)
from api.series import Finder, SeriesId
from api.service import Service
from api.units import UnitCode
from streams.alerts.lifecycle import Outcome
from streams.facts.effects import UnitRecord

_ALERTS_OF_A_UNIT: Final = 20
_KINDS: Final = ("nation", "region", "icb", "provider", "site", "ward")


def environment(service: Service) -> Environment:
    """The templates, with the words and numbers they use."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(wording.FILTERS)
    made.globals["service"] = service
    return made


class Pages:
    """Renders what one caller may see."""

    def __init__(
        self, service: Service, alerts: Alerts, finder: Finder, histories: Histories
    ) -> None:
        self._service = service
        self._alerts = alerts
        self._finder = finder
        self._histories = histories
        self._templates = environment(service)

    def render(self, name: str, *, here: str = "", status: int = 200, **shown: object) -> Response:
        """One page."""
        text = self._templates.get_template(name).render(here=here, **shown)
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    def problem(self, found: Mapping[str, Any]) -> Response:
        """An error for somebody who reads pages."""
        return self.render("problem.html", status=int(found["status"]), problem=found)

    def heard(self) -> int:
        """The number of the latest change, asked before what a page shows is read.

        From there on the page listens, so that nothing is missed while it is made and loaded.
        """
        return self._service.store.outbox_range()[1]

    def places(self, caller: Caller) -> Places:
        """The hierarchy today."""
        return Places(self._service, caller, self._service.clock().date())

    def drawn(
        self, history: History, unit_name: str, onset: str | None = None, *,
        provider: str, monitored: bool = True, within: str = ""
    ) -> dict[str, Any]:  # fmt: skip
        """A series with its chart, for the template that shows it."""
        picture = history.picture(unit_name, onset=onset)
        # A page may show one series under several alerts; its parts need names of their own.
        picture = replace(picture, name=f"{picture.name}{within}")
        # The picture is made here and escapes what it is given.
        svg = Markup(render(history.points, picture))  # noqa: S704 - as said above
        fields = series_detail(history, unit_name, monitored=monitored)
        return {
            **fields,
            "title": picture.title,
            "svg": svg,
            "arriving": history.arrival_words,
            "peers": peers_link(
                self._service.catalogue, provider, history.view.unit, fields["indicator"]
            ),
        }

    def alert(
        self, alert_id: str, caller: Caller, error: Mapping[str, Any] | None = None
    ) -> Response:
        """One alert with its evidence, charts, listening profile and actions."""
        heard = self.heard()
        row = self._alerts.seen(alert_id, caller)
        fields = self._alerts.detail(row, caller)
        places = self.places(caller)
        charts = [
            self.drawn(one, places.name(one.view.unit), fields["onset"], provider=row.provider)
            for one in contributing(row, self._histories.reading(internal=caller.internal))
        ]
        return self.render(
            "alert.html",
            status=int(error["status"]) if error else 200,
            heard=heard,
            alert=fields,
            where=places.whereabouts(row.unit),
            evidence={k: v for k, v in fields["evidence"].items() if k != "series"},
            charts=charts,
            outcomes=list(Outcome),
            error=error,
        )

    def act(self, alert_id: str, body: bytes, caller: Caller) -> Response:
        """Make the move of a form, then show the alert again."""
        try:
            self._alerts.act(alert_id, asked_action(body), caller)
        except Problem as problem:
            if problem.status_code not in {409, 422}:
                raise
            return self.alert(
                alert_id, caller, document(problem.code, problem.detail, **problem.members)
            )
        return RedirectResponse(f"/alerts/{alert_id}", 303)

    def units(self, caller: Caller) -> Response:
        """All units down to sites, by kind."""
        found = [unit_fields(one) for one in self.places(caller).units() if one.kind != "ward"]
        found.sort(key=lambda unit: (_KINDS.index(unit["kind"]), unit["name"]))
        groups = [(kind, list(some)) for kind, some in groupby(found, lambda unit: unit["kind"])]
        return self.render("units.html", here="/units", groups=groups)

    def unit(self, code: str, caller: Caller) -> Response:
        """A unit: its alerts, its listening profile, its series, the units below."""
        heard = self.heard()
        places = self.places(caller)
        unit = places.unit(code)
        selection = places.select(code)
        page = self._service.store.list_alerts(
            units=selection.units, providers=selection.providers, limit=_ALERTS_OF_A_UNIT
        )
        profile: list[dict[str, Any]] = []
        series: list[History] = []
        if unit.provider:
            reading = self._histories.reading(internal=caller.internal)
            profile = listening(reading, unit)
            series = list(reading.of_unit(unit.provider, unit.code))
        return self.render(
            "unit.html",
            heard=heard,
            unit=unit_fields(unit),
            parents=list(reversed([unit_fields(one) for one in places.parents(unit)])),
            children=[unit_fields(one) for one in places.children(unit)],
            alerts=[alert_summary(row) for row in page.items],
            profile=profile,
            series=[self._summary(history, unit) for history in series],
            delays=delays_told(series),
        )

    def _summary(self, history: History, unit: UnitRecord) -> dict[str, Any]:
        """Where a series stands, and the way to its peers."""
        key = history.view.indicator.key
        link = peers_link(self._service.catalogue, unit.provider, unit.code, key)
        return {**series_summary(history, unit.name), "peers": link}

    def series(self, series_id: str, caller: Caller) -> Response:
        """One series with its chart and its table."""
        history, unit = self._finder.one(series_id, caller)
        return self.render(
            "series.html", one=self.drawn(history, unit.name, provider=unit.provider)
        )

    def feeds(self, caller: Caller) -> Response:
        """All feeds, the silent ones first."""
        places = self.places(caller)
        feeds = [feed_fields(health) for health in feeds_seen(self._service, caller)]
        feeds.sort(key=lambda feed: (not feed["silent"], feed["provider"]))
        names = {feed["provider"]: places.name(feed["provider"]) for feed in feeds}
        return self.render("feeds.html", here="/feeds", feeds=feeds, names=names)


def pages_router(pages: Pages) -> APIRouter:
    """The pages below the inbox."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/alerts/{alert_id}")
    def alert_page(alert_id: AlertId, caller: CallerOf) -> Response:
        return pages.alert(alert_id, caller)

    @router.post("/alerts/{alert_id}/actions")
    def action_form(alert_id: AlertId, body: Body, caller: CallerOf, request: Request) -> Response:
        return pages.act(alert_id, form_body(request, body), caller)

    @router.get("/units")
    def units_page(caller: CallerOf) -> Response:
        return pages.units(caller)

    @router.get("/units/{code}")
    def unit_page(code: UnitCode, caller: CallerOf) -> Response:
        return pages.unit(code, caller)

    @router.get("/series/{series_id}")
    def series_page(series_id: SeriesId, caller: CallerOf) -> Response:
        return pages.series(series_id, caller)

    @router.get("/feeds")
    def feeds_page(caller: CallerOf) -> Response:
        return pages.feeds(caller)

    return router
