"""The world of containers as the fake daemon needs it, and one that lives in memory."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol


class WorldDown(Exception):
    """Docker's socket is missing or refuses (the daemon sees ``connect ENOENT`` at once)."""


class WorldSilent(Exception):
    """Docker's socket accepts and never answers (systemd's docker.socket while dockerd loads, or a hung dockerd)."""


class NameTaken(Exception):
    """Docker's 409: the name is in use by the container whose id is the argument."""


@dataclass(frozen=True, slots=True)
class WorldContainer:
    """One container; ``mounts`` are (host source, destination). ``created`` is UNIX seconds."""

    id: str
    name: str
    image: str
    state: str
    labels: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[tuple[str, str], ...] = ()
    created: float = 0.0


class ContainerWorld(Protocol):
    """What exists and how to change it. Every method raises WorldDown or WorldSilent while Docker is away; it never blocks long."""

    def list(self) -> Sequence[WorldContainer]:
        """Return all containers, stopped ones too."""
        ...

    def run(self, name: str, image: str, labels: Mapping[str, str], mounts: Sequence[tuple[str, str]]) -> str:
        """Create with AutoRemove and start; return the id. Raises NameTaken."""
        ...

    def stop(self, container: str, grace: float) -> None:
        """Stop gracefully; with AutoRemove it is gone then."""
        ...

    def kill(self, container: str) -> None:
        """SIGKILL; only the fake's own lies use it (a daemon that ends, a delayed kill)."""
        ...

    def unpause(self, container: str) -> None: ...


class MemoryWorld:
    """Containers in memory, with the weather of Docker: ``up``, ``down`` or ``silent``."""

    def __init__(self, seed: str = "world") -> None:
        self.weather: Literal["up", "down", "silent"] = "up"
        self._seed = seed
        self._lock = threading.RLock()
        self._containers: dict[str, WorldContainer] = {}
        self._made = 0

    def list(self) -> Sequence[WorldContainer]:
        """Return all containers."""
        with self._lock:
            self._look()
            return tuple(self._containers.values())

    def run(self, name: str, image: str, labels: Mapping[str, str], mounts: Sequence[tuple[str, str]]) -> str:
        """Create and start a container."""
        return self.put(name, image, labels, mounts, "running")

    def put(
        self,
        name: str,
        image: str = "bb",
        labels: Mapping[str, str] | None = None,
        mounts: Sequence[tuple[str, str]] = (),
        state: str = "running",
    ) -> str:
        """Place a container in any state; return its id. Raises NameTaken."""
        with self._lock:
            self._look()
            taken = next((c for c in self._containers.values() if c.name == name), None)
            if taken is not None:
                raise NameTaken(taken.id)
            self._made += 1
            new = hashlib.sha256(f"{self._seed}/{self._made}".encode()).hexdigest()
            self._containers[new] = WorldContainer(new, name, image, state, dict(labels or {}), tuple(mounts), time.time())
            return new

    def stop(self, container: str, grace: float) -> None:
        """Stop and remove (AutoRemove)."""
        del grace
        self.kill(container)

    def kill(self, container: str) -> None:
        """Take a container away."""
        with self._lock:
            self._look()
            self._containers.pop(container, None)

    def unpause(self, container: str) -> None:
        """Let a paused container run."""
        self.turn(container, "running")

    def turn(self, container: str, state: str) -> None:
        """Set a container's state (paused, exited...)."""
        with self._lock:
            self._look()
            if container in self._containers:
                self._containers[container] = replace(self._containers[container], state=state)

    def crash(self, *, containers_survive: bool = False) -> None:
        """Let dockerd die hard: every connection is cut; without live-restore its containers are gone when it is back."""
        with self._lock:
            if not containers_survive:
                self._containers.clear()
            self.weather = "down"

    def _look(self) -> None:
        if self.weather == "down":
            raise WorldDown
        if self.weather == "silent":
            raise WorldSilent
