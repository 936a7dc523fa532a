"""Failing a backup: what is proven to be away, bad or never made is reported as such, which frees its slot at once (section 3.5, end).

The proof is seen twice: by the pass that proposed it, and here. Nothing is deleted; a bad file may be set aside by a rename.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.archives import Identity
from watchdog.model.repairs import Outcome
from watchdog.panels.pterodactyl import refusing
from watchdog.panels.pterodactyl.completing import first_record, judge, look, read_back, refused_by, reported, verified
from watchdog.panels.pterodactyl.hands import Hands
from watchdog.panels.pterodactyl.naming import SUFFIX
from watchdog.panels.pterodactyl.refusing import Reads, Refusal
from watchdog.panels.pterodactyl.remedies import identity_of
from watchdog.panels.pterodactyl.sends import FAILURE, failure_line, quarantine_line
from watchdog.panels.pterodactyl.view import Backup
from watchdog.runtime import quarantine
from watchdog.runtime.partfile import translated

TWICE: Final = 15.0
"""Seconds between the two looks of this run for an archive that is away."""
_BEFORE: Final = (refusing.place, refusing.pending_record, refusing.silent)


def fail_backup(hands: Hands) -> Outcome:
    """Report failure for a backup whose archive is proven to be of no use; see the module."""
    if hands.expected_path() != hands.path:
        return hands.refused(Refusal("outside", str(hands.path)))
    record = first_record(hands)
    if isinstance(record, Outcome):
        return record
    if record.state != "pending":
        return _decided_already(hands, record)
    reads = look(hands, record)
    refusal = _why_not(hands, reads)
    return hands.refused(refusal) if refusal is not None else _report(hands)


def _why_not(hands: Hands, reads: Reads) -> Refusal | None:
    """Prove it here, and judge everything anew after that; return what speaks against a report."""
    refusal = refusing.first(_BEFORE, hands.settings, reads)
    if refusal is not None and refusal.word != "closed_lately":
        return refusal
    hands.act.step("looked")
    refusal = _proof(hands, reads)
    if refusal is not None:
        return refusal
    hands.act.step("proven")
    judged = judge(hands, reads, refusing.FAIL)
    if isinstance(judged, Refusal):
        return judged
    kept_anew = judged.kept != reads.kept and judged.kept not in (None, judged.file)
    return Refusal("changed") if judged.file != reads.file or kept_anew else None


def _decided_already(hands: Hands, record: Backup) -> Outcome:
    """End a run that finds the record decided: nothing is sent; a file that was to be set aside still is."""
    if record.state == "failed":
        return _set_aside(hands, "the panel has it as failed")
    return hands.gave_up(f"the panel has it as {record.state}: it was completed meanwhile")


def _proof(hands: Hands, reads: Reads) -> Refusal | None:
    """Return why the proposal's reason is not what is found here."""
    reason, planned = hands.parameter("reason"), identity_of(hands.repair.proposal.parameters)
    story = reads.evidence.log.of(hands.backup)
    if reason == "log_failed":
        clear = story.generate_failed is not None and story.generated is None
        return None if clear else Refusal("unproven", "the log does not say that the making failed")
    if reads.kept not in (None, reads.file):  # the guard links a bad archive as well: the same file is no other hope
        return Refusal("held", str(hands.shelf.link(hands.backup)))
    if reason == "absent":
        return _absent(hands, reads)
    if reads.file is None or reads.file != planned:
        return Refusal("gone" if reads.file is None else "changed")
    if reason == "corrupt":
        return _corrupt(hands, planned)
    return None if hands.approved and story.generated is None else Refusal("unproven")


def _absent(hands: Hands, reads: Reads) -> Refusal | None:
    """Look twice, in a directory that is there, is read without an error, and is not merely empty because it is not mounted."""
    if reads.file is not None:
        return Refusal("present")
    hands.act.sleep(TWICE)
    if hands.at(hands.path) is not None:
        return Refusal("present")
    snapshot, folder = hands.act.actual().archives, hands.path.parent
    facts = snapshot.facts if snapshot is not None else None
    seen = next((each for each in facts.directories if hands.path.is_relative_to(each.path)), None) if facts is not None else None
    if seen is None or seen.error:
        return Refusal("archives_unseen", seen.error or "" if seen is not None else "")
    with translated(folder):
        some = next(hands.shelf.backups.rglob(f"*{SUFFIX}"), None) is not None
    expected = any(backup.state == "complete" for backup in reads.server.backups or ())
    return Refusal("not_mounted") if expected and not some else None


def _corrupt(hands: Hands, planned: Identity) -> Refusal | None:
    """Verify the file once more; the pass that proposed this called it bad before."""
    found = verified(hands, str(hands.path))
    if found.identity != planned:
        return Refusal("changed")
    return None if found.verdict == "bad" else Refusal("not_corrupt", found.message or "")


def _report(hands: Hands) -> Outcome:
    """Report it, and read the record again whatever was answered."""
    reply = reported(hands, FAILURE, failure_line(hands.backup))
    record = read_back(hands, reply)
    if isinstance(record, Outcome):
        return record
    if record.state == "failed":
        hands.act.step("confirmed")
        return _set_aside(hands, "the panel has it as failed, and its slot is free")
    if record.state == "pending":
        return refused_by(hands, reply)
    return _decided_already(hands, record)


def _set_aside(hands: Hands, message: str) -> Outcome:
    """Rename the bad file into quarantine where that was asked for; it is never deleted."""
    planned = identity_of(hands.repair.proposal.parameters)
    if hands.repair.proposal.parameters.get("quarantine") is not True or planned is None or hands.at(hands.path) != planned:
        return hands.done(message)
    hands.act.fence()
    hands.sent.append(quarantine_line(str(hands.path)))
    note = {"reason": hands.parameter("reason"), "at": hands.now, "backup": hands.backup, "target": hands.settings.name}
    goal = quarantine.set_aside(hands.path, planned, note)
    hands.act.step("set aside")
    return hands.done(f"{message}; its file is {goal} now")
