"""Opening requests and messages: what is taken, what is refused and why."""

from __future__ import annotations

import hashlib
import json
from datetime import date

import pytest

from streams.catalogue.organisations import Organisation, Organisations
from streams.facts.feeds import Feed
from streams.facts.messages import Opened
from streams.intake.receiving import (
    REJECTION_CODES,
    UnsupportedMediaType,
    encode,
    open_message,
    open_request,
)
from tests.sent_events import (
    BATCH,
    LINES,
    ONE,
    aggregate,
    context,
    event,
    message,
    written,
)

KINDS = ["incident", "complaint", "speakup", "wardmetric"]


def opened(*events: object, **changes: object) -> Opened:
    return open_request(written(list(events)), BATCH, context(**changes))


def code_of(sent: object, **changes: object) -> str:
    found = opened(sent, **changes)
    assert not found.facts
    (rejection,) = found.rejections
    assert rejection.code in REJECTION_CODES
    return rejection.code


@pytest.mark.parametrize("charset", ["", ";charset=utf-8", "; charset=utf-8", ";charset=UTF-8"])
def test_an_event_may_say_that_its_data_is_json_as_libraries_write_it(charset):
    found = opened(event(datacontenttype=f"application/json{charset}"), event(id="i-2"))

    assert [fact.event_id for fact in found.facts] == [event()["id"], "i-2"]
    assert found.facts[0].body == found.facts[1].body


@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_event_becomes_a_fact(kind):
    (fact,) = opened(event(kind)).facts

    assert fact.feed is Feed(KINDS.index(kind))
    assert (fact.provider, fact.site) == ("EXA", "EXA01")
    assert fact.source == "urn:nhs:ods:EXA"
    assert fact.event_id == f"{kind}-1"
    assert (fact.revision, fact.withdrawn) == (1, False)
    assert fact.time == 1767571200000
    assert fact.recorded == 1767691800250
    assert b"EXA" not in fact.body


@pytest.mark.parametrize("kind", KINDS)
def test_one_event_a_batch_and_lines_give_the_same_fact(kind):
    sent = written(event(kind))

    one = open_request(sent, ONE, context())
    batch = open_request(b"[" + sent + b"]", BATCH, context())
    lines = open_request(sent + b"\r\n\n", LINES, context())
    spaced = open_request(json.dumps(event(kind), indent=2).encode(), ONE, context())

    assert len(one.facts) == 1
    assert one == batch == lines == spaced


@pytest.mark.parametrize("kind", KINDS)
def test_the_slow_way_gives_the_same_fact_as_the_fast_one(kind):
    fast = opened(event(kind))
    slow = open_request(written([event(kind), 5]), BATCH, context())
    escaped = open_request(
        written([event(kind)]).replace(b'"EXA01"', b'"\\u0045XA01"'), BATCH, context()
    )

    assert fast.facts == slow.facts == escaped.facts


def test_null_means_absent():
    with_nulls = event()
    with_nulls["data"] |= {"ward": None, "patients": None}
    with_nulls["revision"] = None

    assert opened(with_nulls).facts == opened(event(data={"ward": None, "patients": None})).facts


def test_the_same_moment_in_another_zone_is_the_same_fact():
    there = event("complaint", data={"acknowledged_at": "2026-01-06T14:30:00+05:30"})

    assert opened(there).facts == opened(event("complaint")).facts


def test_elements_of_a_case_are_a_set():
    there = event(
        "speakup", data={"elements": ["detriment", "patient_safety_or_quality", "detriment"]}
    )

    assert opened(there).facts == opened(event("speakup")).facts


def test_five_and_five_point_nought_are_the_same_number():
    first, second = (opened(event("wardmetric", data={"numerator": n})).facts for n in (5, 5.0))

    assert first == second


def test_a_metric_counts_at_the_end_of_its_period():
    (fact,) = opened(event("wardmetric", time="2026-01-05T09:00:00Z")).facts

    assert fact.time == 1767571200000


def test_a_higher_revision_outranks_and_a_withdrawal_of_the_same_revision_too():
    (first,) = opened(event()).facts
    (second,) = opened(event(revision=2, data={"physical_harm": "severe"})).facts
    (gone,) = opened(event(withdrawn=True)).facts

    assert first.key == second.key == gone.key
    assert first.rank < gone.rank < second.rank


def test_a_withdrawal_may_leave_its_data_out():
    (fact,) = opened(event(withdrawn=True, revision=3, data=None) | {"data": None}).facts

    assert (fact.provider, fact.body, fact.withdrawn) == ("EXA", b"", True)


def test_a_withdrawal_may_say_no_more_than_the_provider():
    (fact,) = opened(event("wardmetric", withdrawn=True) | {"data": {"provider": "EXA"}}).facts

    assert (fact.provider, fact.body, fact.withdrawn) == ("EXA", b"", True)
    assert code_of(event("wardmetric") | {"data": {"provider": "EXA"}}) == "schema"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (5, "not_an_object"),
        (None, "not_an_object"),
        ([], "not_an_object"),
        ({}, "schema"),
        (event(specversion="0.3"), "schema"),
        (event(specversion=None), "schema"),
        (event(type="uk.nhs.quality.incident.v2"), "unknown_type"),
        (event(type=7), "unknown_type"),
        (event(type=None), "schema"),
        (event(subject="x"), "unknown_field"),
        (event(id=""), "schema"),
        (event(id="x" * 129), "schema"),
        (event(id="a b"), "schema"),
        (event(id=5), "schema"),
        (event(id="café"), "schema"),
        (event(source="https://example.org"), "schema"),
        (event(source="urn:nhs:ods:exa"), "schema"),
        (event(source="urn:nhs:ods:4505577104"), "personal_data"),
        (event(data={"provider": "Mrs Smith"}), "personal_data"),
        (event(time="2026-01-05T00:00:00"), "schema"),
        (event(time="2026-01-05"), "schema"),
        (event(time="2026-02-30T00:00:00Z"), "schema"),
        (event(time=1767571200), "schema"),
        (event(time="2026-03-03T12:00:01Z"), "time_in_future"),
        (event(time="1999-12-31T23:59:59Z"), "time_out_of_range"),
        (event(recordedtime="2027-01-01T00:00:00Z"), "time_in_future"),
        (event(recordedtime="0001-01-01T00:00:00+14:00"), "time_out_of_range"),
        (event(revision=0), "schema"),
        (event(revision="2"), "schema"),
        (event(revision=10**400), "schema"),
        (event(withdrawn="true"), "schema"),
        (event(datacontenttype="text/plain"), "schema"),
        (event() | {"data": None}, "schema"),
        (event() | {"data": []}, "schema"),
        (event(data={"provider": None}), "schema"),
        (event(data={"provider": "exa"}), "schema"),
        (event(data={"provider": "EXB"}), "out_of_scope"),
        (event(data={"category": "slip"}), "schema"),
        (event(data={"category": 1}), "schema"),
        (event(data={"patients": -1}), "schema"),
        (event(data={"patients": True}), "schema"),
        (event(data={"anonymous": "yes"}), "schema"),
        (event(data={"colour": "red"}), "unknown_field"),
        (event(data={"ward": "a:b"}), "schema"),
        (event(data={"site": "x" * 40}), "schema"),
        (event("complaint", data={"subject": "parking"}), "schema"),
        (event("complaint", data={"resolved_at": "2027-01-01T00:00:00Z"}), "time_in_future"),
        (event("complaint", data={"resolved_at": "1990-01-01T00:00:00Z"}), "time_out_of_range"),
        (event("complaint", data={"profession": "a/b"}), "schema"),
        (event("speakup", data={"ward": "W7"}), "ward_refused"),
        (event("speakup", data={"elements": None}), "schema"),
        (event("speakup", data={"elements": "detriment"}), "schema"),
        (event("speakup", data={"period_start": "2026-01-01T00:00:00Z"}), "schema"),
        (aggregate(route="open"), "schema"),
        (aggregate(period_end=None), "schema"),
        (aggregate(counts={"cases": 3, "detriment": 4}), "schema"),
        (aggregate(counts={"detriment": 4}), "schema"),
        (aggregate(counts={"cases": -1}), "schema"),
        (aggregate(period_start="2025-01-01T00:00:00Z"), "period_invalid"),
        (event("wardmetric", data={"metric": "smiles"}), "unknown_metric"),
        (event("wardmetric", data={"numerator": None}), "schema"),
        (event("wardmetric", data={"numerator": 2.5}), "metric_invalid"),
        (event("wardmetric", data={"numerator": "3"}), "schema"),
        (event("wardmetric", data={"period_end": "2025-12-29T00:00:00Z"}), "period_invalid"),
        (event("wardmetric", data={"period_start": "2025-01-01T00:00:00Z"}), "period_invalid"),
        (event("wardmetric", time="2026-01-20T00:00:00Z"), "period_invalid"),
        (
            event("wardmetric", data={"metric": "news2_on_time", "denominator": None}),
            "metric_invalid",
        ),
        (
            event("wardmetric", data={"metric": "news2_on_time", "denominator": 2}),
            "metric_invalid",
        ),
    ],
)
def test_what_is_wrong_has_its_code(sent, code):
    assert code_of(sent) == code


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (event(data={"reporter": "Blamange"}), "data.reporter: expected one of carer, other, pat"),
        (event(specversion="Blamange"), "specversion: expected 1.0"),
        (event(revision="Blamange"), "revision: expected a whole number, got text"),
        (event(data={"never_event": "Blamange"}), "data.never_event: expected true or false, got"),
        (event(data={"patients": "Blamange"}), "data.patients: expected a whole number, got text"),
        (event(time="Blamange"), "time: expected RFC 3339"),
        (event(data={"Blamange x": 1}), "data.a field: not in the schema"),
        (event(data={"colour": "Blamange"}), "data.colour: not in the schema"),
        (event(type="Blamange"), "type: expected one of the four"),
        (event(data={"ward": "Blamange/"}), "data.ward: expected up to 32"),
        (event(source="Blamange"), "source: expected urn:nhs:ods:"),
    ],
)
def test_a_detail_names_the_place_and_repeats_no_value(sent, detail):
    (rejection,) = opened(sent).rejections

    assert rejection.detail.startswith(detail)
    assert "Blamange" not in rejection.detail


@pytest.mark.parametrize(
    "sent",
    [
        event(id="4505577104"),
        event(id="INC-450-557-7104"),
        event(data={"ward": "450 557 7104"}),
        event(data={"ward": "Mrs Smith"}),
        event(data={"site": "CT9 4AN"}),
        event(data={"patients": 4505577104}),
        event(data={"nhs_number": "4505577104"}),
        event(data={"x": {"y": ["９４３４７６５９１９"]}}),
        event(**{"4505577104": 1}),
        event(data={"category": "fell off 450 557 7104"}),
        event("complaint", data={"profession": "jo@example.org"}),
        event("complaint", data={"service_area": "07700900123"}),
        event("wardmetric", data={"numerator": 4505577104}),
        event("wardmetric", data={"numerator": 4505577104.0}),
        event(dataschema="urn:x:4505577104"),
        event(id="SMITH-1950-03-04"),
        event(time="4505577104"),
        event(data={"born": "1950-03-04"}),
    ],
)
def test_personal_data_is_refused_and_nothing_of_it_is_kept(sent):
    (rejection,) = opened(sent).rejections

    assert rejection.code == "personal_data"
    assert rejection.raw is None
    assert rejection.size == len(written(sent))
    assert rejection.sha256 == hashlib.sha256(written(sent)).hexdigest()
    for secret in ("4505577104", "Smith", "1950", "jo@", "CT9"):
        assert secret not in rejection.detail
        assert rejection.event_id is None or secret not in rejection.event_id


def test_the_body_of_a_withdrawal_is_screened_though_nothing_of_it_is_kept():
    sent = event("complaint", withdrawn=True, data={"profession": "4505577104"})

    assert code_of(sent) == "personal_data"


def test_an_escaped_number_is_found_too():
    body = written([event(id="x")]).replace(b'"x"', b'"45055\\u0037\\u00371\\u00304"')

    (rejection,) = open_request(body, BATCH, context()).rejections

    assert (rejection.code, rejection.event_id) == ("personal_data", None)


def test_a_number_that_a_second_key_hides_is_found():
    body = written([event()]).replace(b'"ward":', b'"ward":"4505577104","ward":')

    (rejection,) = open_request(body, BATCH, context()).rejections

    assert (rejection.code, rejection.raw) == ("personal_data", None)


@pytest.mark.parametrize(
    ("field", "value"), [("description", "x"), ("note", "fell from the bed"), ("surname", "Smith")]
)
def test_a_field_about_a_person_is_unknown_and_not_kept(field, value):
    (rejection,) = opened(event(data={field: value})).rejections

    assert (rejection.code, rejection.raw) == ("unknown_field", None)


def test_what_may_be_kept_is_kept_as_it_was_sent():
    sent = event(data={"colour": "red"})

    (rejection,) = opened(event(), sent).rejections

    assert rejection.raw == written(sent)
    assert (rejection.index, rejection.event_id) == (1, "incident-1")


def test_nothing_is_kept_of_a_case_that_names_a_ward():
    for changes in ({"ward": "W7"}, {"ward": "W7", "colour": "red"}, {"colour": "red"}):
        (rejection,) = opened(event("speakup", data=changes)).rejections
        assert rejection.raw is None


def test_a_bad_event_spoils_no_other():
    found = opened(
        event(id="a"), 7, event(id="b"), event(id="c", data={"colour": 1}), event(id="d")
    )

    assert [fact.event_id for fact in found.facts] == ["a", "b", "d"]
    assert [(one.index, one.event_id) for one in found.rejections] == [(1, None), (3, "c")]


def test_a_bad_line_spoils_no_other():
    good = [written(event(id=name)) for name in "abc"]
    body = b"\xef\xbb\xbf" + b"\n".join(
        [good[0], b"", b"{broken", good[1], b"\xff\xfe", good[2][:-1] + b',"x":1}', good[2]]
    )

    found = open_request(body, LINES, context())

    assert [fact.event_id for fact in found.facts] == ["a", "b", "c"]
    assert [(one.index, one.code) for one in found.rejections] == [
        (1, "malformed_json"),
        (3, "invalid_unicode"),
        (4, "unknown_field"),
    ]


def test_lines_are_events_on_their_own_only():
    half, other = written(event()).split(b',"data":')
    two = written(event(id="a")) + b"," + written(event(id="b"))

    found = open_request(b"\n".join([half, b'"data":' + other, two]), LINES, context())

    assert not found.facts
    assert [one.code for one in found.rejections] == ["malformed_json"] * 3


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"[]", "empty"),
        (b"[" + b" " * 50, "malformed_json"),
        (b"[1,]", "malformed_json"),
        (b"[1 2]", "malformed_json"),
        (b"[1] 2", "malformed_json"),
        (b"{}", "not_an_array"),
        (b"nonsense", "malformed_json"),
        (b"\xff", "invalid_unicode"),
        (b"[" * 200_000, "too_deep"),
        (b"[NaN]", "not_an_object"),
        (b"[" + b"1," * 60_000 + b"1]", "too_large"),
        (b" " * (16 * 1024 * 1024 + 1), "too_large"),
    ],
)
def test_a_batch_that_cannot_be_read_is_one_rejection(body, code):
    found = open_request(body, BATCH, context())

    assert not found.facts
    (rejection,) = found.rejections
    assert (rejection.index, rejection.code) == (0, code)


def changed(old: bytes, new: bytes) -> bytes:
    body = written([event()])
    assert old in body
    return body.replace(old, new)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (changed(b'"ward":"W7"', b'"ward":"W7","ward":"W8"'), "duplicate_key"),
        (changed(b'"id":', b'"id":"x","id":'), "duplicate_key"),
        (changed(b'"ward":"W7"', b'"ward":null,"ward":"W7"'), "duplicate_key"),
        (changed(b'"ward":"W7"', b'"ward":"W7","\\u0077ard":"W7"'), "duplicate_key"),
        (changed(b'"patients":1', b'"patients":NaN'), "malformed_json"),
        (changed(b'"patients":1', b'"patients":-Infinity'), "malformed_json"),
        (changed(b'"patients":1', b'"patients":1e999'), "schema"),
        (changed(b'"patients":1', b'"patients":' + b"7" * 5000), "schema"),
        (changed(b'"patients":1', b'"patients":[[[[[[[[[[[[1]]]]]]]]]]]]'), "schema"),
        (changed(b'"patients":1', b'"x":' + b'{"x":' * 9 + b"1" + b"}" * 9), "too_deep"),
        (changed(b'"W7"', b'"\\ud800"'), "invalid_unicode"),
        (changed(b'"W7"', b'"W\\u00007"'), "invalid_unicode"),
        (changed(b'"W7"', b'"W\xff"'), "invalid_unicode"),
        (changed(b'"W7"', '"W\U0001f3e5"'.encode()), "schema"),
        (changed(b'"W7"', b'"' + b"W" * 70_000 + b'"'), "too_large"),
    ],
)
def test_json_that_is_not_quite_json_has_its_code(body, code):
    found = open_request(body, BATCH, context())

    assert not found.facts
    assert [one.code for one in found.rejections] == [code]


def test_a_content_type_is_one_of_three():
    body = written(event())
    for good in (ONE, ONE.upper(), ONE + "; charset=UTF-8", ONE + ';charset="utf-8"'):
        assert open_request(body, good, context()).facts
    for bad in (
        "", "text/plain", "application/json", ONE + "; charset=latin-1", ";;", "text/plain;",
        ONE + ";charset=latin-1;", ONE + ";charset=", ONE + "; ;x=1", ONE + ",", ONE + ";\x0b",
    ):  # fmt: skip
        with pytest.raises(UnsupportedMediaType):
            open_request(body, bad, context())


@pytest.mark.parametrize("ending", [";", "; ", ";charset=utf-8;", "; ;charset=utf-8", ";;"])
def test_an_empty_parameter_of_a_content_type_is_nothing(ending):
    assert open_request(written(event()), ONE + ending, context()).facts


def test_a_message_holds_one_event_or_an_array():
    sent = [event(id=name) for name in "ab"]

    one = open_message(message(written(sent[0])), context())
    both = open_message(message(b" " + written(sent)), context())

    assert [fact.event_id for fact in one.facts] == ["a"]
    assert [fact.event_id for fact in both.facts] == ["a", "b"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"topic": "complaints"}, "wrong_topic"),
        ({"topic": "elsewhere"}, "wrong_topic"),
        ({"key": b"EXB"}, "wrong_key"),
        ({"key": None}, "wrong_key"),
        ({"key": b"\xff"}, "wrong_key"),
        ({"value": None}, "empty"),
        ({"value": b"\n"}, "empty"),
        ({"value": b"\x00\x01"}, "malformed_json"),
    ],
)
def test_a_message_in_the_wrong_place_is_refused(changes, code):
    found = open_message(
        message(written(event()), **changes) if "value" not in changes else message(**changes),
        context(),
    )

    assert not found.facts
    assert [one.code for one in found.rejections] == [code]


@pytest.mark.parametrize("prefix", ["ce_", "ce-", "Ce_"])
def test_binary_mode_gives_the_same_fact(prefix):
    sent = event(revision=2)
    headers = tuple(
        (prefix + name, str(value).encode()) for name, value in sent.items() if name != "data"
    )
    headers += (("content-type", b"application/json"),)

    found = open_message(message(written(sent["data"]), headers=headers), context())

    assert found == open_message(message(written(sent)), context())


def test_binary_mode_carries_a_withdrawal_without_data():
    sent = event(withdrawn=True)
    headers = tuple(
        ("ce_" + name, json.dumps(value).strip('"').encode())
        for name, value in sent.items()
        if name != "data"
    )

    (fact,) = open_message(message(None, headers=headers), context()).facts

    assert (fact.withdrawn, fact.provider) == (True, "EXA")


def test_binary_mode_with_broken_headers_is_refused():
    for headers in (
        (("ce_id", b"\xff"),),
        (("ce_id", b"a"), ("ce_id", b"b")),
        (("ce_revision", b"x"), ("ce_id", b'"')),
        (("ce_", b""),),
    ):
        found = open_message(message(b"{}", headers=headers), context())
        assert len(found.rejections) == 1


def test_facts_written_out_and_opened_again_are_the_same():
    sent = [event(kind) for kind in KINDS] + [
        aggregate(),
        event("wardmetric", id="w", withdrawn=True, revision=4),
        event(id="x", data={"site": None, "ward": "Ward 7"}, recordedtime=None),
    ]
    facts = opened(*sent).facts

    again = open_request(encode(facts), BATCH, context())

    assert again.facts == facts
    assert encode(again.facts) == encode(facts)


def member(code: str, kind: str, parent: str | None, until: str | None = None) -> Organisation:
    end = None if until is None else date.fromisoformat(until)
    return Organisation(code, kind, code, parent, date(2020, 1, 1), end)


FILE = Organisations(
    [
        member("REG", "region", None),
        member("BRD", "icb", "REG"),
        member("EXA", "provider", "BRD"),
        member("EXB", "provider", "BRD"),
        member("EXC", "provider", "REG", until="2026-01-31"),
    ]
)


@pytest.mark.parametrize(
    ("source", "provider", "scope", "outcome"),
    [
        ("EXA", "EXA", None, None),
        ("EXA", "EXB", None, "out_of_scope"),
        ("BRD", "EXB", None, None),
        ("BRD", "EXC", None, "out_of_scope"),
        ("REG", "EXC", None, None),
        ("EXC", "EXC", None, None),
        ("EXZ", "EXA", None, "out_of_scope"),
        ("EXZ", "EXZ", None, "unknown_provider"),
        ("EXA", "EXA", {"EXA"}, None),
        ("EXA", "EXA", {"BRD"}, None),
        ("EXA", "EXA", {"EXB"}, "out_of_scope"),
        ("BRD", "EXA", {"EXB", "REG"}, None),
        ("EXA", "EXA", set(), "out_of_scope"),
    ],
)
def test_a_source_speaks_for_itself_or_its_members_and_a_key_for_its_scope(
    source, provider, scope, outcome
):
    sent = event(source=f"urn:nhs:ods:{source}", data={"provider": provider, "site": None})

    found = opened(
        sent,
        organisations=FILE,
        open_registration=False,
        scope=None if scope is None else frozenset(scope),
    )

    assert [one.code for one in found.rejections] == ([] if outcome is None else [outcome])


def test_a_provider_that_closed_may_still_correct_its_past():
    sent = event(source="urn:nhs:ods:EXC", data={"provider": "EXC"})

    before = opened(sent, organisations=FILE, open_registration=False)
    after = opened(
        sent | {"time": "2026-02-10T00:00:00Z"}, organisations=FILE, open_registration=False
    )

    assert len(before.facts) == 1
    assert [one.code for one in after.rejections] == ["unknown_provider"]


def test_a_withdrawal_without_data_needs_a_source_that_is_a_provider():
    sent = event(source="urn:nhs:ods:BRD", withdrawn=True) | {"data": None}

    assert code_of(sent, organisations=FILE, open_registration=False) == "provider_required"


def test_open_registration_takes_an_unknown_provider_for_itself_only():
    known = context(organisations=FILE)
    own = event(source="urn:nhs:ods:NEW", data={"provider": "NEW"})
    others = event(source="urn:nhs:ods:EXA", data={"provider": "NEW"})

    assert open_request(written([own]), BATCH, known).facts
    (rejection,) = open_request(written([others]), BATCH, known).rejections
    assert rejection.code == "out_of_scope"
