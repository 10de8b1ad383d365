"""A real PostgreSQL for the tests: a throw-away cluster, one database for each test.

The server's programs are looked for in PATH and where Debian puts them. Without
them the tests that need PostgreSQL are skipped by name.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.needs import lacking

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgresServer:
    """A running cluster on the loopback."""

    port: int

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database of this cluster."""
        return f"postgresql+psycopg://earshot@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Make an empty database and give its URL."""
        name = f"t{uuid.uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute(f'DROP DATABASE "{url.rsplit("/", 1)[1]}" WITH (FORCE)')

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="earshot", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


def find_programs() -> Path | None:
    """The directory of initdb and postgres, or None."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(_DEBIAN.glob("*/bin"), reverse=True)
    for directory in candidates:
        if all(os.access(directory / name, os.X_OK) for name in ("initdb", "postgres")):
            return directory
    return None


def _servant() -> dict[str, Any]:
    """Arguments for ``subprocess``: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended at once:\n{log.read_text()}")
        try:
            server._execute("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not come up within 30 s:\n{log.read_text()}")


def run_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a cluster in a temporary directory and take everything away afterwards.

    ``durable`` keeps fsync on, which a benchmark needs and a test does not.
    """
    programs = find_programs()
    if programs is None:
        lacking("PostgreSQL's server programs (initdb, postgres)")
    home = Path(tempfile.mkdtemp(prefix="earshot-postgres-"))
    servant = _servant()
    if servant:
        os.chown(home, servant["user"], servant["group"])
    elif os.getuid() == 0:
        lacking("an unprivileged user for PostgreSQL (postgres or nobody)")
    data, log = home / "data", home / "log"
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "HOME": str(home)}
    subprocess.run(
        [programs / "initdb", "--pgdata", data, "--username", "earshot", "--auth", "trust",
         "--encoding", "UTF8", "--no-sync"],
        check=True, capture_output=True, env=environment, cwd=home, **servant,
    )  # fmt: skip
    server = PostgresServer(_free_port())
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "60",
        "shared_buffers": "64MB",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(server.port), *options],
            stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=home, **servant,
        )  # fmt: skip
    try:
        _wait_until_ready(server, process, log)
        yield server
    finally:
        process.send_signal(2)  # SIGINT asks for a fast shutdown
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def suspended(processes: Sequence[int]) -> Iterator[None]:
    """Processes of the server's that do nothing more, while their host goes on."""
    _tell(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _tell(processes, signal.SIGCONT)


def _tell(processes: Sequence[int], number: signal.Signals) -> None:
    for process in processes:
        # One that was still listed, such as a vacuum, may have ended meanwhile.
        with suppress(ProcessLookupError):
            os.kill(process, number)


def whole_server(url: str) -> list[int]:
    """The postmaster, and those that serve this database."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchall()
        backend = connection.info.backend_pid
        # While the connection stands, so does the process that serves it.
        parent = int(Path(f"/proc/{backend}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return [parent, *(row[0] for row in rows if row[0] != backend)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's cluster."""
    yield from run_postgres()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)
