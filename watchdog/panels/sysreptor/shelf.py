"""What lies in the directories of backups: each file with how it stands, as far as it was verified. Pure.

A file counts only by the result of a verification of that very file (device, inode, size, mtime_ns). What is still being written, queued or
verified is pending: neither there nor missing (house rule 14).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Final, Literal

from watchdog.model.archives import ArchiveFacts, ArchiveFile, Verification, WatchedDirectory
from watchdog.model.drifts import Scalar
from watchdog.model.moments import Moment
from watchdog.model.needs import DirectoryNeed, FilesystemNeed
from watchdog.model.snapshots import Actual
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.view import MICROSECONDS

Standing = Literal["good", "bad", "unverifiable", "pending"]
MEANING: Final = "watchdog.panels.sysreptor.meaning"
QUARANTINE_FOLDER: Final = "quarantine"
_MEANING_LEVEL: Final = 3
_NANOSECONDS: Final = 1e9


@dataclass(frozen=True, slots=True)
class Backup:
    """One file and how it stands. ``told`` is what its meaning told, only of a good one; see ``meaning.py`` for the names."""

    file: ArchiveFile
    standing: Standing
    told: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the file's name without its directory."""
        return PurePosixPath(self.file.path).name

    @property
    def changed_at(self) -> float:
        """When its bytes last changed, in UNIX seconds of this host."""
        return self.file.identity.mtime_ns / _NANOSECONDS

    @property
    def made_at(self) -> float:
        """When what is in it was true, in UNIX seconds: by its stats.json, else by its own row in the log, else when it changed.

        Never later than it changed: a panel whose clock goes ahead makes no backup younger.
        """
        told = self.number("finished_us")
        told = self.number("log_us") if told is None else told
        return self.changed_at if told is None else min(told / MICROSECONDS, self.changed_at)

    @property
    def bytes(self) -> int:
        """Return its size."""
        return self.file.identity.size

    @property
    def version(self) -> str:
        """Return the release that made it, "" = not known."""
        return str(self.told.get("version") or "")

    @property
    def verification(self) -> Verification:
        """Return its verification."""
        return self.file.verification

    def number(self, name: str) -> int | None:
        """Return a whole number that the meaning told, None = it did not."""
        value = self.told.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class Shelf:
    """All backups of one target, newest first.

    ``reason`` is "" when every directory was seen whole; else nothing is known to be missing. ``stale``: none of it is known to be so now.
    """

    backups: tuple[Backup, ...] = ()
    parts: tuple[ArchiveFile, ...] = ()
    reason: str = ""
    message: str = ""
    stale: bool = False

    @property
    def clear(self) -> bool:
        """Whether what is not here is not there."""
        return not self.reason

    def of(self, standing: Standing) -> tuple[Backup, ...]:
        """Return the backups that stand so, newest first."""
        return tuple(each for each in self.backups if each.standing == standing)

    @property
    def newest_good(self) -> Backup | None:
        """Return the newest verified backup."""
        return next(iter(self.of("good")), None)

    def newest_good_after(self, at: float) -> Backup | None:
        """Return the newest verified backup if it was made at ``at`` (UNIX seconds) or later."""
        newest = self.newest_good
        return newest if newest is not None and newest.made_at >= at else None

    def undecided_since(self, at: float) -> Backup | None:
        """Return a file changed at ``at`` (UNIX seconds) or later of which nobody knows yet, or can know, whether it is good."""
        every = (*self.of("pending"), *self.of("unverifiable"))
        return next((each for each in every if each.changed_at >= at), None)


def directories(settings: SysreptorSettings) -> tuple[DirectoryNeed, ...]:
    """Return what is to be watched of one target."""
    backups, own = settings.backups, settings.run.directory
    meaning = MEANING if backups.level >= _MEANING_LEVEL else ""
    key = str(settings.aes_key_file or "")
    name = settings.name
    found = [
        DirectoryNeed(
            f"{name}:backups", str(backups.path), backups.pattern, backups.level, meaning=meaning, key_file=key,
            rehearse_every=backups.rehearse_every,
        )
    ]  # fmt: skip
    if own is not None and own != backups.path:
        found.append(DirectoryNeed(f"{name}:own", str(own), backups.pattern, backups.level, meaning=meaning, key_file=key))
    found.append(DirectoryNeed(f"{name}:parts", str(own or backups.path), "*.part", 0))
    return tuple(found)


def filesystems(settings: SysreptorSettings) -> tuple[FilesystemNeed, ...]:
    """Return whose free space matters: where backups are made, then where a restore writes."""
    restore = (FilesystemNeed(f"{settings.name}:restore:{path}", str(path)) for path in settings.backups.restore_paths)
    return (FilesystemNeed(f"{settings.name}:backups", str(settings.run.directory or settings.backups.path)), *restore)


def look(settings: SysreptorSettings, actual: Actual, now: Moment) -> Shelf:
    """Return what lies there. ``now`` decides whether the snapshot is young enough."""
    snapshot = actual.archives
    if snapshot is None or snapshot.facts is None:
        return Shelf(reason="archives_unknown", message="no directory of archives has been looked at yet", stale=True)
    facts, names = snapshot.facts, {need.name for need in directories(settings)}
    shelf = _without_work(_shelf(facts, f"{settings.name}:parts", names), now.wall - settings.backups.stable_after)
    if not snapshot.success or not snapshot.fresh(now):
        message = "our look at the directories of archives failed, or is old"
        return Shelf(shelf.backups, shelf.parts, "archives_stale", message, stale=True)
    seen = {each.name: each for each in facts.directories if each.name in names}
    for name in sorted(names):
        one = seen.get(name)
        if one is None or one.error is not None:
            return Shelf(shelf.backups, shelf.parts, "directory_unreadable", _unreadable(one))
    return shelf


def _without_work(shelf: Shelf, since: float) -> Shelf:
    """Call what changed after ``since`` (UNIX seconds) and looks bad pending: whoever writes it may only be slow."""
    backups = (replace(each, standing="pending") if each.standing == "bad" and each.changed_at > since else each for each in shelf.backups)
    return replace(shelf, backups=tuple(backups))


def last_seen(target: str, actual: Actual) -> Shelf | None:
    """Return what lay there when the directories of ``target`` were last looked at, however long ago; None = never. For metrics."""
    if actual.archives is None or actual.archives.facts is None:
        return None
    return _shelf(actual.archives.facts, f"{target}:parts", {f"{target}:{word}" for word in ("backups", "own", "parts")})


def _unreadable(directory: WatchedDirectory | None) -> str:
    if directory is None:
        return "a directory of backups has not been looked at yet"
    return f"{directory.path} cannot be looked at whole ({directory.error})"


def _shelf(facts: ArchiveFacts, parts: str, names: set[str]) -> Shelf:
    own = [each for each in facts.files if each.directory in names]
    seen: dict[str, Backup] = {}
    for file in own:
        folders = PurePosixPath(file.path).parent.parts
        if file.directory != parts and QUARANTINE_FOLDER not in folders[-2:] and not file.path.endswith(".part"):
            seen.setdefault(file.path, _backup(file))
    ordered = sorted(seen.values(), key=lambda each: (-each.made_at, each.file.path))
    return Shelf(tuple(ordered), tuple(_parts(own, parts)))


def _parts(files: list[ArchiveFile], name: str) -> Iterator[ArchiveFile]:
    yield from sorted((each for each in files if each.directory == name), key=lambda each: each.path)


def _backup(file: ArchiveFile) -> Backup:
    verification = file.verification
    if verification.state != "result" or verification.identity != file.identity or verification.verdict is None:
        return Backup(file, "pending")
    told = dict(verification.facts) if verification.verdict == "good" else {}
    return Backup(file, verification.verdict, told)
