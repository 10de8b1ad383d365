"""Words that people type in: kept as they are, but for what identifies a patient."""

from __future__ import annotations

from api.problems import Problem
from streams.intake.screen import Field, finding


def screen(name: str, text: str | None) -> None:
    """Refuse words that seem to hold personal data.

    Only identifiers of persons are looked for: these are people's own words.

    Raises:
        Problem: ``invalid``, naming the field.
    """
    if text is None:
        return
    if "\0" in text:
        raise invalid(name, "characters", "control characters are not taken")
    for word in (text, *text.split()):
        found = finding(word, Field.UNKNOWN)
        if found is not None and found != "free text":
            raise invalid(name, "personal_data", f"it seems to hold {found}; leave that out")


def invalid(name: str, code: str, detail: str) -> Problem:
    """A problem with one field of the body."""
    error = {"place": "body", "name": name, "code": code, "detail": detail}
    return Problem("invalid", errors=[error])
