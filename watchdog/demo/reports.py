"""The demo's reports: a SysReptor whose backups a person and a cron job make, and lose; and the directory in which they land."""

from __future__ import annotations

import os
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from watchdog.collectors.archives.rehearsals import noted, write_note
from watchdog.model.archives import Identity, Verification
from watchdog.model.moments import Clock
from watchdog.model.transfers import always
from watchdog.panels.sysreptor.fake import (
    ACCESS_KEY,
    ADMIN_TOKEN,
    BACKUP_KEY,
    SECRET_KEY,
    BucketWorld,
    FakeBucket,
    FakePanel,
    ManagePy,
    Stored,
    SysreptorWorld,
    Upload,
    limited,
    mangled,
)
from watchdog.panels.sysreptor.rehearsing import rehearse

TARGET: Final = "reports"
CUT, ENDED, EMPTY, MANGLED = "cut-download", "cut-command", "without-licence", "through-a-terminal"
"""What is in the names of the files that go wrong."""
_HOUR: Final = 3600.0
_NO_ROOM: Final = 150_000
_ROOM: Final = 64 << 20
_COMMAND: Final = ("python3", "manage.py", "backup", "-")


@dataclass(slots=True)
class _Output:
    """What the command writes, as a shell's redirection catches it."""

    stdout: bytearray = field(default_factory=bytearray)
    stdin: object = None

    def out(self, piece: bytes) -> None:
        """Take a piece of stdout."""
        self.stdout += piece

    def err(self, piece: bytes) -> None:
        """Let stderr go to /dev/null, as the vendor's own script does."""


@dataclass(frozen=True, slots=True)
class Reports:
    """The panel, its backups, and the bucket to which they are copied each night."""

    world: SysreptorWorld
    panel: FakePanel
    backups: Path
    bucket: FakeBucket

    def cut_download(self) -> None:
        """Let a person's download of 13 hours ago end after 150 kB, behind a proxy that bounds the whole of it: 200, and half a file."""
        begun = self.world.now() - timedelta(hours=13)
        pieces = self.world.backup("admin")
        half = b"".join(limited(pieces, _NO_ROOM))
        pieces.close()
        self.world.backdate(begun)
        self._land(CUT, half, ago=13 * _HOUR)

    def cut_command(self) -> None:
        """Let the nightly command's receiver die when all files are through: the log says finished, the archive's directory is missing."""
        self.world.switches.end_command_before_directory = True
        try:
            self._land(ENDED, self._by_command())
        finally:
            self.world.switches.end_command_before_directory = False

    def lose_licence(self) -> None:
        """Let the licence end: the nightly command leaves an empty file, and nobody is told."""
        self.world.professional, self.world.licence_error = False, "License expired: The license is valid until yesterday"
        self._land(EMPTY, self._by_command())

    def renew_licence(self) -> None:
        """Let a person renew it."""
        self.world.professional, self.world.licence_error = True, None

    def mangle(self) -> None:
        """Let a person run the command with a terminal: log lines in front, CRLF for every LF."""
        self._land(MANGLED, mangled(self._by_command()))

    def shelved(self) -> bool:
        """Whether everything that is called a backup is one, and the newest one is of the last hour."""
        files = [path for path in self.backups.glob("*.zip") if path.is_file()]
        return all(map(_whole, files)) and any(time.time() - path.stat().st_mtime < _HOUR for path in files)

    def write_settings(self, folder: Path) -> Mapping[str, object]:
        """Write the secrets into ``folder`` and return the settings of the target."""
        secrets = {"token_file": ADMIN_TOKEN, "backup_key_file": BACKUP_KEY}
        keys = {"access_key_file": ACCESS_KEY, "secret_key_file": SECRET_KEY}
        for name, secret in {**secrets, **keys}.items():
            path = folder / f"sysreptor.{name}"
            path.touch(0o600)
            path.write_text(secret + "\n", encoding="ascii")
        return {
            "name": TARGET,
            "url": self.panel.url,
            **{name: str(folder / f"sysreptor.{name}") for name in secrets},
            "place": "local",
            "mode": "repair",
            "allow": ["run_backup", "quarantine"],
            "interval": "1s",
            "preflight_every": "10s",
            "s3": {
                "url": self.bucket.url, "bucket": self.bucket.world.name, "prefix": "reports/", "region": self.bucket.world.region,
                "every": "10s", **{name: str(folder / f"sysreptor.{name}") for name in keys},
            },
            "backups": {"path": str(self.backups), "stable_after": "1s", "rehearse_every": "90d"},
            "run": {
                "method": "api", "container": "", "window": "always", "expected_size": "1MiB", "disk_factor": 1, "memory_factor": 1,
                "memory_least": "1MiB",
            },
        }  # fmt: skip

    def _by_command(self) -> bytes:
        output = _Output()
        ManagePy(self.world)(_COMMAND, output)  # type: ignore[arg-type]  # nothing reads its stdin
        return bytes(output.stdout)

    def _land(self, name: str, content: bytes, ago: float = 0.0) -> None:
        path = self.backups / f"sysreptor-full-backup-{name}.zip"
        path.touch(0o600)
        path.write_bytes(content)
        then = time.time() - ago
        os.utime(path, (then, then))


@contextmanager
def reports(folder: Path, clock: Clock) -> Iterator[Reports]:
    """Start the panel, with a good backup of 20 hours ago in ``folder``/reports."""
    backups = folder / "reports"
    backups.mkdir()
    earlier = [20 * _HOUR]
    world = SysreptorWorld("2026.61", now=lambda: clock.now().wall - earlier[0])
    now = clock.now().wall
    # an upload of an hour ago may still go on: it is shown, and no drift yet
    stored = BucketWorld(
        objects=[Stored("reports/night-2.zip", 410_000, now - 32 * _HOUR), Stored("reports/night-1.zip", 412_000, now - 8 * _HOUR)],
        uploads=[Upload("reports/by-hand.zip", "2~Ys0", now - _HOUR, (5 << 20, 5 << 20))],
        now=lambda: clock.now().wall,
    )
    with FakePanel(world) as panel, FakeBucket(stored) as bucket:
        made = Reports(world, panel, backups, bucket)
        made._land("of-yesterday", b"".join(world.backup()), ago=20 * _HOUR)  # noqa: SLF001  # it is our own
        _rehearse(backups / "sysreptor-full-backup-of-yesterday.zip", clock.now().wall - 19 * _HOUR)
        earlier[0] = 0.0
        yield made


def _rehearse(path: Path, at: float) -> None:
    """Rehearse a restore as the command does, and leave its note as of ``at`` (UNIX seconds)."""
    facts = path.stat()
    with tempfile.TemporaryDirectory() as scratch, path.open("rb") as archive:
        done = rehearse(archive, Path(scratch), _ROOM, always)
    write_note(path, noted(str(path), done, Verification(verdict="good", level=3, identity=Identity.of(facts)), at, 1.0))


def _whole(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
