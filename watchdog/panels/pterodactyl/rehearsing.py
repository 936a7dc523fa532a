"""A restore rehearsed as deep as it goes without Wings: every file of an archive unpacked into a scratch directory and compared.

Wings restores by walking the archive and writing each file into the server's volume (contract section 2.2). Here the same is done where
nobody lives: only regular files and directories are made, for our eyes only, without any bit of their mode; nothing can lead out of the
scratch directory, for no link is ever made in it. The archive was verified to its last byte before (level 2).
"""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from watchdog.model.drifts import Scalar
from watchdog.model.rehearsals import Rehearsal, RehearsalStep
from watchdog.model.transfers import Alive
from watchdog.panels.pterodactyl.naming import UUID, is_uuid, uuid_of
from watchdog.panels.pterodactyl.settings import NodeSettings, PterodactylSettings

MOST_ENTRIES: Final = 1_000_000
PIECE: Final = 1 << 20
_SHOWN: Final = 3
_LOG_BYTES: Final = 32 << 20
_TROUBLE: Final = (tarfile.TarError, EOFError, zlib.error, ValueError)
_ODD: Final = ("symlink", "hard link", "fifo", "device", "special")


class _Failed(Exception):
    """A step failed; the text says why."""


class _Full(Exception):
    """The room is used up."""


@dataclass(slots=True)
class _Unpacked:
    """What was unpacked: sizes by name, and what was passed over or changed on the way, each with how often."""

    sizes: dict[str, int] = field(default_factory=dict)
    odd: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    entries: int = 0
    twice: int = 0
    special_bits: int = 0


def rehearse(settings: PterodactylSettings, archive: BinaryIO, scratch: Path, room: int, alive: Alive) -> Rehearsal:
    """Unpack and compare; see ``model.rehearsals.Rehearsing``."""
    steps: list[RehearsalStep] = []
    done, cut = _Unpacked(), False
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as opened:
            _unpack(opened, scratch, room, done, alive)
        steps.append(RehearsalStep("unpack", True, f"{len(done.sizes)} files with {done.bytes} bytes were unpacked"))
        steps.append(_compared(scratch, done, alive))
    except _Full:
        why = f"only {len(done.sizes)} files fit into the scratch directory: give it more --room"
        steps.append(RehearsalStep("unpack", None, why))
        cut = True
    except _Failed as failed:
        steps.append(RehearsalStep("unpack", False, str(failed)))
    except _TROUBLE as error:
        steps.append(RehearsalStep("unpack", False, f"{type(error).__name__}: {error}"))
    except OSError as error:
        steps.append(RehearsalStep("unpack", None, f"the scratch directory: {error.strerror}"))
        cut = True
    steps += _notes(done)
    steps.append(_beside_the_volume(settings.node, archive, done))
    facts: dict[str, Scalar] = {"entries": done.entries, "files": len(done.sizes), "bytes": done.bytes, "passed_over": done.odd.total()}
    return Rehearsal("content", tuple(steps), tuple(sorted(facts.items())), cut)


def _unpack(opened: tarfile.TarFile, scratch: Path, room: int, done: _Unpacked, alive: Alive) -> None:
    while (member := opened.next()) is not None:
        opened.members.clear()  # type: ignore[attr-defined]  # it would keep every header of a million
        done.entries += 1
        if done.entries > MOST_ENTRIES:
            raise _Failed(f"more than {MOST_ENTRIES} entries: no volume of a server is like that")
        name = _name(member.name)
        if member.mode & 0o7000:
            done.special_bits += 1
        if member.isdir():
            _directory(scratch / name)
        elif member.isreg():
            _file(opened, member, scratch / name, room, done, alive)
            done.twice += name in done.sizes
            done.sizes[name] = member.size
        else:
            done.odd[_kind(member)] += 1
        alive()


def _name(name: str) -> str:
    """Return where an entry belongs below the scratch directory. Raises _Failed for a name that leads out of it."""
    pure = PurePosixPath(name)
    parts = [part for part in pure.parts if part != "."]
    if pure.is_absolute() or ".." in parts or "\0" in name:
        raise _Failed(f"the entry {name[:80]!r} leads out of the volume")
    return "/".join(parts)


def _directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise _Failed(f"the archive has a file and a directory of one name: {path.name!r}") from None


def _file(opened: tarfile.TarFile, member: tarfile.TarInfo, path: Path, room: int, done: _Unpacked, alive: Alive) -> None:
    source = opened.extractfile(member)
    if source is None:
        raise _Failed(f"the entry {member.name[:80]!r} has no content")
    _directory(path.parent)
    with suppress(FileNotFoundError, IsADirectoryError):
        path.unlink()  # a later entry of the same name is the one that stays, as in a restore
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise _Failed(f"the archive has a file and a directory of one name: {path.name!r}") from None
    with os.fdopen(descriptor, "wb") as written:
        while piece := source.read(PIECE):
            done.bytes += len(piece)
            if done.bytes > room:
                raise _Full
            written.write(piece)
            alive()


def _kind(member: tarfile.TarInfo) -> str:
    tests = (member.issym(), member.islnk(), member.isfifo(), member.isdev())
    return next((word for word, holds in zip(_ODD, tests, strict=False) if holds), _ODD[-1])


def _compared(scratch: Path, done: _Unpacked, alive: Alive) -> RehearsalStep:
    """Hold what lies in the scratch directory to the archive's headers: every name, every size, and nothing beside them."""
    found = 0
    for folder, _, names in os.walk(scratch):
        for name in names:
            path = Path(folder, name)
            wanted = done.sizes.get(path.relative_to(scratch).as_posix())
            if wanted is None or path.lstat().st_size != wanted:
                return RehearsalStep("compare", False, f"{name!r} is not what the archive says of it")
            found += 1
            alive()
    if found != len(done.sizes):
        return RehearsalStep("compare", False, f"{len(done.sizes)} files were unpacked and {found} are there")
    return RehearsalStep("compare", True, f"all {found} files are there, each of the size that the archive says")


def _notes(done: _Unpacked) -> list[RehearsalStep]:
    notes = []
    if not done.sizes:
        notes.append(RehearsalStep("content", None, "the archive has no file: was the volume empty, or is all of it ignored?"))
    if done.odd:
        told = ", ".join(f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in sorted(done.odd.items()))
        notes.append(RehearsalStep("passed over", None, f"not unpacked here: {told}"))
    if done.special_bits:
        notes.append(RehearsalStep("modes", None, f"{done.special_bits} entries are setuid, setgid or sticky; unpacked without that"))
    if done.twice:
        notes.append(RehearsalStep("names", None, f"{done.twice} names stand in it more than once; the last one counts"))
    return notes


# ---- the live volume, as information -----------------------------------------------------------------------------------------------------


def _beside_the_volume(node: NodeSettings | None, archive: BinaryIO, done: _Unpacked) -> RehearsalStep:
    """Say how much of the archive the server's volume has today. It proves nothing: a server lives on."""
    server = _whose(node, archive)
    if node is None or not server:
        return RehearsalStep("volume", None, "it is not known whose backup this is; it was compared with no volume")
    volume = node.volumes / server
    if not volume.is_dir():
        return RehearsalStep("volume", None, f"there is no volume of server {server} on this host")
    there = same = 0
    for name, size in done.sizes.items():
        with suppress(OSError):
            told = os.lstat(volume / name)
            there, same = there + 1, same + (told.st_size == size)
    said = f"of {len(done.sizes)} files the volume of server {server} has {there} today, {same} of the same size"
    return RehearsalStep("volume", True, said)


def _whose(node: NodeSettings | None, archive: BinaryIO) -> str:
    try:
        path = Path(f"/proc/self/fd/{archive.fileno()}").readlink()
    except (OSError, AttributeError, ValueError):
        return ""
    if is_uuid(path.parent.name):
        return path.parent.name  # Pelican
    uuid = uuid_of(path.name)
    return _by_log(node.log, uuid) if node is not None and uuid is not None else ""


def _by_log(log: Path, backup: str) -> str:
    """Return the server of a backup by Wings' log as it is now, the last 32 MiB of it; "" = not said there."""
    line = re.compile(rf"backup={backup}\b.*?\bserver=({UUID})".encode())
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_BYTES))
        for text in file:
            if found := line.search(text):
                return found[1].decode()
    return ""
