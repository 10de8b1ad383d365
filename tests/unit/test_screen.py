"""The personal-data screen: what it finds, and what it lets through."""

from __future__ import annotations

import random
import uuid

import pytest

from streams.intake import screen
from streams.intake.screen import (
    Field,
    finding,
    holds_nhs_number,
    is_nhs_number,
    is_telling,
    may_hold_number,
    unfit_to_keep,
)

VALID = ["9434765919", "9434765870", "4505577104"]


@pytest.mark.parametrize("number", VALID)
def test_a_number_with_its_check_digit_is_an_nhs_number(number):
    assert is_nhs_number(number)
    assert not is_nhs_number(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize("digit", "0123456789")
def test_ten_equal_digits_are_nobodys_number(digit):
    assert not is_nhs_number(digit * 10)
    assert finding(digit * 10, Field.IDENTIFIER) is None


@pytest.mark.parametrize("text", ["", "943476591", "94347659199", "943476591x", "٩٤٣٤٧٦٥٩١٩"])
def test_only_ten_ascii_digits_are_a_number(text):
    assert not is_nhs_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4505577104",
        "450 557 7104",
        "450-557-7104",
        "4 5 0 5 5 7 7 1 0 4",
        "450.557/7104",
        "INC-4505577104",
        "patient4505577104x",
        "450 557 7104 2024",
        "2024 4505577104",
        "2024-4505577104",
        "４５０５５７７１０４",
        "450\u200b557\u200b7104",
        "450–557–7104",
        "00000000-0000-0000-0000-4505577104",
    ],
)
def test_a_number_is_found_however_it_is_written(text):
    assert holds_nhs_number(text)


@pytest.mark.parametrize(
    "text",
    ["24505577104", "45055771040", "2024-001234", "2024-03-05-001235", "4505577103", "W7", ""],
)
def test_other_digits_are_let_through(text):
    assert not holds_nhs_number(text)


def test_the_fraction_of_a_timestamp_is_no_number():
    for micros in range(100):
        moment = f"2026-01-05T10:20:30.{micros:06d}-05:00"
        assert not holds_nhs_number(moment)
        assert finding(moment, Field.MOMENT) is None


def test_one_in_eleven_ten_digit_identifiers_looks_like_a_number():
    taken = sum(is_nhs_number(f"{number:010d}") for number in range(4_000_000_000, 4_000_011_000))

    assert taken == pytest.approx(1000, abs=15)


def test_uuids_and_digests_are_let_through():
    rng = random.Random(4)
    for _ in range(3000):
        made = uuid.UUID(int=rng.getrandbits(128), version=4)
        assert finding(str(made), Field.IDENTIFIER) is None
        assert finding(made.hex + "abcd", Field.IDENTIFIER) is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("jo@example.org", "an e-mail address"),
        ("07700 900123", "a telephone number"),
        ("+44 (0)20 7946 0958", "a telephone number"),
        ("0044 7700 900123", "a telephone number"),
        ("SW1A 1AA", "a postcode"),
        ("sw1a1aa", "a postcode"),
        ("1950-03-04", "a date of birth"),
        ("04/03/2011", "a date of birth"),
        ("Mrs Smith", "free text"),
        ("fell from the bed", "free text"),
    ],
)
def test_a_ward_code_that_tells_of_a_person_is_found(text, what):
    assert finding(text, Field.CODE) == what


@pytest.mark.parametrize(
    "text", ["W7", "Ward 7", "AMU-2", "A&E", "RVV09", "12", "M11AE", "north_wing"]
)
def test_the_codes_of_wards_are_let_through(text):
    assert finding(text, Field.CODE) is None


@pytest.mark.parametrize("text", ["INC-2024-01-05-7", "2024/0117", "inc.17", "RXX01-W7-inc-12"])
def test_the_identifiers_of_senders_are_let_through(text):
    assert finding(text, Field.IDENTIFIER) is None


def test_a_date_before_2000_in_an_identifier_may_be_a_birth_date():
    assert finding("SMITH-1950-03-04", Field.IDENTIFIER) == "a date of birth"
    assert finding("INC-2024-03-04", Field.IDENTIFIER) is None


def test_the_quick_look_misses_no_number():
    for number in VALID:
        spaced = " ".join((number[:3], number[3:6], number[6:]))
        for text in (number, spaced, spaced.replace(" ", "-")):
            assert may_hold_number(b'{"id":"x' + text.encode() + b'"}')
    assert not may_hold_number(b'{"time":"2026-01-05T10:20:30.123Z","id":"inc-123456789"}')


def test_what_did_not_pass_is_not_remembered():
    finding("Mrs Quillfeather", Field.CODE)
    finding("Oak-7", Field.CODE)

    remembered = [text for _, text in screen._passed]
    assert "Oak-7" in remembered
    assert all("Quillfeather" not in text for text in remembered)


@pytest.mark.parametrize("name", ["patient_name", "dob", "nhsNumber", "description", "postcode"])
def test_the_name_of_a_field_can_tell_that_it_is_personal(name):
    assert is_telling(name)


def test_a_broken_line_is_kept_unless_it_tells_of_a_person():
    assert not unfit_to_keep('{"id": "inc-1", "ti')
    assert not unfit_to_keep("this is not json")
    assert unfit_to_keep('{"id": "4505577104", "ti')
    assert unfit_to_keep('{"x": "jo@example.org')
    assert unfit_to_keep("Mrs Smith fell from her bed on Monday night")
    assert unfit_to_keep('{"a": "CT9 4AN')


@pytest.mark.parametrize("piece", ["y", "ab,", "ab ", "é", "a.", "a@", "07", "(ab"])
def test_a_text_of_any_length_is_looked_at_in_steps_of_its_length(piece):
    """The square of these lengths would take hours."""
    long = "x " + piece * 200_000
    assert finding(long, Field.MOMENT) in {None, "free text"}
    assert unfit_to_keep(long) == ("ab " in piece)


def test_words_are_words_whatever_stands_around_them():
    assert finding("Smith, (Mary", Field.CODE) == "free text"
    assert finding("1ab cd", Field.CODE) == "free text"
    assert finding("a bc", Field.CODE) is None
    assert finding("ab 'cd", Field.CODE) == "free text"
