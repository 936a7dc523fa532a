"""The two doors: a TCP address, and the control socket that is made so that nobody else's is ever taken over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from watchdog.errors import BadSettings
from watchdog.web.settings import parse_listen

_BACKLOG = 128
_LONGEST_PATH = 107  # bytes of sun_path (unix(7)), without its end
_PROBE_SECONDS = 2.0


def bind_tcp(listen: str) -> socket.socket:
    """Given ``HOST:PORT``, return a bound socket. Raise BadSettings naming the address and the way out."""
    host, port = parse_listen(listen)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise BadSettings(f"server.listen: {listen} cannot be used ({error.strerror}): write an address of this host") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # listen here and not in the server's thread: of two programs with SO_REUSEADDR the second one fails only now
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise BadSettings(
            f"server.listen: cannot listen on {listen} ({error.strerror}): stop what listens there, or set another address"
        ) from None
    sock.setblocking(False)
    return sock


@dataclass(frozen=True, slots=True)
class ControlSocket:
    """The bound control socket and where its file stands."""

    sock: socket.socket
    path: Path

    def close(self) -> None:
        """Close it and remove the file, unless somebody else answers there by now.

        Asking is the only proof: a successor's file may well have our old inode number.
        """
        self.sock.close()
        with contextlib.suppress(OSError, BadSettings), _locked(self.path.parent):
            _remove_dead(self.path)


def bind_control(path: Path) -> ControlSocket:
    """Make the control socket at ``path``, mode 0600 from its first moment. A dead one is replaced, a living one never.

    Raises BadSettings when the path cannot be used or another program answers there.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise BadSettings(f"the control socket's path '{path}' is longer than {_LONGEST_PATH} bytes: set a shorter server.control_socket")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # two programs starting at once: only one at a time may look and replace
        with _locked(path.parent):
            _remove_dead(path)
            os.fchmod(sock.fileno(), 0o600)  # Linux gives the file the mode of the unbound socket: never a moment with more
            sock.bind(os.fspath(path))
            sock.listen(_BACKLOG)
            sock.setblocking(False)
            return ControlSocket(sock, path)
    except OSError as error:
        sock.close()
        raise BadSettings(f"cannot make the control socket '{path}' ({error.strerror}): set server.control_socket") from None
    except BaseException:
        sock.close()
        raise


def _remove_dead(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise BadSettings(f"'{path}' is no socket: move it away or set another server.control_socket")
    if _answers(path):
        raise BadSettings(f"another panel-watchdog answers at '{path}': stop it, or set another server.control_socket (and ledger)")
    path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # a full queue, no permission: somebody may well be there
            return True
        return True


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
