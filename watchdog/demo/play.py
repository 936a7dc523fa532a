"""Plays the script against the real program and watches what it makes of it."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.live import Live

from watchdog import settings
from watchdog.app import Program
from watchdog.demo.script import BREATH, FAULTS, PATIENCE, TARGET, Fault, Line, Seen, advance, settled
from watchdog.demo.show import draw, plain
from watchdog.demo.world import NAMES, SHORTENED, DemoWorld, demo_world
from watchdog.errors import BadSettings, WatchdogError
from watchdog.runtime.log import configure

CALM_SECONDS = 40.0


class Play:
    """One performance: injects the faults one after the other, each after the last has been proved or missed."""

    def __init__(self, world: DemoWorld, program: Program) -> None:
        self.lines = [Line(fault) for fault in FAULTS]
        self.gate_closed = False
        self._world = world
        self._program = program
        self._calm_since: float | None = None
        self._busy: threading.Thread | None = None

    @property
    def over(self) -> bool:
        """Whether every fault is proved or missed."""
        return all(line.progress in {"proved", "missed"} for line in self.lines)

    @property
    def well(self) -> bool:
        """Whether every fault was proved."""
        return all(line.progress == "proved" for line in self.lines)

    def tick(self) -> None:
        """Look at the program once, move the present fault on, and inject the next when all is calm."""
        seen = self._seen()
        self.gate_closed = self.gate_closed or not seen.actual.gate.open
        calm = settled(self._world)
        now = time.time()
        for index, line in enumerate(self.lines):
            agrees = calm if line.fault.agrees is None else line.fault.agrees(self._world)
            moved = advance(line, replace(seen, gate_was_closed=self.gate_closed), agrees, now)
            if moved.fault.approve and moved.progress == "found":
                self._approve(moved.fault.target)
            if moved.progress in {"proved", "missed"} and line.progress not in {"proved", "missed"}:
                self._finished(moved)
            self.lines[index] = moved
        self._next(seen, calm, now)

    def _next(self, seen: Seen, calm: bool, now: float) -> None:
        to_come = [index for index, line in enumerate(self.lines) if line.progress == "to come"]
        asides = [index for index in to_come if self.lines[index].fault.aside]
        if ready := [index for index in asides if self._ready(self.lines[index].fault)]:
            self._inject(ready[0], now)
            return
        waiting = next((index for index in to_come if index not in asides), None)
        under_way = any(line.progress not in {"to come", "proved", "missed"} for line in self.lines if not line.fault.aside)
        if waiting is None or under_way or not calm or not seen.actual.gate.open or self._open_drifts():
            self._calm_since = None
            return
        self._calm_since = self._calm_since or now
        if now - self._calm_since >= BREATH:
            self._inject(waiting, now)

    def _ready(self, fault: Fault) -> bool:
        before = [line.progress for line in self.lines if line.fault.name == fault.after]
        if any(progress not in {"proved", "missed"} for progress in before):
            return False
        if not fault.looks:
            return True
        status = self._program.commands.status(fault.target)
        return status.baseline == "taken" and status.passes >= fault.looks

    def _approve(self, target: str) -> None:
        for approval in self._program.commands.approvals(target):
            self._program.commands.approve(approval.id, "the demo")

    def _inject(self, index: int, now: float) -> None:
        fault = self.lines[index].fault
        self.gate_closed = False
        self.lines[index] = Line(fault, "injected", began=now)
        self._busy = threading.Thread(target=fault.inject, args=(self._world,), name="demo-fault", daemon=True)
        self._busy.start()

    def _finished(self, line: Line) -> None:
        if line.fault.heal is not None:
            line.fault.heal(self._world)

    def _open_drifts(self) -> bool:
        return bool(self._program.commands.status(TARGET).episodes)

    def _seen(self) -> Seen:
        commands = self._program.commands
        return Seen(self._program.world.store.actual, commands.history(None, 200), commands.repairs(None, 200), gate_was_closed=False)


def play(seconds: float | None, listen: str) -> int:
    """Run the demo for ``seconds`` (None = until Ctrl-C); return 0 only if every fault was found, mended and proved."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pwd-demo-")))
        world = stack.enter_context(demo_world(folder, listen))
        log_file = stack.enter_context((world.folder / "program.log").open("w", encoding="utf-8"))
        configure("info", "logfmt", log_file)
        program = Program(settings.load(world.config, {}), lambda: settings.load(world.config, {}))
        try:
            program.start()
            world.nightly.hand_over(lambda: program.pauses, program.server.address)
        except BadSettings as error:
            print(f"panel-watchdog demo: {error}", file=sys.stderr)
            return 78
        try:
            return _watch(world, program, seconds)
        finally:
            program.stop()


def _watch(world: DemoWorld, program: Program, seconds: float | None) -> int:
    began = time.monotonic()
    console = Console()
    host, port = program.server.address
    play_ = Play(world, program)
    facts = [
        f"metrics: http://{host}:{port}/metrics   status page: http://{host}:{port}/",
        f"configuration, ledger and log: {world.folder}",
        f"shortened for the demo: {'; '.join(SHORTENED)}",
    ]
    live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
    said: frozenset[str] = frozenset()
    if live is None:
        print("\n".join(facts), flush=True)
    with suppress(KeyboardInterrupt):
        if live is not None:
            live.start()
        while seconds is None or time.monotonic() - began < seconds:
            _quietly(play_.tick)
            if live is not None:
                live.update(draw(play_.lines, facts, _footer(play_, seconds)))
            said = said if live is not None else _say(play_, said)
            if play_.over and seconds is not None:
                break
            time.sleep(0.25)
    if live is not None:
        live.stop()
    return _verdict(play_)


def _quietly(tick: Callable[[], None]) -> None:
    # the ledger may be busy for a moment; the next tick asks again
    with suppress(WatchdogError):
        tick()


def _say(play_: Play, said: frozenset[str]) -> frozenset[str]:
    done = [line for line in play_.lines if line.progress in {"proved", "missed"} and line.fault.name not in said]
    for line in done:
        print(plain(line), flush=True)
    return said.union(line.fault.name for line in done)


def _footer(play_: Play, seconds: float | None) -> str:
    if play_.over and seconds is None:
        return "all scripted faults are through; serving until Ctrl-C"
    instances = ", ".join(NAMES)
    return f"instances: {instances}; a fault that is not proved within {PATIENCE:.0f} s counts as missed"


def _verdict(play_: Play) -> int:
    done = sum(line.progress == "proved" for line in play_.lines)
    print(f"{done} of {len(play_.lines)} faults found, mended where there was something to mend, and proved")
    for line in play_.lines:
        if line.progress != "proved":
            print(f"  not proved: {line.fault.name} ({line.progress})")
    return 0 if play_.well else 1
