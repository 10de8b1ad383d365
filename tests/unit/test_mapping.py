"""A mapping turns other people's columns into the contract's events, or says why it cannot."""

from __future__ import annotations

import orjson
import pytest

from streams.sending.cells import RowError
from streams.sending.mapping import MappingError
from streams.sending.mapping_files import from_header, load, parse, shipped, with_columns
from streams.sending.rows import CsvRows

COMPLAINTS = {
    "event": {"type": "complaint", "id": "pals-{ref}", "time": "{received}"},
    "data": {"provider": "RZ1", "site": "{site:upper}", "subject": "{topic}"},
    "csv": {"delimiter": ";", "dates": "%d/%m/%Y %H:%M", "timezone": "Europe/London"},
    "translate": {"topic": {"Staff attitude": "values_and_behaviours"}},
}


def complaint(**cells):
    row = {"ref": "7", "received": "01/07/2026 09:30", "site": "rz101", "topic": "Staff attitude"}
    return parse(COMPLAINTS, "test").event(row | cells)


def test_templates_translations_and_local_times_make_an_event():
    assert complaint() == {
        "specversion": "1.0",
        "id": "pals-7",
        "source": "urn:nhs:ods:RZ1",
        "type": "uk.nhs.quality.complaint.v1",
        "time": "2026-07-01T08:30:00Z",
        "datacontenttype": "application/json",
        "data": {"provider": "RZ1", "site": "RZ101", "subject": "values_and_behaviours"},
    }


def test_an_empty_cell_leaves_its_field_out():
    assert "site" not in complaint(site=" ")["data"]


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"received": "2026-07-01"}, "bad_date"),
        ({"received": ""}, "missing_value"),
        ({"ref": ""}, "missing_value"),
    ],
)
def test_a_row_that_cannot_be_an_event_says_why_without_its_values(cells, code):
    with pytest.raises(RowError) as caught:
        complaint(**cells)

    assert caught.value.code == code
    assert all(not value or value not in str(caught.value) for value in cells.values())


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("12.5", 12.5), ("1,234", 1234), ("12,345.5", 12345.5), ("-3", -3)],
)
def test_numbers_are_read_as_people_write_them(text, number):
    event = _metric().event({"n": text, "d": "2026-01-31"})

    assert event["data"]["numerator"] == number


@pytest.mark.parametrize("text", ["twelve", "nan", "inf", "1,2", "0x10", "12%"])
def test_what_is_not_a_number_is_refused(text):
    with pytest.raises(RowError, match="numerator is not a"):
        _metric().event({"n": text, "d": "2026-01-31"})


def _metric():
    return parse(
        {
            "event": {"type": "wardmetric", "id": "{d:%Y%m}"},
            "period": {"start": "{d}", "length": "month"},
            "data": {"provider": "RZ1", "metric": "falls", "numerator": "{n}"},
        },
        "test",
    )


def test_a_period_is_the_calendar_month_that_holds_the_day():
    data = _metric().event({"n": "1", "d": "2026-02-17"})["data"]

    assert (data["period_start"], data["period_end"]) == (
        "2026-02-01T00:00:00Z",
        "2026-03-01T00:00:00Z",
    )


def test_speaking_up_counts_become_an_object_of_whole_numbers():
    mapping = parse(
        {
            "event": {"type": "speakup", "id": "{q}"},
            "period": {"start": "{q}", "length": "quarter"},
            "data": {"provider": "RZ1", "counts": {"cases": "{n}", "anonymous": "{a}"}},
        },
        "test",
    )

    event = mapping.event({"q": "2026-04-01", "n": "12", "a": ""})

    assert event["data"]["counts"] == {"cases": 12}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"events": {}}, "unknown name"),
        ({"data": {"nhs_number": "{x}"}}, "unknown name"),
        ({"data": {"provider": "{x"}}, "template"),
        ({"data": {"provider": "{x!r}"}}, "without '!'"),
        ({"period": {"start": "{x}"}}, "needs start and length"),
        ({"period": {"start": "{x}", "length": "year"}}, "one of day, week, month, quarter"),
        ({"csv": {"delimiter": "||"}}, "one character"),
        ({"csv": {"timezone": "Europe/Londres"}}, "unknown timezone"),
        ({"csv": {"encoding": "utf-7bit"}}, "unknown encoding"),
        ({"event": "incident"}, "must be a table"),
        ({"event": {"type": "incidents"}}, "none of incident, complaint"),
        ({"event": {"id": ["{x}"]}}, "id must be a text"),
        ({"data": {"counts": "{x}"}}, "must be a table"),
        ({"csv": {"dates": ["%d/%m/%Y"]}}, "dates must be a text"),
        ({"csv": {"empty": {}}}, "empty must be a text"),
        ({"translate": {"x": "y"}}, "must be a table"),
        ({"translate": {"x": {"a": {}}}}, "must be a text"),
        ({"where": {"x": {"a": 1}}}, "must be a text"),
        ({"period": {"start": "{x}", "length": ["week"]}}, "needs start and length"),
    ],
)
def test_a_mapping_that_says_something_unknown_is_refused(tables, message):
    with pytest.raises(MappingError, match=message):
        parse(tables, "test")


def test_a_mapping_that_is_not_there_names_those_that_ship():
    with pytest.raises(MappingError, match="ae-attendances"):
        load("no-such-mapping")


def test_every_shipped_mapping_loads():
    assert {"ae-attendances", "hospital-infections"} <= set(shipped())
    for name in shipped():
        assert load(name).columns


def test_columns_with_the_contract_s_names_need_no_mapping():
    mapping = from_header(["id", "type", "time", "provider", "category", "comment"])

    event = mapping.event(
        {
            "id": "1",
            "type": "incident",
            "time": "2026-01-01T00:00:00+01:00",
            "provider": "RZ1",
            "category": "fall",
            "comment": "not sent",
        }
    )

    assert event["time"] == "2025-12-31T23:00:00Z"
    assert event["data"] == {"provider": "RZ1", "category": "fall"}


def test_a_field_may_be_taken_from_a_column_of_another_name():
    mapping = with_columns(from_header(["id"]), ["provider=trust", "type=kind", "time=when"])

    event = mapping.event(
        {"id": "1", "trust": "RZ1", "kind": "complaint", "when": "2026-01-01T00:00:00Z"}
    )

    assert event["data"] == {"provider": "RZ1"}


@pytest.mark.parametrize("assignment", ["provider", "provider=", "postcode=pc"])
def test_an_assignment_that_names_no_field_or_no_column_is_refused(assignment):
    with pytest.raises(MappingError):
        with_columns(from_header(["id"]), [assignment])


def _csv(tmp_path, text, mapping=None, assignments=()):
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reader = CsvRows(path, mapping, assignments)
    with path.open("rb") as file:
        file.seek(reader.start)
        return list(reader.read(file, 2))


HEAD = "id,type,time,provider\n"
GOOD = "a,incident,2026-01-01T00:00:00Z,RZ1\n"


def test_a_row_with_too_few_cells_is_refused_and_the_next_is_read(tmp_path):
    short, good = _csv(tmp_path, HEAD + "a,incident\n" + GOOD)

    assert (short.number, short.code) == (2, "wrong_columns")
    assert orjson.loads(good.line)["id"] == "a"


def test_a_quote_that_is_never_closed_costs_one_row(tmp_path):
    rows = _csv(tmp_path, HEAD + '"a,incident,2026-01-01T00:00:00Z,RZ1\n' + GOOD + GOOD)

    assert [row.code for row in rows] == ["not_csv", None, None]


def test_bytes_that_are_not_text_cost_one_row(tmp_path):
    rows = _csv(tmp_path, HEAD.encode() + b"\xff\xfe,incident,x,RZ1\n" + GOOD.encode())

    assert [row.code for row in rows] == ["not_text", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column names"),
        ("id,id\n", "same name"),
        ("id,time\n", "no column gives type"),
        (b"\xff\xfe\n", "cannot be read"),
    ],
)
def test_a_header_that_cannot_work_is_refused_before_anything_is_sent(tmp_path, text, message):
    with pytest.raises(MappingError, match=message):
        _csv(tmp_path, text)


def test_a_mapping_that_reads_a_column_the_file_lacks_names_both(tmp_path):
    with pytest.raises(MappingError, match=r"reads column.*attendances.*the file has id"):
        _csv(tmp_path, HEAD, load("ae-attendances"))


def test_columns_that_are_not_sent_can_be_told_to_the_sender(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("id,type,time,provider,nhs_number\n")

    assert CsvRows(path, None).unsent == ["nhs_number"]
