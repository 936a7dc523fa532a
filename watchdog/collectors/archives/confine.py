"""The walls a verifying child builds around itself before it looks at the first byte: they hold for good.

Each wall that the kernel or the user does not allow is named instead; the limits alone always hold.
Sources: getrlimit(2), prctl(2), landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

BASE = 96 << 20
"""Address space that the interpreter and its libraries map for themselves, besides what a check may use; more where they have more."""
_ROOM = 32 << 20
NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
# how many rights on files, and on TCP ports, each version of Landlock knows
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_FILE_RIGHTS, _PORT_RIGHTS, _FIRST_WITH_PORTS = 16, 2, 4


def confine(parent: int, memory: int, cpu: int) -> tuple[str, ...]:
    """Build every wall there is; return the words of those that stand. ``parent`` must live on: its end is ours.

    Nothing can be imported or opened afterwards. ``memory`` is bytes for the check itself, ``cpu`` seconds.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    space = memory + max(BASE, _mapped() + _ROOM)
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    os.nice(10)
    walls = ["limits"]
    if _become_nobody(libc, parent):
        walls.append("other_user")
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        walls.append("no_new_privileges")
        if _landlock(libc):
            walls.append("landlock")
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    return tuple(walls)


def _mapped() -> int:
    """Return the bytes that are mapped already: a large archive of locales alone can be 200 MiB. 0 where /proc does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return 0


def _become_nobody(libc: ctypes.CDLL, parent: int) -> bool:
    """Give up root for good. Return whether that was done: not for another user, nor where the user namespace has no nobody."""
    if os.geteuid() != 0:
        return False
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return False
    # a change of user takes the death signal away; without it we would outlive a killed parent
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:
        os._exit(125)
    return True


def _landlock(libc: ctypes.CDLL) -> bool:
    """Forbid every access to files, and to TCP ports where that is known, by a ruleset without a rule."""
    libc.syscall.restype = ctypes.c_long
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    files = (1 << _FILE_RIGHTS.get(version, _NEWEST_FILE_RIGHTS)) - 1
    ports = (1 << _PORT_RIGHTS) - 1 if version >= _FIRST_WITH_PORTS else 0
    attributes = struct.pack("<QQ", files, ports) if ports else struct.pack("<Q", files)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    done = libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(done)
