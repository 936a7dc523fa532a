"""The wire to Docker for what no list tells: inspects of the ill, of other healers, and who we are ourselves. No policy.

The collector's snapshot is the truth by which everything is judged; this client adds, for those few containers that are ill or have ended,
what their health check said and how long their stop may take, and looks right before a remedy sends. Shapes are answers.py's affair.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from watchdog.errors import NotFound, Refused, WatchdogError
from watchdog.model.docker import Container
from watchdog.model.engines import EngineAct, EngineRead
from watchdog.model.moments import Clock
from watchdog.panels.containers.answers import Inspected, inspected, reach
from watchdog.panels.containers.checkups import Checkup, Healer
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.view import AUTOHEAL, DEUNHEALTH, SOCKETS, ContainersView, Ourselves, Rule

INSPECT_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 20.0
"""How long all inspects of one look may take; who was not reached has no checkup in it."""
MOST: Final = 100
"""So many containers are inspected in one look."""
_ID: Final = re.compile(r"/(?:containers|overlay-containers)/([0-9a-f]{64})/")
_HEALERS: Final = (("autoheal", ""), ("deunhealth", DEUNHEALTH))
"""What an image's name contains, and the label that this healer goes by ("" = its environment tells)."""


class ContainersClient:
    """Reads an engine for one target. Every method raises the house's errors and nothing else."""

    def __init__(
        self, settings: ContainersSettings, read: EngineRead | None, act: EngineAct | None, clock: Clock, proc: Path = Path("/proc")
    ) -> None:
        self._settings, self._read, self._clock, self._proc = settings, read, clock, proc
        self._doors = (read, act)
        self._reaches: dict[tuple[str, float | None], str] = {}
        self._ends: dict[tuple[str, float | None], Checkup] = {}

    def view(self) -> ContainersView:
        """Return what is wished, and who we are. No exchange: the wish stands in settings and in labels that the collector reads."""
        settings = self._settings
        rules = tuple(
            Rule(each.name, each.image, tuple(sorted(each.labels.items())), each.heal, each.expect, each.stop_timeout)
            for each in settings.rules
        )
        return ContainersView(rules, settings.never, settings.compat_labels, settings.stop_timeout, self.ourselves())

    def ourselves(self) -> Ourselves:
        """Return our own container, as far as the kernel tells it, and by which doors we reach the engine."""
        urls = [str(getattr(door, "url", "")) for door in self._doors if door is not None]
        hosts = {urlsplit(url).hostname or "" for url in urls if url.startswith("tcp://")}
        direct = [url.removeprefix("unix://") in SOCKETS for url in urls]
        return Ourselves(_own_container(self._proc), tuple(sorted(hosts - {""})), through_proxy=not (direct and all(direct)))

    def inspect(self, container: str, seconds: float = INSPECT_SECONDS) -> Inspected | None:
        """Return one container as it is now; None = it has gone."""
        if self._read is None:
            raise Refused("there is no engine to look at: configure collectors.docker")
        try:
            return inspected(self._read.inspect(container, seconds), frozenset({AUTOHEAL, DEUNHEALTH, *self._reaches.values()}))
        except NotFound:
            return None

    def checkups(self, containers: Sequence[Container]) -> dict[str, Checkup]:
        """Return the checkups of some containers, by id. One that cannot be had is left out; nobody else suffers for it.

        What runs is inspected in each look; what has ended only once, for nothing about an end changes.
        """
        found: dict[str, Checkup] = {}
        began = self._clock.now()
        known, asked = self._ends, 0
        for container in containers:
            end = (container.id, container.finished_at)
            if not container.running and end in known:
                found[container.id] = known[end]
                continue
            if asked >= MOST or self._clock.now().since(began) > LOOK_SECONDS:
                continue
            asked += 1
            with contextlib.suppress(WatchdogError):
                now = self.inspect(container.id)
                if now is not None:
                    found[container.id] = now.checkup
        self._ends = {(each.id, each.finished_at): found[each.id] for each in containers if not each.running and each.id in found}
        return found

    def healers(self, containers: Iterable[Container]) -> tuple[Healer, ...]:
        """Given all containers, return the other healers that run, with what each takes."""
        found = []
        seen: dict[tuple[str, float | None], str] = {}
        for container in containers:
            known = next((label for word, label in _HEALERS if word in container.image.lower()), None)
            if known is None or not container.running:
                continue
            key = (container.id, container.started_at)
            label = known or self._reaches.get(key) or self._reach(container.id)
            seen[key] = label
            found.append(Healer(container.name, label))
        self._reaches = {key: label for key, label in seen.items() if label}
        return tuple(sorted(found, key=lambda healer: healer.name))

    def _reach(self, container: str) -> str:
        if self._read is None:
            return ""
        try:
            return reach(self._read.inspect(container, INSPECT_SECONDS))
        except WatchdogError:
            return ""


def _own_container(proc: Path) -> str:
    """Return the id of the container that we run in: Docker mounts hostname and hosts from a folder of that name; "" = none is seen."""
    try:
        told = (proc / "self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    match = _ID.search(told)
    return match[1] if match else ""
