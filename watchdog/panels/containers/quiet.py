"""When nothing is judged of a container for a while: after a deploy, a person's hand on it, a start of Docker itself. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.model.docker import Container, ContainerEvent
from watchdog.panels.containers import remedies
from watchdog.panels.containers.cases import Case
from watchdog.panels.containers.view import ONEOFF, PROJECT, SERVICE, YES
from watchdog.panels.containers.wards import Ward, needs_of
from watchdog.panels.containers.witness import DEPLOYS, OUR_ACT, SAME, TOUCHES


def quiet(case: Case, ward: Ward) -> tuple[str, str] | None:
    """Return (short word, sentence) that says why a container is left in peace now, None = it is not."""
    earliest = case.now - case.settings.quiet
    started = case.register.docker.engine_started_at
    if started is not None and started > earliest:
        return "engine_started", "Docker has just been started: what it starts by itself needs a while"
    if any(event.at > earliest for event in _deploys(case, ward)):
        return "deploy", "a container of its name or service, or one that it depends on, has just been made or removed"
    touch = next((event for event in reversed(ward.events) if event.action in TOUCHES and event.at > earliest), None)
    if touch is not None and not _ours(case, ward.container, touch):
        return "touched", f"somebody has just had a hand on it ({touch.action})"
    return None


def _deploys(case: Case, ward: Ward) -> Iterator[ContainerEvent]:
    labels = ward.container.labels
    project, own = labels.get(PROJECT, ""), labels.get(SERVICE, "")
    services = {own, *(service for service, _, _ in needs_of(ward.container))} - {""}
    names = {ward.container.name, *(each.name for each in case.register.needed(ward.container))}
    for event in case.register.docker.events:
        if event.action not in DEPLOYS or event.labels.get(ONEOFF, "").lower() in YES:
            continue
        if event.name in names or (project and event.labels.get(PROJECT) == project and event.labels.get(SERVICE) in services):
            yield event


def _ours(case: Case, container: Container, event: ContainerEvent) -> bool:
    """Whether a repair of ours was under way then: of this container, or of one that it depends on and that takes it along."""
    names = (container.name, *(each.name for each in case.register.needed(container)))
    starts = [case.last(remedy, name) for remedy in (remedies.RESTART, remedies.START) for name in names]
    return any(at is not None and at - SAME <= event.at <= at + OUR_ACT for at in starts)
