"""``earshot backtest`` as it is called: on files, on the store of a house, on scenarios."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import text

from api.cli.backtest_sources import _open
from api.settings import Settings
from streams.backtests.scenarios import names
from tests.integration.earshot_process import earshot
from tests.integration.test_backtest import make


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a small demonstration that has stopped."""
    data = tmp_path_factory.mktemp("house") / "data"
    size = ("--providers", "3", "--sites", "1", "--wards", "4", "--weeks", "70")
    done = earshot("demo", "--data", data, "--port", "0", "--exit-after-history", *size)
    assert done.returncode == 0, done.stderr
    return data


def digest(house: Path) -> str:
    return hashlib.sha256((house / "earshot.db").read_bytes()).hexdigest()


def test_a_file_gives_a_table_a_result_and_a_picture(tmp_path: Path):
    path = make(tmp_path / "c.csv", weeks=80, units=6)
    out, picture = tmp_path / "out.json", tmp_path / "out.svg"
    done = earshot("backtest", path, "--budget", "0.2", "--json", out, "--picture", picture)

    assert done.returncode == 0, done.stderr
    assert "Three ways of watching the same data" in done.stdout
    result = json.loads(out.read_text())
    assert set(result["comparison"]) == {"earshot", "nhs_rules", "cusum"}
    for row in result["comparison"].values():
        assert set(row) >= {"false_alerts_per_unit_year", "delay", "precision"}
    earshots = result["comparison"]["earshot"]
    assert earshots["alerts"] == len(result["alerts"])
    assert earshots["delay"]["median"] == result["delay"]["median"]
    assert ET.parse(picture).getroot().tag.endswith("svg")  # noqa: S314 - drawn by the command


@pytest.mark.parametrize("option", ["--json", "--picture"])
def test_a_result_that_has_no_place_is_told_before_anything_is_read(tmp_path: Path, option: str):
    done = earshot("backtest", tmp_path / "none.csv", option, tmp_path / "nowhere" / "out")

    assert done.returncode == 1
    assert "out cannot be written: there is no such directory" in " ".join(done.stderr.split())


def test_the_store_of_a_house_is_watched_and_left_as_it_is(house: Path, tmp_path: Path):
    before, out = digest(house), tmp_path / "out.json"
    changes = tmp_path / "changes.csv"
    # The demonstration ends today, and thirty of its seventy weeks are judged.
    late, early = (datetime.now(UTC).date() - timedelta(weeks=weeks) for weeks in (10, 50))
    changes.write_text(f"unit,changed_at\nRZ101:Cedar,{late}\nRZ101:Ash,{early}\n")
    done = earshot(
        "backtest", "--data", house, "--calibration", "shipped", "--history", "40",
        "--changes", changes, "--json", out,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert digest(house) == before
    result = json.loads(out.read_text())
    assert {alert["unit"].split(":")[0] for alert in result["alerts"]} <= {
        "RZ101",
        "RZ201",
        "RZ301",
    }
    assert result["delay"]["units"] == 1
    assert result["changed_before_watching"] == ["RZ101:Ash"]
    assert "1 unit had changed before anybody watched" in " ".join(done.stdout.split())
    assert result["calibration"]["source"].startswith("2026")


def test_the_directory_may_come_from_the_environment(house: Path):
    done = earshot("backtest", EARSHOT_DATA=str(house))

    assert done.returncode == 0, done.stderr
    assert "unit-years" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--class", "trust"), "--class must be one of ward, site, provider"),
        (("--changes", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("--history", "400"), "nothing to judge"),
    ],
)
def test_what_cannot_be_read_from_a_house_is_told(
    house: Path, arguments: tuple[str, ...], words: str
):
    done = earshot("backtest", "--data", house, *arguments)

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("unit,when\nA,2026-01-05\n", "the header must name unit and changed_at"),
        ("unit,changed_at\nA,soon\n", "line 2: changed_at must be a date"),
        ("unit,changed_at\nRZ999:Oak,2026-01-05\n", "there is no ward RZ999:Oak in the store"),
    ],
)
def test_changes_that_cannot_be_used_are_told(house: Path, tmp_path: Path, text: str, words: str):
    path = tmp_path / "changes.csv"
    path.write_text(text)
    done = earshot("backtest", "--data", house, "--changes", path)

    assert done.returncode == 1
    assert words in done.stderr


def test_the_scenarios_are_listed_a_line_each_either_way():
    first, second = earshot("backtest", "--scenarios"), earshot("backtest", "--scenario", "list")

    assert first.stdout == second.stdout
    assert [line.split()[0] for line in first.stdout.splitlines()[:-1]] == list(names())
    assert "simulated" in first.stdout.splitlines()[-1]


def test_a_scenario_is_played_beside_official_action(tmp_path: Path):
    out = tmp_path / "out.json"
    done = earshot("backtest", "--scenario", "neonatal-cluster", "--json", out, "--seed", "7")
    result = json.loads(out.read_text())["scenario"]

    assert done.returncode == 0, done.stderr
    assert "Illustrative and simulated" in done.stdout
    assert "2017-05-18" in done.stdout
    assert result["seed"] == 7
    assert result["name"] == "neonatal-cluster"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "what is to be watched?"),
        (("--data", "nowhere"), "there is no store at"),
        (("--scenario", "nowhere"), "there is no scenario nowhere; there are mid-staffordshire"),
        (("x.csv", "--scenario", "winter"), "not both"),
        (("x.csv",), "x.csv: cannot be read"),
        (("--scenario", "winter", "--history", "30"), "leave out --calibration and --history"),
    ],
)
def test_a_question_without_an_answer_is_told(arguments: tuple[str, ...], words: str):
    done = earshot("backtest", *arguments)

    assert done.returncode == 1
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("watched", [("x.csv",), ("--scenario", "winter")])
def test_a_class_that_chooses_nothing_is_refused(watched: tuple[str, ...]):
    done = earshot("backtest", *watched, "--class", "nonsense")

    assert done.returncode == 2
    assert "--class has nothing to choose from" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("x.csv", "--seed", "4"), "--seed is of a simulated scenario"),
        (("x.csv", "--withhold"), "--withhold is of a simulated scenario"),
        (("x.csv", "--changes", "y.csv"), "--changes is for stored history"),
        (("--scenario", "winter", "--changes", "y.csv"), "--changes is for stored history"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments: tuple[str, ...], words: str):
    done = earshot("backtest", *arguments)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


def test_a_directory_in_place_of_a_result_is_told_before_the_work(tmp_path: Path):
    done = earshot("backtest", "x.csv", "--json", str(tmp_path))

    assert done.returncode == 1
    assert "cannot be written: it is a directory" in " ".join(done.stderr.split())


@pytest.mark.postgres
def test_a_house_on_postgresql_refuses_to_be_written_by_a_backtest(shared_postgres_url: str):
    store = _open(Settings.load(database_url=shared_postgres_url))
    try:
        assert isinstance(list(store.providers_with_facts()), list)
        with (
            pytest.raises(Exception, match="read-only"),
            store.database.write() as connection,
        ):
            connection.execute(text("CREATE TABLE never (id integer)"))
    finally:
        store.close()
