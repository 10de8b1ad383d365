"""The tour of the README, command by command: what it shows is what comes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.earshot_process import earshot, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TOUR = README[README.index("## A tour") : README.index("## How it works")]
BLOCKS = re.findall(r"^```console\n\$ (.*?)\n```$", TOUR, re.MULTILINE | re.DOTALL)


def block(beginning: str) -> tuple[list[str], str]:
    """The arguments of a command of the tour, and what the README shows below it."""
    (found,) = [one for one in BLOCKS if one.startswith(f".venv/bin/earshot {beginning}")]
    command, _, shown = found.partition("\n")
    return shlex.split(command)[1:], shown


def plain(text: str) -> str:
    """Without the spaces that fill a table's lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


@pytest.mark.slow
def test_the_tour_gives_what_the_readme_shows(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    with serving(tmp_path / "data") as service:
        told = {"EARSHOT_URL": service.url, "EARSHOT_DATA": str(tmp_path / "data")}

        pushing, shown = block("push examples/ae_attendances.csv")
        pushing[1] = str(tmp_path / pushing[1])
        pushed = earshot(*pushing, **told)
        given = f"{pushed.stderr.strip()}\n{pushed.stdout.strip()}"
        assert given.replace(service.url, "http://127.0.0.1:8470") == shown

        early = earshot("alerts", "list", "--limit", "1", **told)
        behind = service.get("/v1/status")["lag"]
        service.wait_idle(240)
        assert not behind or "still being taken in" in early.stderr

        for beginning in ("alerts list", "explain"):
            command, shown = block(beginning)
            assert plain(earshot(*command, **told).stdout) == plain(shown), beginning

        level2 = earshot("alerts", "list", "--level", "2", "--limit", "500", "--json", **told)
        series = service.get("/v1/series?indicator=four_hour_breaches&limit=200")["items"]
        organisations = {one["unit"] for one in series}
        found = json.loads(level2.stdout)
        assert f"There are {len(found)} for {len(organisations)} organisations" in TOUR
        winter = [one for one in found if "2017-11" <= one["onset"][:7] <= "2018-02"]
        assert len(winter) > len(found) / 2

        (picture,) = re.findall(r"8470(/v1/series/\S+/chart\.svg)`", TOUR)
        assert service.page(picture).startswith("<svg")

        (sending,) = [one for one in BLOCKS if one.startswith("curl ")]
        command, _, receipt = sending.rpartition("\n")
        asked = command.replace("http://127.0.0.1:8470", service.url)
        answer = subprocess.run(
            shlex.split(asked), capture_output=True, text=True, timeout=60, check=True
        )
        assert answer.stdout == receipt
