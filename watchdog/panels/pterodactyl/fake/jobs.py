"""One backup in Wings, in steps at which a test may stop it (server/backup.go and server/backup/backup_local.go@v1.11.11).

The steps: ``begun`` (the file is there and half written), ``created`` (it is whole, the log says so), ``checksum`` (half read, held open),
``callback`` (before each try to tell the panel), ``answered`` (Wings knows, and has done nothing yet), ``done``. Killed anywhere, it leaves
what the real one leaves. When the panel cannot be told, or says 400, the archive is deleted: that is the loss everything here is about.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchdog.panels.pterodactyl.fake import tarball
from watchdog.panels.pterodactyl.fake.caller import Answer

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.wings import FakeWings

STEPS: Final = ("begun", "created", "checksum", "uploading", "callback", "answered", "done")
TRACE: Final = (
    "server.(*Server).notifyPanelOfBackup server/backup.go:30",
    "server.(*Server).Backup server/backup.go:94",
    "router.postServerBackup.func1 router/router_server_backup.go:51",
)
_HALF: Final = 2
_BUFFER: Final = 4096


class GenerationFailed(Exception):
    """The archive could not be made; the partial file stays."""


@dataclass(frozen=True, slots=True)
class Details:
    """ArchiveDetails."""

    checksum: str = ""
    checksum_type: str = ""
    size: int = 0
    parts: tuple[tuple[str, int], ...] | None = None

    def body(self, *, successful: bool) -> dict[str, Any]:
        """Return the completion's body (remote/types.go, BackupRequest)."""
        parts = None if self.parts is None else [{"etag": etag, "part_number": number} for etag, number in self.parts]
        return {
            "checksum": self.checksum, "checksum_type": self.checksum_type, "size": self.size, "successful": successful, "parts": parts,
        }  # fmt: skip


class BackupJob:
    """A backup under way. Either a thread runs it, or a test moves it with ``advance``; ``step`` is the last one reached."""

    def __init__(self, wings: FakeWings, server: str, uuid: str, adapter: str, ignored: str, request: str) -> None:
        self.server, self.uuid, self.adapter = server, uuid, adapter
        self.path: Path = wings.path_of(server, uuid)
        self.step = ""
        self.tries = 0
        self.killed = threading.Event()
        self._wings = wings
        self._ignored = [line for line in ignored.split("\n") if line]
        self._fields = {"adapter": adapter, "backup": uuid, "request_id": request, "server": server}
        self._changed = threading.Condition()
        self._way = self._run()
        self._let_go = threading.Event()

    @property
    def over(self) -> bool:
        """Whether it has ended, by itself or with Wings."""
        return self.step == "done" or self.killed.is_set()

    def advance(self, to: str = "done") -> str:
        """Go on, at least one step, until ``to`` is reached or it is over; return where it stands."""
        while not self.over:
            self._next()
            if self.step == to:
                break
        return self.step

    def run(self) -> None:
        """Go on to the end, halting at each step that ``wings.stops`` names until ``release``."""
        while not self.over:
            self._next()
            if self.step in self._wings.stops and not self.over:
                self._let_go.wait()
                self._let_go.clear()

    def release(self) -> None:
        """Let it go on from the step at which it halts."""
        self._let_go.set()

    def wait_for(self, step: str, seconds: float = 60.0) -> bool:
        """Wait, in real seconds, until it stands at this step or is over; return whether it does stand there."""
        with self._changed:
            self._changed.wait_for(lambda: self.step == step or self.over, seconds)
        return self.step == step

    def kill(self) -> None:
        """End it where it stands, as the end of its process does: nothing is cleaned up, nobody is told."""
        self.killed.set()
        self._let_go.set()
        with suppress(ValueError):  # its thread is in the middle of a step and will see
            self._way.close()
        with self._changed:
            self._changed.notify_all()

    def _next(self) -> None:
        try:
            step = next(self._way)
        except StopIteration:
            step = "done"
        with self._changed:
            self.step = step
            self.tries += step == "callback"
            self._changed.notify_all()

    def _run(self) -> Generator[str, None, None]:
        journal = self._wings.journal
        try:
            details = yield from self._generate()
        except GenerationFailed as failure:
            yield from self._fail(str(failure))
            return
        answer = yield from self._wings.caller.tries("POST", f"/backups/{self.uuid}", details.body(successful=True))
        if self.killed.is_set():
            return
        yield "answered"
        if answer.well:
            journal.write("INFO", "notified panel of successful backup state", backup=self.uuid, server=self.server)
        else:
            self._tell_trouble(answer)
            self._wings.remove(self.path)
            # no backup's uuid in this line (contract section 2.5)
            text = "failed to notify panel of successful backup state"
            journal.write("INFO", text, TRACE, error=answer.text, server=self.server)
        if self.adapter == "s3":
            self._wings.remove(self.path)

    def _generate(self) -> Generator[str, None, Details]:
        self._wings.journal.write("INFO", "creating backup for server", path=self.path, **self._fields)
        yield from self._archive()
        self._wings.stamp(self.path)
        self._wings.journal.write("INFO", "created backup successfully", **self._fields)
        yield "created"
        try:
            details = yield from self._digest()
        except OSError as error:
            raise GenerationFailed(f"backup: failed to get archive details for local backup: {error}") from None
        if self.adapter == "s3":
            details = yield from self._upload(details)
        return details

    def _archive(self) -> Generator[str, None, None]:
        switches = self._wings.switches
        most = switches.fail_after_files
        shrink = {"": None, "middle": 1, "last": -1}[switches.shrink]
        pieces = list(tarball.pieces(self._wings.volume(self.server), self._ignored, most=most, shrink=shrink))
        if switches.cut_tail:  # errors of the last Close are ignored (contract section 2.2): a full disk at the last flush
            pieces[-1] = pieces[-1][: -switches.cut_tail]
        with self._wings.holding(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as handle:
            half = len(pieces) // _HALF
            for piece in pieces[:half]:
                os.write(handle, piece)
            self._wings.stamp(self.path)
            yield "begun"
            for piece in pieces[half:]:
                os.write(handle, piece)
        if most is not None or switches.shrink == "middle":
            # its deferred Closes still ran: a good gzip around a good tar, which lacks files (case L)
            self._wings.stamp(self.path)
            raise GenerationFailed("failed to write tar#FileInfoHeader for 'world/region': archive/tar: missed writing 512 bytes")

    def _digest(self) -> Generator[str, None, Details]:
        digest = hashlib.sha1(usedforsecurity=False)
        with self._wings.holding(self.path, os.O_RDONLY) as handle:
            half = os.fstat(handle).st_size // _HALF
            read = 0
            while read < half and (block := os.read(handle, _BUFFER)):
                digest.update(block)
                read += len(block)
            yield "checksum"
            while block := os.read(handle, _BUFFER):
                digest.update(block)
        return Details(digest.hexdigest(), "sha1", self.path.stat().st_size)

    def _upload(self, details: Details) -> Generator[str, None, Details]:
        """Ask for signed parts and be done with them; nothing is really sent (backup_s3.go)."""
        answer = yield from self._wings.caller.tries("GET", f"/backups/{self.uuid}?size={details.size}")
        if not answer.well:
            raise GenerationFailed(answer.text)
        yield "uploading"
        parts = tuple((f"etag-{number}", number) for number, _ in enumerate(answer.said["parts"], 1))
        return Details(details.checksum, details.checksum_type, details.size, parts)

    def _fail(self, failure: str) -> Generator[str, None, None]:
        journal = self._wings.journal
        answer = yield from self._wings.caller.tries("POST", f"/backups/{self.uuid}", Details().body(successful=False))
        if self.killed.is_set():
            return
        yield "answered"
        if answer.well:
            journal.write("INFO", "notified panel of failed backup state", backup=self.uuid, server=self.server)
        else:
            self._tell_trouble(answer)
            text = "failed to notify panel of failed backup state"
            journal.write("WARN", text, TRACE, backup=self.uuid, error=answer.text, server=self.server)
        if self.adapter == "s3":
            self._wings.remove(self.path)
        error = f"backup: error while generating server backup: {failure}"
        request = self._fields["request_id"]
        text = "router: failed to generate server backup"
        journal.write("ERROR", text, TRACE[-1:], error=error, request_id=request, server_id=self.server)

    def _tell_trouble(self, answer: Answer) -> None:
        if not answer.status:  # not an error of the panel's
            text = "failed to notify panel of backup status due to wings error"
            self._wings.journal.write("ERROR", text, TRACE, backup=self.uuid, error=answer.text, server=self.server)
