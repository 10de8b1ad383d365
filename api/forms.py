"""Forms of the pages: an action on an alert as a browser sends it without JavaScript."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from api.bodies import decoded
from api.problems import Problem
from api.schemas import ActionIn


def asked_action(body: bytes) -> ActionIn:
    """The move that a form asks for; fields left empty are not given."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
    except (UnicodeDecodeError, ValueError):
        raise Problem("bad-request", "The form cannot be read.") from None
    given: dict[str, Any] = {name: values[-1] for name, values in fields.items()}
    if re.fullmatch("[0-9]{1,10}", given.get("version", "")):
        given["version"] = int(given["version"])
    if "until" in given:
        try:
            given["until"] = f"{date.fromisoformat(given['until']).isoformat()}T00:00:00Z"
        except ValueError:
            del given["until"]
    return decoded(ActionIn, json.dumps(given).encode())
