"""What is true of each instance of one daemon: its own Docker and, where its place is proven, our engine, indexed once per look. Pure.

House rule 12: absence counts only when every side that we have agrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from watchdog.model.docker import Container, ContainerEvent
from watchdog.panels.mcsmanager.sight import LIVE, Candidate, Sight, identify
from watchdog.panels.mcsmanager.view import LABEL, Daemon, Instance, SeenContainer

RANK: Final = {"label": 0, "mount": 1, "name": 2}

ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True)
class Truth:
    """The containers of one instance: the living one, a dead one in its way, a stranger with its name. ``unclear``: the sides differ."""

    live: Candidate | None = None
    leftover: Candidate | None = None
    stranger: Candidate | None = None
    unclear: str = ""

    @property
    def phrase(self) -> str:
        """Return what is true, in a few words."""
        if self.live:
            return f"container {self.live.name} is {self.live.state}"
        return f"container {self.leftover.name} is {self.leftover.state}" if self.leftover else "no container"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The containers of one side: those with a label by it, for a label decides alone, and the others by their name."""

    labelled: Mapping[str, tuple[Candidate, ...]]
    named: Mapping[str, tuple[Candidate, ...]]

    def of(self, instance: Instance) -> tuple[Candidate, ...]:
        """Return all that could be the instance's, as yet unjudged."""
        return (*self.labelled.get(instance.uuid, ()), *self.named.get(instance.container_name, ()))


@dataclass(frozen=True, slots=True)
class Sides:
    """What both sides of one daemon show (``ours`` is None when it is not placed here), and what was heard, each event with its place."""

    daemon: Daemon
    theirs: Shelf
    ours: Shelf | None
    by_label: Mapping[str, tuple[tuple[int, ContainerEvent], ...]]
    by_name: Mapping[str, tuple[tuple[int, ContainerEvent], ...]]

    def truth(self, instance: Instance) -> Truth:
        """Return what is true of one instance. Absence counts only when every side that we have agrees."""
        remote = _pick(instance, self.daemon, self.theirs.of(instance))
        if self.ours is None:
            return remote
        local = _pick(instance, self.daemon, self.ours.of(instance))
        local_id = local.live.id if local.live else ""
        remote_id = remote.live.id if remote.live else ""
        if local_id != remote_id:
            return Truth(unclear=f"our engine shows '{local_id[:12]}' and the daemon's Docker '{remote_id[:12]}'; one of them is older")
        return local

    def events(self, instance: Instance) -> tuple[ContainerEvent, ...]:
        """Return what was heard of an instance's containers, oldest first."""
        found = (*self.by_label.get(instance.uuid, ()), *self.by_name.get(instance.container_name, ()))
        return tuple(event for _, event in sorted(found, key=lambda each: each[0]))


def sides_of(daemon: Daemon, sight: Sight) -> Sides:
    """Index what both sides show of a daemon."""
    theirs = shelf_of(daemon.containers or ())
    if sight.docker is None:
        return Sides(daemon, theirs, None, {}, {})
    by_label: dict[str, list[tuple[int, ContainerEvent]]] = {}
    by_name: dict[str, list[tuple[int, ContainerEvent]]] = {}
    for number, event in enumerate(sight.docker.events):
        label = event.labels.get(LABEL)
        where = by_name.setdefault(event.name, []) if label is None else by_label.setdefault(label, [])
        where.append((number, event))
    ours = _shelve(_container(item) for item in sight.docker.containers)
    return Sides(daemon, theirs, ours, _frozen(by_label), _frozen(by_name))


def shelf_of(containers: Iterable[SeenContainer]) -> Shelf:
    """Index what a daemon's own Docker lists."""
    return _shelve(Candidate(item.id, item.name, item.state, item.image, item.instance, item.sources) for item in containers)


def _shelve(candidates: Iterable[Candidate]) -> Shelf:
    labelled: dict[str, list[Candidate]] = {}
    named: dict[str, list[Candidate]] = {}
    for item in candidates:
        where = labelled.setdefault(item.label, []) if item.label else named.setdefault(item.name, [])
        where.append(item)
    return Shelf(_frozen(labelled), _frozen(named))


def _frozen(lists: Mapping[str, list[ItemT]]) -> dict[str, tuple[ItemT, ...]]:
    return {key: tuple(found) for key, found in lists.items()}


def _pick(instance: Instance, daemon: Daemon, candidates: Iterable[Candidate]) -> Truth:
    known = [replace(item, identified=found) for item in candidates if (found := identify(instance, item))]
    known.sort(key=lambda item: (RANK[item.identified], item.id))
    # from 10.7 on every container of the daemon has the label: a bare name there is somebody else's container
    own = [item for item in known if item.identified != "name" or not daemon.labels_containers]
    return Truth(
        live=next((item for item in own if item.state in LIVE), None),
        leftover=next((item for item in own if item.state not in LIVE), None),
        stranger=next((item for item in known if item not in own), None),
    )


def _container(item: Container) -> Candidate:
    sources = tuple(mount.source for mount in item.mounts)
    return Candidate(item.id, item.name, item.state, item.image, item.labels.get(LABEL, ""), sources, item.started_at)
