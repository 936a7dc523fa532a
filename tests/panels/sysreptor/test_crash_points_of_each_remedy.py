"""SIGKILL at every step boundary, and in the middle of a stream: no part is mistaken for a backup, no second runner begins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.panels.sysreptor.crash_rows import ROWS, outside
from tests.support.crash import ROOT
from tests.support.crash_cases import chosen, hold
from watchdog.runtime.partfile import writer_lives

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("case", chosen(ROWS, ()))
def test_a_crash_at_any_boundary_has_one_effect(case, tmp_path, record_property):
    hold(case, tmp_path, record_property)


def wait_until(look, what: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def life(directory, log) -> subprocess.Popen[bytes]:
    live = "sys.exit(one_life(sys.argv[1], Path(sys.argv[2]), None))"
    code = f"import sys; from pathlib import Path; from tests.support.crash import one_life; {live}"
    argv = [sys.executable, "-c", code, "tests.panels.sysreptor.crash_rows:rig", str(directory)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)


def test_killed_in_the_middle_of_its_stream_it_leaves_a_part_and_an_orphan_and_nobody_runs_beside_it(tmp_path):
    with outside(tmp_path, "exec") as made, (tmp_path / "log").open("ab") as log:
        held = made.world.switches.hold = threading.Event()
        first = life(tmp_path, log)
        try:
            wait_until(lambda: made.parts() and made.parts()[0].stat().st_size, "bytes in the part")
            (part,) = made.parts()
            assert writer_lives(part) and made.finals() == []
        finally:
            os.kill(first.pid, signal.SIGKILL)
            first.wait(60)
        wait_until(lambda: not writer_lives(part), "the lock has gone with its process")
        assert made.finals() == [] and made.world.running == 1, "the program inside lives on"

        second = life(tmp_path, log)
        try:
            asked = len(made.engine_world.requests)
            wait_until(lambda: sum("/top" in line for line in made.engine_world.requests[asked:]) >= 3, "the second life looks")
            assert sum(row.type == "backup_started" for row in made.world.rows) == 1, "no second runner while the orphan lives"
            assert made.finals() == [] and made.parts() == [part]
            held.set()  # and the orphan goes on to its end, writing to nobody
            assert second.wait(240) == 0, (tmp_path / "log").read_text()[-3000:]
        finally:
            second.kill()
            second.wait(60)
        assert len(made.finals()) == 1 and made.parts() == [part], "one backup, and the part still bears its mark"
        assert sum(row.type == "backup_started" for row in made.world.rows) == 2
