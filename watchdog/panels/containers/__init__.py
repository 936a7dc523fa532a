"""Plain containers: no panel at all, only Docker, labels and a wish; what docker-autoheal does, done right.

**The story of the bug.** (moby/moby issue 28400, open since 2016.) Docker runs a health check, writes ``unhealthy``, and does nothing
about it. People put docker-autoheal beside it, a shell loop that restarts whatever is unhealthy, and meet its own failures: it restarts
for ever without back-off or verdict (pull request 102), calls every stop longer than 30 s failed (issue 119), un-pauses paused containers,
heals itself to death (23, 42, 87), cuts off those that share a container's network (49, 128), lets one slow stop hold up all others, and
is silent when no label fits (89). And nobody starts what has ended against the wish, or tells an end from a stop by a person, a deploy or
a restart of Docker.

- ``container_unhealthy``: it runs and its health check fails; what the check said last is the evidence.
- ``container_exited``: it ended, it should run, and we witnessed that nobody stopped it.
- ``container_restart_loop``, ``container_oom_loop``: it dies again and again; another start only feeds the loop.
- ``container_dependent_detached``: ``network_mode: container:X`` of an X that was started or made anew since.

**Versions known**: the Engine API from 1.41 on (seen on Docker Engine 20.10.24), labels of Compose v2, of docker-autoheal and deunhealth.

**What we repair**: ``restart_container`` for what is unhealthy or cut off, gracefully, with the container's own stop timeout and a margin,
then those that share its network or must follow it; ``start_container`` for what ended. Both are verified by the state, not by the answer.

**What we refuse**: kill, remove, unpause, anything with force; to start what a person stopped; to act while somebody deploys, after
Docker's start, on what another owner looks after (a restart policy for what ended, another healer for what is unhealthy, a panel, Swarm),
on ourselves and on the socket proxy that we talk through; to feed a loop; to make a container anew.

==================  ======================================================================================================================
remedy              risk
==================  ======================================================================================================================
start_container     safe while it is known that nobody stopped it; destructive = ask, when that is not known
restart_container   disruptive: what is unhealthy may still serve somebody; destructive = ask, when it takes along what nobody opted in
==================  ======================================================================================================================
"""

from __future__ import annotations

from watchdog.model.clues import Clues, Found
from watchdog.model.needs import ContainerNeed, Needs
from watchdog.model.panels import Panel, Ports, Probe
from watchdog.panels.containers import drift, find, metrics, probe, remedies, rights
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.target import ContainersTarget
from watchdog.panels.containers.view import LABELS, PANEL_NAME


class ContainersPanel:
    """Satisfies ``model.panels.Panel``."""

    name = PANEL_NAME
    settings = ContainersSettings
    kinds = drift.KINDS
    remedies = remedies.REMEDIES
    metrics = metrics.METRICS
    rights = rights.RIGHTS

    def needs(self, settings: ContainersSettings) -> Needs:
        """Return what is to be watched: Docker, and the labels that wishes, rules and other owners are written in."""
        keys = {key for rule in settings.rules for key in rule.labels}
        return Needs(containers=(ContainerNeed(tuple(sorted({*LABELS, *keys}))),), docker=True)

    def connect(self, settings: ContainersSettings, ports: Ports) -> ContainersTarget:
        """Build one connected target."""
        return ContainersTarget(settings, ports)

    def probe(self, settings: ContainersSettings, ports: Ports) -> tuple[Probe, ...]:
        """Try every permission without side effects."""
        return probe.probe(settings, ports)

    def find(self, clues: Clues) -> tuple[Found, ...]:
        """Recognise wishes on this host."""
        return find.find(clues)


PANEL: Panel = ContainersPanel()
"""The one exported object."""
