"""The command line starts fast, says what it can do, and refuses in one sentence."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.cli import COMMANDS, load
from api.cli.check import OPTIONS_ONLY, PREFIX
from api.settings import Settings
from tests.integration.earshot_process import earshot

ANYWHERE = "0.0.0.0"  # noqa: S104 - refused, never bound
HEAVY = ("numba", "numpy", "scipy", "sqlalchemy", "fastapi", "kafka", "river")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from api.cli import main; "
        "main(['--help'], standalone_mode=False); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stderr.strip() == "[]"


def test_help_lists_every_command_and_comes_at_once():
    began = time.perf_counter()
    done = earshot("--help")
    took = time.perf_counter() - began

    assert done.returncode == 0
    assert all(f" {name} " in done.stdout for name in COMMANDS)
    # Ten times what it takes on an idle machine: imports are what this guards against.
    assert took < 4.0


def test_the_version_is_shown():
    done = earshot("--version")

    assert done.stdout.startswith("earshot ")


def test_an_unknown_command_is_refused_with_the_nearest_one():
    done = earshot("alets")

    assert done.returncode == 2
    assert "alerts" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_loads_and_explains_itself(name):
    command = load(name)

    assert command.name == name
    assert command.help


def test_a_wrong_setting_is_told_by_its_name_without_a_traceback():
    done = earshot("check", EARSHOT_PORT="seventy")

    assert done.returncode == 2
    assert "EARSHOT_PORT" in done.stderr or "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_budget_that_makes_level_2_the_commoner_alert_is_refused():
    done = earshot("check", EARSHOT_BUDGET_LEVEL2="0.5")

    assert done.returncode == 1
    assert "level 2 is the rarer alert" in done.stderr


def test_check_says_what_would_be_in_force(tmp_path):
    done = earshot("check", "--data", str(tmp_path / "none"))

    assert done.returncode == 0, done.stderr
    assert "about once in 5 years" in done.stdout
    assert "about once in 20 years" in done.stdout
    assert "will be made at the first start" in done.stdout


def test_check_tells_of_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")

    done = earshot("check", "--data", str(tmp_path / "file" / "data"))

    assert done.returncode == 1
    assert "WRONG  store:" in done.stdout
    assert "cannot be made" in done.stdout


def test_check_leaves_nothing_where_the_store_will_be(tmp_path):
    earshot("check", "--data", str(tmp_path / "a" / "b"))

    assert not list(tmp_path.iterdir())


def test_check_misses_the_key_that_an_open_door_needs_before_there_is_a_store(tmp_path):
    done = earshot("check", "--data", str(tmp_path / "none"), "--host", "10.0.0.5")

    assert done.returncode == 1
    assert "WRONG  store: no key yet" in done.stdout


def test_check_names_every_file_that_is_wrong_and_fails(tmp_path):
    bad = tmp_path / "organisations.csv"
    bad.write_text("code;kind\n")

    done = earshot("check", "--data", str(tmp_path), "--organisations", str(bad))

    assert done.returncode == 1
    assert "WRONG" in done.stdout
    assert str(bad) in done.stdout


def test_check_points_out_a_variable_that_is_nearly_a_setting(tmp_path):
    answer = earshot(
        "check", "--data", tmp_path,
        EARSHOT_BUGDET_LEVEL1="0.1", EARSHOT_SERVICE_HOST="10.0.0.7", EARSHOT_METRICS_PORT="8471",
    )  # fmt: skip

    assert answer.returncode == 0
    assert "EARSHOT_BUGDET_LEVEL1 is no setting" in answer.stdout
    assert "did you mean EARSHOT_BUDGET_LEVEL1?" in answer.stdout
    assert answer.stdout.count("is no setting") == 1


def test_every_variable_of_a_command_is_known_to_the_check():
    variables = {
        str(parameter.envvar)
        for name in COMMANDS
        for command in (load(name), *getattr(load(name), "commands", {}).values())
        for parameter in command.params
        if getattr(parameter, "envvar", None)
    }

    known = {name.upper() for name in Settings.model_fields} | OPTIONS_ONLY

    assert {variable.removeprefix(PREFIX) for variable in variables} <= known


def test_check_lists_the_hierarchy(tmp_path):
    done = earshot("check", "--data", str(tmp_path / "none"), "--units")

    assert "ENG" in done.stdout
    assert "  Y56" in done.stdout


def test_a_key_is_shown_once_and_can_be_revoked(tmp_path):
    made = earshot("keys", "create", "--scope", "RZ1", "--label", "A trust", "--data", tmp_path)
    token = made.stdout.strip()
    prefix = token.split("_")[1]
    listed = earshot("keys", "list", "--data", tmp_path)
    revoked = earshot("keys", "revoke", prefix, "--data", tmp_path)
    again = earshot("keys", "list", "--data", tmp_path)

    assert made.returncode == 0, made.stderr
    assert prefix in listed.stdout
    assert "A trust" in listed.stdout
    assert token.split("_", 2)[2] not in listed.stdout + listed.stderr + made.stderr
    assert revoked.returncode == 0
    assert "never" in again.stdout
    assert token.encode() not in b"".join(
        file.read_bytes() for file in Path(tmp_path).rglob("*") if file.is_file()
    )


def test_revoking_a_key_that_is_not_there_says_so(tmp_path):
    done = earshot("keys", "revoke", "nothere", "--data", tmp_path)

    assert done.returncode == 1
    assert "there is no key nothere" in done.stderr


def test_a_scope_that_is_no_organisation_code_is_refused(tmp_path):
    done = earshot("keys", "create", "--scope", "my trust", "--data", tmp_path)

    assert done.returncode == 2
    assert "organisation code" in done.stderr


def test_the_service_does_not_open_to_other_machines_without_a_key(tmp_path):
    done = earshot("serve", "--host", ANYWHERE, "--port", "0", "--data", tmp_path)

    assert done.returncode == 1
    assert "earshot keys create" in done.stderr


def test_the_http_half_says_what_it_lacks():
    done = earshot("api")

    assert done.returncode == 1
    assert "--kafka" in done.stderr


def test_a_push_to_a_service_that_is_not_there_says_so_and_can_be_repeated(tmp_path):
    file = tmp_path / "events.ndjson"
    file.write_text("{}\n")

    done = earshot("push", str(file), "--url", "http://127.0.0.1:9", "--patience", "0.1")

    assert done.returncode == 1
    assert "nothing answers at http://127.0.0.1:9" in done.stderr
    assert "run the same command again" in done.stderr


def test_a_csv_file_without_needed_columns_is_refused_before_anything_is_sent(tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("when,what\n2026-01-01,fall\n")

    done = earshot("push", str(file))

    assert done.returncode == 1
    assert "no column gives id" in done.stderr


def test_an_address_that_is_none_is_refused():
    done = earshot("alerts", "list", "--url", "localhost:8470")

    assert done.returncode == 1
    assert "is no service address" in done.stderr


@pytest.mark.parametrize(
    ("command", "name"),
    [(("keys", "list"), "EARSHOT_PORT"), (("check",), "EARSHOT_PORT"),
     (("worker",), "EARSHOT_METRICS_PORT")],
)  # fmt: skip
def test_the_address_that_kubernetes_puts_into_a_port_is_passed_over(tmp_path, command, name):
    link = {name: "tcp://10.0.0.1:8470"}
    done = earshot(*command, EARSHOT_DATA=str(tmp_path), **link)

    assert f"{name} holds the address of another service" in done.stderr
    assert "valid integer" not in done.stderr
    assert done.returncode == (1 if command == ("worker",) else 0), done.stderr


def test_a_port_that_somebody_wrote_wrongly_is_still_refused(tmp_path):
    done = earshot("check", EARSHOT_DATA=str(tmp_path), EARSHOT_PORT="http")
    given = earshot("check", "--port", "tcp://10.0.0.1:8470", EARSHOT_DATA=str(tmp_path))

    assert "EARSHOT_PORT" in done.stderr
    assert (done.returncode, given.returncode) == (2, 2)
