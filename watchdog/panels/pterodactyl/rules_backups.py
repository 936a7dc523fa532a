"""The rules about backup records: stuck, missing, not what they say, broken, not to be trusted, at risk. Pure.

Contract sections 0, 1.3 and 5.2.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Final

from watchdog.model.archives import ArchiveFile
from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.model.parts import NOTHING_SAID, Part, joined, one, only, unsure
from watchdog.panels.pterodactyl import recovery, refusing, releases, remedies, stock
from watchdog.panels.pterodactyl.judging import Case, case_of
from watchdog.panels.pterodactyl.scene import STALE_RECORDS, Scene, server_subject
from watchdog.panels.pterodactyl.traces import Kept
from watchdog.panels.pterodactyl.trust import made_by, untrusted
from watchdog.panels.pterodactyl.view import Backup, Server

KEPT_CALM: Final = 60.0
"""Seconds after a record's completion in which Wings may still be at it (its retries take 30)."""
LOCAL: Final = frozenset({"proven", "unproven", "held", "in_flight"})
"""Cases of a pruned record that are worth a word; that a failed backup has no archive is in order."""


def about_records(scene: Scene) -> Part:
    """Judge every backup record of every server whose records were read lately; the others are unknown, never without backups."""
    recovery.note_outage(scene)
    read = [server for server in scene.view.servers if readable(scene, server)]
    stuck = dict(_stuck(scene, read))
    turned = recovery.in_turn(scene, {uuid: (backup, case) for uuid, (_, backup, case) in stuck.items()})
    parts = [_unreadable(server) for server in scene.view.servers if not readable(scene, server)]
    parts += [one(backup_subject(backup), stuck_drift(scene, server, backup, turned[uuid])) for uuid, (server, backup, _) in stuck.items()]
    parts += [_about(scene, server, backup) for server in read for backup in server.backups or () if backup.uuid not in stuck]
    parts += [one(server_subject(server), _at_risk(scene, server, stuck)) for server in read]
    return joined(parts)


def readable(scene: Scene, server: Server) -> bool:
    """Whether a server's records are known, and young enough to judge by."""
    at = server.backups_at
    return server.backups is not None and at is not None and not server.blind and scene.wall - at <= STALE_RECORDS


def backup_subject(backup: Backup) -> Subject:
    """Return a backup as a subject."""
    return Subject("backup", backup.uuid, backup.name)


def is_stuck(scene: Scene, backup: Backup) -> bool:
    """Whether a record is pending for too long."""
    return backup.state == "pending" and scene.wall - backup.created_at >= scene.settings.stuck_after


def _stuck(scene: Scene, servers: Iterable[Server]) -> Iterator[tuple[str, tuple[Server, Backup, Case]]]:
    """Find what is pending for too long, or was pruned while its archive is whole."""
    for server in servers:
        for backup in server.backups or ():
            if is_stuck(scene, backup):
                case = case_of(scene, server, backup)
                if not (case.at_work and scene.wall - backup.created_at < max(scene.settings.prune_age, scene.settings.stuck_after)):
                    yield backup.uuid, (server, backup, case)
            elif backup.state == "failed" and scene.here(server) and _lies_here(scene, backup) and not _failed_by_us(scene, backup):
                case = case_of(scene, server, backup)
                if case.name in LOCAL and (case.proof == "log" or refusing.pruned(scene.settings, backup, scene.evidence)):
                    yield backup.uuid, (server, backup, case)


def _failed_by_us(scene: Scene, backup: Backup) -> bool:
    return (remedies.FAIL, remedies.backup_object(scene.settings.name, backup.uuid)) in scene.facts.last_remedy_at


def _lies_here(scene: Scene, backup: Backup) -> bool:
    return backup.uuid in scene.stock.files or any(each.uuid == backup.uuid for each in scene.evidence.kept or ())


def stuck_drift(scene: Scene, server: Server, backup: Backup, case: Case) -> Drift:
    """Report one stuck backup, with the case that it is and what stops its remedy."""
    story, node = scene.evidence.log.of(backup.uuid), scene.view.node(server.node)
    evidence: dict[str, Scalar] = {
        "case": case.name,
        "record": "pruned" if backup.state == "failed" else backup.state,
        "server": server.uuid,
        "server_name": server.name,
        "node": node.name if node is not None else server.node,
        "proof": case.proof,
        "reason": case.reason,
        "refused": " ".join(case.refusals),
        "log_failed_to_notify": story.notify_failed is not None,
    }
    belief = "the panel gave it up" if backup.state == "failed" else "the panel shows it as being made"
    return scene.drift("backup_stuck", backup_subject(backup), case.sentence, belief, evidence, case.proposal, case.hold)


def _unreadable(server: Server) -> Part:
    if server.blind:
        return unsure(server_subject(server), "record_unreadable", f"the panel does not show its backups: {server.blind}")
    if server.backups is None:
        return unsure(server_subject(server), "record_unread", "its backups have not been read yet")
    return unsure(server_subject(server), "record_stale", "its backups were read too long ago")


def _about(scene: Scene, server: Server, backup: Backup) -> Part:
    """Judge a record that is not stuck."""
    subject = backup_subject(backup)
    if backup.state == "odd":
        return unsure(subject, "record_odd", "it is successful and was never completed: no release writes that")
    if backup.state != "complete":
        return one(subject)
    if not scene.here(server):
        return only(_untrusted(scene, server, backup))
    if not scene.stock.clear:
        return NOTHING_SAID
    file = scene.stock.files.get(backup.uuid)
    if file is None:
        return _without_file(scene, server, backup)
    return one(subject, _mismatch(scene, server, backup, file) or _broken(scene, server, backup, file), _untrusted(scene, server, backup))


def _without_file(scene: Scene, server: Server, backup: Backup) -> Part:
    """Judge a successful backup whose archive is not there (case K): an alarm and no more."""
    subject, disk = backup_subject(backup), disk_of(scene, backup)
    if disk == "s3":
        return one(subject)
    if scene.unmounted:
        return unsure(subject, "not_mounted", "the directory of archives is empty: it may not be mounted")
    if backup.uuid in scene.stock.odd:
        return unsure(subject, "not_a_file", f"what has the archive's name is no regular file ({scene.stock.odd[backup.uuid]})")
    if disk == "unknown":
        return unsure(subject, "disk_unknown", "there is no archive of it here; set disk: wings if backups are not in an object store")
    first = scene.notes.since("missing", backup.uuid, at=scene.stock.taken)
    if (server.backups_at or 0.0) < first or scene.wall - (backup.completed_at or 0.0) < KEPT_CALM:
        return NOTHING_SAID  # the record may have been deleted with its archive, or Wings is just at it
    held = next((each for each in scene.evidence.kept or () if each.uuid == backup.uuid), None)
    story = scene.evidence.log.of(backup.uuid)
    evidence: dict[str, Scalar] = {
        "server": server.uuid, "server_name": server.name, "bytes": backup.bytes, "checksum": backup.checksum,
        "held": held.path if held is not None else "", "log_failed_to_notify": story.notify_failed is not None,
    }  # fmt: skip
    hold: str | None = (
        "it was deleted by hand or by a Wings that believed its report was lost, or the server came from another node: "
        "look for a copy, then delete the record in the panel"
    )
    proposal = put_back(scene, server, backup, held) if held is not None else None
    if held is not None:
        hold = None if proposal is not None else f"our guard holds a file of another size at {held.path}: look at it"
    truth = "its archive is not in the node's directory"
    return one(subject, scene.drift("backup_missing", subject, truth, "the panel says that it is complete", evidence, proposal, hold))


def put_back(scene: Scene, server: Server, backup: Backup, held: Kept) -> Proposal | None:
    """Propose to give the archive its name back that our guard still holds: the remedy proves it first, and sends nothing."""
    if held.identity.size != backup.bytes or backup.sha1 is None:
        return None
    path = stock.place_of(scene.settings, server.uuid, backup.uuid)
    proof = "log" if scene.evidence.log.of(backup.uuid).generated is not None else "structure"
    return remedies.complete_backup(
        scene.settings.name, server.uuid, backup.uuid, path, held.identity, backup.sha1, case="held", proof=proof,
        untrusted=untrusted(scene, server.node, backup), held=held.path,
    )  # fmt: skip


def disk_of(scene: Scene, backup: Backup) -> str:
    """Return where a complete backup lies: the operator's word, the log's, or that of its siblings; wings, s3 or unknown."""
    if scene.settings.disk != "auto":
        return scene.settings.disk
    adapter = scene.evidence.log.of(backup.uuid).adapter
    if adapter in ("wings", "s3"):
        return adapter
    return "wings" if scene.all_local else "unknown"


def _mismatch(scene: Scene, server: Server, backup: Backup, file: ArchiveFile) -> Drift | None:
    if not file.stable:
        return None
    found, what = file.verification, []
    known = found.state == "result" and found.identity == file.identity
    if backup.bytes != file.identity.size:
        what.append("size")
    if known and found.sha1 is not None and backup.sha1 is not None and found.sha1 != backup.sha1:
        what.append("checksum")
    if not what:
        return None
    evidence: dict[str, Scalar] = {
        "server": server.uuid, "server_name": server.name, "differs": " ".join(what), "bytes": file.identity.size,
        "panel_bytes": backup.bytes, "sha1": found.sha1 if known else None, "panel_checksum": backup.checksum,
        "verdict": found.verdict if known else None,
    }  # fmt: skip
    hold = "it is not the file that Wings reported: do not restore it before you know what changed it; make a new backup"
    truth = f"its archive has another {' and another '.join(what)}"
    return scene.drift("backup_mismatch", backup_subject(backup), truth, "the panel says that it is complete", evidence, None, hold)


def _broken(scene: Scene, server: Server, backup: Backup, file: ArchiveFile) -> Drift | None:
    """Report an archive that was broken from the first: Wings ignores errors at its end (contract section 2.2)."""
    found = file.verification
    if found.state != "result" or found.identity != file.identity or found.verdict != "bad":
        return None
    evidence: dict[str, Scalar] = {
        "server": server.uuid, "server_name": server.name, "reason": found.reason, "bytes": file.identity.size,
        "salvageable_entries": found.salvage.entries if found.salvage is not None else 0,
    }  # fmt: skip
    hold = "it has the size and checksum that Wings reported, and it is damaged all the same: make a new backup, and keep this for salvage"
    truth = f"its archive is bad: {found.message or found.reason or 'damaged'}"
    return scene.drift("backup_broken", backup_subject(backup), truth, "the panel says that it is complete", evidence, None, hold)


def _untrusted(scene: Scene, server: Server, backup: Backup) -> Drift | None:
    version, witnessed = made_by(scene, server.node, backup.created_at)
    story = releases.lossy(version) if witnessed else ""
    if not story:
        return None
    evidence: dict[str, Scalar] = {"server": server.uuid, "server_name": server.name, "wings": version}
    truth = f"it was made by Wings {version}: {story}"
    hold = "make a new backup after you have upgraded Wings to 1.11.11 or later, and look what this one lacks before you rely on it"
    return scene.drift("backup_untrusted", backup_subject(backup), truth, "the panel says that it is complete", evidence, None, hold)


def _at_risk(scene: Scene, server: Server, hanging: Container[str]) -> Drift | None:
    """Report that the next scheduled backup will delete a good one, because a stuck record takes its slot (contract section 1.3)."""
    records = server.backups or ()
    stuck = [each for each in records if each.state == "pending" and each.uuid in hanging]
    counted = [each for each in records if each.state in ("pending", "complete")]
    good = sorted((each for each in records if each.state == "complete"), key=lambda each: (each.completed_at or 0.0, each.uuid))
    if not stuck or server.backup_limit <= 0 or len(counted) < server.backup_limit or not good:
        return None
    loose = [each for each in good if not each.locked]
    verified = [each for each in good if _verified(scene, server, each)]
    newest = verified[-1] if verified else None
    if not loose or (newest is not None and newest.locked) or not _may_be_pushed(server):
        return None
    proposal, hold = _lock(scene, server, newest)
    evidence: dict[str, Scalar] = {
        "limit": server.backup_limit, "pending": len(stuck), "complete": len(good), "next_out": loose[0].uuid,
        "newest_verified": newest.uuid if newest is not None else "",
    }  # fmt: skip
    truth = f"{len(stuck)} records that hang take slots: the next scheduled backup deletes '{loose[0].name}'"
    belief = f"the panel counts {len(counted)} of {server.backup_limit} backups"
    return scene.drift("backups_at_risk", server_subject(server), truth, belief, evidence, proposal, hold)


def _lock(scene: Scene, server: Server, newest: Backup | None) -> tuple[Proposal | None, str | None]:
    if newest is None:
        return None, "none of its backups is verified here: lock the one that you need in the panel"
    return remedies.lock_backup(scene.settings.name, server.uuid, newest.uuid), None


def _may_be_pushed(server: Server) -> bool:
    """Whether a schedule may make a backup: only a schedule pushes out an older one, a person is refused."""
    return server.schedules is None or any(each.active for each in server.schedules)


def _verified(scene: Scene, server: Server, backup: Backup) -> bool:
    """Whether a complete backup's archive lies here, is proven to its last byte, and is the file that the panel means."""
    file = scene.stock.files.get(backup.uuid)
    if file is None or not scene.here(server):
        return False
    found = file.verification
    return found.verdict == "good" and found.identity == file.identity and found.sha1 == backup.sha1 and backup.bytes == file.identity.size
