"""Two real processes on one ledger: one object is never acted on twice, and each repair has one end."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.crash import ROOT
from tests.support.ledger import ledger_at
from tests.support.panel import FileWorld
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.timeout(900)
THINGS = 24


def start(directory: Path, seconds: float) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tests.reconciler.second_process", str(directory), str(seconds)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run_all(directory: Path, programs: int, seconds: float) -> list[str]:
    started = [start(directory, seconds) for _ in range(programs)]
    answers = [program.communicate(timeout=300)[0] for program in started]
    assert [program.returncode for program in started] == [0] * programs, answers
    return answers


@pytest.mark.parametrize("programs", [2, 3])
def test_several_programs_mend_each_thing_once(tmp_path, programs):
    ledger_at(tmp_path / "ledger.sqlite3", SystemClock()).close()
    world = FileWorld(tmp_path / "world.json")
    for number in range(THINGS):
        world.add(f"w{number:02}", believed="worn")
    run_all(tmp_path, programs, 240.0)

    expected = sorted([("stop", f"w{n:02}") for n in range(THINGS)] + [("start", f"w{n:02}") for n in range(THINGS)])
    assert sorted(world.effects()) == expected
    ledger = ledger_at(tmp_path / "ledger.sqlite3", SystemClock())
    records = ledger.repairs(limit=10_000)
    ledger.close()
    assert {record.state.value for record in records} == {"verified"}
    assert len(records) == THINGS
    assert len({record.fence for record in records}) == THINGS


def test_what_a_killed_program_left_is_finished_by_the_other(tmp_path):
    ledger_at(tmp_path / "ledger.sqlite3", SystemClock()).close()
    world = FileWorld(tmp_path / "world.json")
    for number in range(THINGS):
        world.add(f"w{number:02}", believed="worn")
    first, second = start(tmp_path, 240.0), start(tmp_path, 240.0)
    try:
        while not world.effects():
            assert first.poll() is None
    finally:
        first.kill()
        first.communicate(timeout=60)
    answer = second.communicate(timeout=300)[0]
    assert second.returncode == 0, answer
    done = Counter(world.effects())
    assert set(done.values()) == {1}, "never a second effect"
    assert len(done) == 2 * THINGS, "nothing is left undone"
    ledger = ledger_at(tmp_path / "ledger.sqlite3", SystemClock())
    records = ledger.repairs(limit=10_000)
    ledger.close()
    # what the killed one had begun is in doubt first, then judged by looking again, then tried anew
    assert {record.state.value for record in records} <= {"verified", "unverified"}
    assert {record.object.id for record in records if record.state.value == "verified"} == set(world.things())
