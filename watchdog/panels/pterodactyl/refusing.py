"""The guards of a report to the panel, each with its own named refusal (contract section 3.5). Pure, over reads that are a moment old.

What detects a stuck backup judges the pass; this judges again, right before the report, and only what was read for that. Nothing is
assumed absent that was not seen to be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from watchdog.model.archives import Identity, Verification
from watchdog.panels.pterodactyl import cases
from watchdog.panels.pterodactyl.naming import is_uuid
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import Backup, Callback, Disk, Server

GRACE: Final = 600.0
"""Seconds for which an archive must have rested at least when nothing proves that Wings is done with it."""
SLOWEST: Final = 10e6
"""Bytes per second of the slowest disk that the grace reckons with."""
LAST_WORDS: Final = 90.0
"""Seconds that Wings' own report may take after it has closed the archive: 30 s of tries, and the last one's own 30 s."""
SKEW: Final = 300.0
"""Seconds by which the panel's clock and this host's may differ."""
_TICK: Final = 1800.0
_TICK_LATE: Final = 120.0

REFUSALS: Final[Mapping[str, str]] = {
    **cases.REFUSALS,
    "outside": "the path is not where Wings keeps this backup's archive",
    "transferring": "the server is being moved to another node",
    "record_complete": "the panel has it as complete",
    "disk_unknown": "nobody can say whether the backup lies on this node or in an object store",
    "log_failed": "Wings' log says that the archive could not be made",
    "unproven": "Wings' log does not say that the archive was finished: a person must decide",
    "gone": "there is no archive any more",
    "present": "there is an archive",
    "changed": "the archive has changed since it was judged",
    "held": "our guard holds the archive: the backup can be completed",
    "corrupt": "the archive is bad",
    "not_corrupt": "the archive is not bad",
    "closed_lately": "the archive was seen open, or there, a short time ago: Wings may be reporting it at this moment",
    "not_mounted": "none of the archives is there that the panel has as good: the directory may not be mounted",
}
"""Every refusal, with its sentence: those of the rules, and those that only a repair finds."""
FINAL: Final = frozenset(
    {"name_not_canonical", "outside", "not_shown_pruned", "record_odd", "disk_s3", "log_failed", "elsewhere", "corrupt", "not_corrupt"}
)
"""Refusals that waiting does not mend."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a report is not sent: a key of REFUSALS, and what was seen."""

    word: str
    seen: str = ""

    @property
    def final(self) -> bool:
        """Whether waiting does not mend it."""
        return self.word in FINAL

    def __str__(self) -> str:
        return f"{self.word}: {REFUSALS[self.word]}{f' ({self.seen})' if self.seen else ''}"


@dataclass(frozen=True, slots=True)
class Reads:
    """What was read for one report, a moment ago; ``now`` is UNIX seconds.

    ``file`` is what is at Wings' own path, None = nothing; ``kept`` what our own link has. ``closed_since`` is since when nobody has been
    seen to have the archive open, or since when it has been away, in this very run; None = it was not so. ``approved``: a person asked.
    """

    now: float
    record: Backup
    server: Server
    evidence: Evidence
    file: Identity | None
    kept: Identity | None = None
    found: Verification | None = None
    disk: Disk | None = None
    callback: Callback | None = None
    closed_since: float | None = None
    approved: bool = False


Guard = Callable[[PterodactylSettings, Reads], Refusal | None]


def first(guards: tuple[Guard, ...], settings: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Return the first refusal of ``guards``, None when all hold."""
    return next((refusal for refusal in all_of(guards, settings, reads)), None)


def all_of(guards: tuple[Guard, ...], settings: PterodactylSettings, reads: Reads) -> Iterator[Refusal]:
    """Yield every refusal of ``guards``, in their order."""
    for guard in guards:
        refusal = guard(settings, reads)
        if refusal is not None:
            yield refusal


def place(settings: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guards 3 and 7: the backup of a server of this node, by a name that is a name."""
    local = reads.evidence.local
    if not is_uuid(reads.record.uuid):
        return Refusal("name_not_canonical", reads.record.uuid[:40])
    if settings.node is None or local is None:
        return Refusal("place_unproven", reads.evidence.error)
    if reads.evidence.mismatch:
        return Refusal("paths_differ", reads.evidence.mismatch)
    if reads.server.node != local.uuid:
        return Refusal("elsewhere", reads.server.node or "the panel's two APIs do not agree")
    return Refusal("transferring") if reads.server.transferring else None


def open_record(settings: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard 1: pending, or failed and shown to be pruned."""
    record = reads.record
    if record.state == "pending" or pruned(settings, record, reads.evidence):
        return None
    return Refusal({"complete": "record_complete", "failed": "not_shown_pruned"}.get(record.state, "record_odd"))


def pending_record(settings: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard of a failure: pending, and for long enough."""
    if reads.record.state != "pending":
        return open_record(settings, reads) or Refusal("not_shown_pruned", "the panel has pruned it")
    age = reads.now - reads.record.created_at
    return Refusal("too_young", f"{age:.0f} s old") if age <= settings.fail_after else None


def local_disk(_: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard 2: the archive is Wings' own file."""
    if reads.disk == "s3" or reads.evidence.log.of(reads.record.uuid).adapter == "s3":
        return Refusal("disk_s3")
    return None if reads.disk == "wings" else Refusal("disk_unknown")


def listening(_: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard 8: the probe of the callback path, sent a moment ago, found it healthy."""
    callback = reads.callback
    if callback is None or callback.state in {"unknown", "not_asked"}:
        return Refusal("callback_unknown", callback.message if callback else "")
    if callback.state == "broken_by_1_11_6":
        return Refusal("waiting_for_panel_upgrade")
    return None if callback.state == "healthy" else Refusal("callback_broken", f"{callback.state}: {callback.message}")


def finished(_: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard 6: the log says that the archive was finished; or a person said so, and the log does not say otherwise."""
    story = reads.evidence.log.of(reads.record.uuid)
    if story.generate_failed is not None:
        return Refusal("log_failed")
    return None if story.generated is not None or reads.approved else Refusal("unproven")


def proven(_: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard 5: verified to the last byte, with its SHA-1, and the very file that is there (or that we keep)."""
    found, file = reads.found, reads.file or reads.kept
    if file is None:
        return Refusal("gone")
    if found is None or found.identity is None or found.verdict is None:
        return Refusal("not_verified")
    if found.verdict == "bad":
        return Refusal("corrupt", f"{found.reason}: {found.message}")
    if found.verdict != "good" or (found.level or 0) < 2 or found.sha1 is None:  # noqa: PLR2004  (every byte)
        return Refusal("not_verified", found.message or "")
    if found.identity != file or (reads.kept is not None and reads.kept != file):
        return Refusal("changed")
    return None


def silent(_: PterodactylSettings, reads: Reads) -> Refusal | None:
    """Guard 4: Wings can no longer send a report of its own about this archive."""
    file, evidence, story = reads.file or reads.kept, reads.evidence, reads.evidence.log.of(reads.record.uuid)
    # the panel's clock may be another one: what it dates is taken for later than it says
    begun = story.began if story.began is not None else reads.record.created_at + SKEW
    if file is None:
        return _away(reads, begun)
    # on a network file system the other side stamps the file, by its own clock
    if evidence.filesystem_local and evidence.process is not None and evidence.process.began > file.mtime_ns / 1e9:
        return None  # what it was doing then has died with the process before
    if evidence.process is not None and evidence.process.has_open(file):
        return Refusal("open_file")  # whatever the log says: a line that names a backup can be forged by who knows its name
    # where its own name is gone Wings has taken it away, which it does only after its last try: whichever report failed, this one did
    nameless = any(server == reads.record.server and at >= begun - 2 * SKEW for server, at in evidence.log.unnamed_failures)
    if nameless and reads.file is not None:
        return Refusal("log_ambiguous")
    if story.over is not None and not _others(reads):
        return None
    return _closed(reads, file)


def _away(reads: Reads, begun: float) -> Refusal | None:
    """Whether an archive that is not there is nobody's work any more. Which of several reports failed is no matter: none is replayed."""
    evidence = reads.evidence
    if not evidence.filesystem_local:
        return Refusal("network_filesystem", evidence.filesystem_kind)
    if evidence.process is not None and evidence.process.began > begun:
        return None
    if evidence.log.of(reads.record.uuid).over is not None:
        return None
    return Refusal("cannot_see_wings", evidence.process_word) if evidence.process_word else _rested(reads)


def _closed(reads: Reads, file: Identity) -> Refusal | None:
    """Whether nobody has the file open, which we can see, and it has rested long enough."""
    evidence = reads.evidence
    opened = evidence.process.has_open(file) if evidence.process is not None else None
    if not evidence.filesystem_local:
        return Refusal("network_filesystem", evidence.filesystem_kind)
    if opened is None:
        return Refusal("cannot_see_wings", evidence.process_word)
    rest, wanted = reads.now - file.mtime_ns / 1e9, grace(file.size)
    return Refusal("within_grace", f"{rest:.0f} s ago, wanted {wanted:.0f} s") if rest <= wanted else _rested(reads)


def grace(size: int) -> float:
    """Return the seconds for which an archive of ``size`` bytes must have rested."""
    return max(GRACE, size / SLOWEST + LAST_WORDS)


def pruned(settings: PterodactylSettings, record: Backup, evidence: Evidence) -> bool:
    """Whether a failed record was only pruned by the panel's cron, and not reported as failed (contract section 1.3)."""
    if record.state != "failed" or record.completed_at is None:
        return False
    story = evidence.log.of(record.uuid)
    if story.failure_notified is not None or story.generate_failed is not None:
        return False
    if record.locked:
        return True  # a reported failure would have unlocked it
    old = settings.prune_age > 0 and record.completed_at - record.created_at >= settings.prune_age
    return old and record.completed_at % _TICK <= _TICK_LATE and evidence.log.covers(record.created_at)


def _rested(reads: Reads) -> Refusal | None:
    """Whether it has been closed, or away, for so long in this run that a report which Wings began then must have ended."""
    calm = reads.now - reads.closed_since if reads.closed_since is not None else 0.0
    return None if calm >= LAST_WORDS else Refusal("closed_lately", f"{calm:.0f} s, wanted {LAST_WORDS:.0f} s")


def _others(reads: Reads) -> bool:
    """Whether the log's last word may be another backup's: "failed to notify" names none, so it counts for one alone in flight."""
    log, uuid = reads.evidence.log, reads.record.uuid
    story = log.of(uuid)
    named = (story.notified, story.failure_notified, story.failure_unheard, story.interrupted)
    if story.notify_failed is None or any(each is not None for each in named):
        return False
    return not log.covers(story.began or reads.record.created_at) or log.in_flight(reads.record.server, story.notify_failed) != (uuid,)


COMPLETE: Final[tuple[Guard, ...]] = (place, open_record, local_disk, listening, finished, proven, silent)
FAIL: Final[tuple[Guard, ...]] = (place, pending_record, local_disk, listening, silent)
