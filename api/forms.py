"""Forms of the pages: actions on alerts as a browser sends them without JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qs

from fastapi import Request

from api.bodies import decoded
from api.personal import invalid, screen
from api.problems import Problem
from api.schemas_acts import AT_MOST, ActionIn, ActionsIn

_FIELDS: Final = 20
_NUMBER: Final = "[0-9]{1,10}"
_WORDS: Final = ("note", "assignee")
_OF_ACTION: Final = ("action", "outcome", "until", *_WORDS)


def form_body(request: Request, body: bytes) -> bytes:
    """The body of a form.

    Raises:
        Problem: ``unsupported-media-type`` where it says that it is something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Problem("unsupported-media-type", "Send a form.")
    return body


def asked_action(body: bytes) -> ActionIn:
    """The move that a form asks for; fields left empty are not given."""
    given: dict[str, Any] = {name: values[-1] for name, values in _fields(body, _FIELDS).items()}
    if re.fullmatch(_NUMBER, given.get("version", "")):
        given["version"] = int(given["version"])
    return decoded(ActionIn, json.dumps(_with_moment(given)).encode())


@dataclass(frozen=True, slots=True)
class Several:
    """What a form asks for with several alerts.

    ``fields`` are those of the action as they were given; ``seen`` are the chosen alerts, each as
    ``id:version``.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    seen: tuple[str, ...] = ()

    def actions(self) -> ActionsIn:
        """What is asked for.

        Raises:
            Problem: ``invalid``.
        """
        for name in _WORDS:
            screen(name, self.fields.get(name))
        alerts = []
        for one in self.seen:
            name, _, version = one.rpartition(":")
            number = int(version) if re.fullmatch(_NUMBER, version) else None
            alerts.append({"id": name, "version": number})
        given = {name: self.fields[name] for name in _OF_ACTION if name in self.fields}
        if not alerts:
            raise invalid("alerts", "none", "choose one or more, or all that are shown")
        return decoded(ActionsIn, json.dumps({**_with_moment(given), "alerts": alerts}).encode())

    def after(self, problem: Mapping[str, Any]) -> Several:
        """What the form holds when it is shown again because of a problem.

        Words are shown again only where something else was missing: they passed the screen for
        personal data before. What did not is never repeated.
        """
        if {error["code"] for error in problem.get("errors", ())} <= {"incomplete", "none"}:
            return self
        kept = {name: value for name, value in self.fields.items() if name not in _WORDS}
        return replace(self, fields=kept)


def several(body: bytes) -> Several:
    """What a form asks for with the alerts that were ticked, or with all that it showed."""
    given = _fields(body, 2 * AT_MOST + _FIELDS)
    return Several(
        {name: given[name][-1] for name in _OF_ACTION if name in given},
        tuple(given.get("shown" if "all" in given else "alert", ())),
    )


def _fields(body: bytes, most: int) -> dict[str, list[str]]:
    """The fields of a form that are not empty.

    Raises:
        Problem: ``bad-request``.
    """
    try:
        return parse_qs(body.decode(), max_num_fields=most)
    except (UnicodeDecodeError, ValueError):
        raise Problem("bad-request", "The form cannot be read.") from None


def _with_moment(given: dict[str, Any]) -> dict[str, Any]:
    """The fields with the day of ``until`` as its first instant; what is no day is left out."""
    if "until" not in given:
        return given
    try:
        return {**given, "until": f"{date.fromisoformat(given['until']).isoformat()}T00:00:00Z"}
    except ValueError:
        return {name: value for name, value in given.items() if name != "until"}
