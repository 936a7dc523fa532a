"""The toy panel's rows of the crash table: one per remedy that acts by itself, and the rigs that the children build."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.support.bench import REPAIR
from tests.support.crash import Rig, Row
from tests.support.panel import FileWorld, ToyPanel, ToyTarget, actual_of
from watchdog.model.repairs import Outcome


def rig(directory: Path) -> Rig:
    world = FileWorld(directory / "world.json")
    return Rig(ToyPanel(), ToyTarget(world), lambda now: actual_of(world, now), REPAIR)


def _row(name: str, fill: Callable[[FileWorld], None]) -> Row:
    @contextmanager
    def outside(directory: Path) -> Iterator[None]:
        fill(FileWorld(directory / "world.json"))
        yield

    def effects(directory: Path) -> list[tuple[str, str]]:
        return FileWorld(directory / "world.json").effects()

    def check(directory: Path) -> None:
        things = FileWorld(directory / "world.json").things()
        assert all(thing["up"] and thing["believed"] == "up" for thing in things.values()), things

    return Row(name, "tests.reconciler.crash_rows:rig", outside, effects, check)


ROWS = (
    _row("lift", lambda world: world.add("a", up=False)),
    _row("cycle", lambda world: world.add("a", believed="worn")),
    _row("restart", lambda world: [world.add(name, believed="down") for name in "abc"] and None),
)


class CarelessTarget(ToyTarget):
    """A remedy that does not look whether the thing is stopped already."""

    def _cycle(self, repair: Any, act: Any) -> Outcome:
        name = repair.proposal.object.id
        self.world.effect("stop", name, lambda things: things[name].update(up=False))
        act.step("stopped")
        self.world.effect("start", name, lambda things: things[name].update(up=True, believed="up"))
        return Outcome.done()


def careless_rig(directory: Path) -> Rig:
    world = FileWorld(directory / "world.json")
    return Rig(ToyPanel(), CarelessTarget(world), lambda now: actual_of(world, now), REPAIR)


CARELESS = replace(ROWS[1], name="careless", rig="tests.reconciler.crash_rows:careless_rig")
