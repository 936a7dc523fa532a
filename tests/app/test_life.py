"""The program as a process: signals, exit codes, the lease of its host, a missing ledger, systemd."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.conftest import require
from tests.support.program import run_program
from tests.support.small_world import add_target, rewrite, samples, small_world
from watchdog.ledger.open import open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.runtime.clock import SystemClock
from watchdog.web.control import find

NOBODY = 65534
BOUND = 60.0
"""Seconds: what the end may take at worst on a host that is busy with other things."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def world():
    with small_world() as made:
        rewrite(made.config, lambda document: document["log"].update(level="info"))
        yield made


@contextmanager
def running(world, **environment):
    with run_program(world.config, world.folder / "process.log", environment=environment) as program:
        program.wait_for("readiness", lambda: program.get("/-/ready")[0] == 200)
        yield program


def end(program, number=signal.SIGTERM):
    """End it; return (exit code, seconds it took)."""
    began = time.monotonic()
    return program.end(number, 2 * BOUND), time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_soon(world, number):
    with running(world) as program:
        code, seconds = end(program, number)
    assert code == 0
    assert seconds < BOUND
    assert not (world.folder / "control.sock").exists()


@pytest.mark.parametrize("mode", ["hang", "crash_engine"])
def test_it_ends_within_its_bound_while_docker_hangs_or_is_gone(world, mode):
    with running(world) as program:
        getattr(world.engine, mode)()
        program.wait_for("a closed gate", lambda: "watchdog_docker_gate_open 0" in program.metrics())
        code, seconds = end(program)
    assert code == 0
    assert seconds < BOUND


def test_it_ends_within_its_bound_while_the_panel_and_its_clients_hang(world):
    world.panel.switches.overview_seconds = 8.0
    with running(world) as program, socket.create_connection(tuple(program.url.removeprefix("http://").split(":"))) as idle:
        idle.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        code, seconds = end(program)
    assert code == 0
    assert seconds < BOUND


def test_a_taken_port_is_one_clear_sentence_and_78(world):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        rewrite(world.config, lambda document: document["server"].update(listen=address))
        done = command(world.config)
    assert done.returncode == 78
    said = [line for line in done.stderr.splitlines() if line.startswith("panel-watchdog:")]
    assert len(said) == 1
    assert address in said[0]
    assert "Traceback" not in done.stderr


def test_too_many_hanging_loops_end_it_with_70(world):
    """The supervisor's own fault: a program with loops that cannot be ended is started anew by systemd or Docker."""
    script = (
        "import sys, threading; from pathlib import Path\n"
        "from watchdog import settings; from watchdog.app import Program\n"
        f"load = lambda: settings.load(Path({str(world.config)!r}), {{}})\n"
        "program = Program(load(), load)\n"
        "def hang():\n"
        "    program.started.wait(); program.world.supervisor.fatal_reason = 'a test'; program.world.supervisor.fatal.set()\n"
        "threading.Thread(target=hang, daemon=True).start(); sys.exit(program.run())\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=120, check=False).returncode == 70


def test_a_second_one_on_this_host_waits_and_takes_over_when_the_first_is_killed(world):
    second = world.folder / "second.yaml"
    shutil.copy(world.config, second)
    with running(world) as first:
        log = (world.folder / "second.log").open("w+")
        waiting = subprocess.Popen([sys.executable, "-m", "watchdog", "run", "-c", str(second)], stderr=log, stdout=log)
        try:
            wait_for_line(log, waiting, "waiting for it to end")
            assert "msg=serving" not in Path(log.name).read_text()
            os.kill(first.process.pid, signal.SIGKILL)
            first.process.wait(60)
            wait_for_line(log, waiting, "msg=serving")
            assert "takes over" in Path(log.name).read_text()
        finally:
            waiting.send_signal(signal.SIGTERM)
            assert waiting.wait(90) == 0
            log.close()


def test_one_that_waits_for_the_lease_ends_at_once_when_told(world):
    with running(world):
        log = (world.folder / "second.log").open("w+")
        waiting = subprocess.Popen([sys.executable, "-m", "watchdog", "run", "-c", str(world.config)], stderr=log, stdout=log)
        try:
            wait_for_line(log, waiting, "waiting for it to end")
        finally:
            waiting.send_signal(signal.SIGTERM)
            assert waiting.wait(90) == 0
            log.close()


def test_a_lost_lease_ends_it_with_70(world):
    with running(world) as program:
        settings = LedgerSettings(url=f"sqlite:///{world.folder}/ledger.sqlite3", ephemeral=True)
        ledger = open_ledger(settings, SystemClock(), migrate=False, host="demo")
        try:
            mine = next(each for each in ledger.leases() if each.object == "process/demo")
            ledger.release(mine)  # as if it had run out while this process was frozen, and another one took it
            assert ledger.lease("process/demo", f"demo/{os.getpid()}/0", 600.0) is not None
        finally:
            ledger.close()
        assert program.process.wait(150) == 70
        assert "took this host's lease" in program.log


def test_systemd_hears_ready_watchdog_reloading_and_stopping(world):
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(f"{folder}/notify")
        heard.settimeout(120)
        with running(world, NOTIFY_SOCKET=f"{folder}/notify", WATCHDOG_USEC="2000000") as program:
            assert hear(heard, "READY=1")
            assert hear(heard, "WATCHDOG=1")
            rewrite(world.config, add_target("second"))
            program.process.send_signal(signal.SIGHUP)
            assert re.search(r"MONOTONIC_USEC=\d+", hear(heard, "RELOADING=1"))
            assert hear(heard, "READY=1")
            assert end(program)[0] == 0
            assert hear(heard, "STOPPING=1")


def test_sighup_takes_a_good_file_and_refuses_a_bad_one(world):
    with running(world) as program:
        good = world.config.read_text()
        world.config.write_text(good + "\nnonsense: 1\n")
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("the refusal", lambda: "the new configuration is refused" in program.log and "nonsense" in program.log)
        assert program.target("games")["up"] is True
        world.config.write_text(good)
        rewrite(world.config, add_target("second"))
        program.process.send_signal(signal.SIGHUP)
        program.wait_for("the second target", lambda: "second" in [each["target"] for each in program.api("status")["targets"]])


@pytest.mark.timeout(900)
def test_twenty_reloads_leave_no_threads_files_or_memory_behind(world):
    with running(world) as program:
        control = find(world.folder / "control.sock", SystemClock())

        def reload(number):
            rewrite(world.config, lambda document: document["collectors"]["wireguard"].update(interval=f"{3 + number % 2}s"))
            assert "the configuration was reloaded" in control.reload()
            program.wait_for("a pass", lambda: program.target("games")["passes"] > 1)
            program.wait_for("readiness", lambda: program.get("/-/ready")[0] == 200)

        def at_rest(most):
            """Tell what it holds once the threads of former worlds have ended, as far as they do."""
            until = time.monotonic() + 60
            while time.monotonic() < until and held(program.process.pid)[0] > most:
                time.sleep(0.5)
            return held(program.process.pid)

        program.wait_for("a pass", lambda: program.target("games")["passes"] > 1)
        fresh = held(program.process.pid)[0]
        for number in range(5):
            reload(number)
        threads, files, memory = at_rest(fresh)
        for number in range(5, 25):
            reload(number)
        more_threads, more_files, more_memory = at_rest(threads)
        assert more_threads <= threads + 2
        assert more_files <= files + 3
        assert more_memory - memory < 16 << 20, f"{(more_memory - memory) / (1 << 20):.1f} MiB more"


def test_without_configuration_a_user_without_rights_exports_what_there_is(tmp_path):
    require(os.geteuid() == 0, "root (to become somebody else)")
    log = (tmp_path / "log").open("w+")
    # the interpreter itself may lie where only root can read: everything is imported before the rights are given up
    script = (
        "import argparse, os, encodings.ascii, encodings.idna, encodings.latin_1, concurrent.futures.thread\n"
        "import watchdog.app.program, watchdog.cli.run\n"
        "from watchdog import settings; from watchdog.cli import main; settings.model()\n"
        f"os.chdir('/'); os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); raise SystemExit(main(['run']))"
    )
    environment = {**os.environ, "PANEL_WATCHDOG__SERVER__LISTEN": "127.0.0.1:0"}
    process = subprocess.Popen([sys.executable, "-c", script], stderr=log, stdout=log, env=environment)
    try:
        wait_for_line(log, process, "msg=serving")
        address = re.search(r"msg=serving address=(\S+)", Path(log.name).read_text())[1]
        deadline = time.monotonic() + 120
        found = {}
        while time.monotonic() < deadline and 'watchdog_collector_success{collector="host"}' not in found:
            with urlopen(f"http://{address}/metrics", timeout=60) as answer:
                found = samples(answer.read().decode())
            if found.get('watchdog_collector_success{collector="host"}') != 1:
                found = {}
                time.sleep(0.1)
        assert found["watchdog_ledger_up"] == 0
        assert any(name.startswith("watchdog_host_memory") for name in found)
        with urlopen(f"http://{address}/-/ready", timeout=60) as answer:
            assert answer.status == 200, "without panels nothing depends on a ledger"
        said = [line for line in Path(log.name).read_text().splitlines() if "level=info" not in line and "ledger" in line]
        messages = [re.search(r'logger=\S+ msg="[^"]*"', line)[0] for line in said]
        assert messages
        assert len(set(messages)) == len(messages), "each is said once"
    finally:
        log.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0


def test_with_panels_a_ledger_that_cannot_be_written_stops_repairs_and_nothing_else(world):
    blocked = world.folder / "file"
    blocked.write_text("no directory")
    rewrite(world.config, lambda document: document["ledger"].update(url=f"sqlite:///{blocked}/ledger.sqlite3"))
    rewrite(world.config, lambda document: document["server"].update(control_socket=str(world.folder / "c.sock")))
    with run_program(world.config, world.folder / "process.log") as program:
        program.wait_for("facts", lambda: 'watchdog_panel_up{panel="mcsmanager",target="games"} 1' in program.metrics())
        status, text = program.get("/-/ready")
        assert status == 503
        assert "ledger" in text
        assert end(program)[0] == 0


def test_storage_that_forgets_is_refused_with_panels_and_says_the_way_out(world):
    if world.folder.stat().st_dev != Path("/dev/shm").stat().st_dev:
        require(os.path.ismount("/dev/shm"), "a tmpfs at /dev/shm")
    rewrite(world.config, lambda document: document["ledger"].update(url="sqlite:////dev/shm/pw-test/ledger.sqlite3", ephemeral=False))
    done = command(world.config)
    assert done.returncode == 78
    assert "ledger.ephemeral: true" in done.stderr


def command(config, verb="run"):
    return subprocess.run(
        [sys.executable, "-m", "watchdog", verb, "-c", str(config)], capture_output=True, text=True, timeout=200, check=False
    )


def held(pid):
    """Threads, open files and resident bytes of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10
    return int(re.search(r"Threads:\s+(\d+)", status)[1]), len(list(Path(f"/proc/{pid}/fd").iterdir())), resident


def hear(heard, wanted):
    """Return the next message that begins with ``wanted``; the socket's timeout is the patience."""
    while True:
        said = heard.recv(4096).decode()
        if said.startswith(wanted):
            return said


def wait_for_line(log, process, text, seconds=120.0):
    deadline = time.monotonic() + seconds
    while text not in Path(log.name).read_text():
        assert process.poll() is None, Path(log.name).read_text()[-3000:]
        assert time.monotonic() < deadline, Path(log.name).read_text()[-3000:]
        time.sleep(0.05)


def test_run_carries_no_terminal_and_no_migrations_once_the_schema_is_current(world):
    script = (
        "import atexit, json, sys; from watchdog.cli import main\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules))))\n"
        f"raise SystemExit(main(['run', '-c', {str(world.config)!r}]))"
    )
    for life in ("migrates", "is current"):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                control = world.folder / "control.sock"
                deadline = time.monotonic() + 120
                while not control.exists():
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                status = command(world.config, "sync")
                assert status.returncode == 0, status.stderr
                process.send_signal(signal.SIGTERM)
                said, _ = process.communicate(timeout=120)
            finally:
                process.kill()
        loaded = {name.partition(".")[0] for name in json.loads(said)}
        assert not loaded & {"typer", "rich", "apprise", "psycopg", "pytest"}, life
        assert "pyroute2.iproute" not in json.loads(said)
        assert ("alembic" in loaded) == (life == "migrates")
        assert not [name for name in json.loads(said) if name.startswith("watchdog.") and ".fake" in name]
