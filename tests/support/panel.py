"""A tiny toy panel and its toy world, for tests of the house.

Truth comes through the ordinary Docker snapshot: a thing that is up is a running container of its name. Belief is what the panel's view
says. The world counts every *effect* outside of the program, in memory or (for several processes and for crashes) durably in one file.

Drift kinds: ``down`` (believed up, is down; remedy ``lift``, safe), ``ghost`` (believed down, is up; ``restart`` of the one daemon,
disruptive), ``worn`` (believed worn; ``cycle`` = stop, wait, start; safe), ``rotten`` (``purge``, destructive), ``odd`` (for a person).
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchdog.model.docker import Container, DockerFacts, Gate
from watchdog.model.drifts import Confirm, Drift, DriftKind, Judgement, ObjectKey, Proposal, Subject, UnknownSubject
from watchdog.model.moments import Moment
from watchdog.model.needs import Needs
from watchdog.model.places import Place
from watchdog.model.repairs import Outcome, Remedy, Risk, Settle
from watchdog.model.snapshots import Actual, Snapshot

QUICK = Confirm(looks=2, seconds=10.0)


def risk_of(plain: Risk) -> Callable[[Mapping[str, Any]], Risk]:
    """Like a real panel's risk function: an unknown version counts as destructive."""
    return lambda facts: Risk.DESTRUCTIVE if facts.get("version") == "unknown" else plain


KINDS = (
    DriftKind("down", "Believed up, is down.", confirm=QUICK),
    DriftKind("ghost", "Believed down, is up.", confirm=QUICK),
    DriftKind("worn", "Needs a cycle.", confirm=QUICK),
    DriftKind("rotten", "Should be removed.", confirm=QUICK),
    DriftKind("odd", "Only a person can help.", confirm=Confirm(1, 0.0)),
)
REMEDIES = (
    Remedy("lift", "Start the thing.", risk_of(Risk.SAFE), Settle(5.0, 60.0), deadline=30.0, cooldown=20.0),
    Remedy("restart", "Restart the daemon.", risk_of(Risk.DISRUPTIVE), Settle(5.0, 60.0), deadline=60.0, cooldown=60.0),
    Remedy("cycle", "Stop, wait, start.", risk_of(Risk.SAFE), Settle(5.0, 60.0), deadline=30.0, cooldown=20.0),
    Remedy("purge", "Remove the thing.", risk_of(Risk.DESTRUCTIVE), Settle(5.0, 60.0), deadline=30.0, cooldown=20.0, needs_docker=False),
)


class ToyWorld:
    """Things that are up or down, what the panel believes of them, and every effect that anybody ever had on them."""

    def __init__(self) -> None:
        self._state: dict[str, Any] = {"things": {}, "effects": []}
        self._lock = threading.RLock()

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Give the state to read and change, alone."""
        with self._lock:
            yield self._state

    def add(self, name: str, *, up: bool = True, believed: str = "up", **more: Any) -> None:
        with self.change() as state:
            state["things"][name] = {"up": up, "believed": believed, "generation": 0, "rotten": False, "odd": False, **more}

    def set(self, name: str, **changes: Any) -> None:
        with self.change() as state:
            state["things"][name].update(changes)

    def things(self) -> dict[str, dict[str, Any]]:
        with self.change() as state:
            return json.loads(json.dumps(state["things"]))

    def effects(self, name: str | None = None) -> list[tuple[str, str]]:
        """Every effect so far, as (what, on what), in order."""
        with self.change() as state:
            return [(what, on) for what, on in state["effects"] if name is None or on == name]

    def effect(self, what: str, on: str, then: Callable[[dict[str, Any]], None]) -> None:
        """One effect on the outside: counted and done in one stroke."""
        with self.change() as state:
            state["effects"].append([what, on])
            then(state["things"])


class FileWorld(ToyWorld):
    """The same world in one file, shared by processes; a change is written whole, under a lock, before it counts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        with self.change():
            pass

    @contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        with self._lock, self._path.with_suffix(".lock").open("a") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            if self._path.exists():
                self._state = json.loads(self._path.read_text())
            before = json.dumps(self._state)
            yield self._state
            after = json.dumps(self._state)
            if after != before or not self._path.exists():
                fresh = self._path.with_suffix(f".{os.getpid()}")
                fresh.write_text(after)
                fresh.replace(self._path)


@dataclass
class ToyTarget:
    """One connected toy panel. Faults are switches: an exception to raise, or an event that a call waits for."""

    world: ToyWorld
    name: str = "toy"
    panel: str = "toys"
    version: str = "1"
    wish: str = "running"
    settle_seconds: float = 0.0
    view_fault: Callable[[], None] | None = None
    evidence_fault: Callable[[], None] | None = None
    repair_fault: Callable[[str], None] | None = None
    unknown: set[str] = field(default_factory=set)
    views: int = 0
    placed: bool = True
    extra: Callable[[Judgement], Judgement] | None = None

    def view(self) -> Mapping[str, dict[str, Any]]:
        self.views += 1
        if self.view_fault is not None:
            self.view_fault()
        return self.world.things()

    def evidence(self, actual: Actual) -> None:
        if self.evidence_fault is not None:
            self.evidence_fault()

    def place(self, actual: Actual, view: Any) -> Place:
        return Place(engine_id="toy", proof="it is a toy" if self.placed else "")

    def key(self, kind: str, id_: str) -> ObjectKey:
        return ObjectKey(self.panel, self.name, kind, id_)

    def detect(self, actual: Actual, view: Any, evidence: Any, facts: Any, now: Moment) -> Judgement:
        up = {c.name for c in actual.docker.facts.containers if c.running} if actual.docker and actual.docker.facts else set()
        drifts, fine, unknown = [], [], []
        for name, thing in sorted(view.items()):
            subject = Subject("thing", name, name.title())
            if name in self.unknown:
                unknown.append(UnknownSubject(subject, "hidden"))
                continue
            found = self._judge(subject, thing, name in up)
            if found is None:
                fine.append(subject)
            else:
                drifts.append(found)
        judgement = Judgement(
            tuple(sorted(drifts, key=lambda d: d.key)), tuple(unknown), tuple(fine), {"looks": facts.memory.get("looks", 0) + 1}
        )
        return self.extra(judgement) if self.extra else judgement

    def _judge(self, subject: Subject, thing: dict[str, Any], up: bool) -> Drift | None:
        facts = {"version": self.version, "wish": self.wish}

        def drift(kind: str, remedy: str | None, on: ObjectKey | None = None, **parameters: Any) -> Drift:
            proposal = Proposal(remedy, on or self.key("thing", subject.id), parameters, facts) if remedy else None
            return Drift(kind, self.panel, self.name, subject, "up" if up else "down", thing["believed"], {"up": up}, proposal)

        if thing["odd"]:
            return drift("odd", None)
        if thing["rotten"]:
            return drift("rotten", "purge")
        if thing["believed"] == "worn":
            return drift("worn", "cycle", generation=thing["generation"])
        if thing["believed"] == "up" and not up:
            return drift("down", "lift")
        if thing["believed"] == "down" and up:
            return drift("ghost", "restart", self.key("daemon", "main"))
        return None

    def repair(self, repair: Any, act: Any) -> Outcome:
        if self.repair_fault is not None:
            self.repair_fault(repair.proposal.remedy)
        return getattr(self, f"_{repair.proposal.remedy}")(repair, act)

    def _lift(self, repair: Any, act: Any) -> Outcome:
        name = repair.proposal.object.id
        act.step("looked")
        if self.world.things()[name]["up"]:
            return Outcome.done("it is up already")
        act.fence()
        self.world.effect("start", name, lambda things: things[name].update(up=True))
        act.step("started")
        return Outcome.done(sent=(f"start {name}",))

    def _restart(self, repair: Any, act: Any) -> Outcome:
        act.step("looked")
        if not any(t["up"] and t["believed"] == "down" for t in self.world.things().values()):
            return Outcome.done("no ghost is left")
        act.fence()

        def learn(things: dict[str, Any]) -> None:
            for thing in things.values():
                thing["believed"] = "up" if thing["up"] else thing["believed"]

        self.world.effect("restart", "daemon", learn)
        act.step("restarted")
        return Outcome.done(sent=("restart daemon",))

    def _cycle(self, repair: Any, act: Any) -> Outcome:
        name, generation = repair.proposal.object.id, repair.proposal.parameters["generation"]
        act.step("looked")
        thing = self.world.things()[name]
        if thing["generation"] != generation:
            return Outcome.done("it was cycled already")
        if thing["up"]:
            act.fence()
            self.world.effect("stop", name, lambda things: things[name].update(up=False))
            act.step("stopped")
            act.sleep(0.01)
        act.fence()
        self.world.effect("start", name, lambda things: things[name].update(up=True, generation=generation + 1, believed="up"))
        act.step("started")
        return Outcome.done(sent=(f"stop {name}", f"start {name}"))

    def _purge(self, repair: Any, act: Any) -> Outcome:
        name = repair.proposal.object.id
        act.step("looked")
        if name not in self.world.things():
            return Outcome.done("it is gone already")
        act.fence()
        self.world.effect("purge", name, lambda things: things.pop(name))
        act.step("purged")
        return Outcome.done(sent=(f"purge {name}",))

    def describe(self, repair: Any) -> tuple[str, ...]:
        return (f"{repair.proposal.remedy} {repair.proposal.object.id}",)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class ToyPanel:
    """The toy's PANEL object."""

    name: str = "toys"
    settings: type[Any] = dict
    kinds: tuple[DriftKind, ...] = KINDS
    remedies: tuple[Remedy, ...] = REMEDIES
    metrics: tuple[Any, ...] = ()

    def needs(self, settings: Any) -> Needs:
        return Needs(docker=True)

    def connect(self, settings: Any, ports: Any) -> ToyTarget:
        return ToyTarget(ToyWorld())

    def probe(self, settings: Any, ports: Any) -> tuple[Any, ...]:
        return ()

    def find(self, clues: Any) -> tuple[Any, ...]:
        return ()


def actual_of(world: ToyWorld, now: Moment, *, interval: float = 15.0, gate: bool = True) -> Actual:
    """What a Docker collector that looked just now would have published."""
    containers = tuple(Container(name, name, "toy", "running") for name, thing in sorted(world.things().items()) if thing["up"])
    return Actual(docker=Snapshot("docker", DockerFacts("toy", "1", containers), now, now, interval), gate=Gate(open=gate))
