"""The rules of WGDashboard's drifts: (truth, view, evidence, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Contract sections 2.1 and 3.1. What cannot be seen well is Unknown: WireGuard facts that are missing or old, devices not proven to be the
panel's, a panel that has just begun, answers that were not watched for long enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from watchdog.model.drifts import Confirm, DriftKind, Judgement, Subject, UnknownSubject
from watchdog.model.moments import Moment
from watchdog.model.parts import Part, judgement
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.wgdashboard import memory as memories
from watchdog.panels.wgdashboard import remedies, sight
from watchdog.panels.wgdashboard.cases import Case, Patient, must_change
from watchdog.panels.wgdashboard.memory import ConfigurationMemory, Notes
from watchdog.panels.wgdashboard.peers import about_the_peers
from watchdog.panels.wgdashboard.pulse import take
from watchdog.panels.wgdashboard.remedies import sample_of
from watchdog.panels.wgdashboard.rules import about_the_panel
from watchdog.panels.wgdashboard.settings import WgdashboardSettings
from watchdog.panels.wgdashboard.sight import Sight
from watchdog.panels.wgdashboard.traces import Evidence
from watchdog.panels.wgdashboard.tunnels import about_a_configuration, differs
from watchdog.panels.wgdashboard.view import SAMPLE_SECONDS, Configuration, WgdashboardView

_AT_ONCE: Final = Confirm(1, 0.0)
"""For kinds whose evidence already spans time."""
VANISHED: Final = 60.0
"""Seconds for which a configuration that is not listed any more counts as being read anew: a re-read took 6 s on a busy machine."""
_LASTING: Final = Confirm(3, 30.0)
"""For kinds that compare two sides read at different times: our facts of WireGuard may be 15 s older than the panel's answer."""
KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("thread_dead", "The panel's thread samples nothing any more: every state it shows is old.", "critical", _AT_ONCE),
    DriftKind("pass_blocked", "Every pass ends at one configuration: all behind it are never sampled.", "critical", _AT_ONCE),
    DriftKind(
        "stale_worker", "The worker has old settings, refuses valid keys, and would save the old ones.", "critical", Confirm(2, 10.0)
    ),
    DriftKind("peer_false_offline", "The panel shows a peer as stopped that is online.", "warning", Confirm(2, 5.0)),
    DriftKind("peer_false_online", "The panel shows a peer as running that is not online.", "warning", Confirm(2, 5.0)),
    DriftKind("configuration_without_device", "A configuration is up by its name, and no WireGuard device has it.", "warning", _LASTING),
    DriftKind("device_without_status", "A WireGuard device is there, and the panel says that it is down.", "warning", _LASTING),
    DriftKind("autostart_down", "A configuration should be up and is down.", "critical", _LASTING),
    DriftKind("peer_unknown_to_panel", "The kernel lets in a peer that the panel does not know.", "critical", _LASTING),
    DriftKind("peer_missing_in_kernel", "The panel lists a peer that the kernel does not have.", "warning", _LASTING),
    DriftKind("allowed_ips_differ", "Panel, kernel and file do not allow a peer the same addresses.", "warning", _LASTING),
    DriftKind("configuration_not_loaded", "A configuration's file was changed and not loaded.", "warning", _LASTING),
    DriftKind("job_overdue", "A peer should have lost its access by a job, and the kernel still lets it in.", "critical", Confirm(2, 15.0)),
)


def detect(
    settings: WgdashboardSettings, actual: Actual, view: WgdashboardView, evidence: Evidence, facts: LedgerFacts, now: Moment,
    born: float = 0.0,
) -> Judgement:  # fmt: skip
    """Judge one panel. ``born`` (monotonic seconds) is when this life of ours began: spans that an earlier one remembers do not count."""
    case, patients = prepare(settings, actual, view, evidence, facts, now, born)
    pulse = take(case, patients)
    parts = [about_the_panel(case, patients, pulse)]
    for patient in patients:
        parts += [about_a_configuration(case, patient, pulse), about_the_peers(case, patient, pulse)]
    return _whole(parts, case, patients)


def prepare(
    settings: WgdashboardSettings, actual: Actual, view: WgdashboardView, evidence: Evidence, facts: LedgerFacts, now: Moment,
    born: float = 0.0,
) -> tuple[Case, list[Patient]]:  # fmt: skip
    """Put beside each other what the rules are given; a remedy looks at the same right before it acts."""
    notes = Notes(facts.memory, born, now)
    seen = sight.look(settings, actual, view, evidence, notes.panel.netns, now)
    booted = _booted(notes, view, evidence, facts, settings.name, now)
    netns = seen.netns if seen.netns is not None or seen.elsewhere else notes.panel.netns
    notes.keep_panel(replace(notes.panel, booted=booted, netns=netns))
    case = Case(settings, view, evidence, seen, facts, notes, now)
    return case, [_patient(case, each, booted) for each in (*(view.configurations or ()), *_vanished(case))]


def sight_of(
    settings: WgdashboardSettings, actual: Actual, view: WgdashboardView, evidence: Evidence, facts: LedgerFacts, now: Moment
) -> Sight:
    """Return how well the panel can be judged; for its place and the doctor."""
    return sight.look(settings, actual, view, evidence, Notes(facts.memory, 0.0, now).panel.netns, now)


def _booted(notes: Notes, view: WgdashboardView, evidence: Evidence, facts: LedgerFacts, target: str, now: Moment) -> float:
    """Return when the panel's newest known life began: by its worker's start, by a session that died with it, by a restart of ours."""
    ours = facts.last_remedy_at.get((remedies.RESTART, remedies.panel_object(target)))
    candidates = (
        notes.panel.booted,
        evidence.process.worker_began if evidence.process else 0.0,
        view.session_lost.mono if view.session_lost else 0.0,
        0.0 if ours is None else now.mono - (now.wall - ours),
    )
    return max(at for at in candidates if at <= now.mono)


def _patient(case: Case, configuration: Configuration, booted: float) -> Patient:
    seen = case.sight
    device = seen.device(configuration) if seen.clear else None
    file = case.evidence.files.get(configuration.name) if case.evidence.files is not None else None
    old = case.notes.configuration(configuration.name)
    if old is not None and old.since < booted:
        old = None  # answers of an earlier life of the panel
    agreed_at = case.notes.agreed_at(configuration.name)
    if configuration.error or configuration.unknown:
        nothing = ConfigurationMemory("", case.now.mono, case.now.mono, 0, agreed_at=agreed_at)
        memory = old if old is not None and _only_just(case, configuration.name, old) else nothing
    else:
        read_at, sample = configuration.read_at.mono, sample_of(configuration)
        memory = memories.remember(old, sample, read_at, agreed_at, case.settings.frozen_after, case.reading)
    tells = configuration.tells_its_age if seen.elsewhere else must_change(configuration, device, case.now)
    memory = replace(memory, telling=(memory.telling or memory.read) if tells else 0.0)
    patient = Patient(
        configuration, device, file, memory, memories.patience(memory, case.settings.frozen_after), tells, 2 * SAMPLE_SECONDS + case.reading
    )
    if file is not None and not file.error and (not agreed_at or (device is not None and configuration.up and not differs(patient))):
        memory = replace(memory, agreed_at=file.changed_at)
        patient = replace(patient, memory=memory)
    case.notes.keep(configuration.name, memory)
    return patient


def _vanished(case: Case) -> Iterator[Configuration]:
    """Return what the panel listed a moment ago and does not now, as configurations that it does not know."""
    listed = {each.name for each in case.view.configurations or ()}
    for name in case.notes.configurations() if case.view.configurations is not None else ():
        old = case.notes.configuration(name)
        if name not in listed and old is not None and old.reads and _only_just(case, name, old):
            yield Configuration(name, Moment(case.now.wall, old.read), unknown=True)


def _only_just(case: Case, name: str, memory: ConfigurationMemory) -> bool:
    """Whether the panel knew it a moment ago, and may know it again in the next: not when its file is gone."""
    gone = case.evidence.files is not None and name not in case.evidence.files
    return not gone and case.now.mono - memory.read <= VANISHED


def _whole(parts: list[Part], case: Case, patients: list[Patient]) -> Judgement:
    drifts = [drift for part in parts for drift in part.drifts]
    ill = {drift.subject for drift in drifts}
    unknown = [each for part in parts for each in part.unknown if each.subject not in ill]  # else its repair would never get a verdict
    judged = ill | {each.subject for each in unknown}
    fine = [each for part in parts for each in part.fine if each not in judged]
    lost = list(_lost_from_sight(case, patients, {str(each) for each in (*judged, *fine)}))
    case.notes.keep_reported({str(drift.subject) for drift in drifts} | {str(each.subject) for each in lost})
    return judgement(drifts, (*unknown, *lost), fine, case.notes.after)


def _lost_from_sight(case: Case, patients: list[Patient], judged: set[str]) -> Iterator[UnknownSubject]:
    """Find what had a drift and cannot be seen now: not known, rather than mended."""
    dark = not case.sight.clear and not case.sight.elsewhere
    blind = {
        each.name for each in patients
        if each.configuration.error or each.vanished or dark or (each.device is not None and each.device.error is not None)
    }  # fmt: skip
    for text in case.notes.reported():
        kind, _, ident = text.partition("/")
        name = ident.partition("/")[0]
        if text not in judged and kind != "panel" and (case.view.configurations is None or name in blind):
            yield UnknownSubject(Subject(kind, ident), "out_of_sight", "it had a drift, and its configuration cannot be judged now")
