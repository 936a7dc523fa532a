"""Stand-ins for what a full rehearsal needs and nobody here has: an image that restores (it needs a licence), and one of a database.

``panel`` is a program of the fake engine: it takes the licence as a line and the archive as the rest, and counts what was in it.
"""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from watchdog.collectors.docker.fake import ExecStreams, FakeEngineWorld, FakeImage
from watchdog.panels.sysreptor.blueprint import COUNT, INSTALL, MIGRATED, READY, RESTORE, TOLD
from watchdog.panels.sysreptor.references import DIRECTORIES

LICENCE = "stand-in-licence-4711"
PANEL, DATABASE = "syslifters/sysreptor:2026.61", "postgres:14"


@dataclass
class StandIn:
    """What the stand-in saw, and how it is to behave. ``hang`` holds a restore until the event is set."""

    licence: str = ""
    archive: bytes = b""
    ends: int = 0
    says: bytes = b""
    reads: int | None = None
    lost: str = ""
    lost_files: int = 0
    pending: int = 0
    installs: int = 0
    newest: str = "restore"
    meanwhile: Callable[[], None] | None = None
    ready: bool = True
    argvs: list[tuple[str, ...]] = field(default_factory=list)
    began: threading.Event = field(default_factory=threading.Event)
    hang: bool = False

    def panel(self, argv: Sequence[str], streams: ExecStreams) -> int:
        """Run what is run in the panel's box."""
        self.argvs.append(tuple(argv))
        match tuple(argv):
            case command if command == RESTORE:
                return self._restore(streams)
            case command if command == INSTALL:
                return self.installs
            case command if command == MIGRATED:
                return self.pending
            case command if command == COUNT:
                streams.out(b"12 objects imported automatically.\n\n" + TOLD.encode() + json.dumps(self._counts()).encode() + b"\n")
                return 0
        return 127

    def database(self, argv: Sequence[str], streams: ExecStreams) -> int:
        """Run what is run in the database's box."""
        return 0 if tuple(argv) == READY and self.ready else 2

    def _restore(self, streams: ExecStreams) -> int:
        self.licence = streams.stdin.readline().decode().strip()
        self.archive = streams.stdin.read() if self.reads is None else streams.stdin.read(self.reads)
        self.began.set()
        if self.meanwhile is not None:
            self.meanwhile()
        if self.hang:
            streams.wait()
        streams.err(self.says)
        return self.ends

    def _counts(self) -> object:
        rows: Counter[str] = Counter()
        with zipfile.ZipFile(io.BytesIO(self.archive)) as opened:
            for line in opened.read("backup.jsonl").splitlines():
                rows[json.loads(line)["model"]] += 1
            files = sum(name.split("/")[0] in DIRECTORIES for name in opened.namelist())
        rows["api_utils.backuplog"] += 1
        rows["django.migrations_of_its_own"] = 3
        if self.lost:
            rows[self.lost] -= 1
        return {"rows": rows, "files": files - self.lost_files, "newest": self.newest}


def stocked(world: FakeEngineWorld, stand_in: StandIn) -> None:
    """Let the engine have both images, as the real ones declare their volumes."""
    world.stock.images[PANEL] = FakeImage(("PATH=/bin",), ("/app/data",), stand_in.panel)
    world.stock.images[DATABASE] = FakeImage(("PG_MAJOR=14",), ("/var/lib/postgresql/data",), stand_in.database)
