"""Two programs on one real PostgreSQL while one is killed, frozen for longer than its lease, or both lose the database, in mid-repair.

A counting world is the judge: no thing is stopped or started twice, a frozen program that wakes sends nothing more for what it had begun,
the other takes over within the lease and five seconds, and at the end every record has its end.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from tests.reconciler.fights import LEASE, Counted, aims_of, opened
from tests.support.crash import ROOT
from tests.support.crash_cases import ENDS
from tests.support.ledger import HOST
from tests.support.postgresql import PrivatePostgresql, postgresql
from watchdog.runtime.clock import SystemClock

__all__ = ["postgresql"]
pytestmark = [pytest.mark.postgresql, pytest.mark.xdist_group("postgresql")]
TAKEOVER = LEASE + 5.0
PATIENCE = 120.0
THINGS = 3
FAULTS = ("kill", "freeze", "backends", "database")


def until(what: str, look: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, what
        time.sleep(0.02)
    return found


class Program:
    """One of the two, born anew when it was killed."""

    def __init__(self, url: str, directory: Path, host: str) -> None:
        self.directory, self.host = directory, host
        with (directory / f"log-{host}").open("ab") as log:
            argv = [sys.executable, "-m", "tests.reconciler.fights", url, str(directory), host]
            self.process = subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log)
        self.pid = self.process.pid

    def lives(self) -> bool:
        assert self.process.poll() is None, (self.directory / f"log-{self.host}").read_text()[-3000:]
        return (self.directory / f"lives-{self.pid}").exists()

    def aims(self) -> set[str]:
        """What it is about to send: frozen there, it may send that one thing when it wakes."""
        return {path.name for path in aims_of(self.directory, self.pid).iterdir()}

    def end(self) -> None:
        self.process.kill()
        self.process.wait(60)


class Fight:
    """Two programs, a world, and the faults of a seed; ``lines`` tell each fault's takeover."""

    def __init__(self, server: PrivatePostgresql, directory: Path, seed: int) -> None:
        self.server, self.directory, self.seed = server, directory, seed
        self.dice = random.Random(seed)
        self.hosts = [HOST, HOST] if seed % 2 else ["alpha", "beta"]
        self.url = server.url(server.database())
        opened(self.url, HOST, SystemClock(), migrate=True, patient=False).close()
        self.world = Counted(directory / "world.json")
        self.programs: list[Program] = []
        self.made, self.lines, self.late = 0, [], 0

    def __enter__(self) -> Self:
        self.programs = [Program(self.url, self.directory, host) for host in self.hosts]
        until("both live", lambda: all(each.lives() for each in self.programs))
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.programs:
            each.end()

    def seen(self) -> dict[str, Any]:
        """The world without its lock, which a frozen program may hold: each state is put there whole."""
        found: dict[str, Any] = json.loads((self.directory / "world.json").read_text())
        return found

    def wear(self) -> list[str]:
        names = [f"w{self.made + number:03}" for number in range(THINGS)]
        self.made += THINGS
        for name in names:
            self.world.add(name, believed="worn")
        return names

    def midway(self, names: list[str]) -> tuple[Program, str]:
        """Wait until a thing is stopped and not yet started; return whose repair it is, and the thing."""

        def look() -> tuple[Program, str] | None:
            seen = self.seen()
            for _, pid, _, name, _ in reversed(seen.get("sends", [])):
                if name in names and not seen["things"][name]["up"]:
                    return next(each for each in self.programs if each.pid == pid), name
            return None

        found: tuple[Program, str] = until("a repair is under way", look)
        return found

    def round(self, fault: str) -> None:
        """Let a repair begin, let the fault happen in the middle of it, and wait until all things are mended."""
        names = self.wear()
        program, _ = self.midway(names)
        time.sleep(self.dice.uniform(0.0, 0.3))
        with getattr(self, f"_{fault}")(program) as (at, held):
            until(f"all are mended after {fault} (seed {self.seed})", lambda: self._mended(names))
        ends = [send[0] - at for send in self.seen()["sends"] if send[3] in held and send[0] > at and send[4]]
        taken = max(ends, default=0.0)
        self.lines.append(
            f"seed {self.seed:>3}  {'/'.join(dict.fromkeys(self.hosts)):<10}  {fault:<9} takeover {taken:5.2f} s  of {len(held)}"
        )
        assert taken < TAKEOVER + SLOWNESS, self.lines[-1]

    def _mended(self, names: list[str]) -> bool:
        things = self.seen()["things"]
        return all(things[name]["up"] and things[name]["generation"] == 1 for name in names)

    def _held(self, *programs: Program) -> set[str]:
        """What these have stopped and not yet started."""
        seen, pids = self.seen(), {each.pid for each in programs}
        return {
            name for _, pid, what, name, done in seen["sends"] if pid in pids and what == "stop" and done and not seen["things"][name]["up"]
        }

    @contextmanager
    def _kill(self, program: Program) -> Iterator[tuple[float, set[str]]]:
        program.process.send_signal(signal.SIGKILL)
        program.process.wait(60)
        yield time.time(), self._held(program)
        self.programs[self.programs.index(program)] = Program(self.url, self.directory, program.host)
        until("it lives again", lambda: all(each.lives() for each in self.programs))

    @contextmanager
    def _freeze(self, program: Program) -> Iterator[tuple[float, set[str]]]:
        try:
            until("it is frozen with nothing locked", lambda: self._stands(program))
            at, held, aims = time.time(), self._held(program), program.aims()
            before = [send for send in self.seen()["sends"] if send[1] == program.pid]
            yield at, held if not aims else set()
            time.sleep(max(0.0, at + LEASE + 0.5 - time.time()))
        finally:
            os.kill(program.pid, signal.SIGCONT)
        names = self.wear()
        until("both go on after it woke", lambda: self._mended(names))
        after = [send for send in self.seen()["sends"] if send[1] == program.pid][len(before) :]
        stale = [f"{what}-{name}" for _, _, what, name, _ in after if name in held]
        assert set(stale) <= aims, f"a program that woke sent {stale}; it was about to send {aims}"
        self.late += len(stale)

    def _stands(self, program: Program) -> bool:
        """Freeze it; if it was in a transaction or had the world's lock, let it go on: then all must wait, as behind any lock."""
        os.kill(program.pid, signal.SIGSTOP)
        until("it stands still", lambda: Path(f"/proc/{program.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
        time.sleep(0.5)
        held = self.server.execute(
            f"SELECT pid FROM pg_stat_activity WHERE datname = '{self.url.rpartition('/')[2]}'"
            " AND state LIKE 'idle in transaction%' AND now() - xact_start > interval '0.4 s'"
        )
        if not held and self._world_is_free():
            return True
        os.kill(program.pid, signal.SIGCONT)
        return False

    def _world_is_free(self) -> bool:
        with (self.directory / "world.lock").open("a") as guard:
            for _ in range(20):
                try:
                    fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    time.sleep(0.05)
                else:
                    return True
        return False

    @contextmanager
    def _backends(self, _: Program) -> Iterator[tuple[float, set[str]]]:
        name = self.url.rpartition("/")[2]
        self.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND pid <> pg_backend_pid()")
        yield time.time(), self._held(*self.programs)

    @contextmanager
    def _database(self, _: Program) -> Iterator[tuple[float, set[str]]]:
        self.server.stop(self.dice.choice([signal.SIGINT, signal.SIGQUIT]))
        time.sleep(self.dice.uniform(0.0, LEASE + 1.0))
        self.server.start()
        yield time.time(), self._held(*self.programs)

    def judge(self) -> None:
        """Assert that each thing was cycled once, and that every record has its end."""
        things = self.seen()["things"]
        expected = Counter({(what, name): 1 for name in things for what in ("stop", "start")})
        assert Counter((what, name) for what, name in self.seen()["effects"]) == expected, f"seed {self.seed}"
        ledgers = [opened(self.url, host, SystemClock()) for host in dict.fromkeys(self.hosts)]
        try:
            until(
                "every record has its end",
                lambda: all(record.state.value in ENDS for book in ledgers for record in book.repairs(limit=10_000)),
            )
            records = [record for book in ledgers for record in book.repairs(limit=10_000)]
        finally:
            for book in ledgers:
                book.close()
        assert {record.object.id for record in records if record.state.value == "verified"} == set(things), "a record for each thing"
        assert len({record.fence for record in records}) == len(records), "each begun under a number of its own"


SLOWNESS = 45.0
"""Seconds that a busy machine may add to a takeover; what was measured is printed."""


def fight(server: PrivatePostgresql, directory: Path, seed: int, faults: tuple[str, ...]) -> list[str]:
    directory.mkdir()
    with Fight(server, directory, seed) as one:
        for fault in faults:
            one.round(fault)
        one.judge()
    return one.lines


@pytest.mark.timeout(600)
def test_killed_frozen_and_without_a_database_in_mid_repair_no_effect_is_doubled(postgresql, tmp_path):
    print("\n".join(fight(postgresql, tmp_path / "3", 3, ("kill", "freeze", "database"))))


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(100, 148))
def test_many_seeds_of_faults_in_mid_repair(postgresql, tmp_path, capsys, seed):
    dice = random.Random(seed)
    lines = fight(postgresql, tmp_path / "fight", seed, tuple(dice.choice(FAULTS) for _ in range(5)))
    with capsys.disabled():
        print("\n" + "\n".join(lines))
