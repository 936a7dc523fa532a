"""The rules of SysReptor's drifts: (truth, view, evidence, what is remembered, now) -> judgement. Pure: no I/O, no clock, no log.

Contract section 4. The panel keeps no backup and knows of no file: what is true lies in the directories of archives, what it believes in
its log. Absence counts only with proof of sight: a directory that could not be read, a file that is not verified yet, a log that could not
be read or does not go back far enough make their subjects Unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

from watchdog.model.drifts import Confirm, DriftKind, Judgement, Subject, UnknownSubject
from watchdog.model.moments import Moment
from watchdog.model.parts import joined, judgement
from watchdog.model.places import Place
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual, Snapshot
from watchdog.panels.sysreptor import bucket_rules, claims, room, rules, shelf, states
from watchdog.panels.sysreptor.cases import Case
from watchdog.panels.sysreptor.history import runs_of
from watchdog.panels.sysreptor.notes import Notes
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.traces import NOTHING, Evidence
from watchdog.panels.sysreptor.view import SysreptorView

FactsT = TypeVar("FactsT")
_AT_ONCE: Final = Confirm(1, 0.0)
"""For kinds whose evidence already spans time."""
_LASTING: Final = Confirm(3, 30.0)
"""For kinds that compare two sides read at different times."""
KINDS: Final[tuple[DriftKind, ...]] = (
    DriftKind("backup_too_old", "The newest verified backup is too old, or there is none.", "critical", Confirm(2, 30.0)),
    DriftKind("backup_without_file", "The panel's log says that a backup finished; no verified file is of it.", "critical", _LASTING),
    DriftKind("backup_bad", "A file is called a backup, and a restore of it would fail.", "critical"),
    DriftKind("backup_unfinished", "A backup began and never ended, and none was made since.", "warning", _LASTING),
    DriftKind("file_without_log", "The panel's log does not know a backup that lies here.", "info", _LASTING),
    DriftKind("backup_shrunk", "The newest backup holds much less than those before it.", "warning"),
    DriftKind("backup_incomplete", "Files are missing or empty in the newest backup.", "warning"),
    DriftKind("backups_too_few", "Fewer verified backups lie there than should be kept.", "warning", Confirm(2, 30.0)),
    DriftKind("backup_exposed", "Everybody on the host may read a backup that is not encrypted.", "warning"),
    DriftKind("backup_refused", "The panel would refuse to make a backup: licence, key or token.", "critical"),
    DriftKind("backup_out_of_memory", "A backup was ended by the kernel for want of memory.", "critical", _AT_ONCE),
    DriftKind("no_room", "There is too little disk or memory for the next backup.", "warning", Confirm(3, 60.0)),
    DriftKind("tasks_stand_still", "The panel's periodic tasks do not run.", "warning"),
    DriftKind("leftover", "A part of a backup was left behind.", "info", _AT_ONCE),
    DriftKind("version_unsafe", "Backups of the panel's release are not to be trusted.", "warning"),
)
_RULES: Final = (
    rules.about_age, rules.about_number, rules.about_files, rules.about_parts,
    claims.about_the_log, claims.about_runs, claims.about_origins,
    states.about_refusals, states.about_the_release, states.about_tasks, room.about_memory, room.about_room,
    bucket_rules.about_bucket, bucket_rules.about_objects, bucket_rules.about_uploads,
)  # fmt: skip
SIDES: Final = {
    "archive": "files", "part": "files", "origin": "log", "backup": "log", "container": "docker",
    "bucket": "objects", "object": "objects", "upload": "uploads",
}  # fmt: skip
"""By what a subject of each kind is seen; kinds that are not here are always judged."""


def detect(
    settings: SysreptorSettings, actual: Actual, view: SysreptorView, evidence: Evidence | None, facts: LedgerFacts, now: Moment
) -> Judgement:
    """Judge one target."""
    case = prepare(settings, actual, view, evidence, facts, now)
    claims.watch_own_runs(case)
    room.watch_memory(case)
    every = joined(rule(case) for rule in _RULES)
    ill = {each.subject for each in every.drifts}
    unknown = {each.subject: each for each in every.unknown if each.subject not in ill}
    judged = {str(each) for each in (*ill, *unknown, *every.fine)}
    lost = {each.subject: each for each in _lost(case, judged)}
    case.notes.keep_reported(str(each) for each in (*ill, *lost))
    fine = {each for each in every.fine if each not in ill and each not in unknown}
    return judgement(every.drifts, {**lost, **unknown}.values(), fine, case.notes.after)


def prepare(
    settings: SysreptorSettings, actual: Actual, view: SysreptorView, evidence: Evidence | None, facts: LedgerFacts, now: Moment
) -> Case:
    """Put beside each other what the rules are given; metrics and advice look at the same."""
    return Case(
        settings,
        view,
        evidence or NOTHING,
        shelf.look(settings, actual, now),
        runs_of(view.log) if view.log is not None else None,
        _fresh(actual.docker, now),
        _fresh(actual.host, now),
        place_of(settings, actual),
        facts,
        Notes(facts.memory),
        now,
    )


def place_of(settings: SysreptorSettings, actual: Actual) -> Place:
    """Return where the panel is: configured, or proven by its container on our engine."""
    docker = actual.docker.facts if actual.docker is not None else None
    engine = docker.engine_id if docker is not None else ""
    if settings.place == "local":
        return Place(engine_id=engine, proof="configured: place: local")
    if settings.place == "auto" and docker is not None and docker.by_name(settings.run.container) is not None:
        return Place(engine_id=engine, proof=f"our engine has the container {settings.run.container}")
    return Place(engine_id=engine, proof="owner: true: the panel is elsewhere, and its backups land here" if settings.owner else "")


def _lost(case: Case, judged: set[str]) -> Iterator[UnknownSubject]:
    """Find what had a drift and is out of sight now: not known, rather than mended."""
    blind = {
        "files": case.shelf.reason,
        "log": "log_unreadable" if case.runs is None else case.shelf.reason,
        "docker": "" if case.docker is not None else "docker_stale",
        **bucket_rules.blind(case),
    }
    for kind, ident in case.notes.reported():
        reason = blind.get(SIDES.get(kind, ""), "")
        if f"{kind}/{ident}" not in judged and reason:
            yield UnknownSubject(Subject(kind, ident), reason, "it had a drift, and cannot be judged now")


def _fresh(snapshot: Snapshot[FactsT] | None, now: Moment) -> FactsT | None:
    return snapshot.facts if snapshot is not None and snapshot.success and snapshot.fresh(now) else None
