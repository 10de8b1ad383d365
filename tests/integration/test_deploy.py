"""What an image and a compose file must hold, as far as it shows without a container."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_what_the_image_runs_to_compile_its_kernels_works(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "deploy" / "warm.py"], check=True, timeout=200, cwd=tmp_path
    )


def test_the_image_does_not_run_as_root() -> None:
    last = re.findall(r"^(USER|ENTRYPOINT|FROM) ?(\S*)", DOCKERFILE, re.MULTILINE)

    assert last[-2] == ("USER", "earshot")
    assert last[-1][0] == "ENTRYPOINT"


def test_every_image_has_a_fixed_version() -> None:
    images = re.findall(r"^\s+image: (\S+)$", COMPOSE, re.MULTILINE)
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert len(images) >= 8
    assert all(re.search(r":v?\d", image) for image in images)


def test_nothing_listens_beyond_this_machine() -> None:
    ports = re.findall(r"ports: \[\"(\S+)\"\]", COMPOSE)

    assert len(ports) == COMPOSE.count("ports:") > 0
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_files_that_compose_mounts_exist() -> None:
    mounted = re.findall(r"- (\./\S+?):", COMPOSE)

    assert mounted
    assert all((ROOT / path).exists() for path in mounted)


def test_the_shell_scripts_are_well_formed() -> None:
    subprocess.run(["sh", "-n", ROOT / "deploy" / "setup.sh"], check=True)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
