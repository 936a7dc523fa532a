"""An archive in parts: ``NAME.001``, ``NAME.002`` ... Splitting, and joining again; both in bounded memory.

Until the last byte is on the disk every file is called ``.watchdog.part``; the manifest (``manifests``) comes last: without one there is
no set.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, Self

from watchdog.errors import MalformedAnswer, Refused, Temporary
from watchdog.runtime.manifests import END, MOST_PARTS, OPEN, Manifest, Part, manifest_text, read_manifest
from watchdog.runtime.partfile import SUFFIX, free_bytes, sync_directory, translated, writer_lives

_CHUNK: Final = 1 << 20
_ROOM_EVERY: Final = 32 << 20


# ---- splitting ---------------------------------------------------------------------------------------------------------------------------


class SplitWriter:
    """Takes an archive as it comes and writes it as parts of ``volume`` bytes beside ``final``, the path that the whole would have.

    A context manager: leaving it before ``finish`` deletes what it has written. ``floor`` bytes must stay free on the file system.
    Everything here raises Refused (in the way, no permission) or Temporary (no room).
    """

    def __init__(self, final: Path, volume: int, floor: int = 0) -> None:
        if volume < 1:
            raise Refused("a part must have at least one byte")
        self.manifest_path = final.with_name(final.name + END)
        self._final, self._volume, self._floor = final, volume, floor
        self._whole = hashlib.sha256()
        self._size = 0
        self._room_at = 0
        self._parts: list[Part] = []
        self._written: list[Path] = []
        self._descriptor = -1
        self._hash = hashlib.sha256()
        self._filled = 0
        if os.path.lexists(self.manifest_path):
            raise Refused(f"{self.manifest_path.name} is there already")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        for path in self._written:
            with suppress(OSError):
                path.unlink()
        self._written = []

    def write(self, piece: bytes) -> None:
        """Add the next bytes, whole."""
        view = memoryview(piece)
        while view:
            if self._descriptor < 0:
                self._begin()
            taken = view[: self._volume - self._filled]
            with translated(self._final):
                done = os.write(self._descriptor, taken)
            self._hash.update(taken[:done])
            self._whole.update(taken[:done])
            self._filled += done
            self._size += done
            view = view[done:]
            if self._filled == self._volume:
                self._end()

    def finish(self) -> Manifest:
        """Close the last part, give all parts their names, write the manifest; return it."""
        if self._descriptor >= 0 or not self._parts:
            if self._descriptor < 0:
                self._begin()
            self._end()
        manifest = Manifest(self._final.name, self._size, self._whole.hexdigest(), tuple(self._parts))
        with translated(self._final):
            self._publish(manifest)
        return manifest

    def _publish(self, manifest: Manifest) -> None:
        folder = self._final.parent
        goals = [folder / part.name for part in manifest.parts]
        for goal in (*goals, self.manifest_path):
            if os.path.lexists(goal):
                raise Refused(f"{goal.name} has appeared meanwhile")
        # the names first: a crash in between leaves parts without a manifest, never a manifest without its parts
        for index, goal in enumerate(goals):
            self._written[index].rename(goal)
            self._written[index] = goal
        note = self.manifest_path.with_name(self.manifest_path.name + SUFFIX)
        self._written.append(note)
        _write_whole(note, manifest_text(manifest).encode())
        note.rename(self.manifest_path)
        self._written = []
        sync_directory(folder)

    def _begin(self) -> None:
        if len(self._parts) >= MOST_PARTS:
            raise Refused(f"more than {MOST_PARTS} parts: choose a larger size for each")
        goal = self._final.with_name(f"{self._final.name}.{len(self._parts) + 1:03}")
        path = goal.with_name(goal.name + SUFFIX)
        with translated(path):
            if os.path.lexists(goal):
                raise Refused(f"{goal.name} is there already")
            if self._size >= self._room_at:
                self._room_at = self._size + _ROOM_EVERY
                if free_bytes(self._final.parent) < self._floor:
                    raise Temporary(f"too little room on the file system of {self._final.parent}: stopped before it is full")
            self._descriptor = _create(path)
        self._written.append(path)
        self._hash, self._filled = hashlib.sha256(), 0

    def _end(self) -> None:
        with translated(self._final):
            os.fsync(self._descriptor)
        self._parts.append(Part(f"{self._final.name}.{len(self._parts) + 1:03}", self._filled, self._hash.hexdigest()))
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def split(path: Path, volume: int, to: Path | None = None, *, floor: int = 0) -> Path:
    """Write the file at ``path`` as parts of ``volume`` bytes into the folder ``to`` (default: beside it); return the manifest's path.

    The file itself stays. Raises what SplitWriter raises, and Refused when it changes meanwhile or is no regular file.
    """
    folder = path.parent if to is None else to
    with translated(path), ExitStack() as open_files:
        descriptor = os.open(path, OPEN)
        open_files.callback(os.close, descriptor)
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise Refused(f"{path.name} is no regular file")
        writer = open_files.enter_context(SplitWriter(folder / path.name, volume, floor))
        for piece in _pieces(descriptor):
            writer.write(piece)
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise Refused(f"{path.name} changed while it was split")
        writer.finish()
        return writer.manifest_path


# ---- joining -----------------------------------------------------------------------------------------------------------------------------


def join(manifest_path: Path, to: Path | None = None, *, force: bool = False, watch: Callable[[int, int], None] | None = None) -> Path:
    """Join the parts that the manifest names into ``to`` (default: the name in the manifest, beside it); return its path.

    Each part is compared while it is read, and the whole at the end; on any difference nothing is left behind and MalformedAnswer names the
    part. What lies at ``to`` is only replaced by ``force``. ``watch`` is told (bytes done, bytes in all). Raises Refused or Temporary too.
    """
    manifest = read_manifest(manifest_path)
    folder = manifest_path.parent
    goal = folder / manifest.name if to is None else to
    if goal in {manifest_path, *(folder / part.name for part in manifest.parts)}:
        raise Refused(f"{goal.name} is one of the parts")
    if os.path.lexists(goal) and not force:
        raise Refused(f"{goal} is there already: --force replaces it")
    path = goal.with_name(goal.name + SUFFIX)
    with translated(path):
        if free_bytes(path.parent) < manifest.size:
            raise Temporary(f"the file system of {path.parent} has no room for {manifest.size} bytes")
        descriptor = _create(path)
        try:
            with os.fdopen(descriptor, "wb", buffering=0):
                _join(manifest, folder, descriptor, watch or _unwatched)
                os.fsync(descriptor)
                # its lock is still held: nobody takes it for a leftover
                _give_name(path, goal, force=force)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
        sync_directory(goal.parent)
    return goal


def _unwatched(_done: int, _total: int) -> None:
    """Nobody watches."""


def _give_name(path: Path, goal: Path, *, force: bool) -> None:
    if force:
        path.rename(goal)
        return
    # a hard link never replaces; where there are none, the look before has to do
    try:
        goal.hardlink_to(path)
    except FileExistsError:
        raise Refused(f"{goal} has appeared meanwhile") from None
    except OSError:
        if os.path.lexists(goal):
            raise Refused(f"{goal} has appeared meanwhile") from None
        path.rename(goal)
    else:
        path.unlink()


def _join(manifest: Manifest, folder: Path, target: int, watch: Callable[[int, int], None]) -> None:
    whole, done = hashlib.sha256(), 0
    for part in manifest.parts:
        hashed, size = hashlib.sha256(), 0
        for piece in _part_pieces(folder / part.name):
            size += len(piece)
            if size > part.size:
                break
            hashed.update(piece)
            whole.update(piece)
            view = memoryview(piece)
            while view:
                view = view[os.write(target, view) :]
            done += len(piece)
            watch(done, manifest.size)
        if size != part.size:
            raise MalformedAnswer(f"{part.name} has {'more' if size > part.size else 'fewer'} bytes than the manifest says: {part.size}")
        if hashed.hexdigest() != part.sha256:
            raise MalformedAnswer(f"{part.name} has other bytes than the manifest says")
    if whole.hexdigest() != manifest.sha256:
        raise MalformedAnswer(
            "every part is as the manifest says, and together they are not the whole: their order or the manifest is wrong"
        )


def _part_pieces(path: Path) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, OPEN)
    except FileNotFoundError:
        raise MalformedAnswer(f"{path.name} is missing") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MalformedAnswer(f"{path.name} is no regular file")
        yield from _pieces(descriptor)
    finally:
        os.close(descriptor)


def _pieces(descriptor: int) -> Iterator[bytes]:
    while piece := os.read(descriptor, _CHUNK):
        yield piece


def _write_whole(path: Path, content: bytes) -> None:
    with os.fdopen(_create(path), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _create(path: Path) -> int:
    """Make a new file for our eyes only and lock it; one whose writer is dead is a leftover of ours and goes first. Raises OSError."""
    with suppress(FileNotFoundError):
        if stat.S_ISREG(os.lstat(path).st_mode) and not writer_lives(path):
            path.unlink()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor
