"""Reading a whole body within a bound."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Receive


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes | None:
    """Return the whole body, or None when it has more than ``limit`` bytes or its sender left: half an order is no order."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > limit:
        return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)
