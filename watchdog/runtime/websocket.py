"""One conversation over a websocket (RFC 6455), with one deadline for all of it: enough to see whether a way to a console works.

No library: we send one text and read a few. No extension is offered, no redirect followed, and error texts name the operation and the
server, never a path, a header or a message: those hold tokens.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

from watchdog.errors import BadSettings, MalformedAnswer, Unreachable
from watchdog.runtime.answers import Answer, check
from watchdog.runtime.faults import translated
from watchdog.runtime.wire import Deadline, Tls, connect_tcp

LONGEST_HEAD: Final = 65536
LONGEST_MESSAGE: Final = 1 << 20
MOST_MESSAGES: Final = 200
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_SWITCHING: Final = 101

T = TypeVar("T")


def converse(
    operation: str, url: str, first: str, hear: Callable[[str], T | None], *, headers: Mapping[str, str], seconds: float, tls: Tls
) -> T:  # fmt: skip
    """Open ``url`` (ws or wss), send the text ``first``, and give each text that comes to ``hear`` until it returns anything but None.

    Raises Unreachable (also when the other side closes first), DeadlinePassed, MalformedAnswer, BadSettings, and what
    ``runtime.http.check`` makes of a handshake that is answered with another status than 101.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname or parts.username is not None:
        raise BadSettings(f"{operation}: the address of the websocket is not of the form ws://host or wss://host")
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    with translated(operation, parts.netloc, seconds), connect_tcp(parts.hostname, port, Deadline.after(seconds)) as plain:
        if parts.scheme == "ws":
            return _Talk(plain, operation, parts.netloc).all(_target(url), headers, first, hear)
        deadline = getattr(plain, "deadline", None)
        with tls.context().wrap_socket(plain, server_hostname=parts.hostname) as secure:
            secure.deadline = deadline  # type: ignore[attr-defined]  # runtime/wire's own class of TLS sockets
            return _Talk(secure, operation, parts.netloc).all(_target(url), headers, first, hear)


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class _Talk:
    """One connection: what has come and was not read yet."""

    def __init__(self, line: socket.socket, operation: str, server: str) -> None:
        self._line, self._operation, self._server = line, operation, server
        self._come = bytearray()

    def all(self, target: str, headers: Mapping[str, str], first: str, hear: Callable[[str], T | None]) -> T:
        self._shake_hands(target, headers)
        self._send(_TEXT, first.encode())
        for _ in range(MOST_MESSAGES):
            found = hear(self._text())
            if found is not None:
                self._send(_CLOSE, struct.pack(">H", 1000))
                return found
        raise self._malformed(f"said nothing of use in {MOST_MESSAGES} messages")

    def _shake_hands(self, target: str, headers: Mapping[str, str]) -> None:
        key = base64.b64encode(os.urandom(16))
        wanted = {
            "Host": self._server, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key.decode(), "User-Agent": "panel-watchdog", **headers,
        }  # fmt: skip
        if any("\r" in text or "\n" in text for text in (target, *wanted, *wanted.values())):
            raise BadSettings(f"{self._operation}: a header cannot be sent: it holds a line break")
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {text}" for name, text in wanted.items()), "", ""]
        self._line.sendall("\r\n".join(lines).encode())
        status, said = self._head()
        if status != _SWITCHING:
            check(Answer(status, said, b"", 0.0, self._operation, self._server))
            raise self._malformed(f"answered {status} to the handshake")
        accepted = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()).decode()
        if said.get("sec-websocket-accept") != accepted:
            raise self._malformed("does not speak websocket")

    def _head(self) -> tuple[int, Mapping[str, str]]:
        while b"\r\n\r\n" not in self._come:
            if len(self._come) > LONGEST_HEAD:
                raise self._malformed("sent a head without an end")
            self._more()
        head, _, rest = bytes(self._come).partition(b"\r\n\r\n")
        self._come = bytearray(rest)
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if not first.startswith("HTTP/1.") or len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004  # version and status
            raise self._malformed("does not speak proper HTTP")
        pairs = (line.partition(":") for line in lines)
        return int(words[1]), {name.strip().lower(): text.strip() for name, _, text in pairs}

    def _text(self) -> str:
        """Return the next text, and answer pings on the way."""
        whole = bytearray()
        while True:
            last, kind, payload = self._frame()
            match kind:
                case 0x8:
                    raise Unreachable(f"{self._operation}: {self._server} closed the websocket")
                case 0x9:
                    self._send(_PONG, payload)
                case 0x0 | 0x1 | 0x2:
                    whole += payload
                    if len(whole) > LONGEST_MESSAGE:
                        raise self._malformed(f"sent a message of more than {LONGEST_MESSAGE} bytes")
                    if last:
                        return whole.decode("utf-8", "replace")

    def _frame(self) -> tuple[bool, int, bytes]:
        first, second = self._take(2)
        if second & 0x80:
            raise self._malformed("masked its frames")
        size = second & 0x7F
        if size == 126:  # noqa: PLR2004  # RFC 6455, section 5.2
            (size,) = struct.unpack(">H", self._take(2))
        elif size == 127:  # noqa: PLR2004
            (size,) = struct.unpack(">Q", self._take(8))
        if size > LONGEST_MESSAGE:
            raise self._malformed(f"sent a frame of more than {LONGEST_MESSAGE} bytes")
        return bool(first & 0x80), first & 0x0F, self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._come) < size:
            self._more()
        taken = bytes(self._come[:size])
        del self._come[:size]
        return taken

    def _more(self) -> None:
        buffer = bytearray(16384)
        size = self._line.recv_into(buffer)  # keeps the deadline, see runtime/wire
        if not size:
            raise Unreachable(f"{self._operation}: {self._server} ended the connection")
        self._come += buffer[:size]

    def _send(self, kind: int, payload: bytes) -> None:
        mask = os.urandom(4)
        size = len(payload)
        if size < 126:  # noqa: PLR2004  # RFC 6455, section 5.2
            head = struct.pack(">BB", 0x80 | kind, 0x80 | size)
        elif size < 65536:  # noqa: PLR2004
            head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, size)
        self._line.sendall(head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload)))

    def _malformed(self, what: str) -> MalformedAnswer:
        return MalformedAnswer(f"{self._operation}: {self._server} {what}")
