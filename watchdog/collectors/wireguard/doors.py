"""The UAPI sockets of userspace devices: where they are, and whether one is still the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.errors import Forbidden

SUFFIX = ".sock"

Identity = tuple[int, int] | None


@dataclass(frozen=True, slots=True, eq=False)
class Door:
    """One UAPI socket: of which device, where to connect, and what a person is told about where it is.

    ``path`` and ``shown`` differ for sockets of other mount namespaces. ``directory`` is then a descriptor of theirs.
    """

    device: str
    path: str
    shown: str
    directory: int | None = None

    def identity(self) -> Identity:
        """Return which file stands at this name now, None = none."""
        try:
            if self.directory is None:
                status = os.stat(self.path)  # noqa: PTH116  # a look makes hundreds of these
            else:
                status = os.stat(f"{self.device}{SUFFIX}", dir_fd=self.directory, follow_symlinks=False)
        except OSError:
            return None
        return status.st_ino, status.st_ctime_ns


def find_sockets(directories: Iterable[Path]) -> list[Door]:
    """Return the UAPI sockets (``NAME.sock``) of these directories; a directory that is not there has none.

    Raise Forbidden naming a directory that may not be listed: then absence proves nothing.
    """
    found: list[Door] = []
    for directory in directories:
        try:
            names = sorted(os.listdir(directory))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            raise Forbidden(f"may not list '{directory}': run as root or give this user the right to read it") from None
        paths = [(name.removesuffix(SUFFIX), f"{directory}/{name}") for name in names if name.endswith(SUFFIX) and name != SUFFIX]
        found += [Door(name, path, path) for name, path in paths if _is_socket(path)]
    return found


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116
    except OSError:
        return False  # it vanished under us


def same_socket(before: Identity, now: Identity) -> bool:
    """Return whether one socket stood the whole time; one that was missing at either end did not."""
    return now is not None and before == now
