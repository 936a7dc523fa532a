"""SIGKILL at every boundary of a delivery: nothing is lost; what may come twice comes under the same key.

A kill between the sending and its mark is the one place where nobody can know: there a letter comes twice, never not at all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.ledger import ledger_at
from tests.support.notifying import mailbox
from watchdog.model.notes import Letter, Note
from watchdog.runtime.clock import SystemClock

ROOT = Path(__file__).parents[2]
BOUNDARIES = ["claimed", "sent", "marked"]


def start(role: str, **given: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.notify.life", role, json.dumps(given)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def live(**given: object) -> int:
    process = start("deliver", **given)
    process.communicate(timeout=200)
    return process.returncode


@pytest.mark.xdist_group("notify")
def test_at_every_boundary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = []
    with mailbox() as box:
        for number, boundary in enumerate(BOUNDARIES):
            folder = tmp_path / str(number)
            folder.mkdir()
            ledger = ledger_at(folder / "ledger.sqlite3", SystemClock())
            now = SystemClock().now().wall
            for subject in ("first", "second"):
                ledger.post([Letter("ops", Note("drift_opened", "warning", "t", subject, subject, subject), 3600.0)], now)
            given = {"ledger": str(ledger_path(folder)), "url": box.url(), "marks": str(folder / "marks")}
            assert live(**given, kill_at=number) == -signal.SIGKILL
            assert (folder / "marks").read_text().split()[-1] == boundary
            assert live(**given, kill_at=-1) == 0
            came = Counter(zip(box.titles, box.keys, strict=True))
            assert {title for title, _ in came} == {"first", "second"}, f"killed at {boundary}"
            twice = {title for (title, _), count in came.items() if count > 1}
            expected = {"first"} if boundary == "sent" else set()
            assert twice == expected, f"killed at {boundary}"
            assert len(came) == 2, "the second time it has the same key"
            assert box.titles.index("first") < box.titles.index("second")
            assert ledger.backlog() == {}
            ledger.close()
            table.append(f"  killed at {boundary}: arrived {dict(Counter(box.titles))}")
            box.messages.clear()
            box.keys.clear()
    with capsys.disabled():
        print("\ndelivery, crash points:", *table, sep="\n")


def ledger_path(folder: Path) -> Path:
    return folder / "ledger.sqlite3"


def test_a_drift_and_its_letter_are_written_both_or_neither(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    ledger_at(path, SystemClock()).close()
    for turn in range(3):
        process = start("write", ledger=str(path), first=turn * 1_000_000)
        assert process.stdout is not None
        for _ in range(5 + 7 * turn):
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=60)
        ledger = ledger_at(path, SystemClock())
        letters = [each.note for each in ledger.waiting("ops", 1e12, 100_000)]
        opened = [each for each in ledger.episodes(closed=True, limit=100_000) if each.opened_at is not None]
        told = {each.occasion for each in letters if each.event == "drift_opened"}
        assert told == {f"episode/{each.id}/opened" for each in opened}
        assert len(told) >= 5 + 7 * turn
        over = {f"episode/{each.id}/closed" for each in opened if each.closed_at is not None}
        assert {each.occasion for each in letters if each.event == "drift_closed"} == over
        ledger.close()
