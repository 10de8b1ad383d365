"""The embedded service as a user runs it: serve, push, stop, go on."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from streams.store import Store
from tests.integration.earshot_process import earshot, environment, serving
from tests.integration.pushed_files import incident, write
from tests.reference.cases import file_beside

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_events_pushed_from_a_file_arrive_once_and_are_reflected(tmp_path):
    file = write(tmp_path / "events.ndjson", [incident(n) for n in range(1200)])
    with serving(tmp_path / "data") as service:
        first = earshot("push", file, "--url", service.url)
        second = earshot("push", file, "--url", service.url)
        again = earshot("push", file, "--url", service.url, "--restart")
        status = service.wait_idle()

        assert first.returncode == 0, first.stderr
        assert "1,200 accepted, 0 known already, 0 refused" in first.stdout
        assert "1,200 accepted" in second.stdout
        assert "0 accepted, 1,200 known already" in again.stdout
        assert status["lag"] == 0
        assert service.stop() == 0


def test_refused_rows_are_listed_beside_the_file(tmp_path):
    events = [incident(n) for n in range(20)]
    events[4]["data"]["category"] = "no_such_category"
    events[9]["data"]["surname"] = "unwanted"
    file = write(tmp_path / "events.ndjson", events)
    with serving(tmp_path / "data") as service:
        done = earshot("push", file, "--url", service.url)

    listed = list(csv.DictReader((tmp_path / "events.ndjson.rejected.csv").open()))
    assert done.returncode == 2
    assert "18 accepted" in done.stdout
    assert [row["row"] for row in listed] == ["5", "10"]
    assert "unwanted" not in (tmp_path / "events.ndjson.rejected.csv").read_text()


def test_pushes_of_one_file_with_states_of_their_own_write_nothing_in_common(tmp_path):
    file = write(tmp_path / "events.ndjson", [{**incident(1), "data": {}}, incident(2)])
    state = tmp_path / "elsewhere" / "second.state"
    state.parent.mkdir()
    with serving(tmp_path / "data") as service:
        first = earshot("push", file, "--url", service.url)
        before = {path: path.read_bytes() for path in tmp_path.glob("events.*")}
        second = earshot("push", file, "--url", service.url, "--state", state)

    listed = state.with_name("second.state.rejected.csv")
    assert (first.returncode, second.returncode) == (2, 2)
    assert {path: path.read_bytes() for path in tmp_path.glob("events.*")} == before
    assert str(listed) in second.stdout.replace("\n", "")
    assert listed.read_bytes() == before[tmp_path / "events.ndjson.rejected.csv"]


def test_a_push_killed_at_any_moment_goes_on_and_nothing_counts_twice(tmp_path):
    total = 6000
    file = write(tmp_path / "events.ndjson", [incident(n) for n in range(total)])
    with serving(tmp_path / "data") as service:
        command = [sys.executable, "-m", "api.cli", "push", str(file), "--url", service.url]
        kills = 0
        for wait in (0.7, 0.9, 1.1, 1.3):
            push = subprocess.Popen(
                [*command, "--batch", "50", "--quiet"],
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(wait)
            if push.poll() is None:
                push.send_signal(signal.SIGKILL)
                kills += 1
            push.wait()
        last = earshot("push", file, "--url", service.url, "--batch", "50")
        status = service.wait_idle()

        assert last.returncode == 0, last.stderr
        assert kills
        assert f"{total:,} rows" in last.stdout
        assert _facts(tmp_path / "data") == total
        assert status["accepted"] < total + 100 * kills


def test_a_push_waits_for_a_service_that_is_restarted(tmp_path):
    file = write(tmp_path / "events.ndjson", [incident(n) for n in range(400)])
    data = tmp_path / "data"
    with serving(data) as service:
        url = service.url
        assert service.stop() == 0
    port = url.rsplit(":", 1)[1]
    push = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "push", str(file), "--url", url, "--quiet"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(1.5)
    assert push.poll() is None
    with serving(data, "--port", port):
        out, err = push.communicate(timeout=60)

    assert push.returncode == 0, err
    assert "nothing answers at" in err
    assert "400 accepted" in out


def test_a_service_killed_with_events_in_its_log_processes_them_after_a_restart(tmp_path):
    file = write(tmp_path / "events.ndjson", [incident(n) for n in range(3000)])
    data = tmp_path / "data"
    with serving(data) as service:
        assert earshot("push", file, "--url", service.url).returncode == 0
        service.stop(signal.SIGKILL)
    with serving(data) as service:
        status = service.wait_idle()

        assert (status["accepted"], status["processed"]) == (3000, 3000)
    assert _facts(data) == 3000


def test_a_request_that_died_with_its_service_may_be_sent_again_at_once(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    store = Store.open(f"sqlite:///{data}/earshot.db")
    store.reserve_request("k-1", "local", b"what was sent", datetime.now(UTC))
    store.close()
    headers = {"content-type": "application/cloudevents+json", "idempotency-key": "k-1"}

    with serving(data) as service:
        body = json.dumps(incident(1)).encode()
        request = Request(f"{service.url}/v1/events", body, headers)  # noqa: S310 - our own loopback
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            receipt = json.load(answer)

    assert receipt == {"accepted": 1, "duplicates": 0, "rejected": []}


def test_two_services_do_not_share_a_directory(tmp_path):
    with serving(tmp_path / "data"):
        second = earshot("serve", "--data", tmp_path / "data", "--port", "0")

    assert second.returncode == 1
    assert "another earshot serves" in second.stderr


def test_a_port_that_is_taken_is_told_in_one_sentence(tmp_path):
    with serving(tmp_path / "one") as service:
        port = service.url.rsplit(":", 1)[1]
        second = earshot("serve", "--data", tmp_path / "two", "--port", port)

    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_with_auth_a_call_needs_a_key_and_the_key_its_scope(tmp_path):
    data = tmp_path / "data"
    token = earshot("keys", "create", "--scope", "RZ7", "--data", data).stdout.strip()
    mine = write(tmp_path / "mine.ndjson", [incident(1)])
    other = write(tmp_path / "other.ndjson", [incident(1, provider="RZ8")])
    organisations = tmp_path / "organisations.csv"
    organisations.write_text(
        "code,kind,name,parent,valid_from,valid_to\n"
        "RZ7,provider,Seven,Y56,,\nRZ8,provider,Eight,Y56,,\n"
    )
    with serving(data, "--auth", "--organisations", organisations) as service:
        none = earshot("push", mine, "--url", service.url)
        good = earshot("push", mine, "--url", service.url, EARSHOT_KEY=token)
        wrong = earshot("push", other, "--url", service.url, EARSHOT_KEY=token)
        prefix = token.split("_")[1]
        earshot("keys", "revoke", prefix, "--data", data)
        after = earshot("alerts", "list", "--url", service.url, EARSHOT_KEY=token)

    assert none.returncode == 1
    assert "EARSHOT_KEY" in none.stderr
    assert "1 accepted" in good.stdout, good.stderr
    assert wrong.returncode != 0
    assert "out_of_scope" in (tmp_path / "other.ndjson.rejected.csv").read_text()
    assert after.returncode == 1


def test_with_auth_and_no_organisation_file_a_key_for_a_provider_is_all_it_needs(tmp_path):
    data = tmp_path / "data"
    token = earshot("keys", "create", "--scope", "RZ7", "--data", data).stdout.strip()
    mine = write(tmp_path / "mine.ndjson", [incident(1)])
    other = write(tmp_path / "other.ndjson", [incident(1, provider="RZ8")])
    with serving(data, "--auth") as service:
        good = earshot("push", mine, "--url", service.url, EARSHOT_KEY=token)
        wrong = earshot("push", other, "--url", service.url, EARSHOT_KEY=token)
        earshot("keys", "revoke", token.split("_")[1], "--data", data)
        service.stop(signal.SIGTERM)

    assert "1 accepted" in good.stdout, good.stderr
    assert wrong.returncode != 0
    assert "unknown_provider" in (tmp_path / "other.ndjson.rejected.csv").read_text()
    assert _facts(data) == 1


def test_the_examples_of_the_tour_are_taken_whole(tmp_path):
    for name in ("complaints.csv", "complaints.toml", "events.ndjson"):
        (tmp_path / name).write_bytes((EXAMPLES / name).read_bytes())
    with serving(tmp_path / "data") as service:
        mapped = earshot(
            "push", tmp_path / "complaints.csv", "--mapping", tmp_path / "complaints.toml",
            "--url", service.url,
        )  # fmt: skip
        plain = earshot("push", tmp_path / "events.ndjson", "--url", service.url)
        service.wait_idle()

    assert "10 accepted" in mapped.stdout, mapped.stderr
    assert "2 left out by the mapping" in mapped.stdout
    assert "0 refused" in plain.stdout, plain.stderr


@pytest.mark.slow
def test_the_a_and_e_file_gives_a_chart_for_every_major_department(tmp_path):
    file = tmp_path / "ae_attendances.csv"
    file.write_bytes((EXAMPLES / "ae_attendances.csv").read_bytes())
    with serving(tmp_path / "data") as service:
        done = earshot("push", file, "--mapping", "ae-attendances", "--url", service.url)
        service.wait_idle(240)
        listed, cursor = [], ""
        while cursor is not None:
            page = service.get(f"/v1/series?indicator=four_hour_breaches&limit=200{cursor}")
            listed += [one["id"] for one in page["items"] if one["unit"][0] == "R"]
            cursor = f"&cursor={page['next']}" if page["next"] else None
        alert = earshot("alerts", "list", "--url", service.url, "--json", "--limit", "1")
        found = json.loads(alert.stdout)[0]
        verified = earshot("explain", found["id"], "--verify", "--data", tmp_path / "data")

    assert (
        "4,932 accepted, 0 known already, 7,833 left out by the mapping, 0 refused" in done.stdout
    )
    assert len(listed) >= 130
    assert found["feeds"] == ["wardmetrics"]
    assert verified.returncode == 0, verified.stdout


def test_hospital_infections_become_rates_by_risk_days_each_with_a_series_of_its_own(tmp_path):
    given = file_beside("data_qic_hospital_infections.csv")
    file = tmp_path / "infections.csv"
    file.write_bytes(given.read_bytes())
    first = next(csv.DictReader(given.open()))
    with serving(tmp_path / "data") as service:
        done = earshot("push", file, "--mapping", "hospital-infections", "--url", service.url)
        service.wait_idle()
        listed = service.get("/v1/series?indicator=hospital_infections&limit=200")["items"]
        series = service.get(
            f"/v1/series/{first['hospital']}-{first['infection']}~hospital_infections~month"
        )

    sites = {one["unit"] for one in listed if "-" in one["unit"]}
    point = series["points"][0]
    assert "432 accepted" in done.stdout, done.stdout + done.stderr
    assert len(sites) == 18
    assert point["period_start"].startswith(first["month"])
    assert point["value"] == pytest.approx(10_000 * float(first["n"]) / float(first["days"]))


def _facts(data):
    store = Store.open(f"sqlite:///{data}/earshot.db")
    try:
        return sum(len(list(store.facts(code))) for code in store.providers_with_facts())
    finally:
        store.close()
