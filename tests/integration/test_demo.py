"""The demonstration: what a newcomer sees first."""

from __future__ import annotations

import resource
import time

import pytest

from tests.integration.earshot_process import earshot, serving

SMALL = ("--providers", "4", "--sites", "1", "--wards", "4", "--weeks", "70")


@pytest.mark.slow
def test_the_demonstration_ends_with_alerts_within_a_minute():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = earshot("demo", "--port", "0", "--exit-after-history", timeout=280)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor time, so that a busy machine does not decide; on an idle one the two cores
    # share it and the clock on the wall shows less.
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert done.returncode == 0, done.stderr
    assert used < 60
    assert "alert(s)" in done.stdout
    heard = done.stdout.split("What was planted, and what was heard")[1]
    assert heard.count("level") >= 3
    assert "silence" in heard
    assert "data_quality" in heard


def test_a_small_demonstration_goes_on_live_with_a_page_until_it_is_stopped(tmp_path):
    with serving(tmp_path / "data", *SMALL, "--speed", "300", command="demo") as demo:
        deadline = time.monotonic() + 240
        while "Live from here" not in demo.log.read_text():
            assert demo.process.poll() is None, demo.log.read_text()
            assert time.monotonic() < deadline, demo.log.read_text()
            time.sleep(0.2)
        history = demo.get("/v1/status")
        alerts = demo.get("/v1/alerts")["items"]
        text = demo.page("/")
        time.sleep(3)
        live = demo.get("/v1/status")

        assert alerts
        assert alerts[0]["unit_name"] in text
        assert live["accepted"] > history["accepted"]
        assert demo.stop() == 0


def test_a_demonstration_does_not_mix_with_other_data(tmp_path):
    with serving(tmp_path / "data"):
        pass
    done = earshot("demo", "--data", tmp_path / "data", "--port", "0", "--exit-after-history")

    assert done.returncode == 1
    assert "holds other data" in done.stderr


def test_a_region_of_an_impossible_size_is_refused_in_one_sentence():
    done = earshot("demo", "--providers", "40", "--port", "0")

    assert done.returncode == 1
    assert "providers must be 1 to 9" in done.stderr
