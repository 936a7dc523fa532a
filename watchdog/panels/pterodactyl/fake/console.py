"""Wings' websocket: origin, upgrade, the token's ways to be wrong (router/websocket/websocket.go@v1.11.11; seen on the real one)."""

from __future__ import annotations

import json
import uuid as uuids
from typing import TYPE_CHECKING, Any, BinaryIO

from watchdog.panels.pterodactyl.fake import tokens
from watchdog.runtime import frames

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.environment import Environment
    from watchdog.panels.pterodactyl.fake.wings import FakeWings

UNEXPECTED = "an unexpected error was encountered while handling this request"
NO_TOKEN, MISMATCH = "jwt: no jwt present", "jwt: server uuid mismatch"


def converse(wings: FakeWings, server: Environment, reader: BinaryIO, writer: BinaryIO) -> None:
    """Talk until the client goes; nothing is said before it has shown a token."""
    known: dict[str, Any] | None = None
    while (frame := frames.read(reader)) is not None:
        kind, content = frame
        if kind == frames.CLOSE:
            frames.write(writer, frames.CLOSE, content)
            return
        if kind == frames.PING:
            frames.write(writer, frames.PONG, content)
        message = _message(content) if kind == frames.TEXT else None
        if message is None:
            continue
        if message.get("event") != "auth":
            if trouble := _still(known, server):
                _say(writer, "jwt error", trouble)
            continue
        known = _authenticate(wings, server, message, writer) or known


def _authenticate(wings: FakeWings, server: Environment, message: dict[str, Any], writer: BinaryIO) -> dict[str, Any] | None:
    token = tokens.read("".join(map(str, message.get("args") or ())), wings.token)
    if token is None:
        _say(writer, "daemon error", _event(UNEXPECTED))  # a wrong signature is no error of a token's
        return None
    now = wings.clock.now().wall
    trouble = ""
    if now > float(token.get("exp", 0)):
        trouble = "jwt: exp claim is invalid"
    elif float(token.get("iat", 0)) < int(wings.began):
        trouble = "jwt: created too far in past (denylist)"
    elif not {"*", "websocket.connect"} & set(token.get("permissions", ())):
        trouble = "jwt: missing connect permission"
    if trouble:
        _say(writer, "jwt error", _event(trouble))
        return None
    _say(writer, "auth success")
    if (mismatch := _still(token, server)) is not None:
        _say(writer, "jwt error", mismatch)
        return token
    _say(writer, "status", server.state)
    return token


def _still(token: dict[str, Any] | None, server: Environment) -> str | None:
    if token is None:
        return NO_TOKEN
    return MISMATCH if token.get("server_uuid") != server.uuid else None


def _event(text: str) -> str:
    return f"Error Event [{uuids.uuid4()}]: {text}"


def _message(content: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(content)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _say(writer: BinaryIO, event: str, *args: str) -> None:
    message: dict[str, Any] = {"event": event} | ({"args": list(args)} if args else {})
    frames.write(writer, frames.TEXT, json.dumps(message, separators=(",", ":")).encode() + b"\n")
