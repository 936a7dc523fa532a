"""Sentences of prevention, from what a look already knows; pure. Each names the exact change."""

from __future__ import annotations

from collections.abc import Iterator

from watchdog.model.docker import Container
from watchdog.panels.containers.checkups import Evidence
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.view import AUTOHEAL, HEAL, YES
from watchdog.panels.containers.wards import Register


def advise(settings: ContainersSettings, register: Register, evidence: Evidence) -> tuple[str, ...]:
    """Return sentences of advice about the containers of one target, sorted as they matter."""
    return (
        *_nothing_to_do(settings, register),
        *_beside(settings, evidence),
        *(sentence for ward in register.wards for sentence in _about(register, ward.container)),
    )


def _nothing_to_do(settings: ContainersSettings, register: Register) -> Iterator[str]:
    if register.wards:
        return
    wearing = [each.name for each in register.docker.containers if each.labels.get(AUTOHEAL, "").lower() in YES]
    if wearing and not settings.compat_labels:
        yield f"no container is looked after, but {len(wearing)} bear {AUTOHEAL}=true (such as '{wearing[0]}'): write compat_labels: true"
    else:
        yield f"no container is looked after: label one with {HEAL}=true, or write rules: [{{name: 'web-*'}}]"


def _beside(settings: ContainersSettings, evidence: Evidence) -> Iterator[str]:
    for healer in evidence.healers:
        way_out = "stop it and write compat_labels: true" if not settings.compat_labels else "stop it"
        yield f"'{healer.name}' heals beside us, so we stand back wherever it acts: {way_out}, or leave those containers to it"


def _about(register: Register, container: Container) -> Iterator[str]:
    if container.running and container.health is None:
        yield (
            f"'{container.name}' has no health check, so only its end can be seen: give it a HEALTHCHECK in its image, "
            "or a 'healthcheck:' in its compose file"
        )
    if container.restart_policy in ("always", "unless-stopped") and register.provider(container) is not None:
        yield (
            f"'{container.name}' shares another container's network and has the restart policy '{container.restart_policy}': Docker "
            "starts it by itself, but never after the other one; with Compose write "
            "'depends_on: {x: {condition: service_healthy, restart: true}}'"
        )
