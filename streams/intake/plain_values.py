"""Plain values within a JSON text: strings, moments, numbers and identifiers, found compiled.

Each function looks at the bytes of a text from a place on and says where a value ends or
what it is, and -1 where it is not plain. What is not plain may still be good: the strict
decoder says so. What is plain here must be taken by it as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from detectors.compiled import compiled
from streams.facts.vocabulary import PLAIN_ID
from streams.intake.screen import DELETED

U8 = npt.NDArray[np.uint8]

_PLAIN = np.zeros(256, dtype=np.bool_)
_PLAIN[list(PLAIN_ID)] = True
_LOOSE = np.zeros(256, dtype=np.bool_)
_LOOSE[list(DELETED)] = True
_BLANK, _QUOTE, _CLOSE, _COLON, _COMMA, _PLUS, _DASH, _POINT, _SLASH = list(b' "}:,+-./')
_ZERO, _ONE, _NINE, _T, _Z = list(b"019TZ")


@compiled
def text_end(text: U8, at: int) -> int:
    """The end of the string that opens at ``at``, behind its closing mark."""
    if at >= text.size or text[at] != _QUOTE:
        return -1
    for place in range(at + 1, text.size):
        byte = text[place]
        if byte == _QUOTE:
            return place + 1
        if byte < _BLANK:
            # A control character, which JSON has none of.
            return -1
    return -1


@compiled
def after_blanks(text: U8, at: int) -> int:
    """The first place from ``at`` on without JSON white space."""
    while at < text.size and (text[at] == _BLANK or 9 <= text[at] <= 10 or text[at] == 13):
        at += 1
    return at


@compiled
def _digits(text: U8, at: int, number: int) -> int:
    """The value of so many digits, or -1 where there are others than digits."""
    value = 0
    for place in range(at, at + number):
        if text[place] < _ZERO or text[place] > _NINE:
            return -1
        value = 10 * value + text[place] - _ZERO
    return value


@compiled
def _day(text: U8, at: int) -> int:
    """The day from 1970 of a date as ``2026-02-28``.

    H. Hinnant, chrono-compatible low-level date algorithms (days_from_civil).
    """
    year, month, day = _digits(text, at, 4), _digits(text, at + 5, 2), _digits(text, at + 8, 2)
    if text[at + 4] != _DASH or text[at + 7] != _DASH or year < 1970:
        return -1
    if month < 1 or month > 12 or day < 1 or day > 31:
        return -1
    leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    if month == 2 and day > (29 if leap else 28):
        return -1
    if day == 31 and (month == 4 or month == 6 or month == 9 or month == 11):  # noqa: PLR1714 - compiled
        return -1
    year -= 1 if month <= 2 else 0
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return 365 * year + year // 4 - year // 100 + year // 400 + of_year - 719_468


@compiled
def _clock(text: U8, at: int) -> int:
    """The seconds of a time of day as ``23:59:59``."""
    hour, minute, second = (
        _digits(text, at, 2), _digits(text, at + 3, 2), _digits(text, at + 6, 2)
    )  # fmt: skip
    if text[at + 2] != _COLON or text[at + 5] != _COLON or min(hour, minute, second) < 0:
        return -1
    return -1 if hour > 23 or minute > 59 or second > 59 else 3600 * hour + 60 * minute + second


@compiled
def _east(text: U8, at: int, end: int) -> int:
    """The minutes east of Greenwich of an offset: a capital Z, or hours and minutes; or 9999."""
    if end == at + 1 and text[at] == _Z:
        return 0
    if end != at + 6 or (text[at] != _PLUS and text[at] != _DASH) or text[at + 3] != _COLON:
        return 9999
    hours, minutes = _digits(text, at + 1, 2), _digits(text, at + 4, 2)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return 9999
    return 60 * hours + minutes if text[at] == _PLUS else -60 * hours - minutes


@compiled
def moment(text: U8, begin: int, end: int) -> int:
    """The milliseconds from 1970 of a moment of RFC 3339, finer parts cut off.

    Plain is one with a capital T and up to six digits of fraction.
    """
    if end - begin < 20 or text[begin + 10] != _T:
        return -1
    day, second = _day(text, begin), _clock(text, begin + 11)
    if day < 0 or second < 0:
        return -1
    at, number, thousandths = begin + 19, 0, 0
    if text[at] == _POINT:
        at += 1
        while at < end and text[at] >= _ZERO and text[at] <= _NINE:
            if number < 3:
                thousandths = 10 * thousandths + text[at] - _ZERO
            number += 1
            at += 1
        if number == 0 or number > 6:
            return -1
        for _ in range(number, 3):
            thousandths *= 10
    east = _east(text, at, end)
    return -1 if east == 9999 else 1000 * (86_400 * day + second - 60 * east) + thousandths


@compiled
def number_end(text: U8, at: int) -> int:
    """The end of a plain number: up to ten digits, perhaps a point and up to six more; or -1."""
    begin = at
    while at < text.size and text[at] >= _ZERO and text[at] <= _NINE:
        at += 1
    whole = at - begin
    if whole == 0 or whole > 10 or (whole > 1 and text[begin] == _ZERO):
        return -1
    if at < text.size and text[at] == _POINT:
        begin = at + 1
        at = begin
        while at < text.size and text[at] >= _ZERO and text[at] <= _NINE:
            at += 1
        if at == begin or at - begin > 6:
            return -1
    after = after_blanks(text, at)
    if after < text.size and (text[after] == _COMMA or text[after] == _CLOSE):
        return at
    return -1


@compiled
def is_plain_identifier(text: U8, begin: int, end: int) -> bool:
    """Whether an identifier is one without any doubt, so that nobody need look closer.

    Its characters are those that identifiers have; it has no ten digits in a row, dashes
    and the like between them left out, as an NHS number or a telephone number has; and no
    year of the last century at either end of a date. A spaced postcode, prose and an
    e-mail address need a character that it has not.
    """
    if end == begin or end - begin > 128:
        return False
    digits = 0
    for at in range(begin, end):
        byte = text[at]
        if not _PLAIN[byte]:
            return False
        if byte >= _ZERO and byte <= _NINE:
            digits += 1
            if digits == 10:
                return False
        elif not _LOOSE[byte]:
            digits = 0
        if byte == _ONE and at + 3 < end and text[at + 1] == _NINE and _digits(text, at, 4) > 0:
            # The signs that divide a date are dash, point and slash, which follow each other.
            before = at > begin and text[at - 1] >= _DASH and text[at - 1] <= _SLASH
            after = at + 4 < end and text[at + 4] >= _DASH and text[at + 4] <= _SLASH
            if before or after:
                return False
    return True
