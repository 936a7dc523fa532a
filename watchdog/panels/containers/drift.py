"""The rules of plain containers' drifts: (truth, wish, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Level, not edge: health and state are judged anew in each look; events only tell how something ended and who had a hand in it. What cannot
be seen well is Unknown: facts that are missing or old, a closed gate, a container that is being deployed, or that Docker has just started.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from watchdog.model.docker import DockerFacts
from watchdog.model.drifts import Confirm, Drift, DriftKind, Judgement, Scalar, Subject, UnknownSubject
from watchdog.model.memory import decode, encode
from watchdog.model.moments import Moment
from watchdog.model.parts import Part, whole
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.containers import memory as memories
from watchdog.panels.containers import remedies, rules
from watchdog.panels.containers.cases import Case, Patient
from watchdog.panels.containers.checkups import Evidence
from watchdog.panels.containers.memory import ContainerMemory
from watchdog.panels.containers.quiet import quiet
from watchdog.panels.containers.settings import ContainersSettings
from watchdog.panels.containers.view import ContainersView
from watchdog.panels.containers.wards import Ward, register
from watchdog.panels.containers.witness import end_of

ENGINE: Final = Subject("engine", "docker", "Docker")
_AT_ONCE: Final = Confirm(1, 0.0)
"""For kinds whose evidence already spans time."""
SEEN_EVERY: Final = 20.0
"""Seconds between two stamps of when a container was seen: a stamp in each look would be a write in each look."""
VANISHED: Final = 80.0
"""Seconds for which a container that was ill and is not listed any more counts as being made anew."""
KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("container_unhealthy", "A container that is looked after runs, and its own health check fails.", "critical"),
    DriftKind("container_exited", "A container that should run has ended, and nobody stopped it.", "critical"),
    DriftKind("container_restart_loop", "A container dies again and again; another start would only feed the loop.", "critical", _AT_ONCE),
    DriftKind("container_oom_loop", "A container is killed for want of memory again and again.", "critical", _AT_ONCE),
    DriftKind(
        "container_dependent_detached",
        "A container shares the network of another one that was started or made anew: it is cut off.",
        "critical",
        Confirm(2, 20.0),
    ),
)


def detect(
    settings: ContainersSettings, actual: Actual, view: ContainersView, evidence: Evidence, facts: LedgerFacts, now: Moment
) -> Judgement:  # fmt: skip
    """Judge every container that is looked after."""
    docker, reason = sight(actual, now)
    if docker is None:
        # the engine too: a first look that knows no container yet must not pass for one that found nothing wrong (house rule 11)
        engine = Part(unknown=(UnknownSubject(ENGINE, *reason),))
        return whole([engine, *(_blind(name, text, reason) for name, text in _remembered(facts))])
    case = Case(settings, register(view, docker), evidence, facts, now.wall)
    parts = [_judge(case, ward) for ward in case.register.wards]
    present = {ward.container.name for ward in case.register.wards}
    parts += [part for name, text in _remembered(facts) if name not in present for part in _vanished(name, text, now.wall)]
    return whole(parts)


def sight(actual: Actual, now: Moment) -> tuple[DockerFacts | None, tuple[str, str]]:
    """Return what is known of Docker, or None and why nothing can be judged by it."""
    snapshot = actual.docker
    if not actual.gate.open:
        return None, ("gate_closed", "the Docker gate is closed")
    if snapshot is None or snapshot.facts is None or not snapshot.success or not snapshot.fresh(now):
        return None, ("docker_stale", "our picture of Docker is missing, failed or old")
    return snapshot.facts, ("", "")


def _judge(case: Case, ward: Ward) -> Part:
    container = ward.container
    subject = Subject("container", container.name, container.name)
    memory = _remember(case, ward)
    kept: tuple[tuple[str, Scalar], ...] = ((memories.key(container.name), encode(memory)),)
    reason = _unsure(ward, memory)
    if reason:
        return Part(unknown=(UnknownSubject(subject, *reason),), memory=kept)
    found = () if container.state == "paused" else _drifts(case, Patient(ward, memory))
    if not found:
        return Part(fine=(subject,), memory=kept)
    peace = quiet(case, ward)
    if peace:
        return Part(unknown=(UnknownSubject(subject, *peace),), memory=kept)
    return Part(drifts=found, memory=kept)


def _drifts(case: Case, patient: Patient) -> tuple[Drift, ...]:
    """Return the loop that a container is in, and how it stands; a loop takes every proposal away."""
    loop = rules.oom_loop(case, patient) or rules.restart_loop(case, patient)
    patient = replace(patient, loop=(loop.hold or "") if loop else "")
    state = rules.exited(case, patient) or rules.detached(case, patient) or rules.unhealthy(case, patient)
    return tuple(each for each in (loop, state) if each)


def _unsure(ward: Ward, memory: ContainerMemory) -> tuple[str, str] | None:
    container = ward.container
    if container.restart_count is None:
        return "not_inspected", "Docker has not told its details yet"
    if container.state in ("removing", "dead"):
        return "removing", "it is being removed"
    if memory.ill and container.state == "paused":
        return "paused", "it was unhealthy, and somebody has paused it since"
    if memory.ill and container.running and container.health == "starting":
        return "starting", "it was unhealthy, and its health check has not spoken since its new start"
    return None


def _remember(case: Case, ward: Ward) -> ContainerMemory:
    container = ward.container
    old = decode(ContainerMemory, case.facts.memory.get(memories.key(container.name)))
    if old is None or old.id != container.id:
        old = ContainerMemory(container.id, case.now)
    memory = old if abs(case.now - old.seen_at) < SEEN_EVERY else replace(old, seen_at=case.now)
    if container.state == "exited":
        memory = _remember_end(case, ward, memory)
    elif container.running:
        memory = replace(memory, ended=None, how="", code=None)
        if container.health == "unhealthy":
            said = case.checkup(container).output
            since = old.ill_since if old.ill else case.now
            memory = replace(memory, ill=True, ill_since=since, output=memories.steady(old.output if old.ill else "", said or old.output))
        elif container.health != "starting":
            memory = replace(memory, ill=False, ill_since=None, output="", well_under=_steady_start(case, old))
    return memory


def _steady_start(case: Case, old: ContainerMemory) -> float | None:
    """Return when Docker started, as it was noted before unless it has started anew: the memory must not change with each look."""
    started = case.register.docker.engine_started_at
    return old.well_under if memories.same_start(started, old.well_under) else started


def _remember_end(case: Case, ward: Ward, memory: ContainerMemory) -> ContainerMemory:
    """Judge an end once: what was seen of it then outlives the events that told it, but for a hand that is told of later."""
    container = ward.container
    end = end_of(container, case.register.docker, ward.events, case.last(remedies.RESTART, container.name))
    known = memory.ended is not None and memory.ended == container.finished_at and memory.how
    how = memory.how if known and end.how == "unseen" else end.how
    ill = memory.ill and how != "hand"
    return replace(memory, ended=container.finished_at, how=how, code=container.exit_code, ill=ill)


def _remembered(facts: LedgerFacts) -> Iterator[tuple[str, Scalar]]:
    for key in sorted(facts.memory):
        if key.startswith(memories.PREFIX):
            yield key.removeprefix(memories.PREFIX), facts.memory[key]


def _blind(name: str, text: Scalar, reason: tuple[str, str]) -> Part:
    return Part(unknown=(UnknownSubject(Subject("container", name, name), *reason),), memory=((memories.key(name), text),))


def _vanished(name: str, text: Scalar, now: float) -> Iterator[Part]:
    """Keep what was ill and has gone for a moment: not known, rather than mended, for a deploy may just be making it anew."""
    old = decode(ContainerMemory, text)
    if old is not None and (old.ill or old.how in ("itself", "ours")) and abs(now - old.seen_at) <= VANISHED:
        yield _blind(name, text, ("vanished", "it is not there any more; it may be about to be made anew"))
