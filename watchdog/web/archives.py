"""Backup archives in the JSON of the API: what each is, how far its verification has come, and what waits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated

from fastapi import FastAPI, Query

from watchdog.model.archives import ArchiveFacts, ArchiveFile, ArchiveProgress
from watchdog.model.drifts import Scalar
from watchdog.model.rehearsals import Rehearsed
from watchdog.web.bodies import Body, Time
from watchdog.web.calls import Lane
from watchdog.web.ports import Backing

ARCHIVES = "/api/v1/archives"
_ID_LETTERS = 24


def archive_id(file: ArchiveFile) -> str:
    """Return the name of one file in the API: another one as soon as its content may be another."""
    one = file.identity
    told = f"{file.path}\0{one.device}:{one.inode}:{one.size}:{one.mtime_ns}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:_ID_LETTERS]


def shown(path: str) -> str:
    """Return a path as text: bytes of another encoding are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class ProgressBody(Body):
    """How far a verification has come, at ``rate`` bytes a second lately; ``seconds_left`` at that rate."""

    bytes: int
    size: int
    rate: float | None
    seconds_left: float | None

    @classmethod
    def of(cls, progress: ArchiveProgress) -> ProgressBody:
        """Return the body of ``progress``."""
        return cls(bytes=progress.bytes_done, size=progress.size, rate=progress.rate, seconds_left=progress.left)


class RemarkBody(Body):
    """What somebody should know although it changes no verdict."""

    word: str
    text: str


class RehearsedBody(Body):
    """The last rehearsal of a restore of this very file: its ``content`` was loaded and compared by us, or the panel itself restored it."""

    at: Time | None
    kind: str
    verdict: str
    level: int
    failed: tuple[str, ...]

    @classmethod
    def of(cls, one: Rehearsed) -> RehearsedBody:
        """Return the body of ``one``."""
        return cls(at=Time.of(one.at), kind=one.kind, verdict=one.verdict, level=one.level, failed=one.failed)


class ArchiveBody(Body):
    """One file of a watched directory. ``download`` is where it can be fetched, by whoever may; None as long as it is not verified."""

    id: str
    path: str
    directory: str
    size: int
    modified: Time | None
    mode: str
    stable: bool
    format: str | None
    state: str
    verdict: str | None
    level: int | None
    reason: str | None
    message: str | None
    verified: Time | None
    entries: int | None
    sha1: str | None
    facts: Mapping[str, Scalar]
    remarks: tuple[RemarkBody, ...]
    rehearsed: RehearsedBody | None
    progress: ProgressBody | None
    download: str | None

    @classmethod
    def of(cls, file: ArchiveFile, now: ArchiveProgress | None) -> ArchiveBody:
        """Return the body of ``file``; ``now`` is its verification at work, if it is."""
        found, name = file.verification, archive_id(file)
        known = found.verdict is not None
        return cls(
            id=name,
            path=shown(file.path),
            directory=file.directory,
            size=file.identity.size,
            modified=Time.of(file.identity.mtime_ns / 1e9),
            mode=f"{file.mode:04o}",
            stable=file.stable,
            format=file.format,
            state="running" if now is not None and not known else found.state,
            verdict=found.verdict,
            level=found.level,
            reason=found.reason,
            message=found.message,
            verified=Time.of(found.at),
            entries=found.entries,
            sha1=found.sha1,
            facts=dict(found.facts),
            remarks=tuple(RemarkBody(word=word, text=text) for word, text in found.remarks),
            rehearsed=None if found.rehearsed is None else RehearsedBody.of(found.rehearsed),
            progress=None if now is None else ProgressBody.of(now),
            download=f"{ARCHIVES}/{name}" if found.sha1 and found.identity == file.identity else None,
        )


class QueueBody(Body):
    """What waits for verification: files and bytes at the last look; ``rate`` is the allowed bytes a second, 0 = any."""

    length: int
    bytes: int
    rate: float
    seconds: float | None
    paused: bool


class ArchivesAnswer(Body):
    """GET /api/v1/archives: the newest first, at most ``limit`` of ``total``."""

    queue: QueueBody
    total: int
    archives: tuple[ArchiveBody, ...]


def archives_answer(facts: ArchiveFacts, progress: tuple[ArchiveProgress, ...], directory: str | None, limit: int) -> ArchivesAnswer:
    """Return the answer about ``facts``, of one ``directory`` or of all."""
    files = [file for file in facts.files if directory in {None, file.directory}]
    files.sort(key=lambda file: (-file.identity.mtime_ns, file.path, file.directory))
    running = {(one.path, one.directory): one for one in progress}
    queue = QueueBody(
        length=facts.queue_length,
        bytes=facts.queue_bytes,
        rate=facts.rate,
        seconds=facts.queue_bytes / facts.rate if facts.rate else None,
        paused=facts.paused,
    )
    shown_files = tuple(ArchiveBody.of(file, running.get((file.path, file.directory))) for file in files[:limit])
    return ArchivesAnswer(queue=queue, total=len(files), archives=shown_files)


def archive_routes(app: FastAPI, backing: Backing, lane: Lane) -> None:
    """Add the list of archives."""

    @app.get(ARCHIVES)
    async def archives(
        directory: Annotated[str | None, Query(max_length=200)] = None, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
    ) -> ArchivesAnswer:
        """Return the archives of the watched directories, and how far their verification has come."""

        def asked() -> ArchivesAnswer:
            return archives_answer(backing.archives.facts() or ArchiveFacts(), backing.archives.progress(), directory, limit)

        return await lane.run(asked)
