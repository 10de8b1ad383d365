"""A push may be stopped anywhere, and what it sends is what the file says."""

from __future__ import annotations

import csv

import orjson
import pytest

from streams.sending.mapping_files import load
from streams.sending.push import Push, PushError, Receipt, Refused, TooLarge, TryLater
from streams.sending.rows import CsvRows, NdjsonRows


class RecordingDoor:
    """A door that takes everything, except what the test tells it not to."""

    name = "test"

    def __init__(self, *, refuse=(), errors=()):
        self.batches = []
        self.keys = []
        self.refuse = set(refuse)
        self.errors = list(errors)

    def send(self, lines, key):
        """Take a batch, or do what the test planned for this moment."""
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        self.batches.append(list(lines))
        self.keys.append(key)
        refused = [
            Refused(index, None, "schema", "no")
            for index, line in enumerate(lines)
            if line in self.refuse
        ]
        return Receipt(len(lines) - len(refused), 0, refused)

    @property
    def lines(self):
        """Every line taken, in order."""
        return [line for batch in self.batches for line in batch]


class KilledError(Exception):
    """Stands for kill -9 at this moment."""


def make(path, door, reader=None, **options):
    return Push(
        path=path,
        reader=reader or NdjsonRows(),
        door=door,
        state_path=path.with_suffix(".state"),
        rejects_path=path.with_suffix(".rejected.csv"),
        batch_events=options.pop("batch_events", 3),
        **options,
    )


@pytest.fixture
def numbers(tmp_path):
    path = tmp_path / "numbers.ndjson"
    path.write_bytes(b"".join(b'{"n":%d}\n' % n for n in range(10)))
    return path


def lines_of(numbers):
    return [b'{"n":%d}' % n for n in numbers]


def test_a_second_push_of_a_file_that_is_being_sent_is_told_so(numbers):
    first, second = RecordingDoor(), RecordingDoor()

    class Meanwhile(RecordingDoor):
        def send(self, lines, key):
            with pytest.raises(PushError, match=r"another push of numbers.ndjson is under way"):
                make(numbers, second).run()
            return first.send(lines, key)

    totals = make(numbers, Meanwhile()).run()

    assert (totals.accepted, first.lines, second.lines) == (10, lines_of(range(10)), [])
    assert make(numbers, Meanwhile()).run().accepted == 10
    assert not list(numbers.parent.glob("*.lock"))


def test_a_lock_that_a_killed_push_left_is_nobodys(numbers):
    numbers.with_suffix(".state.lock").touch()

    assert make(numbers, RecordingDoor()).run().accepted == 10


def test_every_line_is_sent_once_and_in_order(numbers):
    door = RecordingDoor()

    totals = make(numbers, door).run()

    assert door.lines == lines_of(range(10))
    assert (totals.rows, totals.accepted, totals.rejected) == (10, 10, 0)


def test_a_second_run_sends_nothing(numbers):
    make(numbers, RecordingDoor()).run()
    door = RecordingDoor()

    totals = make(numbers, door).run()

    assert door.lines == []
    assert totals.accepted == 10


def test_a_file_that_has_grown_sends_only_what_is_new(numbers):
    make(numbers, RecordingDoor()).run()
    with numbers.open("ab") as file:
        file.write(b'{"n":10}\n')
    door = RecordingDoor()

    make(numbers, door).run()

    assert door.lines == lines_of([10])


def test_a_file_whose_sent_part_has_changed_is_sent_again(numbers):
    make(numbers, RecordingDoor()).run()
    numbers.write_bytes(numbers.read_bytes().replace(b'{"n":1}', b'{"n":7}'))
    door = RecordingDoor()

    make(numbers, door).run()

    assert len(door.lines) == 10


def test_another_door_starts_from_the_beginning(numbers):
    make(numbers, RecordingDoor()).run()
    other = RecordingDoor()
    other.name = "elsewhere"

    make(numbers, other).run()

    assert len(other.lines) == 10


@pytest.mark.parametrize("moment", range(4))
def test_a_push_killed_before_its_receipt_repeats_one_batch_under_the_same_key(numbers, moment):
    first = RecordingDoor(errors=[None] * moment + [KilledError()])
    with pytest.raises(KilledError):
        make(numbers, first).run()
    second = RecordingDoor()

    make(numbers, second).run()

    assert first.lines + second.lines == lines_of(range(10))


def test_a_push_killed_after_the_receipt_repeats_its_batch_under_the_same_key(numbers):
    door = RecordingDoor()
    with pytest.raises(KilledError):
        _kill_at_save(numbers, door, save=2)
    again = RecordingDoor()

    totals = make(numbers, again).run()

    assert again.batches[0] == door.batches[-1]
    assert again.keys[0] == door.keys[-1]
    assert totals.rows == 10


def _kill_at_save(path, door, *, save):
    saves = 0

    class Fragile(Push):
        def _save(self):
            nonlocal saves
            saves += 1
            if saves > save:
                raise KilledError
            Push._save(self)

    Fragile(
        path=path,
        reader=NdjsonRows(),
        door=door,
        state_path=path.with_suffix(".state"),
        rejects_path=path.with_suffix(".rejected.csv"),
        batch_events=3,
    ).run()


def test_restarting_sends_everything_again_under_new_keys(numbers):
    first, second = RecordingDoor(), RecordingDoor()
    make(numbers, first).run()

    make(numbers, second).run(restart=True)

    assert second.lines == first.lines
    assert not set(second.keys) & set(first.keys)


def test_a_shut_door_is_tried_again_with_growing_pauses(numbers):
    door = RecordingDoor(errors=[TryLater("503"), TryLater("503"), TryLater("503")])
    pauses = []

    make(numbers, door, sleep=pauses.append).run()

    assert door.lines == lines_of(range(10))
    assert len(pauses) == 3
    assert pauses[0] < pauses[1] < pauses[2]


def test_a_door_that_says_when_to_come_back_is_obeyed(numbers):
    door = RecordingDoor(errors=[TryLater("busy", pause=7.0)])
    pauses = []

    make(numbers, door, sleep=pauses.append).run()

    assert pauses == [7.0]


def test_a_door_that_stays_shut_ends_the_push_which_goes_on_later(numbers):
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    shut = RecordingDoor(errors=[None] + [TryLater("refused to connect")] * 1000)
    with pytest.raises(PushError, match="run the same command again"):
        make(numbers, shut, sleep=sleep, monotonic=lambda: now[0], patience=60).run()
    open_door = RecordingDoor()

    make(numbers, open_door).run()

    assert shut.lines + open_door.lines == lines_of(range(10))
    assert now[0] <= 60


def test_a_batch_that_is_too_large_is_halved(numbers):
    door = RecordingDoor(errors=[TooLarge(), TooLarge()])

    make(numbers, door, batch_events=10).run()

    assert door.lines == lines_of(range(10))
    assert len(door.batches) > 1


def test_refused_rows_are_listed_with_their_line_and_reason(numbers):
    door = RecordingDoor(refuse=lines_of([4]))

    totals = make(numbers, door).run()

    listed = list(csv.DictReader(numbers.with_suffix(".rejected.csv").open()))
    assert listed == [{"row": "5", "id": "", "code": "schema", "detail": "no"}]
    assert (totals.accepted, totals.rejected) == (9, 1)


def test_refused_rows_of_a_killed_push_are_listed_once(numbers):
    door = RecordingDoor(refuse=lines_of([1, 4]))
    with pytest.raises(KilledError):
        _kill_at_save(numbers, door, save=2)

    make(numbers, RecordingDoor(refuse=lines_of([1, 4]))).run()

    listed = list(csv.DictReader(numbers.with_suffix(".rejected.csv").open()))
    assert [row["row"] for row in listed] == ["2", "5"]


def test_no_file_of_refused_rows_is_left_when_all_are_taken(numbers):
    make(numbers, RecordingDoor()).run()

    assert not numbers.with_suffix(".rejected.csv").exists()


def test_blank_lines_and_a_byte_order_mark_are_passed_over(tmp_path):
    path = tmp_path / "gaps.ndjson"
    path.write_bytes(b'\xef\xbb\xbf{"n":0}\r\n\r\n  \n{"n":1}')
    door = RecordingDoor()

    totals = make(path, door).run()

    assert door.lines == lines_of([0, 1])
    assert totals.rows == 2


def test_a_line_longer_than_any_event_is_refused_and_the_next_is_sent(tmp_path):
    path = tmp_path / "long.ndjson"
    path.write_bytes(b'{"x":"' + b"a" * 1_200_000 + b'"}\n{"n":1}\n')
    door = RecordingDoor()

    totals = make(path, door).run()

    assert door.lines == lines_of([1])
    assert totals.rejected == 1


def test_a_csv_push_resumes_inside_a_file_with_quoted_line_breaks(tmp_path):
    path = tmp_path / "notes.csv"
    head = "id,type,time,provider,ward\n"
    rows = [f'e{n},incident,2026-01-0{n + 1}T09:00:00Z,RZ1,"Ward\n{n}"\n' for n in range(7)]
    path.write_text(head + "".join(rows))
    first = RecordingDoor(errors=[None, KilledError()])
    with pytest.raises(KilledError):
        make(path, first, CsvRows(path, None)).run()
    second = RecordingDoor()

    totals = make(path, second, CsvRows(path, None)).run()

    sent = [orjson.loads(line) for line in first.lines + second.lines]
    assert [event["id"] for event in sent] == [f"e{n}" for n in range(7)]
    assert sent[3]["data"]["ward"] == "Ward\n3"
    assert totals.number == 16


def test_the_a_and_e_file_becomes_one_event_for_each_type_1_row(tmp_path):
    path = tmp_path / "ae.csv"
    path.write_text(
        '"period","org_code","type","attendances","breaches","admissions"\n'
        '2017-03-01,"RF4","1",21289,2879,5060\n'
        '2017-03-01,"RF4","2",813,22,0\n'
    )
    door = RecordingDoor()

    totals = make(path, door, CsvRows(path, load("ae-attendances"))).run()

    assert [orjson.loads(line) for line in door.lines] == [
        {
            "specversion": "1.0",
            "id": "ae-RF4-2017-03",
            "source": "urn:nhs:ods:RF4",
            "type": "uk.nhs.quality.wardmetric.v1",
            "time": "2017-04-01T00:00:00Z",
            "datacontenttype": "application/json",
            "data": {
                "period_start": "2017-03-01T00:00:00Z",
                "period_end": "2017-04-01T00:00:00Z",
                "provider": "RF4",
                "metric": "four_hour_breaches",
                "numerator": 2879,
                "denominator": 21289,
            },
        }
    ]
    assert (totals.rows, totals.left_out) == (2, 1)
