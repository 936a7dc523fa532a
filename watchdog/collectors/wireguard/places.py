"""Which other network namespaces are to be looked into, and the way to each: a file of ``ip netns``, or a container's first process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from watchdog.errors import Blind, NotFound, WatchdogError
from watchdog.model.docker import Container, DockerFacts

OF_CONTAINER = "container:"


@dataclass(frozen=True, slots=True)
class Place:
    """One network namespace that somebody configured. ``label`` names it in facts and metrics, always the same.

    One of ``path`` (a file that is the namespace), ``container`` (with a pid) and ``error`` (why there is no way to it) is set.
    """

    label: str
    path: Path | None = None
    container: Container | None = None
    error: WatchdogError | None = None


def places(paths: Iterable[Path], patterns: Iterable[str], docker: DockerFacts | None) -> tuple[Place, ...]:
    """Return every configured place once: paths first, then containers, those with a network of their own before those that borrow one.

    ``docker`` is what is known of containers, None = nothing. A pattern that no container matches is a place that is missing.
    """
    found = {str(path): Place(str(path), path=path) for path in paths}
    containers: dict[str, Place] = {}
    for pattern in patterns:
        matching = [] if docker is None else [c for c in docker.containers if fnmatchcase(c.name, pattern)]
        containers |= {place.label: place for container in matching for place in [_of_container(container)]}
        if not matching:
            containers[OF_CONTAINER + pattern] = Place(OF_CONTAINER + pattern, error=_nobody(pattern, docker))
    found |= dict(sorted(containers.items(), key=lambda item: (_borrows(item[1]), item[0])))
    return tuple(found.values())


def _borrows(place: Place) -> bool:
    return place.container is not None and place.container.network_mode.startswith(OF_CONTAINER)


def _nobody(pattern: str, docker: DockerFacts | None) -> WatchdogError:
    if docker is None:
        return Blind("Docker's containers are not known (yet): see the docker collector")
    return NotFound(f"no container is called '{pattern}'")


def _of_container(container: Container) -> Place:
    label = OF_CONTAINER + container.name
    if container.state not in ("running", "paused"):
        return Place(label, error=NotFound(f"the container '{container.name}' does not run ({container.state})"))
    if not container.pid:
        return Place(label, error=Blind(f"Docker has not told the first process of the container '{container.name}' yet"))
    return Place(label, container=container)
