"""A websocket server of a few lines, for conversations played by a function."""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
from collections.abc import Callable

from tests.support.http_server import Play, answer

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accepted(request: bytes, key: bytes | None = None) -> bytes:
    """Return the head of a 101 to a handshake; ``key`` overrides the accepted one."""
    sent = next(line.split(b": ", 1)[1] for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
    accept = key or base64.b64encode(hashlib.sha1(sent + _MAGIC, usedforsecurity=False).digest())
    lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + accept)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def frame(payload: bytes, kind: int = 1, *, last: bool = True) -> bytes:
    """Return one frame of a server."""
    first = (0x80 if last else 0) | kind
    if len(payload) < 126:
        return struct.pack(">BB", first, len(payload)) + payload
    if len(payload) < 65536:
        return struct.pack(">BBH", first, 126, len(payload)) + payload
    return struct.pack(">BBQ", first, 127, len(payload)) + payload


def heard(connection: socket.socket) -> tuple[int, bytes]:
    """Read one masked frame of a client; return its kind and its payload."""

    def take(size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            more = connection.recv(size - len(taken))
            if not more:
                raise ConnectionError("the client ended the connection")
            taken += more
        return taken

    first, second = take(2)
    assert second & 0x80, "a client masks its frames"
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", take(2))
    elif size == 127:
        (size,) = struct.unpack(">Q", take(8))
    mask = take(4)
    return first & 0x0F, bytes(byte ^ mask[place % 4] for place, byte in enumerate(take(size)))


def conversation(play: Callable[[socket.socket], None]) -> Play:
    """Return what shakes hands and then lets ``play`` talk; any other request is answered 404."""

    def whole(connection: socket.socket, request: bytes) -> None:
        if b"sec-websocket-key:" not in request.lower():
            connection.sendall(answer(404))
            return
        connection.sendall(accepted(request))
        play(connection)

    return whole
