"""Evidence about one Pterodactyl node, frozen: what its files, its log and its processes show. Pure values; ``evidence.py`` fills them.

Only of the node of this host, the one whose uuid stands in the local Wings configuration. Times are UNIX seconds. What could not be seen
is None or says why: blind proves nothing (house rule 3). No token ever enters. Contract sections 2.1, 2.5, 3.5 (guard 4), 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from watchdog.model.archives import Identity

UNKNOWN_FILESYSTEM: Final = ""


@dataclass(frozen=True, slots=True)
class LocalWings:
    """What Wings' ``config.yml`` says, absent keys as Wings' own defaults. A whitelist: ``token_id`` and ``token`` are never taken.

    ``uuid`` is the node's, ``remote`` the panel's address as Wings calls it; ``backup_directory``, ``data`` (the servers' volumes),
    ``root`` (there is ``states.json``) and ``log_directory`` are paths as Wings sees them. ``zone`` is ``system.timezone``: what Wings
    tells its containers, not always the zone of its log. ``crash_timeout`` is seconds; ``write_limit`` MiB/s of a backup, 0 = none.
    """

    uuid: str
    remote: str = ""
    backup_directory: str = "/var/lib/pterodactyl/backups"
    data: str = "/var/lib/pterodactyl/volumes"
    root: str = "/var/lib/pterodactyl"
    log_directory: str = "/var/log/pterodactyl"
    zone: str = ""
    crash_timeout: int = 60
    crash_detection: bool = True
    write_limit: int = 0
    host: str = "0.0.0.0"  # noqa: S104  (Wings' default, read and not bound)
    port: int = 8080
    tls: bool = False
    log_rotate: bool = True

    @property
    def states(self) -> str:
        """Return the path of ``states.json`` as Wings sees it."""
        return f"{self.root.rstrip('/')}/states.json"


@dataclass(frozen=True, slots=True)
class WingsProcess:
    """The Wings process: its ``pid`` (0 = only Docker told of it), when it ``began``, and which files are open, by (device, inode).

    ``sighted`` is the proof of sight: in this pass the descriptors of the Wings process itself were resolved, in its pid namespace, no
    other process called wings hides its own, and the archives lie on a local file system. Only then "nobody has it open" counts; else
    ``why`` says in a sentence what hides it, with the way out. ``open`` are the archives and logs that any process has open but ours;
    ``hidden`` counts those that could not be looked at and are no Wings, so they send no callback. ``began`` is the earliest moment that
    fits what we know: a stepped clock makes it earlier, never later; ``stepped`` tells that the clocks disagree about it. ``descriptors``
    counts those of Wings, ``logs`` tells whether our log is among them; ``proof`` is how we know that it is this node's Wings.
    """

    pid: int
    began: float
    sighted: bool = False
    open: frozenset[tuple[int, int]] = frozenset()
    why: str = ""
    stepped: bool = False
    descriptors: int = 0
    logs: bool = False
    hidden: int = 0
    proof: str = ""

    def has_open(self, identity: Identity) -> bool | None:
        """Whether somebody has this file open; None = it cannot be seen, which is not "no"."""
        if (identity.device, identity.inode) in self.open:
            return True
        return False if self.sighted else None


@dataclass(frozen=True, slots=True)
class BackupLog:
    """What Wings' log says of one backup; each time is that of the line, None = no such line in what we have read.

    ``began``: "creating backup for server". ``generated``: "created backup successfully", with the same request as its beginning: the
    archive was finished without an error; nothing else proves that it is complete. ``generate_failed``: the archive could not be made,
    or be read. ``notified``: the panel took the success. ``notify_failed``: Wings gave up to tell it, and has removed the archive; that
    line names no backup and is counted here only if this one alone was in flight for its server (``Log.unnamed_failures`` has the
    others). ``failure_notified``: the panel took the failure. ``failure_unheard``: Wings gave up to tell the failure.
    ``interrupted``: Wings was started anew before any of these ends: whatever it was doing for this backup has died.
    """

    uuid: str
    server: str = ""
    adapter: str = ""
    began: float | None = None
    generated: float | None = None
    notified: float | None = None
    notify_failed: float | None = None
    generate_failed: float | None = None
    failure_notified: float | None = None
    failure_unheard: float | None = None
    interrupted: float | None = None

    @property
    def over(self) -> float | None:
        """Return when Wings said its last word about it: it will send no callback after this. None = it may still do so."""
        ends = (self.notified, self.notify_failed, self.failure_notified, self.failure_unheard, self.interrupted)
        known = [each for each in ends if each is not None]
        return max(known) if known else None

    @property
    def in_flight(self) -> bool:
        """Whether the log shows its beginning and no end."""
        return self.began is not None and self.over is None


@dataclass(frozen=True, slots=True)
class Log:
    """What ``wings.log`` and its rotated siblings say, the stories of the last seven days.

    ``covered_from`` is since when we have read without a gap, up to ``read_to``: silence outside of it proves nothing. None = nothing is
    proven by silence. ``error`` names why it cannot be read or believed now (then ``backups`` are what was read before), with the way
    out; ``deaf``: that is because Wings writes no log since its rotation. ``unnamed_failures`` are (server, at) of "failed to notify"
    lines that may belong to any of several backups: none of these may be replayed on the log's word. ``booted_at`` is the newest start
    of Wings in it. ``silent_since``: its newest line that we looked at, or None.
    """

    covered_from: float | None = None
    error: str = ""
    backups: Mapping[str, BackupLog] = field(default_factory=dict)
    unnamed_failures: tuple[tuple[str, float], ...] = ()
    read_to: float | None = None
    booted_at: float | None = None
    silent_since: float | None = None
    deaf: bool = False

    def of(self, uuid: str) -> BackupLog:
        """Return what is known of a backup; nothing at all is a story without lines."""
        return self.backups.get(uuid) or BackupLog(uuid)

    def covers(self, since: float) -> bool:
        """Whether nothing is missing from ``since`` (UNIX seconds) on: only then a line that is not there was not written."""
        return not self.error and self.covered_from is not None and self.covered_from <= since

    def in_flight(self, server: str, at: float) -> tuple[str, ...]:
        """Return the backups of a server that had begun and not ended at a moment, as far as the log tells, sorted."""
        return tuple(
            sorted(
                each.uuid
                for each in self.backups.values()
                if each.server == server and each.began is not None and each.began <= at and (each.over is None or each.over >= at)
            )
        )


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """``states.json``, which Wings writes every 60 s: when it was written, and the state of each server. ``error`` = why it cannot tell."""

    at: float | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An archive that our guard directory holds by a hard link of ours: the backup's ``uuid``, where, which file, since when.

    ``links`` is how many names the file has: 1 = Wings has removed its own.
    """

    uuid: str
    path: str
    identity: Identity
    since: float
    links: int = 1


@dataclass(frozen=True, slots=True)
class CanaryWord:
    """How the newest canary stands: ``waiting`` (made, not ended), ``good``, ``failed`` (also: not made in time), or ``due``.

    ``slot`` is the time it was due, ``server`` whose backup it is, ``backup`` its uuid ("" = none was made), ``message`` one sentence.
    ``at`` is when it was last asked about, ``took`` the seconds from its beginning to its end, ``own`` how many canaries of ours there are.
    """

    state: str
    slot: float
    server: str
    backup: str = ""
    message: str = ""
    at: float = 0.0
    took: float | None = None
    own: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen of the local node in one look. ``local`` None = there is none here, or ``error`` says why it cannot be read.

    ``mismatch`` names a path of the settings that is not the one of ``config.yml``, both of them, and the way out: then nothing of the
    disk is believed. ``kept`` and ``volumes`` None = could not be listed; ``blind`` has the reason by part. ``filesystem_kind`` is the
    type of the file system of the archives ("ext4", "nfs4"; "" = not known), ``filesystem_local`` whether it is one whose open files the
    kernel knows all of. ``utc_offset`` is seconds east of UTC on Wings' clock now, None = unknown.
    ``let_go`` are backups (uuid -> sentence) whose only archive the guard lost at a cap; ``canary`` None = there is none.
    """

    local: LocalWings | None = None
    error: str = ""
    mismatch: str = ""
    process: WingsProcess | None = None
    process_error: str = ""
    log: Log = Log()
    heartbeat: Heartbeat = Heartbeat()
    kept: tuple[Kept, ...] | None = None
    volumes: tuple[str, ...] | None = None
    filesystem_kind: str = UNKNOWN_FILESYSTEM
    filesystem_local: bool = False
    utc_offset: float | None = None
    blind: Mapping[str, str] = field(default_factory=dict)
    let_go: Mapping[str, str] = field(default_factory=dict)
    canary: CanaryWord | None = None

    @property
    def process_word(self) -> str:
        """Return why "nobody has it open" cannot be said, "" = it can."""
        if self.process is None:
            return self.process_error or "the Wings process is not in sight"
        return "" if self.process.sighted else self.process.why


NOTHING: Final = Evidence()
"""No local node is configured, or nothing was looked at."""
