"""For ``doctor``: can the engine be read and acted on, who is looked after and who is not, and who else heals here. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from watchdog.errors import WatchdogError
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.panels import Ports, Probe
from watchdog.panels.containers.advise import advise
from watchdog.panels.containers.checkups import Evidence
from watchdog.panels.containers.client import ContainersClient
from watchdog.panels.containers.rows import containers_of
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.wards import register

SECONDS = 10.0


def probe(settings: ContainersSettings, ports: Ports) -> tuple[Probe, ...]:
    """Return one line per thing tried."""
    return tuple(_lines(settings, ports))


def _lines(settings: ContainersSettings, ports: Ports) -> Iterator[Probe]:
    if ports.engine_read is None:
        yield Probe("engine", ok=False, message="there is no Docker engine to read: configure collectors.docker")
        return
    try:
        listed = containers_of(ports.engine_read.list(SECONDS))
    except WatchdogError as error:
        yield Probe("engine", ok=False, message=f"the containers cannot be listed: {error}")
        return
    yield Probe("engine", ok=True, message=f"{len(listed)} containers are listed")
    may_act = ports.engine_act is not None
    yield Probe(
        "acting", ok=may_act or None, message="restart and start are sent to it" if may_act else "no door to act through: only looked at"
    )
    client = ContainersClient(settings, ports.engine_read, ports.engine_act, ports.clock)
    yield from _wishes(settings, client, listed)


def _wishes(settings: ContainersSettings, client: ContainersClient, listed: tuple[Container, ...]) -> Iterator[Probe]:
    view = client.view()
    known = register(view, DockerFacts("", "", listed))
    names = ", ".join(ward.container.name for ward in known.wards[:10])
    more = f" and {len(known.wards) - 10} more" if len(known.wards) > 10 else ""  # noqa: PLR2004  # as many as are named
    yield Probe("looked after", ok=True if known.wards else None, message=f"{len(known.wards)}: {names}{more}" if names else "none")
    reasons = Counter(wish.left_alone for each in listed if not (wish := view.wish(each)).healed)
    if reasons:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        yield Probe("left alone", ok=True, message=told)
    evidence = Evidence(healers=client.healers(listed))
    for sentence in advise(settings, known, evidence):
        yield Probe("advice", ok=None, message=sentence)
