"""The way into a namespace: opened, proven to be the right one, and entered by the calling thread, which must end afterwards.

A network namespace is entered with setns(2) by a short-lived thread and never left again: the thread's end is the way out. Files of another
mount namespace are reached through /proc/PID/root, one component at a time, so that no symbolic link in there leads out of it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from watchdog.collectors.wireguard.doors import SUFFIX, Door
from watchdog.collectors.wireguard.places import Place
from watchdog.errors import Blind, Forbidden, NotFound, Refused, Unplaced, WatchdogError
from watchdog.model.docker import Container

PROC = Path("/proc")
_CLONE_NEWNET = 0x40000000
_MOST_LINKS = 40
_MOST_SOCKETS = 1000
_CGROUP_SIZE = 1 << 16
_NEEDS = "it takes CAP_SYS_ADMIN, and CAP_SYS_PTRACE for containers (AmbientCapabilities=CAP_NET_ADMIN CAP_SYS_ADMIN CAP_SYS_PTRACE)"
_libc = ctypes.CDLL(None, use_errno=True)

Inode = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Way:
    """An open way: descriptors of a network namespace and, of a container, of its root directory (None = files are our own)."""

    netns: int
    inode: Inode
    root: int | None = None

    def enter(self) -> None:
        """Put the calling thread into the network namespace, for the rest of its life. Raise Forbidden or Refused."""
        if _libc.setns(self.netns, _CLONE_NEWNET) != 0:
            raise _failure(ctypes.get_errno(), "the network namespace")


def own_inode() -> Inode:
    """Return which network namespace the calling thread is in."""
    status = os.stat("/proc/thread-self/ns/net")  # noqa: PTH116  # beside its kin
    return status.st_dev, status.st_ino


@contextmanager
def open_way(place: Place) -> Iterator[Way]:
    """Open the way to a place. Raise its own error, NotFound, Forbidden, Unplaced (another process has the pid now), Blind or Refused."""
    if place.error is not None:
        raise place.error
    with ExitStack() as stack:
        if place.container is not None:
            yield _into_container(place.container, stack)
        else:
            netns = _open(str(place.path), os.O_RDONLY | os.O_NONBLOCK, None, f"'{place.path}'", stack)
            yield Way(netns, _inode(netns))


def _into_container(container: Container, stack: ExitStack) -> Way:
    what = f"the container '{container.name}'"
    # all through one descriptor: when the process ends and its pid is given to another, this leads nowhere instead of elsewhere
    process = _open(str(PROC / str(container.pid)), os.O_RDONLY | os.O_DIRECTORY, None, what, stack)
    cgroup = _open("cgroup", os.O_RDONLY, process, what, stack)
    if container.id.encode() not in os.read(cgroup, _CGROUP_SIZE):
        raise Unplaced(f"process {container.pid} is not of {what} on this host: its cgroup does not name it")
    netns = _open("ns/net", os.O_RDONLY, process, what, stack)
    root = _open("root", os.O_PATH | os.O_DIRECTORY, process, what, stack)
    return Way(netns, _inode(netns), root)


def _inode(descriptor: int) -> Inode:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _open(path: str, flags: int, directory: int | None, what: str, stack: ExitStack) -> int:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        raise _failure(error.errno or 0, what) from None
    stack.callback(os.close, descriptor)
    return descriptor


def _failure(code: int, what: str) -> WatchdogError:
    match code:
        case errno.ENOENT | errno.ESRCH:
            return NotFound(f"{what} is not there")
        case errno.EPERM | errno.EACCES:
            return Forbidden(f"may not look into {what}: {_NEEDS}")
        case errno.EINVAL:
            return Refused(f"{what} is no network namespace; after a restart of the host a plain file can stand where one was")
    return Blind(f"cannot look into {what}: {os.strerror(code)}")


def doors_inside(root: int, directories: tuple[Path, ...], label: str, stack: ExitStack) -> list[Door]:
    """Return the UAPI sockets in these directories below ``root`` (a descriptor); they can be used until ``stack`` is closed.

    Raise Forbidden for a directory that may not be listed, Blind for one with too many sockets.
    """
    doors: list[Door] = []
    for directory in directories:
        listed = _walk(root, str(directory), stack)
        if listed is None:
            continue
        shown = f"{label}:{directory}"
        try:
            names = [name for name in sorted(os.listdir(listed)) if name.endswith(SUFFIX) and name != SUFFIX]  # noqa: PTH208
        except OSError as error:
            raise _failure(error.errno or 0, f"'{shown}'") from None
        if len(names) > _MOST_SOCKETS:
            raise Blind(f"'{shown}' holds more than {_MOST_SOCKETS} sockets")
        for name in names:
            # held by a descriptor: what its owner puts at that name after this moment is not what we connect to
            held = _hold(name, listed)
            if held is not None:
                stack.callback(os.close, held)
                if stat.S_ISSOCK(os.fstat(held).st_mode):
                    doors.append(Door(name.removesuffix(SUFFIX), f"/proc/self/fd/{held}", f"{shown}/{name}", listed))
    return doors


def _hold(name: str, directory: int) -> int | None:
    try:
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None  # it vanished under us


def _walk(root: int, path: str, stack: ExitStack) -> int | None:
    """Return a listable descriptor of a directory below ``root``, None when there is none; symbolic links are followed inside only."""
    walked, ahead, links = [root], path.split("/")[::-1], 0
    try:
        while ahead:
            part = ahead.pop()
            if part in ("", "."):
                continue
            if part == "..":
                walked = walked[:-1] or [root]
                continue
            step = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=walked[-1])
            stack.callback(os.close, step)
            if not stat.S_ISLNK(os.fstat(step).st_mode):
                walked.append(step)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise Blind(f"too many symbolic links in '{path}'")
            target = os.readlink("", dir_fd=step)
            ahead += target.split("/")[::-1]
            if target.startswith("/"):
                walked = [root]
        listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=walked[-1])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _failure(error.errno or 0, f"'{path}' of another root") from None
    stack.callback(os.close, listed)
    return listed
