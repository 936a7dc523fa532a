"""The panel's bugs and the weather around it, each a switch that may be turned while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Switches:
    """What goes wrong with a panel. Everything may change at any moment."""

    maintenance: bool = False
    """``artisan down``: 503 on every route, the remote API included (down-client.json, down-remote.json)."""
    maintenance_retry: int | None = None
    """``--retry`` of it: Retry-After is sent only then (contract section 1.1)."""
    database_down: bool = False
    """500 ``QueryException`` on every route, byte for byte the bug of 1.11.6 (remote-probe-database-down.json)."""
    redirect: int = 0
    """A web server that sends everybody elsewhere with this status (301, 302, 307, 308): to https in real life, here to the second port."""
    redirect_to: str = ""
    """Where the redirect leads ("" = to the same path): a login page of a single sign-on answers 200 to everything."""
    proxy: dict[str, int] = field(default_factory=dict)
    """Path prefix -> status that a proxy or firewall in front answers with a page of HTML (case D, and 502 of case C)."""
    unreachable: bool = False
    """Close every connection without an answer."""
    slow_seconds: float = 0.0
    """Every answer takes so long, in real seconds."""
    hold: dict[str, threading.Event] = field(default_factory=dict)
    """Path prefix -> event for which requests wait before they are looked at."""
    lose_completions: int = 0
    """So many answers to completions are lost after the commit: the connection ends (case K)."""
    hold_commit: threading.Event | None = None
    """A creation calls Wings inside its transaction and commits when this is set (case B; InitiateBackupService.php@v1.11.8)."""
    hold_completion: threading.Event | threading.Barrier | None = None
    """A completion has read the record and waits for this before it writes: the guard is not atomic (contract section 3.4)."""
    cron_dead: bool = False
    """Nobody runs ``schedule:run``: nothing is pruned, no schedule is due (contract section 3.7)."""
    queue_dead: bool = False
    """No queue worker: a schedule stays is_processing, its task is_queued (client-schedules-queue-dead.json)."""
    two_factor: bool = False
    """The panel requires 2FA and this admin has none (client-2fa-required.json)."""
    s3_default: bool = False
    """The panel's default driver is S3 (remote-success-s3-default-1.11.8.json)."""
    s3_configured: bool = False
    """There are S3 credentials: a record on S3 can be downloaded (client-backup-download-s3-configured.json), else 500."""
    throttle_after: int | None = None
    """The route limit is this, whatever the release says (429 ``ThrottleRequestsException``, client-429.json)."""
    debug: bool = False
    """APP_DEBUG: details leak (remote-probe-random-1.11.6-debug.json)."""


@dataclass(slots=True)
class WingsSwitches:
    """What goes wrong with Wings itself. Everything may change at any moment."""

    remove_fails: bool = False
    """``Remove()`` of an archive fails, and the error is ignored: NFS, immutable, read-only (case H)."""
    fail_after_files: int | None = None
    """A backup fails after so many files; its archive is a good gzip and tar all the same, which lacks files (case L)."""
    cut_tail: int = 0
    """So many bytes are missing at the end: the errors of the last Close are ignored (contract section 2.2)."""
    shrink: Literal["", "last", "middle"] = ""
    """A file shrinks while it is read: gzip is good, tar is cut. The last one: Wings says that all is well. One in the middle: it fails
    (seen on the real Wings)."""
    hang_restore: bool = False
    """A restore never ends."""
    silent: bool = False
    """It accepts calls and never answers."""
    no_websocket: bool = False
    """A proxy in front does not let upgrades through: 400 to every handshake."""
