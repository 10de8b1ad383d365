"""Reading JSON with eyes open: duplicate keys, endless numbers, NaN and broken surrogates.

Python's own reader is slower than the strict decoder but passes over none of
these in silence, and it can go through an array element by element.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import msgspec

from streams.facts.rejections import Refusal

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What the strict decoder may raise on bytes from elsewhere."""

SPACE = " \t\n\r"

_LONGEST_NUMBER = 40


class Item(NamedTuple):
    """One parsed value of a message, with what the parser noticed.

    ``lost`` are values that a later value of the same key replaced; ``flaw`` is why
    the text is not JSON although it could be read.
    """

    raw: bytes
    value: object
    lost: list[object]
    flaw: Refusal | None


class Reader:
    """Reads JSON values off a text one after another, noticing what JSON forbids."""

    def __init__(self) -> None:
        self._lost: list[object] = []
        self._flaw: Refusal | None = None
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_int=self._integer,
        )

    def read(self, text: str, start: int = 0) -> tuple[Item, int]:
        """The value at ``start`` and where it ends.

        Raises:
            ValueError: there is no JSON value.
            RecursionError: it is nested too deeply.
        """
        self._lost, self._flaw = [], None
        value, end = self._decoder.raw_decode(text, start)
        raw = text[start:end].encode("utf-8", "surrogateescape")
        return Item(raw, value, self._lost, self._flaw), end

    def only(self, text: str) -> Item:
        """The one value of a text; raises as ``read``, also for anything after it."""
        start = after_space(text, 0)
        item, end = self.read(text, start)
        if after_space(text, end) != len(text):
            raise ValueError("more than one value")
        return item

    def elements(self, text: str, limit: int) -> list[Item] | None:
        """The elements of the one array of a text; None where there are more than ``limit``."""
        items: list[Item] = []
        at = after_space(text, 0)
        if text[at : at + 1] != "[":
            raise ValueError("not an array")
        at = after_space(text, at + 1)
        if text[at : at + 1] == "]" and after_space(text, at + 1) == len(text):
            return items
        while True:
            item, at = self.read(text, at)
            items.append(item)
            at = after_space(text, at)
            mark = text[at : at + 1]
            at = after_space(text, at + 1)
            if mark == "]" and at == len(text):
                return items
            if mark != ",":
                raise ValueError("not an array")
            if len(items) >= limit:
                return None

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            self._flaw = self._flaw or Refusal("duplicate_key", "a field is named twice")
            self._lost += [value for key, value in pairs if found[key] is not value]
        return found

    def _constant(self, _name: str) -> None:
        self._flaw = Refusal("malformed_json", "NaN and Infinity are not JSON")

    def _integer(self, digits: str) -> int:
        # Python refuses to read integers of thousands of digits; none of them is in range.
        return int(digits[:_LONGEST_NUMBER])


def after_space(text: str, at: int) -> int:
    """The place of the first character from ``at`` on that is not JSON white space."""
    while at < len(text) and text[at] in SPACE:
        at += 1
    return at
