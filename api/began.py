"""What the inbox says above its list of alerts that began together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from markupsafe import Markup

from api.places import Selection
from api.together import Together
from api.together_pictures import render, title_of
from streams.evidence.statements import NO_SPEAKING_UP
from streams.together.grouping import Group

_SHOWN: Final = 3
"""Notices that stand open; the others are folded."""


@dataclass(frozen=True, slots=True)
class Notices:
    """The notices of one page.

    ``among`` are the ids of the alerts that are listed, None for all; ``group`` is the group
    whose alerts they are. ``notices`` are told above the list, ``folded`` on demand; ``whole``
    leads back to all alerts.
    """

    among: tuple[str, ...] | None
    group: dict[str, Any] | None
    notices: list[dict[str, Any]]
    folded: list[dict[str, Any]]
    whole: str


class Began:
    """Groups for people who read pages."""

    def __init__(self, together: Together) -> None:
        self._together = together

    def shown(self, selection: Selection, chosen: Mapping[str, str], *, first: bool) -> Notices:
        """What is told beside the list of a selection.

        Args:
            selection: the units that were chosen, within what the reader may see.
            chosen: the filters of the page, ``together`` among them.
            first: whether it is the first page of the list; notices stand there only.

        Raises:
            Problem: ``not-found`` where a group is asked for that is not there.
        """
        whole = _link(chosen, together="")
        if chosen["together"]:
            group = self._together.group(chosen["together"], selection)
            return Notices(group.alerts, self._drawn(group), [], [], whole)
        # What is closed altogether was read as one event already.
        told = [group for group in self._together.groups(selection) if group.open] if first else []
        notices = [
            {
                "statement": self._together.statement(group),
                "alerts": len(group.alerts),
                "href": _link(chosen, together=group.id),
            }
            for group in told
        ]
        return Notices(None, None, notices[:_SHOWN], notices[_SHOWN:], whole)

    def _drawn(self, group: Group) -> dict[str, Any]:
        return {
            **self._together.fields(group),
            "title": title_of(group),
            # The picture is made here and escapes what it is given.
            "svg": Markup(render(group)),  # noqa: S704 - as said above
            "note": NO_SPEAKING_UP,
        }


def _link(chosen: Mapping[str, str], **changed: str) -> str:
    """The inbox with what was chosen; a group keeps the unit it was found under, nothing else."""
    kept = {"unit": chosen["unit"], **changed} if changed["together"] else {**chosen, **changed}
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"/?{query}" if query else "/"
