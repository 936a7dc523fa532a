"""One function per remedy. Each re-reads its precondition right before it acts, calls the fence last, marks every step.

Run twice they have one effect: the second run finds the backup made, the file set aside, the tasks run or the part gone. Nothing here
deletes a backup, writes over one, or ends a process of the panel. A run that is told to stop leaves its part where it is, marked by its
name and without a lock, and a run that lost its lease does the same: whoever comes next can tell both from a backup.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from watchdog.errors import LeaseLost, LedgerUnavailable, Refused, Stopping, WatchdogError
from watchdog.model.archives import Verification
from watchdog.model.repairs import Outcome
from watchdog.panels.sysreptor import before, naming
from watchdog.panels.sysreptor.failing import REST, Begun, by_code, by_error, unproven
from watchdog.panels.sysreptor.hands import Hands
from watchdog.panels.sysreptor.making import Pulse, stream
from watchdog.panels.sysreptor.remedies import PART_AGE, PART_SUFFIX, identity_of
from watchdog.panels.sysreptor.sends import poke_line, quarantine_line, remove_line, run_line
from watchdog.panels.sysreptor.view import TASK_SECONDS
from watchdog.runtime import quarantine as setting_aside
from watchdog.runtime.partfile import PartFile, sync_directory, translated, writer_lives
from watchdog.runtime.splits import split

MAGICS: Final = (b"PK\x03\x04", b"\xc2YPT")
MEANING: Final = "watchdog.panels.sysreptor.meaning"
LEVEL: Final = 3
TASK_GRACE: Final = 600.0
_FLOOR: Final = 1 << 30
_LEDGER: Final = 300.0
"""Seconds for which a ledger that does not answer is waited for with a proven backup in hand."""


def run_backup(hands: Hands) -> Outcome:
    """Make one backup: preconditions, stream, exit code and clean end, levels 1 to 3, and only then its name (contract section 4)."""
    if refusal := before.refusal(hands):
        return refusal
    begun = Begun.now(hands)
    final = naming.free_path(hands.directory, hands.settings.backups.pattern, begun.at, PART_SUFFIX)
    hands.act.step("checked")
    hands.act.fence()
    with PartFile(final, MAGICS, min(_FLOOR, hands.expected_bytes)) as part:
        hands.sent.append(run_line(hands.settings, hands.settings.run.method))
        pulse = Pulse(hands)
        try:
            end = stream(hands, part, pulse)
            if end.code:
                return by_code(hands, part, end, begun)
            part.settle()
            hands.act.step("streamed")
            found = _verified(hands, part, pulse)
            if reason := _doubt(found, part):
                return unproven(hands, part, found, reason)
            _note(hands, part, found, {"began": begun.at, "seconds": round(hands.now - begun.at, 3), "peak_memory": pulse.peak})
        except (Stopping, LeaseLost, LedgerUnavailable):
            raise
        except WatchdogError as error:
            return by_error(hands, part, error, begun)
        _own_it_still(hands)
        part.publish()
        hands.act.step("published")
    told = f"{final.name}: {part.size} bytes, proven to level {found.level}, sha256 {part.sha256}"
    return hands.done(f"{told}{_in_volumes(hands, final)}")


def quarantine(hands: Hands) -> Outcome:
    """Rename one bad file into quarantine, with its reason. The last good backup is never touched, whoever asks."""
    path, identity = Path(hands.parameter("path")), identity_of(hands.repair.proposal.parameters)
    if not os.path.lexists(path):
        return hands.done("it is not there any more")
    found = _verification(hands, path)
    if found is None or found.identity != identity:
        return hands.later(REST, "it has changed, or has not been verified since we look")
    if found.verdict != "bad":
        return hands.gave_up("its verification does not call it bad now")
    if hands.repair.proposal.facts.get("last_good") is not False:
        return hands.gave_up("it may be the last good backup: that one stays where it is")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(quarantine_line(str(path)))
    note = {"reason": found.reason, "message": found.message, "at": hands.now, "sha1": found.sha1, "target": hands.settings.name}
    goal = setting_aside.set_aside(path, identity, note)
    hands.act.step("renamed")
    return hands.done(f"it is {goal} now")


def poke_healthcheck(hands: Hands) -> Outcome:
    """Ask for the panel's health, which starts its periodic tasks that are due (contract section 1.6)."""
    tasks = hands.look().tasks
    if tasks is not None and not any(hands.now - task.started > TASK_SECONDS + TASK_GRACE for task in tasks):
        return hands.done("no task is overdue any more")
    hands.act.step("checked")
    hands.act.fence()
    hands.sent.append(poke_line(hands.settings))
    health = hands.client.poke(hands.seconds(hands.settings.health_timeout))
    hands.act.step("poked")
    if health.database is False:
        return hands.later(300.0, "the panel has no database: its tasks cannot run")
    return hands.done("the panel was asked for its health, and has begun what is due")


def remove_part(hands: Hands) -> Outcome:
    """Remove an old part of ours that nobody writes."""
    path, identity = Path(hands.parameter("path")), identity_of(hands.repair.proposal.parameters)
    if not os.path.lexists(path):
        return hands.done("it is not there any more")
    if not (path.name.endswith(PART_SUFFIX) and naming.ours(path.name)):
        return hands.gave_up("it does not bear our mark: whoever made it may want it")
    with translated(path):
        if setting_aside.identity_of(path) != identity:
            return hands.later(REST, "it has changed since this was planned")
        if writer_lives(path):
            return hands.later(REST, "somebody writes it")
        if hands.now - path.stat().st_mtime < PART_AGE:
            return hands.later(REST, "it is too young: what is in it might still be wanted")
        hands.act.step("checked")
        hands.act.fence()
        hands.sent.append(remove_line(str(path)))
        path.unlink(missing_ok=True)
        sync_directory(path.parent)
    hands.act.step("removed")
    return hands.done("the part is removed")


def _verified(hands: Hands, part: PartFile, pulse: Pulse) -> Verification:
    """Verify the part down to its meaning."""
    if hands.ports.archives is None:
        raise Refused("nothing here can prove a backup")
    key = hands.settings.aes_key_file
    return hands.ports.archives(str(part.path), level=LEVEL, meaning=MEANING, key_file=str(key) if key else "", alive=pulse)


def _own_it_still(hands: Hands) -> None:
    """Prove that the object is ours, right before the name is given; a ledger that is away for a moment does not waste hours of work."""

    def proven() -> bool:
        try:
            hands.act.step("proven")
            hands.act.fence()
        except LedgerUnavailable:
            return False
        return True

    if not hands.wait_for(proven, _LEDGER):
        raise LedgerUnavailable("the backup is proven, but nobody can say whether it is still ours to name: it stays a marked part")


def _in_volumes(hands: Hands, final: Path) -> str:
    """Leave volumes and a manifest beside the whole, where that is configured; return what to say. The backup is made either way."""
    size = hands.settings.run.volume_size
    if size is None:
        return ""
    try:
        manifest = split(final, size, floor=min(_FLOOR, hands.expected_bytes))
    except WatchdogError as error:
        return f"; no volumes: {error}"
    hands.act.step("split")
    return f"; in volumes: {manifest.name}"


def _doubt(found: Verification, part: PartFile) -> str:
    """Return why a verification proves nothing of what we wrote; "" = it proves it."""
    if found.verdict != "good":
        return f"{found.verdict}: {found.reason}: {found.message}"
    if (found.level or 0) < LEVEL:
        return f"it was verified to level {found.level} only"
    if found.sha1 is not None and found.sha1 != part.sha1:
        return "what was verified is not what was written"
    if found.identity is None or found.identity.size != part.size:
        return "its size is not what was written"
    return ""


def _note(hands: Hands, part: PartFile, found: Verification, more: dict[str, object]) -> None:
    """Leave the hashes and what the run took beside the backup, for copies, for the next run, and for people."""
    note = {
        "path": str(part.final), "sha256": part.sha256,
        "sha1": part.sha1, "bytes": part.size, "level": found.level, "method": hands.settings.run.method,
        "reason": str(hands.repair.proposal.facts.get("reason") or ""), "facts": dict(found.facts), **more,
    }  # fmt: skip
    path = part.final.with_name(part.final.name + naming.NOTE_SUFFIX)
    with translated(path):
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump(note, file, indent=2, sort_keys=True)


def _verification(hands: Hands, path: Path) -> Verification | None:
    snapshot = hands.act.actual().archives
    files = snapshot.facts.files if snapshot is not None and snapshot.facts is not None else ()
    return next((each.verification for each in files if each.path == str(path)), None)
