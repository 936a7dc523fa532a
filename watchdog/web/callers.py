"""Who is calling: over TCP nobody in particular, on the control socket the user id that the kernel vouches for."""

from __future__ import annotations

import ipaddress
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Literal

Listener = Literal["tcp", "control"]
LISTENERS: tuple[Listener, ...] = ("tcp", "control")
_UCRED = struct.Struct("3i")  # pid, uid, gid (unix(7), SO_PEERCRED)
_ROOT = 0
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Caller:
    """One connection's other side. ``uid`` only on the control socket; ``local`` is whether it came in over a loopback address."""

    listener: Listener
    uid: int | None = None
    local: bool = True

    @property
    def trusted(self) -> bool:
        """Whether the kernel says that this is root or our own user: then no token is asked for."""
        return self.uid is not None and self.uid in {_ROOT, os.geteuid()}

    def named(self, who: str | None) -> str:
        """Return the name for the record: what the caller calls itself, and how it came in."""
        how = "api token" if self.uid is None else f"control socket, {_user(self.uid)}"
        shown = "".join(letter for letter in who or "" if letter.isprintable()).strip()[:_LONGEST_NAME]
        return f"{shown} ({how})" if shown else how


def caller_of(connection: socket.socket) -> Caller:
    """Given an accepted connection, return who is on its other side."""
    if connection.family == socket.AF_UNIX:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return Caller("control", _UCRED.unpack(credentials)[1])
    try:
        address = ipaddress.ip_address(str(connection.getsockname()[0]).partition("%")[0])
    except (OSError, ValueError):  # gone already
        return Caller("tcp")
    mapped = getattr(address, "ipv4_mapped", None)
    return Caller("tcp", local=(mapped or address).is_loopback)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
