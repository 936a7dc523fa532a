"""Giving one open file to a child and turning the child's answer, or its fate, into a finding."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from watchdog.collectors.archives.answers import (
    PLACE,
    SO_FAR,
    TOLD,
    Finished,
    Row,
    befell,
    despite,
    fate,
    place,
    rows,
    understand,
)  # fmt: skip
from watchdog.collectors.archives.findings import Promise
from watchdog.collectors.archives.talk import Place
from watchdog.errors import DeadlinePassed, MalformedAnswer, Stopping
from watchdog.runtime.child import Child, module_argv

MODULE = "watchdog.collectors.archives.check"
ANSWER_LIMIT = 1 << 18
_LOOK_SECONDS = 0.5
MOST_ROWS = 200_000
_LINE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """What one child may use: ``memory`` bytes of address space, ``seconds`` of time and processor, ``rate`` bytes a second (0 = any).

    ``places`` are the least seconds between two places that it tells, to go on from. Both bounds on time are one number: a child that only
    waits is throttled, one that only computes is caught by its own limit as well.
    """

    memory: int
    seconds: int
    rate: float
    places: float = 5.0


def _nothing() -> None:
    """Nobody watches."""


def _never() -> bool:
    """Nothing ever has to wait."""
    return False


def _unkept(_: Place) -> None:
    """Nobody keeps it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How the one who asks takes part while a child works, from the asking thread, every half second.

    ``watch`` may look how far the child has come (the descriptor's offset); while ``hold`` says yes the child stands still; ``keep`` is
    given places to go on from after a restart, ``resume`` is one that was kept. ``meaning`` is the module of a panel's meaning for level 3,
    ``key`` opens an encrypted container; "" and b"" = none.
    """

    watch: Callable[[], None] = _nothing
    hold: Callable[[], bool] = _never
    keep: Callable[[Place], None] = _unkept
    resume: Place | None = None
    meaning: str = ""
    key: bytes = field(default=b"", repr=False)


ALONE = Turn()


class Run(Protocol):
    """Checks one open file; ``verify`` is the one that does it in a child."""

    def __call__(
        self,
        descriptor: int,
        level: int,
        promise: Promise,
        limits: Limits,
        stop: threading.Event,
        turn: Turn,
        /,
        *,
        argv: Sequence[str] | None = None,
    ) -> Finished: ...


def verify(
    descriptor: int,
    level: int,
    promise: Promise,
    limits: Limits,
    stop: threading.Event,
    turn: Turn = ALONE,
    *,
    argv: Sequence[str] | None = None,
    more: Sequence[int] = (),
) -> Finished:
    """Let a fresh child check the open ``descriptor`` up to ``level``.

    ``argv`` replaces the child's program (the order is appended); ``more`` are further descriptors that it is handed. Returns what it found
    or what befell it. Raises Stopping when ``stop`` is set meanwhile, and what starting a child raises.
    """
    order = {
        "descriptor": descriptor, "level": level, "memory": limits.memory, "cpu": limits.seconds, "rate": limits.rate,
        "promise": promise, "parent": os.getpid(), "resume": turn.resume, "places": limits.places, "meaning": turn.meaning,
    }  # fmt: skip
    with _handed(turn.key) as key:
        # one arena: a second one would map 64 MiB for nothing, and the address space is bounded
        child = Child.start(
            [*(argv or module_argv(MODULE)), json.dumps({**order, "key": key})],
            pass_fds=(*{descriptor, *more}, *([key] if key is not None else [])), limit=ANSWER_LIMIT, env={"MALLOC_ARENA_MAX": "1"},
        )  # fmt: skip
    said = Conversation(child, stop, turn)
    happened: Finished | None = None
    try:
        happened = said.heard(limits.seconds)
    finally:
        code = child.end(2.0)
    if said.finished is not None:
        return said.finished
    happened = happened or fate(code, child.told(), limits.seconds)
    return despite(said.so_far, happened) if said.so_far is not None else happened


@contextmanager
def _handed(key: bytes) -> Iterator[int | None]:
    """Lend a pipe in which the key stands, for the child to read: no command line and no environment ever has it. None without a key."""
    if not key:
        yield None
        return
    out, into = os.pipe()
    try:
        os.write(into, key)
        os.close(into)
        yield out
    finally:
        os.close(out)


class Conversation:
    """What one child says of one file, line by line. ``finished`` is its last word, None as long as there is none."""

    def __init__(self, child: Child, stop: threading.Event, turn: Turn) -> None:
        self._child, self._stop, self._turn = child, stop, turn
        self.so_far: Finished | None = None
        self.finished: Finished | None = None
        self._told: list[Row] = []

    def heard(self, seconds: int) -> Finished | None:
        """Listen for at most ``seconds``; return what befell the child meanwhile, None when it has said all or has ended.

        Raises Stopping when the program ends.
        """
        try:
            self.listen(seconds)
        except DeadlinePassed:
            return befell("hung", f"no answer within {seconds} s")
        except MalformedAnswer as error:
            return befell("no_answer", str(error))
        return None

    def listen(self, seconds: float) -> None:
        """Listen until it has said all. Raises DeadlinePassed after ``seconds`` and Stopping when the program ends."""
        left = seconds
        while self.finished is None:
            step = min(_LOOK_SECONDS, left)
            try:
                line = self._child.read_line(step)
            except DeadlinePassed:
                left -= step
                self._turn.watch()
                self._hold()
                if self._stop.is_set():
                    raise Stopping("the program ends") from None
                if left <= 0:
                    raise
                continue
            if line is None:
                return
            left = max(0.0, left - _LINE_SECONDS)  # nor may it talk for ever
            self._take(line)
            if left <= 0:
                raise DeadlinePassed("it talks past its deadline")

    def _take(self, line: bytes) -> None:
        if line.startswith(PLACE):
            told = place(line)
            if told is not None:
                self._turn.keep(told)
        elif line.startswith(SO_FAR):
            self.so_far = understand(line)
        elif line.startswith(TOLD):
            self._told += rows(line)
            if len(self._told) > MOST_ROWS:
                raise MalformedAnswer(f"it tells more than {MOST_ROWS} rows")
        else:
            self.finished = replace(understand(line), told=tuple(self._told))

    def _hold(self) -> None:
        """Let the child stand still as long as it has to; that time is not counted."""
        if not self._turn.hold():
            return
        self._child.pause()
        try:
            while self._turn.hold() and not self._stop.wait(_LOOK_SECONDS):
                pass
        finally:
            self._child.resume()
