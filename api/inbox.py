"""The inbox: the list of alerts with their charts, and one form to act on several of them.

The form names each alert with the version that is shown, so that what a person has read is what
is acted on. It is sent to the address of the list itself: the answer is the list as it then
stands, with what became of each alert above it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse

from api.acts import Acts
from api.auth import Caller, CallerOf
from api.began import Began
from api.bodies import Body
from api.forms import Several, form_body, several
from api.histories import Histories, Reading
from api.pages import Pages
from api.parameters import Text
from api.places import Places
from api.problems import Problem, document
from api.renderings import alert_fields, contributing
from api.service import Service
from api.standing import standing
from api.together import Together
from streams.alerts.lifecycle import Action, Outcome, State
from streams.store import AlertRow, BadCursor

_ON_A_PAGE: Final = 10
_OF_A_GROUP: Final = 50
"""A group is read as one event, and mostly acted on as one."""
_NOTHING: Final = Several()
_DOMAINS: Final = ("safety", "effectiveness", "experience", "listening")


class Inbox:
    """Renders the list that one caller may see, and acts on what was chosen in it."""

    def __init__(
        self, service: Service, pages: Pages, histories: Histories, together: Together, acts: Acts
    ) -> None:
        self._service = service
        self._pages = pages
        self._histories = histories
        self._began = Began(together)
        self._acts = acts

    def page(
        self,
        caller: Caller,
        chosen: dict[str, str],
        cursor: str | None,
        *,
        asked: Several = _NOTHING,
        error: Mapping[str, Any] | None = None,
        acted: Mapping[str, Any] | None = None,
    ) -> Response:
        """The list of alerts, each with the chart of its first series.

        Args:
            caller: who reads it.
            chosen: the filters of the page.
            cursor: where it goes on.
            asked: what the form holds.
            error: why the form could not be taken.
            acted: what became of the alerts that were acted on.

        Raises:
            Problem: ``not-found`` for a unit or group that is not there, ``invalid-cursor``.
        """
        heard = self._pages.heard()
        places = self._pages.places(caller)
        selection = places.select(chosen["unit"] or None)
        began = self._began.shown(selection, chosen, first=cursor is None)
        try:
            page = self._service.store.list_alerts(
                units=selection.units,
                providers=selection.providers,
                states=[chosen["state"]] if chosen["state"] in set(State) else None,
                level=int(chosen["level"]) if chosen["level"] in {"1", "2"} else None,
                domain=chosen["domain"] if chosen["domain"] in _DOMAINS else None,
                among=began.among,
                cursor=cursor,
                limit=_ON_A_PAGE if began.among is None else _OF_A_GROUP,
            )
        except BadCursor:
            raise Problem("invalid-cursor") from None
        reading = self._histories.reading(internal=caller.internal)
        alerts = [self._with_chart(row, places, reading) for row in page.items]
        return self._pages.render(
            "alerts.html",
            here="/",
            status=int(error["status"]) if error else 200,
            heard=heard,
            alerts=alerts,
            chosen=chosen,
            began=began,
            states=list(State),
            domains=_DOMAINS,
            address=_address(chosen, cursor),
            next=_address(chosen, page.next) if page.next else None,
            lag=standing(self._service, caller).lag,
            actions=_open_to(alerts),
            outcomes=list(Outcome),
            asked=asked,
            error=error,
            acted=acted,
        )

    def _with_chart(self, row: AlertRow, places: Places, reading: Reading) -> dict[str, Any]:
        fields = alert_fields(row)
        fields["where"] = places.whereabouts(row.unit)
        first = contributing(row, reading, limit=1)
        fields["chart"] = (
            self._pages.drawn(
                first[0],
                places.name(first[0].view.unit),
                fields["onset"],
                monitored=False,
                within=row.id,
                provider=row.provider,
            )
            if first
            else None
        )
        return fields

    def act(
        self, caller: Caller, chosen: dict[str, str], cursor: str | None, body: bytes
    ) -> Response:
        """Act on the alerts that a form chose, then show the list with what became of them."""
        asked = several(body)
        # A form that is sent twice, for example by loading its answer again, is done once.
        key = f"form-{hashlib.sha256(body).hexdigest()}"
        try:
            answer = self._acts.act_once(key, body, asked.actions(), caller)
        except Problem as problem:
            if problem.status_code not in {409, 422}:
                raise
            found = document(problem.code, problem.detail, **problem.members)
            return self.page(caller, chosen, cursor, asked=asked.after(found), error=found)
        acted = self._told(orjson.loads(bytes(answer.body)), caller)
        try:
            return self.page(caller, chosen, cursor, acted=acted)
        except Problem:
            # The group or the unit is gone; what became of the alerts must be told all the same.
            return self.page(caller, dict.fromkeys(chosen, ""), None, acted=acted)

    def _told(self, told: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """What became of the alerts with what is said of each, those first that were left."""
        named = self._named([one["id"] for one in told["items"]], caller)
        items = [{**one, "alert": named.get(one["id"])} for one in told["items"]]
        order = ("refused", "unchanged", "done")
        return {**told, "items": sorted(items, key=lambda one: order.index(one["result"]))}

    def _named(self, ids: Collection[str], caller: Caller) -> Mapping[str, dict[str, Any]]:
        """Alerts by their ids, of whatever state, as far as the caller sees them."""
        page = self._service.store.list_alerts(
            among=ids, providers=caller.providers, states=list(State), limit=len(ids)
        )
        places = self._pages.places(caller)
        return {
            row.id: {**alert_fields(row), "where": places.whereabouts(row.unit)}
            for row in page.items
        }


def _open_to(alerts: Sequence[Mapping[str, Any]]) -> list[Action]:
    """Actions that one or more of several alerts can take; none where there are not several."""
    if len(alerts) < 2:
        return []
    return [one for one in Action if any(one in alert["allowed"] for alert in alerts)]


def _address(chosen: Mapping[str, str], cursor: str | None) -> str:
    """The list with what was chosen, from a cursor on."""
    kept = {name: value for name, value in {**chosen, "cursor": cursor or ""}.items() if value}
    return f"/?{urlencode(kept)}" if kept else "/"


def _chosen(
    unit: Text = "", level: Text = "", state: Text = "", domain: Text = "", together: Text = ""
) -> dict[str, str]:
    """The filters of the page, as its address has them."""
    kept = {"unit": unit.strip(), "level": level, "state": state, "domain": domain}
    return {**kept, "together": together}


ChosenOf = Annotated[dict[str, str], Depends(_chosen)]


def inbox_router(inbox: Inbox) -> APIRouter:
    """``/``."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    def alerts_page(caller: CallerOf, chosen: ChosenOf, cursor: Text | None = None) -> Response:
        return inbox.page(caller, chosen, cursor)

    @router.post("/")
    def actions_form(
        caller: CallerOf, request: Request, body: Body, chosen: ChosenOf, cursor: Text | None = None
    ) -> Response:
        return inbox.act(caller, chosen, cursor, form_body(request, body))

    return router
