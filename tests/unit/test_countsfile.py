"""Reading counts files: what is taken, and the line that is named when it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.backtests.countsfile import CountsFileError, read_counts
from streams.facts.periods import Grid

HEAD = "unit,feed,period_start,period_end,count,exposure,changed_at\n"
WEEK = "A,falls,2024-01-01,2024-01-08,3,1.0,\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "counts.csv"
    path.write_text(text, "utf-8")
    return path


def test_weeks_become_columns_and_missing_ones_are_not_observed(tmp_path: Path):
    text = HEAD + WEEK + "A,falls,2024-01-15,2024-01-22,5,2.0,2024-01-10\n"
    counts = read_counts(write(tmp_path, text))

    assert counts.grid is Grid.WEEK
    assert counts.block.counts[0, 0].tolist() == [3, 0, 5]
    assert counts.block.exposure[0, 0].tolist() == [1, 0, 2]
    assert counts.starts == ("2024-01-01", "2024-01-08", "2024-01-15")
    assert counts.ends == ("2024-01-08", "2024-01-15", "2024-01-22")
    assert counts.changed_at == (19732.0,)
    assert counts.end_days[0] == 19730


def test_an_end_may_be_the_last_day_or_the_day_after(tmp_path: Path):
    text = HEAD.replace(",exposure,changed_at", "") + (
        "A,falls,2024-01-01,2024-01-07,3\nA,falls,2024-01-15,2024-01-21,4\n"
    )
    counts = read_counts(write(tmp_path, text))

    assert counts.ends == ("2024-01-07", "2024-01-14", "2024-01-21")
    assert counts.end_days == (19730, 19737, 19744)
    assert counts.block.exposure.sum() == 2
    assert not counts.knows_changes


@pytest.mark.parametrize("ends", [("01-31", "02-29", "03-31"), ("02-01", "03-01", "04-01")])
def test_months_are_read_whichever_way_they_end(tmp_path: Path, ends: tuple[str, ...]):
    rows = [f"A,x,2024-0{n + 1}-01,2024-{end},{n},1,\n" for n, end in enumerate(ends)]
    counts = read_counts(write(tmp_path, HEAD + "".join(rows)))

    assert counts.grid is Grid.MONTH
    assert counts.block.counts[0, 0].tolist() == [0, 1, 2]
    assert counts.end_days[1] == 19783


def test_an_empty_exposure_takes_the_last_one_known(tmp_path: Path):
    text = HEAD + (
        "A,x,2024-01-01,2024-01-08,3,,\n"
        "A,x,2024-01-08,2024-01-15,3,1.5,\n"
        "A,x,2024-01-15,2024-01-22,3,,\n"
    )
    counts = read_counts(write(tmp_path, text))

    assert counts.block.exposure[0, 0].tolist() == [0, 1.5, 1.5]
    assert counts.block.counts[0, 0].tolist() == [0, 3, 3]


def test_a_feed_without_any_exposure_is_counted_without(tmp_path: Path):
    """Speaking up has no denominator, and stands beside feeds that have one."""
    text = HEAD + WEEK + "A,speakup,2024-01-01,2024-01-08,2,,\n"
    counts = read_counts(write(tmp_path, text))

    assert counts.feeds == ("speakup", "falls")
    assert counts.block.exposure[0, :, 0].tolist() == [1.0, 1.0]
    assert counts.block.counts[0, :, 0].tolist() == [2, 3]


def test_the_order_of_rows_decides_nothing(tmp_path: Path):
    rows = [
        f"{unit},{feed},2024-01-{1 + 7 * week:02},2024-01-{8 + 7 * week:02},{week},2.0,{changed}\n"
        for unit, changed in (("B", ""), ("A", "2024-01-09"))
        for feed in ("widgets", "falls", "incidents")
        for week in range(3)
    ]
    forth = read_counts(write(tmp_path, HEAD + "".join(rows)))
    back = read_counts(write(tmp_path, HEAD + "".join(reversed(rows))))

    assert forth.units == back.units == ("A", "B")
    assert forth.feeds == back.feeds == ("incidents", "falls", "widgets")
    assert forth.changed_at == back.changed_at
    assert forth.block.counts.tolist() == back.block.counts.tolist()
    assert (forth.starts, forth.ends) == (back.starts, back.ends)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_columns_may_stand_between_semicolons_or_tabs(tmp_path: Path, delimiter: str):
    plain = read_counts(write(tmp_path, HEAD + WEEK))
    other = read_counts(write(tmp_path, "\ufeff" + (HEAD + WEEK).replace(",", delimiter)))

    assert plain.block.counts.tolist() == other.block.counts.tolist() == [[[3.0]]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "header lacks unit"),
        ("unit,feed,period_start,period_end\n", "line 1: the header lacks count"),
        (HEAD.replace("changed_at", "colour"), "line 1: unknown column colour"),
        (HEAD, "no rows"),
        (HEAD + "A,any_harm_share,2024-01-01,2024-01-08,3,,\n", "line 2: any_harm_share needs"),
        (HEAD + WEEK + "B,falls,2024-01-01,2024-01-08,3,,\n", "line 3: this unit has no exposure"),
        (HEAD + WEEK + "A,falls,2024-01-08\n", "line 3: the row has not as many cells"),
        (HEAD + ",falls,2024-01-01,2024-01-08,3,1,\n", "line 2: unit is empty"),
        (HEAD + "A,falls,1/1/2024,2024-01-08,3,1,\n", "line 2: period_start must be a date"),
        (HEAD + "A,falls,2024-01-01,2024-01-08,-3,1,\n", "line 2: count must be a number"),
        (HEAD + "A,falls,2024-01-01,2024-01-08,3.5,1,\n", "line 2: count must be a whole number"),
        (HEAD + "A,falls,2024-01-01,2024-01-08,nan,1,\n", "line 2: count must be a number"),
        (HEAD + "A,falls,2024-01-01,2024-01-08,1e9,1,\n", "line 2: count must be a whole number"),
        (HEAD + "A,falls,2024-01-01,2024-01-08,3,inf,\n", "line 2: exposure must be a number"),
        (HEAD + WEEK + WEEK, "line 3: the same unit, feed and period as line 2"),
        (HEAD + "A,falls,2024-01-01,2024-01-11,3,1,\n", "line 2: periods must be weeks"),
        (
            HEAD + WEEK + "A,falls,2024-01-08,2024-02-08,3,1,\n",
            "line 3: the period is not one",
        ),
        (HEAD + WEEK + "A,falls,2024-01-10,2024-01-17,3,1,\n", "line 3: weeks must all start"),
        (HEAD + WEEK + "A,falls,2124-01-03,2124-01-10,3,1,\n", "5,000 are the most"),
        (
            HEAD + "A,x,2024-01-01,2024-01-08,3,1,2024-02-01\n"
            "A,y,2024-01-01,2024-01-08,3,1,2024-03-01\n",
            "line 3: unit has another changed_at",
        ),
        (HEAD + 'A,"falls,2024-01-01\n', "line"),
    ],
)
def test_what_cannot_be_used_names_its_line(tmp_path: Path, text: str, words: str):
    with pytest.raises(CountsFileError, match=words):
        read_counts(write(tmp_path, text))


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path):
    with pytest.raises(CountsFileError, match="cannot be read"):
        read_counts(tmp_path / "none.csv")
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(CountsFileError, match="not UTF-8"):
        read_counts(binary)
