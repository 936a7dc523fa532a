"""The rules of MCSManager's drifts: (truth, view, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Contract section 3. Whatever cannot be seen well is Unknown: a daemon that is offline, whose Docker is silent, whose place is not proven, an
instance that is being installed, or that was started between two looks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from watchdog.model.drifts import Confirm, Drift, DriftKind, Judgement, Proposal, Scalar, Subject, UnknownSubject
from watchdog.model.memory import decode, encode
from watchdog.model.moments import Moment
from watchdog.model.parts import Part, joined, whole
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.mcsmanager import memory as memories
from watchdog.panels.mcsmanager import remedies
from watchdog.panels.mcsmanager.cases import Case, Patient
from watchdog.panels.mcsmanager.memory import DaemonMemory, InstanceMemory
from watchdog.panels.mcsmanager.rules import ELSEWHERE, RULES, wish_of
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.sides import Sides, sides_of
from watchdog.panels.mcsmanager.sight import Sight, look
from watchdog.panels.mcsmanager.view import Daemon, Instance, McsmanagerView, Status

_THREE: Final = Confirm(3, 20.0)
KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("stuck_starting", "An instance has been starting for too long and Docker has no container of it.", "warning"),
    DriftKind("failed_autostart", "An instance that should run is stopped, and the daemon never tries again.", "critical"),
    DriftKind("ghost_running", "The panel says running, but there is no container; no button of the panel helps.", "critical"),
    DriftKind("dead_stream", "The game server runs, but the panel's console and stop are dead since Docker restarted.", "warning", _THREE),
    DriftKind("orphan", "The panel says stopped, but the container runs; it cannot be started or stopped.", "critical", _THREE),
    DriftKind("paused", "The container is paused, and the panel does not know.", "warning"),
    DriftKind("leftover", "A dead or foreign container holds the name of a stopped instance, so it cannot start.", "warning", _THREE),
    DriftKind("stopping_too_long", "An instance has been stopping for too long.", "warning", Confirm(1, 0.0)),
    DriftKind("restart_loop", "An instance starts and dies again and again.", "critical", Confirm(1, 0.0)),
    DriftKind("daemon_offline", "The panel has lost a daemon; nothing behind it can be judged.", "critical", Confirm(3, 30.0)),
    DriftKind("daemon_without_docker", "A daemon answers, but its Docker does not.", "critical", Confirm(3, 30.0)),
)


def detect(settings: McsmanagerSettings, actual: Actual, view: McsmanagerView, facts: LedgerFacts, now: Moment) -> Judgement:
    """Judge every daemon and every Docker instance of one panel."""
    parts = [_judge_daemon(settings, actual, view, daemon, facts, now) for daemon in view.daemons]
    parts += _vanished(view, facts, now.wall)
    return whole(parts)


def sight_of(settings: McsmanagerSettings, actual: Actual, view: McsmanagerView, daemon: Daemon, facts: LedgerFacts, now: Moment) -> Sight:
    """Return how well a daemon can be judged; for metrics, advice and the doctor too."""
    return look(daemon, settings.of_daemon(daemon.uuid, _only(view, daemon)), actual, _daemon_memory(facts, daemon), now)


def _judge_daemon(
    settings: McsmanagerSettings, actual: Actual, view: McsmanagerView, daemon: Daemon, facts: LedgerFacts, now: Moment
) -> Part:  # fmt: skip
    sight = sight_of(settings, actual, view, daemon, facts, now)
    own = _remember(daemon, sight, actual, facts, now.wall)
    entry = settings.of_daemon(daemon.uuid, _only(view, daemon))
    case = Case(settings, view, daemon, entry, sight, own, facts, now.wall)
    about_it, unsure = _about_daemon(case)
    kept: tuple[tuple[str, Scalar], ...] = ((memories.daemon_key(daemon.uuid), encode(own)),)
    subject = Subject("daemon", daemon.uuid, daemon.name)
    well = () if about_it or unsure else (subject,)
    rest = _judge_instances(case) if sight.clear else _all_unknown(case)
    return Part((*about_it, *rest.drifts), (*unsure, *rest.unknown), (*well, *rest.fine), (*kept, *rest.memory))


def _remember(daemon: Daemon, sight: Sight, actual: Actual, facts: LedgerFacts, now: float) -> DaemonMemory:
    before = _daemon_memory(facts, daemon)
    fell = any(
        (old := _instance_memory(facts, daemon, item)) is not None and item.started < old.started for item in daemon.instances or ()
    )  # fmt: skip
    away: bool | None = None
    # a gate that has not seen Docker fail is only young, as after our own start or reload: that is no outage
    if sight.reason == "daemon_without_docker" or (sight.reason == "gate_closed" and actual.gate.error):
        away = True
    elif sight.clear:
        away = False
    memory = memories.remember_daemon(before, daemon, fell=fell, away=away, now=now)
    if sight.docker is not None:
        memory = memories.note_engine_start(memory, sight.docker.engine_started_at)
    if sight.place == "local" and sight.engine:
        return replace(memory, engine=sight.engine)
    return replace(memory, engine="") if sight.place == "foreign" else memory


def _about_daemon(case: Case) -> tuple[tuple[Drift, ...], tuple[UnknownSubject, ...]]:
    daemon, since = case.daemon, case.memory.offline_since
    subject = Subject("daemon", daemon.uuid, daemon.name)
    name = case.settings.name
    if not daemon.available:
        proposal: Proposal | None = None
        hold: str | None = "the panel tries to connect by itself; look whether the daemon runs and its port can be reached"
        if since is not None and case.now - since >= case.settings.relink_after:
            proposal, hold = (remedies.relink_daemon(name, daemon), None) if case.ours else (None, ELSEWHERE)
        evidence: dict[str, Scalar] = {"address": daemon.address}
        truth = "the panel has no connection to the daemon"
        return (Drift("daemon_offline", remedies.PANEL_NAME, name, subject, truth, "the panel says offline", evidence, proposal, hold),), ()
    if case.sight.reason == "daemon_without_docker":
        evidence = {"version": daemon.version, "failure": daemon.containers_error}
        hold = "no repair while Docker is away; what is stuck in Starting goes on by itself when it answers"
        truth = f"the daemon's Docker does not answer ({daemon.containers_error})"
        kind = "daemon_without_docker"
        return (Drift(kind, remedies.PANEL_NAME, name, subject, truth, "the panel says online", evidence, None, hold),), ()
    if not case.sight.clear:
        return (), (UnknownSubject(subject, case.sight.reason, case.sight.message),)
    return (), ()


def _judge_instances(case: Case) -> Part:
    listed = [item for item in case.daemon.instances or () if item.process_type == "docker"]
    sides, names = sides_of(case.daemon, case.sight), Counter(item.container_name for item in listed)
    return joined(_judge_instance(case, item, sides, names[item.container_name]) for item in sorted(listed, key=lambda item: item.uuid))


def _judge_instance(case: Case, instance: Instance, sides: Sides, namesakes: int) -> Part:
    before = _instance_memory(case.facts, case.daemon, instance)
    own = memories.remember_instance(before, instance, case.now)
    key = memories.instance_key(case.daemon.uuid, instance.uuid)
    subject = Subject("instance", instance.uuid, instance.nickname)
    patient = Patient(instance, sides.truth(instance), own, sides.events(instance))
    reason = _unsure(patient, before, namesakes, case.daemon)
    drift = next((found for rule in RULES[: 1 if reason else None] if (found := rule(case, patient))), None)
    if reason and drift is None:
        return Part(unknown=(UnknownSubject(subject, *reason),), memory=((key, encode(own)),))
    memory = ((key, encode(_owed(case, patient, drift))),)
    return Part(drifts=(drift,), memory=memory) if drift else Part(fine=(subject,), memory=memory)


def _owed(case: Case, patient: Patient, drift: Drift | None) -> InstanceMemory:
    """Return an instance's memory with what it is owed (``wishes.still_owed``): from when that is known until nothing is missed."""
    own = patient.memory
    if drift is None or drift.kind not in ("failed_autostart", "leftover"):
        return replace(own, owed_at=None, owed_seen=None)
    wish = wish_of(case, patient)
    if wish.want == "known" and wish.cause_at is not None:
        return replace(own, owed_at=wish.cause_at, owed_seen=case.now)
    return own if wish.want == "unknown" else replace(own, owed_at=None, owed_seen=None)


def _unsure(patient: Patient, before: InstanceMemory | None, namesakes: int, daemon: Daemon) -> tuple[str, str] | None:
    instance = patient.instance
    if instance.status is Status.BUSY:
        return "busy", "it is being installed or updated"
    if before is None:
        return "first_look", "it was never seen before; it is judged from the next look on"
    if before.started != instance.started:
        return "just_started", "it was started between two looks"
    if patient.truth.unclear:
        return "sides_disagree", patient.truth.unclear
    if namesakes > 1 and not daemon.labels_containers:
        return "name_ambiguous", f"another instance's container would be called {instance.container_name} too"
    return None


def _all_unknown(case: Case) -> Part:
    """Every instance of a daemon that cannot be judged, listed or remembered; memories stay as they were."""
    names = {item.uuid: item.nickname for item in case.daemon.instances or () if item.process_type == "docker"}
    remembered = memories.instances_of(case.facts.memory, case.daemon.uuid)
    uuids = sorted(names) if case.daemon.instances is not None else remembered
    unknown = tuple(
        UnknownSubject(Subject("instance", uuid, names.get(uuid, "")), case.sight.reason, case.sight.message) for uuid in uuids
    )  # fmt: skip
    kept = ((key, case.facts.memory[key]) for uuid in uuids if (key := memories.instance_key(case.daemon.uuid, uuid)) in case.facts.memory)
    return Part(unknown=unknown, memory=tuple(kept))


def _vanished(view: McsmanagerView, facts: LedgerFacts, now: float) -> list[Part]:
    """Daemons that the panel listed until lately: not known, rather than in order, until they have been missing for ten minutes.

    Whatever was wrong behind them would else count as mended the moment somebody removes a node, or a panel that begins lists none yet.
    """
    parts = []
    for key, text in facts.memory.items():
        own = decode(DaemonMemory, text) if key.startswith("d:") else None
        uuid = key.removeprefix("d:")
        if own is None or view.daemon(uuid) is not None or abs(now - own.seen_at) > memories.GAP:
            continue
        instances = memories.instances_of(facts.memory, uuid)
        subjects = (Subject("daemon", uuid), *(Subject("instance", each) for each in instances))
        kept = {key: text, **{(each := memories.instance_key(uuid, name)): facts.memory[each] for name in instances}}
        message = "the panel does not list this daemon any more"
        parts.append(Part(unknown=tuple(UnknownSubject(each, "daemon_vanished", message) for each in subjects), memory=tuple(kept.items())))
    return parts


def _daemon_memory(facts: LedgerFacts, daemon: Daemon) -> DaemonMemory | None:
    return decode(DaemonMemory, facts.memory.get(memories.daemon_key(daemon.uuid)))


def _instance_memory(facts: LedgerFacts, daemon: Daemon, instance: Instance) -> InstanceMemory | None:
    return decode(InstanceMemory, facts.memory.get(memories.instance_key(daemon.uuid, instance.uuid)))


def _only(view: McsmanagerView, daemon: Daemon) -> str:
    """Return the daemon's remarks if no other daemon has the same; an entry by remarks must not hit two."""
    return daemon.remarks if sum(1 for item in view.daemons if item.remarks == daemon.remarks) == 1 else ""
