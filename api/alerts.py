"""Alerts: the list, one with all its evidence, and what people do about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api.acts import refused, screened
from api.auth import Caller, CallerOf
from api.bodies import JsonBody, decoded, described
from api.histories import Histories
from api.parameters import Code, Cursor, Limit, Moment, parse_moment
from api.personal import invalid
from api.places import Places
from api.problems import Problem, openapi_responses
from api.profiles import listening
from api.renderings import action_fields, alert_fields, alert_summary, contributing, named
from api.schemas import AlertDetail, AlertOut, Domain, Kind, Listing
from api.schemas_acts import ActionIn
from api.service import Service
from api.together import GroupId, Together
from streams.alerts.lifecycle import ForbiddenMove, IncompleteAction, State
from streams.store import AlertRow, BadCursor, UnknownItem, VersionConflict

AlertId = Annotated[str, Path(max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


class Alerts:
    """What one caller may read and do; pages and API share it."""

    def __init__(self, service: Service, histories: Histories, together: Together) -> None:
        self._service = service
        self._histories = histories
        self.together = together

    def seen(self, alert_id: str, caller: Caller) -> AlertRow:
        """An alert that the caller may see.

        Raises:
            Problem: ``not-found``; an alert out of scope is not told from none.
        """
        row = self._service.store.alert(alert_id)
        if row is None or not caller.sees(row.provider):
            raise Problem("not-found", "No such alert is visible to this caller.")
        return row

    def detail(self, row: AlertRow, caller: Caller) -> dict[str, Any]:
        """An alert as ``AlertDetail``."""
        places = Places(self._service, caller, self._service.clock().date())
        reading = self._histories.reading(internal=caller.internal)
        unit = places.unit(row.unit)
        return {
            **alert_fields(row),
            "series": named(places, contributing(row, reading)),
            "profile": listening(reading, unit),
            "actions": action_fields(row),
            "together": self.together.part_of(row.id, caller),
        }

    def act(self, alert_id: str, asked: ActionIn, caller: Caller) -> AlertRow:
        """Make a move.

        Raises:
            Problem: ``not-found``, ``forbidden-move`` with the ``allowed`` moves,
                ``version-conflict``, or ``invalid`` where the action lacks something or
                its words seem to hold personal data.
        """
        self.seen(alert_id, caller)
        screened(asked)
        try:
            return self._service.store.act(
                alert_id,
                asked.action,
                actor=caller.name,
                at=self._service.clock(),
                expected_version=asked.version,
                outcome=asked.outcome,
                note=asked.note,
                until=asked.until,
                assignee=asked.assignee,
            )
        except (UnknownItem, ForbiddenMove, VersionConflict) as error:
            raise refused(error) from None
        except IncompleteAction as error:
            raise invalid(error.field, "incomplete", str(error)) from None


def alerts_router(service: Service, alerts: Alerts) -> APIRouter:
    """``/v1/alerts``."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @router.get(
        "",
        response_model=Listing[AlertOut],
        responses=openapi_responses("invalid-cursor", "not-found"),
    )
    def list_alerts(  # one parameter for each filter of the contract
        caller: CallerOf,
        unit: Annotated[Code | None, Query(description="With all that lies under it.")] = None,
        state: Annotated[
            list[State] | None, Query(description="Several may be given; all but retracted.")
        ] = None,
        level: Annotated[int | None, Query(ge=1, le=2)] = None,
        kind: Kind | None = None,
        domain: Domain | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        together: GroupId | None = None,
        cursor: Cursor | None = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Alerts by the time of their first signal, newest first.

        `evidence` is a summary: the series that contribute and what each signal says. What
        explains the signals (figures, posterior, model) is at `/v1/alerts/{id}`.
        """
        places = Places(service, caller, service.clock().date())
        chosen = places.select(unit)
        among = None if together is None else alerts.together.group(together, chosen).alerts
        try:
            page = service.store.list_alerts(
                units=chosen.units,
                providers=chosen.providers,
                states=state or None,
                level=level,
                kind=kind,
                domain=domain,
                since=None if since is None else parse_moment(since),
                until=None if until is None else parse_moment(until),
                among=among,
                cursor=cursor,
                limit=limit,
            )
        except BadCursor:
            raise Problem("invalid-cursor") from None
        return {"items": [alert_summary(row) for row in page.items], "next": page.next}

    @router.get("/{alert_id}", response_model=AlertDetail, responses=openapi_responses("not-found"))
    def get_alert(alert_id: AlertId, caller: CallerOf) -> dict[str, Any]:
        """An alert with every contributing series, its points and limits, and what was done."""
        return alerts.detail(alerts.seen(alert_id, caller), caller)

    @router.post(
        "/{alert_id}/actions",
        response_model=AlertDetail,
        responses=openapi_responses(
            "not-found", "forbidden-move", "version-conflict", "unsupported-media-type", "invalid"
        ),
        openapi_extra=described(ActionIn),
    )
    def post_action(alert_id: AlertId, body: JsonBody, caller: CallerOf) -> dict[str, Any]:
        """Acknowledge, assign, comment, review, escalate, snooze, close or reopen."""
        row = alerts.act(alert_id, decoded(ActionIn, body), caller)
        return alerts.detail(row, caller)

    return router
