"""The fake engine's world: containers, events, and the engine's own faults. Thread-safe; shared by the demo and by fake panels."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from watchdog.collectors.docker.fake.inventory import FakeContainer, FakeStock, Refusal
from watchdog.model.moments import Clock
from watchdog.runtime.clock import SystemClock

Mode = Literal["up", "hung", "broken", "down"]
Event = Mapping[str, object]
KEPT_EVENTS = 256  # as many as dockerd remembers
_KILLED = 137
_TRIM = 8192


class FakeEngineWorld:
    """All containers of one fake engine. Every method may be called from any thread; unknown ids and names raise Refusal(404)."""

    def __init__(self, clock: Clock | None = None, engine_id: str = "FAKE:ENGI:NE00:0000:0000:0000:0000:0000:0000:0000:0000:0000") -> None:
        self.clock = clock or SystemClock()
        self.engine_id = engine_id
        self.requests: list[str] = []
        self.changed = threading.Condition(threading.RLock())
        self.mode: Mode = "up"
        self.stock = FakeStock()
        self.generation = 0
        self._containers: dict[str, FakeContainer] = {}
        self._events: list[Event] = []
        self._numbers = itertools.count(1)
        self._listeners: tuple[Callable[[Mode], None], ...] = ()
        self._last_nano = 0
        self._forgotten = 0

    # --- containers ---

    def add(self, name: str, image: str = "busybox:latest", **more: object) -> str:
        """Create a container and return its id; ``more`` are fields of FakeContainer. Raise Refusal(409) when the name is taken."""
        with self.changed:
            if any(c.name == name for c in self._containers.values()):
                raise Refusal(
                    409, f'Conflict. The container name "/{name}" is already in use. You have to remove (or rename) that container.'
                )
            number = next(self._numbers)
            container = FakeContainer(hashlib.sha256(f"{self.engine_id}{number}".encode()).hexdigest(), name, image, **more)  # type: ignore[arg-type]
            container.created_at = container.created_at or self._now()
            self._containers[container.id] = container
            self._tell(container, "create")
            return container.id

    def run(self, name: str, image: str = "busybox:latest", **more: object) -> str:
        """Create and start a container; return its id."""
        container = self.add(name, image, **more)
        self.start(container)
        return container

    def start(self, name: str) -> bool:
        """Start it; return False when it runs already."""
        with self._one(name) as container:
            if container.running:
                return False
            if container.broken:
                raise Refusal(500, container.broken)
            container.state, container.started_at, container.exit_code = "running", self._now(), 0
            container.health = container.reviving or container.health
            container.pid = 100_000 + next(self._numbers)
            self._tell(container, "start")
            image = self.stock.images.get(container.image)
            ends = container.ends if container.ends is not None else image.ends if image is not None else None
            if ends is not None:
                self._end(container, ends)
            return True

    def stop(self, name: str, exit_code: int = 0) -> bool:
        """Stop it as ``docker stop`` does; return False when it does not run."""
        with self._one(name) as container:
            if not container.running:
                return False
            self._tell(container, "kill", signal="15")
            self._end(container, exit_code, "stop")
            return True

    def die(self, name: str, exit_code: int = 1) -> None:
        """Let its first process end by itself."""
        with self._one(name) as container:
            self._end(container, exit_code)

    def kill(self, name: str) -> None:
        """Let somebody ``docker kill`` it."""
        with self._one(name) as container:
            self._tell(container, "kill", signal="9")
            self._end(container, _KILLED)

    def oom(self, name: str, *, child: bool = False) -> None:
        """Let the kernel kill its first process for want of memory, or with ``child`` another one: then only the event tells."""
        with self._one(name) as container:
            self._tell(container, "oom")
            if not child:
                container.oom_killed = True
                self._end(container, _KILLED, oom=True)

    def restart(self, name: str) -> None:
        """Stop (if it runs) and start it, as ``docker restart`` does."""
        with self._one(name) as container:
            if container.running:
                self._tell(container, "kill", signal="15")
                self._end(container, 0, "stop", removing=False)
            self.start(name)
            self._tell(container, "restart")

    def policy_restart(self, name: str, exit_code: int = 1) -> None:
        """Let it die and be restarted by its restart policy."""
        with self._one(name) as container:
            self._end(container, exit_code, removing=False)
            container.restart_count += 1
            self.start(name)

    def pause(self, name: str) -> None:
        """Freeze it."""
        with self._one(name) as container:
            container.state = "paused"
            self._tell(container, "pause")

    def unpause(self, name: str) -> None:
        """Thaw it."""
        with self._one(name) as container:
            container.state = "running"
            self._tell(container, "unpause")

    def set_health(self, name: str, health: str, output: str = "") -> None:
        """Let its health check say healthy, unhealthy or starting, with ``output``."""
        with self._one(name) as container:
            container.health = health
            container.checks = [*container.checks, (self._now(), int(health == "unhealthy"), output)][-5:]  # as many as Docker keeps
            self._tell(container, f"health_status: {health}")

    def rename(self, name: str, new: str) -> None:
        """Rename it."""
        with self._one(name) as container:
            old, container.name = container.name, new
            self._tell(container, "rename", oldName=f"/{old}")

    def remove(self, name: str, *, force: bool = False) -> None:
        """Remove it. Raise Refusal(409) when it runs and ``force`` is not set."""
        with self._one(name) as container:
            if container.running and not force:
                raise Refusal(
                    409,
                    f"You cannot remove a running container {container.id}. Stop the container before attempting removal or force remove",
                )
            if container.running:
                self._tell(container, "kill", signal="9")
                self._end(container, _KILLED, removing=False)
            self._destroy(container)

    def get(self, name: str) -> FakeContainer:
        """Return the container with this id, id prefix or name. Raise Refusal(404)."""
        with self.changed:
            found = [c for c in self._containers.values() if name in {c.id, c.name} or (len(name) >= 4 and c.id.startswith(name))]  # noqa: PLR2004
            if not found:
                raise Refusal(404, f"No such container: {name}")
            return found[0]

    def containers(self) -> tuple[FakeContainer, ...]:
        """Return all containers, newest first."""
        with self.changed:
            return tuple(reversed(self._containers.values()))

    # --- the engine's own faults ---

    def hang(self) -> None:
        """Accept connections and never answer."""
        self._be("hung")

    def answer_500(self) -> None:
        """Answer everything with 500."""
        self._be("broken")

    def crash_engine(self) -> None:
        """Let dockerd die: connections are cut, nobody listens; containers run on until it comes back."""
        self._be("down")

    def restart_engine(self) -> None:
        """Let dockerd come (back): what ran dies with 137 (no live-restore), AutoRemove containers go, old events are forgotten."""
        with self.changed:
            self._forgotten += len(self._events)
            self._events.clear()
            self.generation += 1
            ran = [c for c in self.containers() if c.running]
            for container in ran:
                self._end(container, _KILLED, quiet=True)
        self._be("up")
        for container in ran:
            if container.restart_policy in {"always", "unless-stopped"}:
                self.start(container.id)

    def heal(self) -> None:
        """End ``hang`` or ``answer_500``: the engine goes on where it was."""
        self._be("up")

    def listen(self, listener: Callable[[Mode], None]) -> None:
        """Call ``listener(mode)`` after each change of mode, and once now."""
        with self.changed:
            self._listeners = (*self._listeners, listener)
        listener(self.mode)

    # --- events ---

    def replay(self, since: float | None) -> tuple[int, tuple[Event, ...]]:
        """Return (cursor, remembered events from ``since`` on); None = no past. Like dockerd, no more than the last 256 are remembered."""
        with self.changed:
            past = () if since is None else tuple(e for e in self._events[-KEPT_EVENTS:] if _nano(e) >= since * 1e9)
            return self._forgotten + len(self._events), past

    def events_after(self, cursor: int) -> tuple[int, tuple[Event, ...]]:
        """Given a cursor, return (new cursor, events told since)."""
        with self.changed:
            return self._forgotten + len(self._events), tuple(self._events[max(0, cursor - self._forgotten) :])

    def note(self, container: FakeContainer, action: str, **attributes: str) -> None:
        """Tell an event that changes nothing: ``top``, ``exec_create: CMD``, ``exec_start: CMD``, ``exec_die``."""
        with self.changed:
            self._tell(container, action, **attributes)

    @contextmanager
    def _one(self, name: str) -> Iterator[FakeContainer]:
        with self.changed:
            yield self.get(name)

    def _now(self) -> float:
        return self.clock.now().wall

    def _be(self, mode: Mode) -> None:
        with self.changed:
            self.mode = mode
            self.changed.notify_all()
            listeners = self._listeners
        for listener in listeners:
            listener(mode)

    def _end(self, container: FakeContainer, code: int, *after: str, removing: bool = True, oom: bool = False, quiet: bool = False) -> None:
        container.state, container.exit_code, container.pid, container.finished_at = "exited", code, 0, self._now()
        container.oom_killed = oom
        if container.health is not None:
            container.health = "unhealthy"  # Docker leaves a stale status on an exited container
        if not quiet:
            self._tell(container, "die", exitCode=str(code))
            for action in after:
                self._tell(container, action)
        if removing and container.auto_remove:
            self._destroy(container, quiet=quiet)

    def _destroy(self, container: FakeContainer, *, quiet: bool = False) -> None:
        del self._containers[container.id]
        if not quiet:
            self._tell(container, "destroy")

    def _tell(self, container: FakeContainer, action: str, **attributes: str) -> None:
        if self.mode == "down":
            return
        nano = self._last_nano = max(self._last_nano + 1, int(self._now() * 1e9))
        told = {**container.labels, **attributes, "image": container.image, "name": container.name}
        self._events.append({
            "status": action, "id": container.id, "from": container.image, "Type": "container", "Action": action,
            "Actor": {"ID": container.id, "Attributes": told},
            "scope": "local", "time": nano // 1_000_000_000, "timeNano": nano,
        })  # fmt: skip
        if len(self._events) > _TRIM:
            del self._events[: _TRIM // 2]
            self._forgotten += _TRIM // 2
        self.changed.notify_all()


def _nano(event: Event) -> int:
    nano = event["timeNano"]
    return nano if isinstance(nano, int) else 0
