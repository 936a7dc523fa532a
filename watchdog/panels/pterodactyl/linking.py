"""The shelf of hard links: a second name for an archive in a directory of ours beside the archives, so that no deletion is the last.

A link has the same inode, so it follows a growing file and costs no space until its original goes (contract section 3.8). Nothing here
writes over a name or removes a file's last name unless it is told that the panel's record is gone as well.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from watchdog.errors import NotFound, Refused, Temporary
from watchdog.model.archives import Identity
from watchdog.model.drifts import Scalar
from watchdog.panels.pterodactyl.naming import SUFFIX, is_uuid
from watchdog.runtime.partfile import sync_directory, translated

WHAT: Final = "archive_link"
"""What a holding of ours on a backup is called; guard and repairs share it, for they share the link."""
UNDO: Final = "drop_link"
CALM: Final = 150.0
"""Seconds after a record's completion for which its link stays: Wings tries for 30 s to report, and then deletes (section 0)."""
_OTHERS: Final = 0o077


class Shelf:
    """The guard directory: ``directory`` is where links are, ``backups`` where Wings keeps its archives, on the same file system."""

    def __init__(self, directory: Path, backups: Path) -> None:
        self.directory = directory
        self.backups = backups

    def link(self, uuid: str) -> Path:
        """Return the name that a backup's link has here. Raises Refused for what is no canonical UUID."""
        if not is_uuid(uuid):
            raise Refused(f"'{uuid[:40]}' is no canonical UUID")
        return self.directory / f"{uuid}{SUFFIX}"

    def keep(self, uuid: str, source: Path, identity: Identity, *, durable: bool = True) -> Path:
        """Give the file at ``source`` its second name; return it. Done already is fine, and a file that still grows is the same file.

        ``durable``: wait until the disk has it. Where a moment counts more it may be left to the disk: without power Wings deletes nothing.

        Raises NotFound when nothing is at ``source``, Refused when it is another file, when the file system has no hard links or is not
        the same, or when this may not be done; Temporary when the disk fails.
        """
        link = self.link(uuid)
        self.open()
        try:
            os.link(source, link, follow_symlinks=False)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise NotFound(f"there is no '{source}'") from None
        except OSError as error:
            raise _refusal(link, error) from None
        with translated(link):
            if _file(link) != (identity.device, identity.inode):
                self._unmade(link, source)
                raise Refused(f"{link} or {source} is another file than the one that was judged")
            if durable:
                sync_directory(self.directory)
        return link

    def put_back(self, link: Path, path: Path) -> bool:
        """Give the kept file its old name ``path`` again; return whether that was needed. Never over another file.

        Raises Refused when another file is there, NotFound when the link is gone, and as ``keep``.
        """
        try:
            os.link(link, path, follow_symlinks=False)
        except FileExistsError:
            with translated(path):
                if not os.path.samestat(os.lstat(path), os.lstat(link)):
                    raise Refused(f"another file is at {path} now: {link} is kept") from None
            return False
        except FileNotFoundError:
            raise NotFound(f"{link} or the directory of {path} is not there any more") from None
        except OSError as error:
            raise _refusal(path, error) from None
        with translated(path):
            sync_directory(path.parent)
        return True

    def drop(self, uuid: str, path: Path, *, deleted: bool = False) -> bool:
        """Let go of a link whose original is at ``path``; return whether there was one to let go of.

        ``deleted``: the panel's record is gone, so the last name may go, too. Raises Refused when it would be the last name otherwise.
        """
        link = self.link(uuid)
        with translated(link):
            if not os.path.lexists(link):
                return False
            # two names of one file, and not one name looked at twice
            if not deleted and not (
                os.path.lexists(path) and os.path.samestat(told := os.lstat(path), os.lstat(link)) and told.st_nlink > 1
            ):
                raise Refused(f"{link} is the only name of its file: it is kept")
            link.unlink(missing_ok=True)
            sync_directory(self.directory)
        return True

    def open(self) -> None:
        """Make the directory, for us alone. Raises Refused when it is not ours alone or on another file system."""
        with translated(self.directory):
            self.directory.mkdir(mode=0o700, exist_ok=True)
            told, there = os.lstat(self.directory), self.backups.stat()
            if not stat.S_ISDIR(told.st_mode):
                raise Refused(f"{self.directory} is no directory")
            if told.st_uid != os.geteuid() or stat.S_IMODE(told.st_mode) & _OTHERS:
                raise Refused(f"{self.directory} must belong to this program's user and to nobody else (chmod 700)")
            if told.st_dev != there.st_dev:
                raise Refused(f"{self.directory} is not on the file system of {self.backups}: a hard link cannot be made")

    def _unmade(self, link: Path, source: Path) -> None:
        """Take back a link that was made this moment of a file that is not the one meant; its original keeps it alive."""
        if os.path.lexists(source) and os.path.samestat(os.lstat(source), os.lstat(link)):
            link.unlink(missing_ok=True)


def identity_at(path: Path) -> Identity | None:
    """Return the identity of the regular file at ``path``; None when there is none. Raises OSError when one cannot look."""
    try:
        told = os.lstat(path)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(told.st_mode):
        return None
    return Identity(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)


def _file(path: Path) -> tuple[int, int] | None:
    found = identity_at(path)
    return (found.device, found.inode) if found is not None else None


def holding_parameters(link: Path, path: Path, identity: Identity) -> dict[str, Scalar]:
    """Return what the record of a held link says: enough to undo it by hand."""
    return {"link": str(link), "path": str(path), "device": identity.device, "inode": identity.inode}


def _refusal(path: Path, error: OSError) -> Refused | Temporary:
    if error.errno == errno.EXDEV:
        return Refused(f"{path}: not on the same file system, so no hard link can be made")
    if error.errno in {errno.EPERM, errno.EACCES, errno.EROFS, errno.EOPNOTSUPP, errno.EMLINK}:
        return Refused(f"{path}: {error.strerror}: no hard link can be made here, by this program's user or on this file system")
    return Temporary(f"{path}: {error.strerror}")
