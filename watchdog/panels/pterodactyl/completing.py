"""Completing a backup: the archive kept by a link, proven to its last byte, reported as Wings would have, and watched (section 3.5).

A second run finds the record complete and sends nothing. Whatever the panel answers, the record is read again: a write whose answer was
lost is a write, two reports at one moment are both answered 204, and a 400 may mean our own. A run that ends anywhere leaves its link and
the holding that names it: the loop that looks after links lets go of it only when the archive has stayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from watchdog.errors import DeadlinePassed, MalformedAnswer, NotFound, Refused, Unknown, Unreachable
from watchdog.model.archives import Identity, Verification
from watchdog.model.repairs import Outcome
from watchdog.panels.pterodactyl import refusing
from watchdog.panels.pterodactyl.hands import Hands
from watchdog.panels.pterodactyl.refusing import Reads, Refusal
from watchdog.panels.pterodactyl.remedies import identity_of
from watchdog.panels.pterodactyl.replying import WAIT, Reply, reply_of
from watchdog.panels.pterodactyl.sends import held_path, success, success_line
from watchdog.panels.pterodactyl.view import Backup
from watchdog.panels.pterodactyl.watching import Kept, hold, keep, let_go, put_back, watched

LEVEL: Final = 2
_BEFORE_READING: Final = (refusing.place, refusing.open_record, refusing.finished, refusing.silent)
_LOST: Final = (Unreachable, DeadlinePassed, MalformedAnswer)
"""After these the report may or may not have had its effect."""


def complete_backup(hands: Hands) -> Outcome:
    """Report success for a backup whose archive is proven; see the module."""
    planned = identity_of(hands.repair.proposal.parameters)
    if planned is None or hands.expected_path() != hands.path:
        return hands.refused(Refusal("outside", str(hands.path)))
    record = first_record(hands)
    if isinstance(record, Outcome):
        return record
    if record.state == "complete":
        return _completed_already(hands, record, planned)
    reads = look(hands, record)
    refusal = _before_reading(hands, reads, planned)
    if refusal is not None:
        return hands.refused(refusal)
    hands.act.step("looked")
    return _kept_and_proven(hands, planned, reads)


def _kept_and_proven(hands: Hands, planned: Identity, reads: Reads) -> Outcome:
    """Keep the archive, read it to its last byte, judge everything anew, and report it."""
    try:
        kept = keep(hands, planned, reads)
    except NotFound:  # Wings has deleted it in this moment
        return hands.refused(Refusal("gone"))
    found = verified(hands, held_path(hands.settings, hands.backup))
    hands.act.step("verified")
    judged = _judged_again(hands, reads, found)
    if isinstance(judged, Reads):
        return _report(hands, kept, found, judged)
    if judged.word == "record_complete":  # somebody else has reported it meanwhile; Wings, told 400, may delete it in this moment
        return _confirmed(hands, kept, hands.client.record(hands.server, hands.backup), found.sha1)
    return let_go(hands, kept, hands.refused(judged))


def first_record(hands: Hands) -> Backup | Outcome:
    """Return the record as it is now, or how this ends without it."""
    try:
        return hands.client.record(hands.server, hands.backup)
    except NotFound:
        return hands.gave_up("the panel has no such backup any more: what lies there is an orphan")
    except (Refused, Unknown) as error:
        return hands.refused(Refusal("record_unreadable", str(error)))


def look(hands: Hands, record: Backup, closed_since: float | None = None) -> Reads:
    """Read all that the guards want besides the panel's readiness, now. ``closed_since`` is kept while it is still so."""
    server, evidence = hands.client.server(hands.server), hands.look()
    file, kept = hands.at(hands.path), hands.at(hands.shelf.link(hands.backup))
    archive, process = file or kept, evidence.process
    quiet = archive is None or (process is not None and process.has_open(archive) is False)
    now = hands.now
    since = (now if closed_since is None else closed_since) if quiet else None
    return Reads(now, record, server, evidence, file, kept, closed_since=since, approved=hands.approved)


def judge(hands: Hands, reads: Reads, guards: tuple[refusing.Guard, ...]) -> Reads | Refusal:
    """Read everything anew and judge it by ``guards``; wait once for a report that Wings may be sending at this moment."""
    judged = _once(hands, reads, guards)
    if isinstance(judged, Refusal) and judged.word == "closed_lately":
        hands.act.sleep(refusing.LAST_WORDS + 1.0)
        judged = _once(hands, reads, guards)
    return judged


def _once(hands: Hands, reads: Reads, guards: tuple[refusing.Guard, ...]) -> Reads | Refusal:
    """Read disk and callback first and the record last, so that nothing else comes between it and the report; judge all of it."""
    try:
        disk, callback = hands.disk(), hands.client.probe()
        looked = look(hands, reads.record, reads.closed_since)
        record = hands.client.record(hands.server, hands.backup)
    except (Refused, Unknown) as error:
        return Refusal("record_unreadable", str(error))
    reads = replace(looked, record=record, disk=disk, callback=callback, found=reads.found, now=hands.now)
    return refusing.first(guards, hands.settings, reads) or reads


def verified(hands: Hands, path: str) -> Verification:
    """Verify a file to its last byte, now."""
    if hands.ports.archives is None:
        raise Refused("nothing here can prove an archive")
    return hands.ports.archives(path, level=LEVEL, alive=lambda: hands.act.sleep(0.0))


def reported(hands: Hands, body: Mapping[str, object], line: str) -> Reply:
    """Send one report, and understand the answer; a lost one is understood as such."""
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(line)
    try:
        reply = reply_of(hands.client.complete(hands.backup, body, hands.seconds(hands.settings.timeout)))
    except _LOST as error:
        reply = Reply("later", f"the answer was lost ({type(error).__name__})")
    hands.act.step("posted")
    return reply


def _before_reading(hands: Hands, reads: Reads, planned: Identity) -> Refusal | None:
    """Return what speaks against it before an archive of maybe a hundred gigabytes is read."""
    if reads.file is None and reads.kept is None:
        return Refusal("gone")
    if (reads.file or reads.kept) != planned:
        return Refusal("changed")
    refusal = refusing.first(_BEFORE_READING, hands.settings, reads)
    return None if refusal is not None and refusal.word == "closed_lately" else refusal


def _judged_again(hands: Hands, reads: Reads, found: Verification) -> Reads | Refusal:
    """Judge by fresh reads, right before the report; ``reads`` are those of the beginning."""
    planned = hands.parameter("sha1")
    if planned and found.sha1 != planned:
        return Refusal("changed" if found.verdict == "good" else "corrupt", found.message or "")
    return judge(hands, replace(reads, found=found), refusing.COMPLETE)


def _report(hands: Hands, kept: Kept, found: Verification, reads: Reads) -> Outcome:
    """Put the archive back if it is away, report it, and read the record again whatever was answered."""
    sha1, size = found.sha1 or "", kept.identity.size
    if reads.file is None:
        put_back(hands)
    reply = reported(hands, success(sha1, size), success_line(hands.backup, hands.parameter("sha1"), size))
    record = read_back(hands, reply)
    if isinstance(record, Outcome):
        return record
    if record.state != "complete":
        return let_go(hands, kept, refused_by(hands, reply))
    return _confirmed(hands, kept, record, sha1)


def read_back(hands: Hands, reply: Reply) -> Backup | Outcome:
    """Read the record again after a report, whatever was answered; return it, or how this ends without it."""
    try:
        record = hands.reread()
    except NotFound:
        return hands.gave_up("the backup was deleted from the panel meanwhile")
    return record or hands.later(WAIT, f"{reply.message}, but the record cannot be read back now")


def _confirmed(hands: Hands, kept: Kept, record: Backup, sha1: str | None) -> Outcome:
    """Compare what the panel stored with what we keep; then watch that it stays."""
    hands.act.step("confirmed")
    if (record.sha1, record.bytes) != (sha1, kept.identity.size):
        return let_go(hands, kept, hands.gave_up(_conflict(record, sha1, kept.identity.size)))
    return watched(hands, kept)


def refused_by(hands: Hands, reply: Reply) -> Outcome:
    """End after a report that changed nothing: for later where time may mend it."""
    if reply.word in {"later", "broken", "taken"}:
        return hands.later(reply.delay, f"{reply.message}; the record is as it was")
    return hands.gave_up(reply.message)


def _completed_already(hands: Hands, record: Backup, planned: Identity) -> Outcome:
    """End a run that finds the record complete: nothing is sent, but an archive that we keep is put back where it is missing."""
    link = hands.shelf.link(hands.backup)
    file, held = hands.at(hands.path), hands.at(link)
    if file is None and held is None:
        return hands.gave_up("the panel has it as complete, and its archive is gone")
    if (file or held) != planned:
        return hands.refused(Refusal("changed"))
    sha1 = hands.parameter("sha1") or verified(hands, str(link if file is None else hands.path)).sha1
    if (record.sha1, record.bytes) != (sha1, planned.size):
        return hands.gave_up(_conflict(record, sha1, planned.size))
    if held is None:
        return hands.done("the panel has it as complete, and its archive is there")
    kept = Kept(planned, hold(hands, planned))
    if file is None:
        put_back(hands)
    return watched(hands, kept)


def _conflict(record: Backup, sha1: str | None, size: int) -> str:
    return f"conflicting completion: the panel stored {record.checksum}, {record.bytes} bytes; the archive has sha1:{sha1}, {size} bytes"
