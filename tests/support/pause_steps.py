"""A program's pauses that die at a chosen step of an order: between any two words with the database, before the commit, or after it."""

from __future__ import annotations

import random
import sqlite3
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from sqlalchemy import event

from tests.support.bench import Recorder
from watchdog.errors import Refused
from watchdog.ledger.open import Ledger
from watchdog.model.pauses import Pause, PauseOrder
from watchdog.reconciler.pausing import Pauses
from watchdog.runtime.clock import SimulatedClock

PANELS = {"one": "toys", "two": "toys", "three": "toys"}
State = dict[int, Pause]


class Killed(BaseException):
    """The process is gone: nobody catches this, and what was not committed never was."""


class Fuse:
    """Burns one step at a time; at its end the process dies."""

    def __init__(self) -> None:
        self.left: int | None = None

    def burn(self, *_: Any) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


class Doomed:
    """A ledger whose every answer may be the last thing that is never heard."""

    def __init__(self, ledger: Ledger, fuse: Fuse) -> None:
        self._ledger, self._fuse = ledger, fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)

        def call(*arguments: Any, **more: Any) -> Any:
            answer = method(*arguments, **more)
            self._fuse.burn()
            return answer

        return call


class Process:
    """One life."""

    def __init__(self, opened: Callable[[], Ledger], clock: SimulatedClock, boot: str) -> None:
        self.ledger, self.fuse, self.clock = opened(), Fuse(), clock
        self.wires: set[Any] = set()
        engine = self.ledger._door._engine
        event.listen(engine, "checkout", lambda wire, *_: self.wires.add(wire))
        for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(engine, moment, self.fuse.burn)
        self.pauses = Pauses(Doomed(self.ledger, self.fuse), clock, Recorder(), PANELS, boot, lambda _target: None)  # type: ignore[arg-type]

    def dies_at(self, step: int | None, call: Callable[[], object]) -> bool:
        """Call, and die at ``step`` of it (None = live on); return whether it died."""
        self.fuse.left = step
        try:
            call()
        except Killed as end:
            traceback.clear_frames(end.__traceback__)
            for wire in self.wires:  # as the kernel and the database do it: what was not committed is gone, and its locks with it
                with suppress(sqlite3.Error, psycopg.Error):  # the pool closed it already
                    wire.rollback()
                    wire.close()
            return True
        except Refused:
            pass
        finally:
            self.fuse.left = None
        return False


def state(ledger: Ledger) -> State:
    """All pauses as they are kept."""
    return {each.id: each for each in ledger.pauses(ended=True, limit=1_000_000)}


def transitions(before: State, after: State) -> list[str]:
    """Name what happened between the two, and refuse what must never happen: a loss, a second end, a change of the past."""
    assert before.keys() <= after.keys(), "a pause is lost"
    found = ["began" for number in after.keys() - before.keys()]
    for number, was in before.items():
        now = after[number]
        if now == was:
            continue
        assert was.ended_at is None, f"pause {number} was over: {was} -> {now}"
        if now.ended_at is None and now.version == was.version:
            found.append("restated")
            continue
        assert now.version == was.version + 1, f"{was} -> {now}"
        found.append("changed" if now.ended_at is None else str(now.end))
    standing = [(each.target, each.task, each.source) for each in after.values() if each.ended_at is None]
    assert len(standing) == len(set(standing)), "two of one source stand"
    return sorted(found)


class Walk:
    """A random life of orders, ends, waits and deaths, by ``programs`` processes on one ledger; what stands is checked at each turn."""

    def __init__(self, opened: Callable[[], Ledger], seed: int, clock: SimulatedClock, programs: int) -> None:
        self.opened, self.clock, self.rng = opened, clock, random.Random(seed)
        self.boot, self.deaths = 0, 0
        self.witness = opened()
        self.last = state(self.witness)
        self.programs = [self.born() for _ in range(programs)]
        self.seen: set[str] = set()

    def born(self) -> Process:
        return Process(self.opened, self.clock, f"boot-{self.boot}")

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.turn()
        for process in self.programs:
            process.ledger.close()

    def turn(self) -> None:
        place = self.rng.randrange(len(self.programs))
        process, before = self.programs[place], self.last
        word, call, allowed = self.order(process, [each for each in before.values() if each.ended_at is None])
        died = process.dies_at(self.rng.choice([None] * 8 + [*range(10)]), call)
        self.last = state(self.witness)
        happened = transitions(before, self.last)
        assert set(happened) <= allowed, f"{word}: {happened}"
        if word != "step":
            assert len(happened) <= 1, f"{word}: {happened}"
        self.seen |= {*happened} if not died else {"died"}
        if died:
            self.deaths += 1
            if self.rng.random() < 0.3:
                self.reboot()
            else:
                self.programs[place] = self.born()
        if self.rng.random() < 0.4:
            self.clock.advance(self.rng.choice([1.0, 30.0, 200.0]))
        self.nothing_outlives()

    def reboot(self) -> None:
        """The host boots anew: every program with it."""
        for process in self.programs:
            process.ledger.close()
        self.boot += 1
        self.programs = [self.born() for _ in self.programs]

    def order(self, process: Process, standing: list[Pause]) -> tuple[str, Callable[[], object], set[str]]:
        rng, pauses = self.rng, process.pauses
        word = rng.choice(["pause", "pause", "change", "resume", "step", "step"])
        terms = rng.choice([{"length": 60.0}, {"length": 600.0}, {"until": self.clock.now().wall + 100.0}, {}])
        if word == "step":
            return word, pauses.step, {"expired", "restated"}
        if word == "pause" or not standing:
            order = PauseOrder(rng.choice(sorted(PANELS)), "r", "ann", **terms)  # type: ignore[arg-type]
            return "pause", lambda: pauses.pause(order), {"began"}
        chosen = rng.choice(standing)
        if word == "resume":
            return word, lambda: pauses.resume(chosen.id, "bob"), {"resumed"}
        order = PauseOrder(chosen.target, "again", "bob", **terms)  # type: ignore[arg-type]
        return word, lambda: pauses.change(chosen.id, chosen.version, order), {"changed"}

    def nothing_outlives(self) -> None:
        """Whoever looks next ends what is over, and each end is there once."""
        self.programs[0].pauses.step()
        before, self.last = self.last, state(self.witness)
        after = self.last
        assert set(transitions(before, after)) <= {"expired", "restated"}
        now = self.clock.now()
        for each in after.values():
            if each.ended_at is None and each.until is not None:
                alive = each.until_mono is not None and each.boot == f"boot-{self.boot}"
                assert (each.until_mono - now.mono if alive else each.until - now.wall) > 0, "one outlived its end"  # type: ignore[operator]
