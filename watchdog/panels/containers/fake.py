"""What befalls plain containers, as switches over a fake engine's world: the bugs that Docker does nothing about, and ordinary life.

There is no panel to fake: what this panel talks to is Docker itself, and the shipped fake of that stands beside the Docker collector.
This module plays what happens on a host. Sources of how Docker tells of it ([RUN] = seen on Docker Engine 20.10.24, and compared with it in
tests/panels/containers/test_real_containers.py): a stop is ``kill``, ``die``, ``stop``; an end by itself is ``die`` alone; a restart is
``kill``, ``die``, ``stop``, ``start``, ``restart``; ``compose up`` makes the new container under another name, stops and removes the old
one, renames and starts the new one (docker/compose, pkg/compose/convergence.go); an exited container keeps a stale ``unhealthy``; one
that shares the network of a container that is started anew keeps the dead one.
"""

from __future__ import annotations

from typing import Any, Protocol


class World(Protocol):
    """What is needed of a fake engine's world (collectors/docker/fake/world.py)."""

    def add(self, name: str, image: str = ..., **more: Any) -> str: ...

    def run(self, name: str, image: str = ..., **more: Any) -> str: ...

    def start(self, name: str) -> bool: ...

    def stop(self, name: str, exit_code: int = ...) -> bool: ...

    def die(self, name: str, exit_code: int = ...) -> None: ...

    def oom(self, name: str, *, child: bool = ...) -> None: ...

    def rename(self, name: str, new: str) -> None: ...

    def remove(self, name: str, *, force: bool = ...) -> None: ...

    def set_health(self, name: str, health: str, output: str = ...) -> None: ...

    def policy_restart(self, name: str, exit_code: int = ...) -> None: ...

    def get(self, name: str) -> Any: ...


class PlainHost:
    """A host with plain containers. Each method is one switch."""

    def __init__(self, world: World) -> None:
        self.world = world

    def serve(self, name: str, **more: Any) -> str:
        """Run a container that is healthy, and is healthy again after each start."""
        box = self.world.run(name, health="healthy", **more)
        self.world.get(name).reviving = "healthy"
        return box

    def hang(self, name: str, output: str = "curl: (28) Operation timed out") -> None:
        """Switch the bug on: it runs and answers nobody, until it is started anew."""
        self.world.set_health(name, "unhealthy", output)

    def hang_for_ever(self, name: str, output: str = "curl: (7) Failed to connect") -> None:
        """Switch the same on with a cause that no restart ends."""
        self.world.get(name).reviving = "unhealthy"
        self.world.set_health(name, "unhealthy", output)

    def crash(self, name: str, exit_code: int = 1) -> None:
        """Let its first process end, and nobody asked for it."""
        self.world.die(name, exit_code)

    def crash_loop(self, name: str, times: int = 3, exit_code: int = 1) -> None:
        """Let it die soon after each start, and its restart policy start it again."""
        for _ in range(times):
            self.world.policy_restart(name, exit_code)

    def starve(self, name: str) -> None:
        """Let the kernel kill it for want of memory, and somebody or something start it again."""
        self.world.oom(name)
        self.world.start(name)

    def person_stops(self, name: str) -> None:
        """Live an ordinary life: ``docker stop``."""
        self.world.stop(name)

    def deploy(self, name: str, image: str = "busybox:newer") -> str:
        """Live an ordinary life: ``compose pull && up`` makes it anew; return the new id."""
        old = self.world.get(name)
        made = self.world.add(
            f"{old.id[:12]}_{name}", image, labels=dict(old.labels), network_mode=old.network_mode, restart_policy=old.restart_policy
        )
        self.world.get(made).health, self.world.get(made).reviving = old.health and "starting", old.reviving
        self.world.stop(old.id)
        self.world.remove(old.id)
        self.world.rename(made, name)
        self.world.start(made)
        return made
