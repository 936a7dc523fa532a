"""The containers of a node as Wings needs them, in memory or behind the fake engine. A server's container is named like its uuid.

Labels and names by contract section 5.1.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Literal, Protocol

State = Literal["missing", "running", "exited"]
KILLED = 137


class EngineAway(Exception):
    """Docker does not answer."""


class Containers(Protocol):
    """What Wings asks of Docker. Every method may raise EngineAway."""

    def state(self, name: str) -> State:
        """Return whether it runs, has ended, or is not there."""
        ...

    def ended(self, name: str) -> tuple[int, bool]:
        """Return exit code and whether the kernel killed it for want of memory."""
        ...

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """Make it anew: what had the name goes (power.go, OnBeforeStart)."""
        ...

    def start(self, name: str) -> None: ...

    def stop(self, name: str) -> None: ...

    def kill(self, name: str) -> None: ...


class MemoryContainers:
    """Containers without an engine. Tests change them by ``start``, ``die``, ``remove``; ``away`` is a Docker that does not answer."""

    def __init__(self) -> None:
        self.away = False
        self.labels: dict[str, Mapping[str, str]] = {}
        self._states: dict[str, tuple[State, int, bool]] = {}
        self._lock = threading.Lock()

    def state(self, name: str) -> State:
        """Return its state."""
        with self._lock:
            self._look()
            return self._states.get(name, ("missing", 0, False))[0]

    def ended(self, name: str) -> tuple[int, bool]:
        """Return how it ended."""
        with self._lock:
            self._look()
            return self._states.get(name, ("missing", 0, False))[1:]

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """Make it anew."""
        with self._lock:
            self._look()
            self.labels[name] = dict(labels)
            self._states[name] = ("exited", 0, False)

    def start(self, name: str) -> None:
        """Start it."""
        with self._lock:
            self._look()
            self._states[name] = ("running", 0, False)

    def stop(self, name: str) -> None:
        """Stop it, if it runs."""
        self.die(name, 0)

    def kill(self, name: str) -> None:
        """Kill it, if it runs."""
        self.die(name, KILLED)

    def die(self, name: str, code: int = 1, *, oom: bool = False) -> None:
        """Let it end, if it runs."""
        with self._lock:
            self._look()
            if self._states.get(name, ("missing", 0, False))[0] == "running":
                self._states[name] = ("exited", code, oom)

    def remove(self, name: str) -> None:
        """Take it away, as ``docker rm -f`` does."""
        with self._lock:
            self._states.pop(name, None)

    def _look(self) -> None:
        if self.away:
            raise EngineAway


class Engine(Protocol):
    """What of a fake engine's world this needs (collectors/docker/fake/world.py has it)."""

    mode: Literal["up", "hung", "broken", "down"]

    def containers(self) -> tuple[EngineContainer, ...]: ...

    def add(self, name: str, image: str = ..., **more: object) -> str: ...

    def start(self, name: str) -> bool: ...

    def stop(self, name: str, exit_code: int = 0) -> bool: ...

    def kill(self, name: str) -> None: ...

    def remove(self, name: str, *, force: bool = False) -> None: ...


class EngineContainer(Protocol):
    """One container there."""

    name: str
    exit_code: int
    oom_killed: bool

    @property
    def running(self) -> bool: ...


class EngineContainers:
    """Satisfies ``Containers`` over the world of a fake engine."""

    def __init__(self, engine: Engine, image: str = "ghcr.io/pterodactyl/yolks:java_21") -> None:
        self._engine = engine
        self._image = image

    def state(self, name: str) -> State:
        """Return its state."""
        found = self._find(name)
        return "missing" if found is None else "running" if found.running else "exited"

    def ended(self, name: str) -> tuple[int, bool]:
        """Return how it ended."""
        found = self._find(name)
        return (0, False) if found is None else (found.exit_code, found.oom_killed)

    def create(self, name: str, labels: Mapping[str, str]) -> None:
        """Make it anew."""
        if self._find(name) is not None:
            self._engine.remove(name, force=True)
        self._engine.add(name, self._image, labels=dict(labels))

    def start(self, name: str) -> None:
        """Start it."""
        self._look()
        self._engine.start(name)

    def stop(self, name: str) -> None:
        """Stop it."""
        if self.state(name) == "running":
            self._engine.stop(name)

    def kill(self, name: str) -> None:
        """Kill it."""
        if self.state(name) == "running":
            self._engine.kill(name)

    def _find(self, name: str) -> EngineContainer | None:
        self._look()
        return next((each for each in self._engine.containers() if each.name == name), None)

    def _look(self) -> None:
        if self._engine.mode != "up":
            raise EngineAway
