"""Long polls and the websocket: what holds a connection, and so a stop (contract section 2; longpoll.json, websocket.json)."""

from __future__ import annotations

import json
import struct
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from watchdog.panels.duplicati.fake import auth, durations, routes, shapes
from watchdog.panels.duplicati.fake.routes import BAD, Reply, refusal
from watchdog.panels.duplicati.fake.stamps import TICKS
from watchdog.runtime import frames
from watchdog.runtime.loopback import Asked

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

SHORTEST, LONGEST = 10.0, 3600.0
LOOK: Final = 0.05
_NOT_AUTHENTICATED: Final = 4401
_ASK: Final = "When activating long poll, the request must include the "


def is_long(asked: Asked) -> bool:
    """Whether a request is a long poll."""
    return asked.path == "/api/v1/serverstate" and asked.query.get("longpoll", "").lower() == "true"


def long_poll(world: DuplicatiWorld, asked: Asked, gone: threading.Event) -> Reply | None:
    """Answer a long poll: at once when something happened since, else when something does or its time is over. ``gone`` cuts it."""
    reply = routes.answer(world, asked)
    if reply is None or reply.status != routes.OK:
        return reply
    try:
        seen, seconds = _read(asked)
    except routes.Refused as refused:
        return refused.reply
    until = world.clock.now().mono + seconds
    while not gone.is_set():
        with world.lock:
            memory = world.catch_up()
            if memory is None:
                return None
            if memory.counters.events != seen or world.clock.now().mono >= until:
                return routes.told(shapes.state(world, memory))
        world.clock.wait(gone, LOOK)
    return None


def _read(asked: Asked) -> tuple[int, float]:
    query = {name.lower(): value for name, value in asked.query.items()}
    if not query.get("lasteventid", "").lstrip("-").isdigit():
        raise refusal(BAD, _ASK + "last event id")
    if "duration" not in query:
        raise refusal(BAD, _ASK + "duration")
    ticks = durations.parse(query["duration"], 0, old=False)
    seconds = -1.0 if ticks is None else ticks / TICKS
    if not SHORTEST <= seconds <= LONGEST:
        raise refusal(BAD, "The duration must be between 10 seconds and 1 hour")
    return int(query["lasteventid"]), seconds


def push(world: DuplicatiWorld, asked: Asked, incoming: BinaryIO, outgoing: BinaryIO, gone: threading.Event) -> None:
    """Hold a websocket: push the state at each event to whoever showed a good token; see ``_greet`` for those who did not."""
    reader = threading.Thread(target=_listen, args=(world, incoming, outgoing, gone), name="fake-duplicati-websocket", daemon=True)
    if not _greet(world, asked, outgoing):
        reader.start()
        gone.wait()
        return
    reader.start()
    seen = -1
    while not gone.is_set():
        with world.lock:
            memory = world.catch_up()
            told = None if memory is None or memory.counters.events == seen else shapes.state(world, memory, socket=True)
            seen = seen if told is None else int(told["LastEventID"])
        if told is not None:
            frames.write(outgoing, frames.TEXT, json.dumps(told).encode())
        gone.wait(LOOK)


def _greet(world: DuplicatiWorld, asked: Asked, outgoing: BinaryIO) -> bool:
    """Whether the token in the query is good. The 2.1.0 line ends it when not; later ones wait for a message with a token."""
    if auth.good(world, asked.query.get("token", "")):
        return True
    if world.release.old_line:
        frames.write(outgoing, frames.CLOSE, struct.pack(">H", _NOT_AUTHENTICATED) + b"User is not authenticated!")
    return False


def _listen(world: DuplicatiWorld, incoming: BinaryIO, outgoing: BinaryIO, gone: threading.Event) -> None:
    try:
        while (frame := frames.read(incoming)) is not None and frame[0] != frames.CLOSE:
            reply = _heard(world, frame[1]) if frame[0] == frames.TEXT and not world.release.old_line else None
            if reply is not None:
                frames.write(outgoing, frames.TEXT, json.dumps(reply).encode())
    except (OSError, ValueError):
        pass
    gone.set()


def _heard(world: DuplicatiWorld, content: bytes) -> dict[str, Any] | None:
    message = json.loads(content)
    if not isinstance(message, dict) or "Token" not in message:
        return None
    good = auth.good(world, str(message["Token"])) or message["Token"] in world.preauth
    told = "Authenticated successfully" if good else "Invalid token"
    return {"Version": 1, "Message": told, "Success": good, "Type": "auth"}
