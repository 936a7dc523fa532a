"""A real, private PostgreSQL server: own directory, free port on 127.0.0.1, never as root, ended by its pid.

Tests that use it carry ``@pytest.mark.xdist_group("postgresql")``, so that one worker owns the server.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from tests.conftest import require

USER = "watchdog"
START_SECONDS = 120.0
_numbers = itertools.count(1)


def programs() -> Path | None:
    """Return the directory of the newest installed server programs, or None."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parts[-2]))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def _unprivileged() -> pwd.struct_passwd | None:
    """Return whom to become: PostgreSQL refuses to run as root. None = we are not root."""
    return None if os.geteuid() else pwd.getpwnam("postgres")


def available() -> bool:
    """Whether a server can be started here."""
    if programs() is None:
        return False
    try:
        return _unprivileged() is None or shutil.which("setpriv") is not None
    except KeyError:
        return False


class PrivatePostgresql:
    """One server. ``start`` and ``stop`` may be repeated; what was written stays."""

    def __init__(self, directory: Path, binaries: Path) -> None:
        self.directory = directory
        self.port = _free_port()
        self._binaries = binaries
        self._user = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        self._run(
            [str(binaries / "initdb"), "-D", str(directory / "data"), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.directory, "max_connections": 60,
            # it need not survive a power cut, only our own deaths
            "fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB", "logging_collector": "off",
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = self._as_user([str(self._binaries / "postgres"), "-D", str(self.directory / "data"), *settings])
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL does not start: {(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT = fast shutdown, SIGQUIT = as in a crash."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(90)

    def conninfo(self, database: str) -> str:
        """Return libpq's connection text for one database."""
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"

    def url(self, database: str) -> str:
        """Return the URL of one database, as settings want it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    def database(self, template: str = "template1") -> str:
        """Make a new database, a copy of ``template``; return its name."""
        name = f"ledger_{os.getpid()}_{next(_numbers)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside of a transaction; return its rows."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]  # psycopg wants literal text
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.conninfo("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _as_user(self, command: Sequence[str]) -> list[str]:
        # pdeathsig: a killed test run leaves no server behind
        become = [] if self._user is None else [f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]
        setpriv = shutil.which("setpriv")
        return [setpriv, *become, "--pdeathsig", "INT", "--", *command] if setpriv else list(command)

    def _run(self, command: Sequence[str]) -> None:
        done = subprocess.run(self._as_user(command), capture_output=True, text=True, timeout=START_SECONDS, cwd="/", check=False)
        if done.returncode:
            pytest.fail(f"{command[0]}: {done.stdout[-1000:]}{done.stderr[-1000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PrivatePostgresql]:
    """Give a running private server for the whole session; skipped where there is none (see ``tests.conftest.require``)."""
    binaries = programs()
    require(available(), "PostgreSQL server programs (apt: postgresql), setpriv and a postgres user when root")
    assert binaries is not None
    with tempfile.TemporaryDirectory(prefix="watchdog-postgresql-", ignore_cleanup_errors=True) as directory:
        server = PrivatePostgresql(Path(directory), binaries)
        server.start()
        try:
            yield server
        finally:
            server.stop()
