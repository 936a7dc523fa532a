"""The server's side of a websocket (RFC 6455), as far as fakes need it: handshake, text frames, ping, close."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import BinaryIO, Final

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
_MAGIC: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SHORT, _LONG = 126, 127


def accept(key: str) -> str:
    """Return what answers a client's Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + _MAGIC).encode(), usedforsecurity=False).digest()).decode("ascii")


def read(stream: BinaryIO) -> tuple[int, bytes] | None:
    """Return (kind, content) of the next frame, None at the end of the connection."""
    head = stream.read(2)
    if len(head) < 2:  # noqa: PLR2004
        return None
    kind, length = head[0] & 15, head[1] & 127
    if length == _SHORT:
        (length,) = struct.unpack(">H", stream.read(2))
    elif length == _LONG:
        (length,) = struct.unpack(">Q", stream.read(8))
    mask = stream.read(4) if head[1] & 128 else bytes(4)
    content = stream.read(length)
    return kind, bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))


def write(stream: BinaryIO, kind: int, content: bytes) -> None:
    """Send one whole frame."""
    length = len(content)
    head = bytes([128 | kind])
    if length < _SHORT:
        head += bytes([length])
    elif length < 1 << 16:
        head += bytes([_SHORT]) + struct.pack(">H", length)
    else:
        head += bytes([_LONG]) + struct.pack(">Q", length)
    stream.write(head + content)
    stream.flush()
