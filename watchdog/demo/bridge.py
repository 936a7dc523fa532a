"""The fake engine's world as the fake panel's daemon needs it: one truth for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from watchdog.collectors.docker.fake import FakeContainer, FakeEngineWorld, Refusal
from watchdog.model.docker import Mount
from watchdog.panels.mcsmanager.fake import NameTaken, WorldContainer, WorldDown, WorldSilent


class EngineBridge:
    """Satisfies the fake panel's ContainerWorld over a FakeEngineWorld."""

    def __init__(self, engine: FakeEngineWorld) -> None:
        self._engine = engine

    def list(self) -> Sequence[WorldContainer]:
        """Return all containers. Raises WorldDown or WorldSilent as the engine's mode says."""
        self._look()
        return tuple(_shown(container) for container in self._engine.containers())

    def run(self, name: str, image: str, labels: Mapping[str, str], mounts: Sequence[tuple[str, str]]) -> str:
        """Create with AutoRemove and start."""
        self._look()
        try:
            return self._engine.run(
                name, image, labels=dict(labels), mounts=tuple(Mount(source, inside) for source, inside in mounts), auto_remove=True
            )
        except Refusal:
            raise NameTaken(self._engine.get(name).id) from None

    def stop(self, container: str, grace: float) -> None:
        """Stop gracefully."""
        del grace
        self._look()
        self._engine.stop(container)

    def kill(self, container: str) -> None:
        """SIGKILL."""
        self._look()
        self._engine.kill(container)

    def unpause(self, container: str) -> None:
        """Thaw."""
        self._look()
        self._engine.unpause(container)

    def _look(self) -> None:
        if self._engine.mode == "hung":
            raise WorldSilent
        if self._engine.mode != "up":
            raise WorldDown


def _shown(container: FakeContainer) -> WorldContainer:
    mounts = tuple((mount.source, mount.destination) for mount in container.mounts)
    return WorldContainer(
        container.id, container.name, container.image, container.state, dict(container.labels), mounts, container.created_at
    )
