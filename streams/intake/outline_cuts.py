"""Cutting a message into its events, and each event into an outline and what differs.

Events of one sender are alike but for their identifiers, moments, places and numbers.
The outline of an event is its text with these cut out and a mark left in their place.
Whether an event is any good is not judged here: an outline that was taken once is good
again, because what is cut out is each time one whole value of the same plain form.

Only the plainest JSON is cut: ASCII without escapes. In it a string ends at the next
quotation mark, so that one pass over the bytes finds every string, and every object by
the depth of its braces.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.intake.plain_values import (
    after_blanks,
    is_plain_identifier,
    moment,
    number_end,
    text_end,
)

I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

# What is cut out, by the names of its field. The first is the run of an event's place, the
# others are single values: texts, moments and numbers.
_CUT = (
    b"provider", b"id", b"source", b"time", b"recordedtime", b"acknowledged_at", b"resolved_at",
    b"period_start", b"period_end", b"numerator", b"denominator",
)  # fmt: skip
_PLACE, _ID, _SOURCE, _TIME, _RECORDED, _ACKNOWLEDGED = range(6)
_NUMERATOR = 9
_VALUES = len(_CUT)
# Names of the place that may follow the provider's, in this order.
_WITHIN = (b"site", b"ward")
_KNOWN = (*_CUT, *_WITHIN)
_LETTERS = np.array([list(name.ljust(16, b"\0")) for name in _KNOWN], dtype=np.uint8)
# No two of them share their length and their first letter.
_BY_HEAD = np.full((17, 256), -1, dtype=np.int64)
for _number, _known in enumerate(_KNOWN):
    _BY_HEAD[len(_known), _known[0]] = _number
# Marks are control characters that JSON has none of, with one to spare as the end of a text.
_MARK = 14

_QUOTE, _OPEN, _CLOSE, _COLON, _COMMA, _BEGIN, _FINISH, _BLANK = list(b'"{}:,[] ')

FIRST, END, TIME, RECORDED = range(4)
"""The columns of what is found of an event: where it stands, and its moments (or -1)."""
PARTS = 5
"""Texts of an event: outline, identifier, source, place, and its other values."""
SPARE = 2 * _VALUES + PARTS
"""What may be written of an event beyond its own bytes: marks and the ends of texts."""


@compiled
def _field(text: U8, at: int, end: int) -> tuple[int, int]:
    """Which of the names that are known stands as a string there, and where its value begins.

    -1 where it is another string, or one that is no name of a field.
    """
    length = end - at - 2
    name = _BY_HEAD[length, text[at + 1]] if 0 < length <= 16 else -1
    if name < 0:
        return -1, end
    for place in range(1, length):
        if text[at + 1 + place] != _LETTERS[name, place]:
            return -1, end
    value = after_blanks(text, end)
    if value >= text.size or text[value] != _COLON:
        return -1, end
    return name, after_blanks(text, value + 1)


@compiled
def _place_end(text: U8, value: int) -> int:
    """The end of the run of a provider, whose value is given, and perhaps a site and a ward."""
    end = text_end(text, value)
    last = _PLACE
    while end >= 0:
        following = after_blanks(text, end)
        if following >= text.size or text[following] != _COMMA:
            break
        following = after_blanks(text, following + 1)
        name_end = text_end(text, following)
        if name_end < 0:
            break
        name, value = _field(text, following, name_end)
        stop = text_end(text, value)
        if name < _VALUES or name <= last or stop < 0:
            break
        last, end = name, stop
    return end


@compiled
def _value_end(text: U8, value: int, name: int, earliest: int, latest: int, row: I64) -> int:
    """The end of the plain value at ``value`` of a field that is cut out, or -1."""
    if name == _PLACE:
        return _place_end(text, value)
    if name >= _NUMERATOR:
        return number_end(text, value)
    end = text_end(text, value)
    if end < 0 or name == _SOURCE:
        return end
    if name == _ID:
        return end if is_plain_identifier(text, value + 1, end - 1) else -1
    at = moment(text, value + 1, end - 1)
    if name == _TIME:
        row[TIME] = at
    elif name == _RECORDED:
        row[RECORDED] = at
    # The moments of a body are kept as they are written: in whole seconds of UTC.
    kept_as_written = name < _ACKNOWLEDGED or end - value == 22
    return end if earliest <= at <= latest and kept_as_written else -1


@compiled
def _copy(text: U8, begin: int, end: int, out: U8, to: int) -> int:
    # Between views of their own many bytes are moved at once.
    size = end - begin
    source, target = text[begin:end], out[to : to + size]
    for at in range(size):
        target[at] = source[at]
    return to + size


@compiled
def _outline(
    text: U8, at: int, earliest: int, latest: int, out: U8, to: int, row: I64, spans: I64
) -> tuple[int, int]:
    """Write the outline of the event that opens at ``at``; answer where it ends, or -1."""
    row[FIRST], row[TIME], row[RECORDED] = at, -1, -1
    good = True
    spans[:] = -1
    depth, copied = 0, at
    while at < text.size:
        byte = text[at]
        if byte == _QUOTE:
            end = text_end(text, at)
            if end < 0:
                break
            name, value = _field(text, at, end)
            if name >= 0:
                end = -1
                if name < _VALUES and spans[name, 0] < 0:
                    end = _value_end(text, value, name, earliest, latest, row)
                if end < 0:
                    # It goes on with a value, which is in nobody's way.
                    good, at = False, value
                    continue
                begin = at if name == _PLACE else value
                to = _copy(text, copied, begin, out, to)
                out[to] = _MARK + name
                to += 1
                spans[name, 0], spans[name, 1] = begin, end
                copied = end
            at = end
            continue
        if byte < _BLANK and after_blanks(text, at) == at:
            break
        at += 1
        if byte == _OPEN:
            depth += 1
        elif byte == _CLOSE:
            depth -= 1
            if depth == 0:
                row[END] = at
                if not good:
                    row[TIME] = -1
                return at, _copy(text, copied, at, out, to)
    return -1, to


@compiled
def _other_texts(text: U8, out: U8, to: int, row: I64, spans: I64) -> int:
    """Write identifier, source, place and the values of the body; answer the texts' end."""
    for name in (_ID, _SOURCE, _PLACE):
        out[to] = 0
        to += 1
        if spans[name, 0] < 0:
            row[TIME] = -1
        else:
            quote = 0 if name == _PLACE else 1
            to = _copy(text, spans[name, 0] + quote, spans[name, 1] - quote, out, to)
    out[to] = 0
    to += 1
    begin = to
    for name in range(_ACKNOWLEDGED, _VALUES):
        if spans[name, 0] >= 0:
            if to > begin:
                out[to] = _BLANK
                to += 1
            quote = 0 if name >= _NUMERATOR else 1
            to = _copy(text, spans[name, 0] + quote, spans[name, 1] - quote, out, to)
    out[to] = 0
    return to + 1


@compiled
def cut(text: U8, earliest: int, latest: int, out: U8, found: I64) -> tuple[int, int]:
    """Cut an array of events; answer their number (-1: not plain) and the bytes written.

    Each event fills a row of ``found`` and writes its ``PARTS`` texts to ``out``, an octet 0
    behind each; the last text is its other values with spaces between them. The time of an event
    is -1 unless every name that is known stands once at most and has a plain value, the
    moments between ``earliest`` and ``latest``, and an event has all that it must have.
    """
    at = after_blanks(text, 0)
    if at >= text.size or text[at] != _BEGIN:
        return -1, 0
    count = written = 0
    spans = np.empty((_VALUES, 2), dtype=np.int64)
    while True:
        at = after_blanks(text, at + 1)
        if at >= text.size or text[at] != _OPEN or count == found.shape[0]:
            return -1, 0
        row = found[count]
        at, written = _outline(text, at, earliest, latest, out, written, row, spans)
        if at < 0:
            return -1, 0
        written = _other_texts(text, out, written, row, spans)
        count += 1
        at = after_blanks(text, at)
        if at < text.size and text[at] == _FINISH:
            return (count if after_blanks(text, at + 1) == text.size else -1), written
        if at >= text.size or text[at] != _COMMA:
            return -1, 0
