"""How well one daemon can be judged: where it is, which proof there is of that, and what blinds us. Pure.

House rules 3 and 12: a side that is blind, stale or not proven to be the same engine makes a subject Unknown, never a drift.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from watchdog.model.docker import DockerFacts
from watchdog.model.moments import Moment
from watchdog.model.snapshots import Actual
from watchdog.panels.mcsmanager.memory import DaemonMemory
from watchdog.panels.mcsmanager.settings import DaemonSettings
from watchdog.panels.mcsmanager.view import Daemon, Instance

PlaceWord = Literal["local", "foreign", ""]
Identified = Literal["label", "mount", "name", ""]
LIVE: Final = frozenset({"running", "paused", "restarting"})


@dataclass(frozen=True, slots=True)
class Sight:
    """How well one daemon can be judged.

    ``reason`` is a short stable word, "" = it can. ``docker`` is our engine's facts, only when the daemon is placed here. ``proof`` says
    how the place is known.
    """

    place: PlaceWord = ""
    proof: str = ""
    reason: str = ""
    message: str = ""
    docker: DockerFacts | None = None
    engine: str = ""

    @property
    def clear(self) -> bool:
        """Whether it can be judged."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """One container on either side, as far as rules need it. ``started_at`` is UNIX seconds, only from our engine."""

    id: str
    name: str
    state: str
    image: str
    label: str
    sources: tuple[str, ...] = ()
    started_at: float | None = None
    identified: Identified = ""


def look(daemon: Daemon, entry: DaemonSettings | None, actual: Actual, memory: DaemonMemory | None, now: Moment) -> Sight:
    """Return how well ``daemon`` can be judged now, and where it is."""
    docker = actual.docker.facts if actual.docker and actual.docker.success and actual.docker.fresh(now) else None
    place, proof, engine = _place(daemon, entry, docker, memory)
    sight = Sight(place, proof, docker=docker if place == "local" else None, engine=engine)
    reason, message = _blind(daemon, place, actual, docker)
    return replace(sight, reason=reason, message=message)


def identify(instance: Instance, candidate: Candidate) -> Identified:
    """Say how a container is known to be the instance's: by label, by name and image and mount, by its name alone, or not at all."""
    if candidate.label:
        return "label" if candidate.label == instance.uuid else ""
    if candidate.name != instance.container_name:
        return ""
    mounted = any(source and (source == instance.cwd or source.rsplit("/", 1)[-1] == instance.uuid) for source in candidate.sources)
    return "mount" if mounted and candidate.image == instance.image else "name"


def _place(
    daemon: Daemon, entry: DaemonSettings | None, docker: DockerFacts | None, memory: DaemonMemory | None
) -> tuple[PlaceWord, str, str]:  # fmt: skip
    if entry and entry.place != "auto":
        word: PlaceWord = "local" if entry.place == "local" else "foreign"
        return word, f"configured: place: {entry.place}", ""
    engine = memory.engine if memory else ""
    theirs = {item.id for item in daemon.containers or ()}
    ours = {item.id for item in docker.containers} if docker else set()
    if docker and theirs & ours:
        return "local", f"its Docker and our engine list {len(theirs & ours)} containers with the same ids", docker.engine_id
    living = {item.id for item in docker.containers if item.state in LIVE} if docker else set()
    if theirs and living:
        return "foreign", "its Docker lists other containers than our engine", ""
    if engine and (docker is None or docker.engine_id == engine):
        # after a crash of dockerd both lists may be empty: the proof of an earlier look still holds for the same engine
        return "local", "its Docker and our engine listed the same containers before", engine
    return "", "", ""


def _blind(daemon: Daemon, place: PlaceWord, actual: Actual, docker: DockerFacts | None) -> tuple[str, str]:  # noqa: PLR0911  # a ladder
    if not daemon.available:
        return "daemon_offline", "the panel has no connection to this daemon"
    if daemon.instances is None:
        return "list_failed", f"its instances could not be listed ({daemon.instances_error})"
    if daemon.containers is None:
        return "daemon_without_docker", f"its Docker did not answer ({daemon.containers_error})"
    if daemon.numbers is None:
        return "version_unknown", "its version is unknown"
    if not place:
        return "unplaced", "nothing proves whether it runs on this host: set daemons[].place, or wait until a container runs"
    if place == "local" and not actual.gate.open:
        return "gate_closed", "the Docker gate is closed"
    if place == "local" and docker is None:
        return "docker_stale", "our picture of Docker is missing, failed or old"
    return "", ""
