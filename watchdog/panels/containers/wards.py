"""The containers of one engine beside each other: who is looked after, who depends on whom, and what was heard of each. Pure.

Dependencies: ``network_mode: container:X`` (hard: without X's network there is none), and Compose's own label of ``depends_on``, written
``service:condition:restart`` (docker/compose, pkg/api/labels.go and pkg/compose/create.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from watchdog.model.docker import Container, ContainerEvent, DockerFacts
from watchdog.panels.containers.view import DEPENDS_ON, ONEOFF, PROJECT, SERVICE, YES, ContainersView, Wish

KeyT = TypeVar("KeyT")
ItemT = TypeVar("ItemT")
SHARED: Final = "container:"
COMPLETED: Final = "service_completed_successfully"


@dataclass(frozen=True, slots=True)
class Ward:
    """One container that is looked after. ``provider`` is the container whose network it shares, None = none or it has gone."""

    container: Container
    wish: Wish
    provider: Container | None = None
    events: tuple[ContainerEvent, ...] = ()

    @property
    def shares(self) -> str:
        """Return whose network it shares, as Docker has it (an id or a name); "" = it has one of its own."""
        return self.container.network_mode.removeprefix(SHARED) if self.container.network_mode.startswith(SHARED) else ""


@dataclass(frozen=True, slots=True)
class Register:
    """All containers of one look, indexed."""

    view: ContainersView
    docker: DockerFacts
    wards: tuple[Ward, ...] = ()
    by_id: Mapping[str, Container] = field(default_factory=dict)
    by_name: Mapping[str, Container] = field(default_factory=dict)
    services: Mapping[tuple[str, str], tuple[Container, ...]] = field(default_factory=dict)
    events: Mapping[str, tuple[ContainerEvent, ...]] = field(default_factory=dict)
    healed: frozenset[str] = frozenset()
    sharers: Mapping[str, tuple[Container, ...]] = field(default_factory=dict)
    followers: Mapping[tuple[str, str], tuple[Container, ...]] = field(default_factory=dict)

    def provider(self, container: Container) -> Container | None:
        """Return the container whose network another one shares, by id before name."""
        mode = container.network_mode
        told = mode.removeprefix(SHARED) if mode.startswith(SHARED) else ""
        return self.by_id.get(told) or self.by_name.get(told) if told else None

    def sharing(self, container: Container) -> tuple[Container, ...]:
        """Return the running containers that share another one's network, by name."""
        return self.sharers.get(container.id, ())

    def following(self, container: Container) -> tuple[Container, ...]:
        """Return the running containers that Compose restarts after another one (``depends_on: {x: {restart: true}}``), by name."""
        return self.followers.get((container.labels.get(PROJECT, ""), container.labels.get(SERVICE, "")), ())

    def needed(self, container: Container) -> tuple[Container, ...]:
        """Return what a container depends on, as far as it is there: its network's owner first, then Compose's services by name."""
        provider = self.provider(container)
        project = container.labels.get(PROJECT, "")
        found = [provider] if provider is not None else []
        for service, condition, _ in needs_of(container):
            if condition != COMPLETED:
                found += self.services.get((project, service), ())
        return tuple({each.id: each for each in found if each.id != container.id}.values())


def register(view: ContainersView, docker: DockerFacts) -> Register:
    """Put all containers beside each other, and find those that are looked after, by name."""
    services: dict[tuple[str, str], list[Container]] = {}
    for each in docker.containers:
        if each.labels.get(PROJECT) and each.labels.get(SERVICE) and each.labels.get(ONEOFF, "False").lower() not in YES:
            services.setdefault((each.labels[PROJECT], each.labels[SERVICE]), []).append(each)
    whole = Register(
        view,
        docker,
        by_id={each.id: each for each in docker.containers},
        by_name={each.name: each for each in docker.containers},
        services=_frozen(services),
        events=_by_container(docker.events),
    )
    wards = []
    for container in sorted(docker.containers, key=lambda each: each.name):
        wish = view.wish(container)
        if wish.healed:
            wards.append(Ward(container, wish, whole.provider(container), whole.events.get(container.id, ())))
    healed = frozenset(ward.container.id for ward in wards)
    return replace(whole, wards=tuple(wards), healed=healed, sharers=_sharers(whole), followers=_followers(whole))


def _sharers(whole: Register) -> Mapping[str, tuple[Container, ...]]:
    """Return the running containers that share a network, by name, by the id of the network's owner."""
    found: dict[str, list[Container]] = {}
    for name in sorted(whole.by_name):
        each = whole.by_name[name]
        provider = whole.provider(each) if each.running else None
        if provider is not None and provider.id != each.id:
            found.setdefault(provider.id, []).append(each)
    return _frozen(found)


def _followers(whole: Register) -> Mapping[tuple[str, str], tuple[Container, ...]]:
    """Return the running containers that Compose restarts after a service, by name, by (project, service)."""
    found: dict[tuple[str, str], list[Container]] = {}
    for name in sorted(whole.by_name):
        each = whole.by_name[name]
        project = each.labels.get(PROJECT, "")
        for service in {service for service, _, again in needs_of(each) if again} if project and each.running else ():
            found.setdefault((project, service), []).append(each)
    return _frozen(found)


def needs_of(container: Container) -> tuple[tuple[str, str, bool], ...]:
    """Return (service, condition, restarted after it) for each service that Compose says a container depends on."""
    found = []
    for entry in container.labels.get(DEPENDS_ON, "").split(","):
        name, _, rest = entry.strip().partition(":")
        condition, _, again = rest.partition(":")
        if name:
            found.append((name, condition, again.lower() in YES))
    return tuple(found)


def _by_container(events: Iterable[ContainerEvent]) -> Mapping[str, tuple[ContainerEvent, ...]]:
    found: dict[str, list[ContainerEvent]] = {}
    for event in events:
        found.setdefault(event.container_id, []).append(event)
    return _frozen(found)


def _frozen(lists: Mapping[KeyT, list[ItemT]]) -> Mapping[KeyT, tuple[ItemT, ...]]:
    return {key: tuple(each) for key, each in lists.items()}
