"""The personal-data screen: no identifier of a person gets past it, nor into a dead letter.

An allow-list of fields and of the shapes of their values does most of the work;
this module looks for what can hide in a value of the right shape, and for what
makes a refused event unfit to be kept. It guards against mistakes of a sender's
mapping, not against malice: whoever wants to hide a number in a code can.

**NHS numbers.** Ten digits whose last is the check digit (weights 10 to 2, sum
modulo 11), alone or with spaces, dashes, dots, slashes or underscores between
them, not part of a longer run of digits. One in eleven (9 %) of all ten-digit
numbers passes that test by chance, so a sender whose own identifiers have ten
digits would lose one event in eleven. It is refused all the same, because nobody
can tell the two apart; the receipt says how to avoid it (a different length).
Four shapes are let through because they are common in honest identifiers and
not how an NHS number is written: a year and a separator first (``2024-001234``,
``2024-03-05-001234``; numbers issued in England begin with 4, 6 or 7),
timestamps, UUIDs, and hexadecimal digests of 32 characters or more with letters
in them. Ten equal digits are nobody's number.

**The rest.** E-mail addresses, United Kingdom telephone numbers, full postcodes,
dates of birth (any date in the code of a place or group; in an identifier, a date
before 2000) and free text (words with spaces between them).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from enum import Enum

from streams.facts.remembered import keep

_SEPARATORS = r"[ \t\-._/]"
# A candidate may begin inside a longer grouped number, hence the look-ahead.
_TEN_DIGITS = re.compile(rf"(?<![0-9])(?=([0-9](?:{_SEPARATORS}{{0,2}}[0-9]){{9}})(?![0-9]))")
# Seconds, their fraction and an offset make ten digits often enough.
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_YEAR = re.compile(rf"(?:19|20)[0-9]{{2}}{_SEPARATORS}")
_MONTH_FIRST = re.compile(rf"(?:0[1-9]|1[0-2]){_SEPARATORS}")
_UUID = re.compile(
    r"(?:urn:uuid:)?[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"(?=(?:[0-9]*[a-fA-F]){4})[0-9a-fA-F]{32,128}")
_EMAIL = re.compile(r"[^\s@\"<>]@[^\s@\"<>]+\.[A-Za-z]{2}")
_PHONE = re.compile(
    rf"(?<![0-9])(?:\+44|0044|0){_SEPARATORS}?(?:\(0\){_SEPARATORS}?)?"
    rf"[1-37-8](?:{_SEPARATORS}?[0-9]){{8,9}}(?![0-9])"
)
_AREA = (
    "A[BL]|B[ABDHLNRST]?|C[ABFHMORTVW]|D[ADEGHLNTY]|E[CHNX]?|F[KY]|G[LUY]?|H[ADGPRSUX]|I[GMPV]"
    "|JE|K[ATWY]|L[ADELNSU]?|M[EKL]?|N[EGNPRW]?|O[LX]|P[AEHLOR]|R[GHM]|S[AEGKLMNOPRSTWY]?"
    "|T[ADFNQRSW]|UB|W[ACDFNRSV]?|YO|ZE"
)
_INWARD = "[0-9][ABD-HJLNP-UW-Z]{2}"
_POSTCODE_SPACED = re.compile(
    rf"(?<![A-Za-z0-9])(?:{_AREA})[0-9][0-9A-Z]? {{1,2}}{_INWARD}(?![A-Za-z0-9])", re.IGNORECASE
)
# Without its space a postcode of five characters looks like any ward's code.
_POSTCODE_WHOLE = re.compile(rf"(?=.{{6,7}}$)(?:{_AREA})[0-9][0-9A-Z]?{_INWARD}", re.IGNORECASE)
_DAY, _MONTH, _BETWEEN = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "[-/. ]"
_DATE = re.compile(
    rf"(?<![0-9])(?:(?P<first>(?:19|20)[0-9]{{2}}){_BETWEEN}{_MONTH}{_BETWEEN}{_DAY}"
    rf"|{_DAY}{_BETWEEN}{_MONTH}{_BETWEEN}(?P<last>(?:19|20)[0-9]{{2}}))(?![0-9])"
)
# A word is only looked at from its first letter and given up whole (possessive quantifiers),
# so that one word of 60,000 letters costs 60,000 steps and not their square.
_WORD = r"[^\W\d_]{2,}+"
_GAP = r"[,.;:!?'’)]*+\s++[(\"'‘]?"
_PROSE = re.compile(rf"(?<![^\W\d_]){_WORD}{_GAP}{_WORD}")
_FIVE_WORDS = re.compile(rf"(?<![^\W\d_])(?:{_WORD}{_GAP}){{4}}{_WORD}")
_TELLING = re.compile(
    r"nhs_?n|name|birth|dob|post_?code|address|phone|mobile|e_?mail|contact|descri|narrative"
    r"|comment|note|text|remark|detail|hospital_?n|mrn|patient_?id|reporter_?id",
    re.IGNORECASE,
)


class Field(Enum):
    """What kind of value is looked at: the screen is stricter where codes are expected."""

    CODE = "code"
    IDENTIFIER = "identifier"
    MOMENT = "moment"
    UNKNOWN = "unknown"


def is_nhs_number(digits: str) -> bool:
    """Whether ten ASCII digits are a possible NHS number (NHS Data Dictionary, modulus 11)."""
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()):
        return False
    if digits == digits[0] * 10:
        return False
    total = sum((10 - place) * int(digit) for place, digit in enumerate(digits[:9]))
    check = 11 - total % 11
    return check != 10 and check % 11 == int(digits[9])


def holds_nhs_number(text: str) -> bool:
    """Whether a text holds an NHS number, by the rules above."""
    text = _plain(text)
    if _is_machine_made(text):
        return False
    if ":" in text:
        text = _TIMESTAMP.sub("T", text)
    for found in _TEN_DIGITS.finditer(text):
        candidate = found[1]
        before = text[max(0, found.start() - 5) : found.start()]
        if _YEAR.match(candidate) or (_YEAR.match(before) and _MONTH_FIRST.match(candidate)):
            continue
        if is_nhs_number("".join(filter(str.isdigit, candidate))):
            return True
    return False


# Nothing that did not pass: personal data must not linger, not even in memory.
_passed: dict[tuple[str, str], None] = {}


def finding(text: str, field: Field) -> str | None:
    """What personal data a text seems to hold, in words, or None."""
    key = (field.value, text)
    if key in _passed:
        return None
    what = _finding(_plain(text), field)
    if what is None and len(text) <= 40:
        keep(_passed, key, None)
    return what


def _finding(text: str, field: Field) -> str | None:
    if _is_machine_made(text):
        return None
    return next((what for what, there in _LOOKS[field] if there(text)), None)


def is_prose(text: str) -> bool:
    """Whether a text has two words with a space between them."""
    return _PROSE.search(text) is not None


def is_telling(key: str) -> bool:
    """Whether a field's name says that its value is about a person or is free text."""
    return _TELLING.search(key) is not None


def _is_machine_made(text: str) -> bool:
    """Whether a text is a UUID or a digest, whose digits fall as they may."""
    return len(text) >= 32 and bool(_UUID.fullmatch(text) or _DIGEST.fullmatch(text))


def _holds_email(text: str) -> bool:
    return "@" in text and _EMAIL.search(text) is not None


def _holds_phone(text: str) -> bool:
    return _PHONE.search(text) is not None


def _holds_postcode(text: str) -> bool:
    return _POSTCODE_SPACED.search(text) is not None


def _holds_any_postcode(text: str) -> bool:
    return _holds_postcode(text) or _POSTCODE_WHOLE.fullmatch(text) is not None


def _holds_date(text: str) -> bool:
    return _DATE.search(text) is not None


def _holds_birth_date(text: str) -> bool:
    return any((found["first"] or found["last"]) < "2000" for found in _DATE.finditer(text))


Look = tuple[str, Callable[[str], bool]]
_ALWAYS: tuple[Look, ...] = (
    ("an NHS number", holds_nhs_number),
    ("an e-mail address", _holds_email),
    ("free text", is_prose),
)
_NAMED: tuple[Look, ...] = (
    *_ALWAYS,
    ("a telephone number", _holds_phone),
    ("a postcode", _holds_postcode),
    ("a date of birth", _holds_birth_date),
)
_LOOKS: dict[Field, tuple[Look, ...]] = {
    Field.MOMENT: _ALWAYS,
    Field.IDENTIFIER: _NAMED,
    Field.UNKNOWN: _NAMED,
    Field.CODE: (*_NAMED, ("a postcode", _holds_any_postcode), ("a date of birth", _holds_date)),
}


def _plain(text: str) -> str:
    """The text with all digits as ASCII, look-alike letters folded, invisible marks removed."""
    if text.isascii():
        return text
    folded = unicodedata.normalize("NFKC", text)
    return "".join(
        str(unicodedata.decimal(char)) if char.isdecimal() else _DASHES.get(char, char)
        for char in folded
        if unicodedata.category(char) != "Cf"
    )


_DASHES = dict.fromkeys("‐‑‒–—―−", "-")

_TO_ZERO = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))
DELETED = b" \t-._/()"


def may_hold_number(texts: bytes) -> bool:
    """A cheap look at many ASCII texts at once: False means that none holds an NHS number."""
    return b"0000000000" in texts.translate(_TO_ZERO, DELETED)


def strings_of(text: str) -> Iterator[str]:
    """The pieces of something that is not JSON: what stands between quotes, and the rest."""
    for number, piece in enumerate(text.split('"')):
        if piece and (number % 2 == 1 or len(piece) > 2):
            yield piece


def unfit_to_keep(text: str) -> bool:
    """Whether bytes that are not JSON seem to hold personal data.

    Runs of five or more words count as free text here: fewer are no account of
    anything, and a broken line should stay readable for its sender.
    """
    plain = _plain(text)
    if _holds_email(plain) or _holds_postcode(plain) or _FIVE_WORDS.search(plain):
        return True
    return any(
        holds_nhs_number(piece) or _holds_phone(piece) or _holds_birth_date(piece)
        for piece in strings_of(plain)
    )
