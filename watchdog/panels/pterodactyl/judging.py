"""Which case a stuck backup is, by all that one look shows of it: what would mend it, or why it is left alone. Pure.

Contract sections 0 and 3.5. The guards are those of ``refusing``, which a repair asks again over reads of its own; here they are asked over
the look, and what a single look cannot know (the disk that only the panel tells) is left to the repair. Unknown is never absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from watchdog.model.archives import ArchiveFile, Identity, Verification
from watchdog.model.drifts import Proposal
from watchdog.panels.pterodactyl import refusing, releases, remedies, stock
from watchdog.panels.pterodactyl.cases import CASES
from watchdog.panels.pterodactyl.refusing import REFUSALS, Reads, Refusal
from watchdog.panels.pterodactyl.scene import Scene
from watchdog.panels.pterodactyl.traces import BackupLog, Kept
from watchdog.panels.pterodactyl.trust import untrusted
from watchdog.panels.pterodactyl.view import Backup, Server

TWICE: Final = 30.0
"""Seconds that lie at least between the two looks which see an archive missing or bad."""
BEING_WRITTEN: Final = 120.0
"""Seconds after its last change in which an archive is certainly somebody's work."""
BYTES: Final = 2
"""The level of verification that reads every byte."""
_STILL: Final = frozenset({"open_file", "not_stable", "within_grace", "closed_lately"})


@dataclass(frozen=True, slots=True)
class Case:
    """One stuck backup judged: ``name`` is one of CASES, ``refusals`` are words of REFUSALS that stop its remedy, gravest first.

    ``proof`` is ``log`` or ``structure`` where the archive is good; ``reason`` says why it must be failed (one of remedies.FAILURES).
    ``proposal`` is set only without refusals; ``hold`` is the sentence that says why there is none. ``at_work``: Wings is seen to be at it.
    """

    name: str
    sentence: str
    refusals: tuple[str, ...] = ()
    proof: str = ""
    reason: str = ""
    proposal: Proposal | None = None
    hold: str | None = None
    at_work: bool = False


@dataclass(frozen=True, slots=True)
class _Patient:
    """One backup with what is known of its archive. ``file`` lies in its place, ``kept`` in our guard's directory."""

    scene: Scene
    server: Server
    backup: Backup
    story: BackupLog
    file: ArchiveFile | None
    kept: Kept | None
    reads: Reads = field(repr=False)

    @property
    def identity(self) -> Identity | None:
        return self.file.identity if self.file is not None else self.kept.identity if self.kept is not None else None


def case_of(scene: Scene, server: Server, backup: Backup) -> Case:
    """Judge one backup that is pending for too long, or was pruned."""
    patient = _patient(scene, server, backup)
    if scene.settings.disk == "s3" or patient.story.adapter == "s3":
        return _held("s3", "it is in an object store: look at Wings' log, and at the store, yourself", "disk_s3")
    blind = _blind(patient)
    if blind is not None:
        return _cannot_see(blind)
    if patient.file is not None:
        return _of_file(patient, patient.file)
    return _of_kept(patient, patient.kept) if patient.kept is not None else _absent(patient)


def with_refusal(case: Case, word: str, sentence: str = "") -> Case:
    """Return the case with one more reason to leave it alone."""
    return replace(case, refusals=(*case.refusals, word), proposal=None, hold=case.hold or sentence or REFUSALS[word])


def _patient(scene: Scene, server: Server, backup: Backup) -> _Patient:
    evidence = scene.evidence
    file = scene.stock.files.get(backup.uuid)
    kept = next((each for each in evidence.kept or () if each.uuid == backup.uuid), None)
    identity = file.identity if file is not None else None
    reads = Reads(
        scene.wall, backup, server, evidence, identity, kept.identity if kept is not None else None,
        callback=scene.view.callback, closed_since=_closed_since(scene, backup, identity or (kept.identity if kept else None)),
    )  # fmt: skip
    return _Patient(scene, server, backup, evidence.log.of(backup.uuid), file, kept, reads)


def _closed_since(scene: Scene, backup: Backup, identity: Identity | None) -> float | None:
    """Return since when nobody has the archive open, or since when it has been away, look after look."""
    process = scene.evidence.process
    if identity is None:
        return scene.notes.since("rest", backup.uuid, "absent", scene.stock.taken) if scene.stock.clear else None
    if process is None or process.has_open(identity) is not False:
        return None
    return scene.notes.since("rest", backup.uuid, _word(identity))


def _blind(patient: _Patient) -> Refusal | None:  # noqa: PLR0911  # a ladder
    """Return what keeps us from seeing the archive at all, None = it can be seen."""
    scene, uuid = patient.scene, patient.backup.uuid
    if not scene.node and scene.place_word == "other_node":
        return Refusal("place_unproven", scene.place_message)
    refused = refusing.place(scene.settings, patient.reads)
    if refused is not None:
        return refused
    if not scene.stock.clear:
        return Refusal("archives_unseen", scene.stock.message)
    if uuid in scene.stock.odd:
        return Refusal("not_a_file", scene.stock.odd[uuid])
    if patient.file is not None or patient.kept is not None:
        return None
    if scene.evidence.kept is None:
        return Refusal("held_unseen", scene.evidence.blind.get("kept", ""))
    return Refusal("not_mounted") if scene.unmounted else None


def _of_file(patient: _Patient, file: ArchiveFile) -> Case:
    scene = patient.scene
    silent = refusing.silent(patient.scene.settings, patient.reads)
    written = scene.wall - file.identity.mtime_ns / 1e9 < BEING_WRITTEN
    if (silent is None and not file.stable) or (silent is not None and silent.word != "open_file" and (written or not file.stable)):
        silent = Refusal("not_stable")
    if silent is not None and silent.word in _STILL:
        case = _held("in_flight", "Wings may still be at it, and may still call: it is waited for", silent.word)
        # a file that nobody has looked at twice yet is not called stable: that alone is no work
        return replace(case, at_work=silent.word == "open_file" or (written and silent.word == "not_stable"))
    if silent is not None:
        return _cannot_see(silent)
    found = file.verification
    if found.state != "result" or found.identity != file.identity:
        return _held("awaiting_verification", "its archive is in the queue of verifications", "not_verified")
    if found.verdict == "bad":
        return _failing(patient, "corrupt", "corrupt", f"its archive is bad: {found.message or found.reason or 'damaged'}")
    if found.verdict != "good":
        return _cannot_see(Refusal("unverifiable", found.message or found.reason or ""))
    return _of_whole(patient, file.identity, found)


def _of_whole(patient: _Patient, identity: Identity, found: Verification) -> Case:
    """Judge an archive that holds together: guard 6."""
    scene, story = patient.scene, patient.story
    wanted = scene.settings.node.level if scene.settings.node is not None else BYTES
    if (found.level or 0) < min(BYTES, wanted):
        return _held("awaiting_verification", "its archive was not yet read to its last byte", "not_verified")
    if story.generate_failed is not None:
        return _failing(patient, "corrupt", "log_failed", "its archive holds together, but Wings' log says that it could not be made")
    if story.generated is not None:
        return _completing(patient, "proven", identity, found.sha1 or "", "its archive is whole, and Wings' log says that it was finished")
    if story.began is not None and story.over is not None and scene.evidence.log.covers(story.began):
        return _failing(patient, "unproven", "unproven", "its archive holds together, but Wings' log has its beginning and no end")
    return _completing(patient, "unproven", identity, found.sha1 or "", "its archive holds together; nothing says that it was finished")


def _of_kept(patient: _Patient, kept: Kept) -> Case:
    """Judge what Wings deleted and our guard still holds (case J); its bytes are proven by the repair."""
    silent = refusing.silent(patient.scene.settings, patient.reads)
    if silent is not None and silent.word in _STILL:
        return _held("in_flight", "Wings has deleted the archive a moment ago, and may still call", silent.word)
    if silent is not None:
        return _cannot_see(silent)
    if patient.story.generate_failed is not None:
        return _failing(patient, "corrupt", "log_failed", "Wings' log says that its archive could not be made")
    return _completing(patient, "held", kept.identity, "", "Wings has deleted its archive, and our guard still holds it", kept.path)


def _absent(patient: _Patient) -> Case:
    scene, evidence = patient.scene, patient.scene.evidence
    _twice(patient, "absent")
    silent = refusing.silent(scene.settings, patient.reads)
    if silent is not None and silent.word in _STILL:
        return _held("absent", "there is no archive; Wings may be reporting it at this moment", silent.word)
    if silent is not None:
        return _cannot_see(silent)
    lost = evidence.let_go.get(patient.backup.uuid, "")
    sentence = "there is no archive: Wings deletes it when it cannot report it"
    return _failing(patient, "absent", "absent", f"{sentence}; {lost}" if lost else sentence)


def _completing(patient: _Patient, name: str, identity: Identity, sha1: str, sentence: str, held: str = "") -> Case:
    scene, backup = patient.scene, patient.backup
    proof = "log" if patient.story.generated is not None else "structure"
    refusals = _ways(patient)
    if not _unfit_record(patient) and not refusals:
        path = stock.place_of(scene.settings, patient.server.uuid, backup.uuid)
        doubt = untrusted(scene, patient.server.node, backup)
        proposal = remedies.complete_backup(
            scene.settings.name, patient.server.uuid, backup.uuid, path, identity, sha1,
            case=name, proof=proof, untrusted=doubt, held=held, cause=_cause(patient),
        )  # fmt: skip
        return Case(name, sentence, (), proof, "", proposal)
    words = (*_unfit_record(patient), *refusals)
    return Case(name, sentence, tuple(each.word for each in words), proof, "", None, _sentence(words[0]))


def _failing(patient: _Patient, name: str, reason: str, sentence: str) -> Case:
    scene, backup = patient.scene, patient.backup
    proof = "structure" if reason in ("log_failed", "unproven") else ""
    words = list(_ways(patient))
    young = refusing.pending_record(scene.settings, patient.reads)
    if young is not None:
        words.append(young)
    if not _twice(patient, reason):
        words.append(Refusal("seen_once"))
    if words:
        return Case(name, sentence, tuple(each.word for each in words), proof, reason, None, _sentence(words[0]))
    path = stock.place_of(scene.settings, patient.server.uuid, backup.uuid)
    identity = patient.file.identity if patient.file is not None else None
    proposal = remedies.fail_backup(scene.settings.name, patient.server.uuid, backup.uuid, path, identity, reason=reason, case=name)
    facts = {**proposal.facts, remedies.CAUSE: cause} if (cause := _cause(patient)) else proposal.facts
    return Case(name, sentence, (), proof, reason, Proposal(proposal.remedy, proposal.object, proposal.parameters, facts))


def _ways(patient: _Patient) -> tuple[Refusal, ...]:
    """Return what keeps any report from being sent now: guard 8, and a Wings that has only just begun."""
    scene = patient.scene
    listening = refusing.listening(scene.settings, patient.reads)
    found = [listening] if listening is not None else []
    if listening is None and releases.panel_rows(scene.view.version, flavour=scene.settings.flavour):
        found.append(Refusal("panel_release_broken", f"{scene.view.version}, from {scene.view.version_source}"))
    if scene.settling:
        found.append(Refusal("wings_settling"))
    return tuple(found)


def _unfit_record(patient: _Patient) -> tuple[Refusal, ...]:
    """Return guard 1's refusal, if it has one."""
    found = refusing.open_record(patient.scene.settings, patient.reads)
    return (found,) if found is not None else ()


def _twice(patient: _Patient, reason: str) -> bool:
    """Whether it was seen so in two looks at the directory, of the very same file."""
    scene, uuid = patient.scene, patient.backup.uuid
    word = f"{reason} {_word(patient.identity)}"
    return scene.stock.taken - scene.notes.since("bad", uuid, word, scene.stock.taken) >= TWICE


def _cause(patient: _Patient) -> str:
    """Name what is known and over, and left this behind with others (``remedies.CAUSE``), "" = nothing."""
    scene = patient.scene
    note = scene.notes.recovery()
    if note is not None and note.over_at is not None:
        return f"the panel took no reports ({note.state}) until {note.over_at:.0f}"
    process = scene.evidence.process
    if process is not None and patient.backup.created_at < process.began:
        return f"Wings was started anew at {round(process.began, -1):.0f}"
    return ""


def _held(name: str, sentence: str, word: str) -> Case:
    return Case(name, sentence, (word,), hold=f"{REFUSALS[word]}")


def _cannot_see(refusal: Refusal) -> Case:
    return Case("cannot_see", CASES["cannot_see"], (refusal.word,), hold=_sentence(refusal))


def _sentence(refusal: Refusal) -> str:
    return f"{REFUSALS[refusal.word]}{f' ({refusal.seen})' if refusal.seen else ''}"


def _word(identity: Identity | None) -> str:
    return f"{identity.device}:{identity.inode}:{identity.size}:{identity.mtime_ns}" if identity is not None else "absent"
