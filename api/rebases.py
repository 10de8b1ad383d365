"""Rebases: a named person declares that a series begins anew, and may take that back.

From the period that holds the day on, the limits, the rules and the drift monitors of the
series start afresh. Alerts and their evidence do not: a deterioration that somebody explains
stays what it was.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path

from api.auth import Caller, CallerOf
from api.bodies import JsonBody, decoded, described
from api.drawing import rebases_of
from api.histories import History
from api.parameters import Cursor, Limit, page
from api.personal import invalid, screen
from api.problems import Problem, openapi_responses
from api.renderings import rebase_fields
from api.schemas import Listing
from api.schemas_rebases import RebaseIn, RebaseOut, WithdrawalIn
from api.series import Finder, SeriesId
from api.service import Service
from streams.alerts import disclosure
from streams.facts.periods import first_day
from streams.store import RebaseRow, UnknownItem

_EPOCH = date(1970, 1, 1)
RebaseNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class Rebasing:
    """What one caller may declare."""

    def __init__(self, service: Service, finder: Finder) -> None:
        self._service = service
        self._finder = finder

    def of(self, series_id: str, caller: Caller) -> list[RebaseRow]:
        """The rebases of a series that the caller may see, oldest first.

        Raises:
            Problem: ``not-found``.
        """
        history, unit = self._finder.one(series_id, caller)
        return self._of(unit.provider, history)

    def _of(self, provider: str, history: History) -> list[RebaseRow]:
        return rebases_of(self._service.store.rebases(provider), history.view)

    def declare(self, series_id: str, asked: RebaseIn, caller: Caller) -> RebaseRow:
        """Store a rebase.

        Raises:
            Problem: ``not-found``, or ``invalid`` where the series has no limits, the day
                leaves nothing before it, another rebase holds that day or the words seem
                to hold personal data.
        """
        history, unit = self._finder.one(series_id, caller)
        view = history.view
        if disclosure.is_protected(view.indicator.feed):
            raise invalid("rebased_at", "protected", "this series has no limits to start afresh")
        screen("person", asked.person)
        screen("reason", asked.reason)
        day = (asked.rebased_at - _EPOCH).days
        if not view.periods.size or day < first_day(view.grid, int(view.periods[0]) + 1):
            raise invalid("rebased_at", "too_early", "it leaves no period of the series before it")
        if any(
            row.rebased_at == asked.rebased_at and row.withdrawn_at is None
            for row in self._of(unit.provider, history)
        ):
            raise invalid("rebased_at", "taken", "the series is rebased on that day already")
        return self._service.store.add_rebase(
            unit.provider,
            view.unit,
            view.indicator.key,
            rebased_at=day,
            person=asked.person,
            reason=asked.reason,
            actor=caller.name,
            now=self._service.clock(),
        )

    def withdraw(
        self, series_id: str, number: int, asked: WithdrawalIn, caller: Caller
    ) -> RebaseRow:
        """Take a rebase back.

        Raises:
            Problem: ``not-found``, or ``invalid`` where it was taken back before or the
                words seem to hold personal data.
        """
        history, unit = self._finder.one(series_id, caller)
        found = {row.id: row for row in self._of(unit.provider, history)}
        if number not in found:
            raise Problem("not-found", "The series has no such rebase.")
        if found[number].withdrawn_at is not None:
            raise invalid("rebase", "withdrawn", "it was withdrawn before")
        screen("person", asked.person)
        screen("reason", asked.reason)
        try:
            return self._service.store.withdraw_rebase(
                unit.provider,
                number,
                person=asked.person,
                reason=asked.reason,
                actor=caller.name,
                now=self._service.clock(),
            )
        except UnknownItem:
            raise Problem("not-found") from None


def rebases_router(service: Service, finder: Finder) -> APIRouter:
    """``/v1/series/{series_id}/rebases``."""
    router = APIRouter(prefix="/v1/series/{series_id}/rebases", tags=["series"])
    rebasing = Rebasing(service, finder)

    @router.get(
        "",
        response_model=Listing[RebaseOut],
        responses=openapi_responses("invalid-cursor", "not-found"),
    )
    def list_rebases(
        series_id: SeriesId, caller: CallerOf, cursor: Cursor | None = None, limit: Limit = 100
    ) -> dict[str, Any]:
        """Every rebase of a series, oldest declaration first, with those that were withdrawn."""
        rows = [rebase_fields(row) for row in rebasing.of(series_id, caller)]
        items, after = page(rows, cursor, limit)
        return {"items": items, "next": after}

    @router.post(
        "",
        status_code=201,
        response_model=RebaseOut,
        responses=openapi_responses("not-found", "unsupported-media-type", "invalid"),
        openapi_extra=described(RebaseIn),
    )
    def post_rebase(series_id: SeriesId, body: JsonBody, caller: CallerOf) -> dict[str, Any]:
        """Declare that a series begins anew with the period that holds a day.

        Limits, rules and drift monitors start afresh there. Alerts and their evidence do not
        change. The audit keeps who declared it, and why.
        """
        return rebase_fields(rebasing.declare(series_id, decoded(RebaseIn, body), caller))

    @router.post(
        "/{rebase}/withdrawal",
        response_model=RebaseOut,
        responses=openapi_responses("not-found", "unsupported-media-type", "invalid"),
        openapi_extra=described(WithdrawalIn),
    )
    def post_withdrawal(
        series_id: SeriesId, rebase: RebaseNumber, body: JsonBody, caller: CallerOf
    ) -> dict[str, Any]:
        """Take a rebase back; it stays in the listing."""
        asked = decoded(WithdrawalIn, body)
        return rebase_fields(rebasing.withdraw(series_id, rebase, asked, caller))

    return router
