"""Killed at any moment: no answered pause is lost, none ends twice, none outlives its end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.reconciler.pause_life import TARGETS, opened
from tests.support.bench import Recorder
from tests.support.ledger import HOST, ledger_at
from tests.support.postgresql import postgresql
from watchdog.ledger.open import open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.reconciler.pausing import Pauses
from watchdog.runtime.clock import SystemClock

__all__ = ["postgresql"]
PAIRS = 50
ROOT = Path(__file__).parents[2]


def one_life(where: object, seed: int) -> list[list[str]]:
    """Let a life begin, kill it after some answers and a moment, and return all that it answered (a half line is no answer)."""
    rng = random.Random(seed)
    command = [sys.executable, "-m", "tests.reconciler.pause_life", str(where), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"lives\n"
        said = b"".join(process.stdout.readline() for _ in range(rng.randint(1, 8)))
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read()
    return [line.split() for line in said.decode().split("\n")[:-1]]


def prove(where: object, answered: list[list[str]]) -> None:
    clock = SystemClock()
    ledger = opened(str(where), clock)
    kept = {str(each.id): each for each in ledger.pauses(ended=True, limit=1_000_000)}
    for word, number, *more in answered:
        assert number in kept, f"pause {number} was answered and is lost"
        if word == "ended":
            assert kept[number].ended_at is not None
        if word == "changed":
            assert kept[number].version >= int(more[0])
    recorder = Recorder()
    pauses = Pauses(ledger, clock, recorder, TARGETS, "boot-1", lambda _target: None)
    before = {each.id for each in ledger.pauses()}
    time.sleep(0.06)  # the short ones are over by now
    pauses.step()
    pauses.step()
    after = ledger.pauses()
    assert all(each.until is None or each.until > clock.now().wall for each in after), "one outlived its end"
    expired = sum(recorder.values["watchdog_pauses_resumed_total", "toys", target, "expired"] for target in TARGETS)
    assert expired == len(before) - len(after), "each ended once"
    assert len({(each.target, each.task, each.source) for each in after}) == len(after)
    ledger.close()


def lives(tmp_path: Path, seeds: range) -> None:
    path, answered = tmp_path / "ledger.sqlite3", []
    ledger_at(path, SystemClock()).close()
    for seed in seeds:
        answered += one_life(path, seed)
        prove(path, answered)
    assert {each[0] for each in answered} == {"began", "ended", "changed"}, "the lives did something"


def test_six_lives_on_one_ledger(tmp_path):
    lives(tmp_path, range(6))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_lives(tmp_path):
    for block in range(20):
        folder = tmp_path / str(block)
        folder.mkdir()
        lives(folder, range(block * 50, block * 50 + 50))


@pytest.mark.soak
@pytest.mark.postgresql
@pytest.mark.xdist_group("postgresql")
@pytest.mark.timeout(3600)
def test_two_programs_at_once_on_one_postgresql_a_thousand_lives(postgresql):
    """Of one host, as when a frozen program comes back beside its successor."""
    for block in range(10):
        where = postgresql.url(postgresql.database())
        open_ledger(LedgerSettings(url=where), SystemClock(), migrate=True, host=HOST).close()
        answered: list[list[str]] = []
        for pair in range(PAIRS):
            seed = 1000 * block + 2 * pair
            with ThreadPoolExecutor(2) as both:
                answered += [line for life in both.map(lambda each, where=where: one_life(where, each), (seed, seed + 1)) for line in life]
            prove(where, answered)
        assert {each[0] for each in answered} == {"began", "ended", "changed"}, "the lives did something"
