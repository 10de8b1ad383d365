"""``POST /v1/alerts/actions``: one action on several alerts, for who has read them as one event.

Acted on is what was read: alerts by their ids, each with the version that was shown. A group that
began together is not named here, because it may have other members by the time it is acted on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import orjson
from fastapi import APIRouter, Response

from api.auth import Caller, CallerOf
from api.bodies import JsonBody, decoded, described
from api.once import OnceKey, idempotency_key, once
from api.personal import invalid, screen
from api.problems import Problem, document, openapi_responses
from api.schemas_acts import ActIn, ActionsIn, ActionsOut
from api.service import Service
from streams.alerts.lifecycle import ForbiddenMove, IncompleteAction
from streams.store import Acted, UnknownItem, VersionConflict

Refusal = UnknownItem | VersionConflict | ForbiddenMove


def refused(error: Refusal) -> Problem:
    """Why an alert was left as it is."""
    if isinstance(error, ForbiddenMove):
        return Problem("forbidden-move", str(error), state=error.state, allowed=list(error.allowed))
    if isinstance(error, VersionConflict):
        return Problem("version-conflict", current=error.current)
    return Problem("not-found", "No such alert is visible to this caller.")


def screened(asked: ActIn) -> None:
    """Refuse an action whose words seem to hold personal data.

    Raises:
        Problem: ``invalid``.
    """
    screen("note", asked.note)
    screen("assignee", asked.assignee)


class Acts:
    """What one caller may do with several alerts; pages and API share it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def act(self, asked: ActionsIn, caller: Caller) -> Response:
        """Act on each alert and tell what became of it, as ``ActionsOut``.

        The status is 200, or 207 where one or more were refused.

        Raises:
            Problem: ``invalid`` where the action lacks something or its words seem to hold
                personal data; nothing was done.
        """
        screened(asked)
        try:
            acted = self._service.store.act_on(
                {one.id: one.version for one in asked.alerts},
                asked.action,
                actor=caller.name,
                at=self._service.clock(),
                providers=caller.providers,
                outcome=asked.outcome,
                note=asked.note,
                until=asked.until,
                assignee=asked.assignee,
            )
        except IncompleteAction as error:
            raise invalid(error.field, "incomplete", str(error)) from None
        items = [_fields(one) for one in acted]
        counts = Counter(one["result"] for one in items)
        told = {name: counts[name] for name in ("done", "unchanged", "refused")}
        return Response(
            orjson.dumps({"action": asked.action, **told, "items": items}),
            207 if counts["refused"] else 200,
            media_type="application/json",
        )

    def act_once(self, key: str, body: bytes, asked: ActionsIn, caller: Caller) -> Response:
        """``act``, done once for an idempotency key; ``body`` is what was sent with it.

        Raises:
            Problem: as ``act``; a key in use or used for another request.
        """
        fingerprint = hashlib.sha256(b"actions\0" + body).digest()
        return once(self._service, key, fingerprint, caller, lambda: self.act(asked, caller))


def _fields(acted: Acted) -> dict[str, Any]:
    """What became of an alert, as ``ActedOut``."""
    result, problem = "done" if acted.done else "unchanged", None
    if acted.refusal is not None:
        found = refused(acted.refusal)
        result, problem = "refused", document(found.code, found.detail, **found.members)
    return {
        "id": acted.alert_id,
        "result": result,
        "state": acted.state,
        "version": acted.version,
        "problem": problem,
    }


def acts_router(acts: Acts) -> APIRouter:
    """``/v1/alerts/actions``."""
    router = APIRouter(prefix="/v1/alerts", tags=["alerts"])

    @router.post(
        "/actions",
        response_model=ActionsOut,
        responses={
            207: {"model": ActionsOut, "description": "Some alerts were left; each tells why"},
            **openapi_responses(
                "idempotency-key-invalid",
                "idempotency-key-running",
                "too-large",
                "unsupported-media-type",
                "invalid",
                "idempotency-key-reused",
            ),
        },
        openapi_extra=described(ActionsIn),
    )
    def post_actions(body: JsonBody, caller: CallerOf, idempotency: OnceKey = None) -> Response:
        """Do one thing with several alerts, in one step, with one note.

        Give each alert with the `version` that was read: one that changed since is left as it is,
        and so is one whose state does not allow the action. They hold up none of the others, and
        each tells what became of it. Where the action itself lacks something nothing is done.
        """
        asked = decoded(ActionsIn, body)
        if idempotency is None:
            return acts.act(asked, caller)
        return acts.act_once(idempotency_key(idempotency), body, asked, caller)

    return router
