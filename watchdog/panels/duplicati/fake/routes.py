"""The API over one world: which path and method does what, and what it answers (WebserverCore/Endpoints/V1)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from watchdog.panels.duplicati.fake import auth, pausing, shapes
from watchdog.runtime.loopback import Asked

if TYPE_CHECKING:
    from watchdog.panels.duplicati.fake.memory import Memory
    from watchdog.panels.duplicati.fake.rows import Job, Task
    from watchdog.panels.duplicati.fake.state import DuplicatiWorld

JSON: Final = "application/json; charset=utf-8"
ERROR: Final = "application/json"
_NO_STORE: Final = {"Cache-Control": "no-cache,no-store"}
OK, BAD, UNAUTHORIZED, FORBIDDEN, MISSING, WRONG_METHOD, NOT_JSON, BROKEN = 200, 400, 401, 403, 404, 405, 415, 500


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. ``type`` "" = no such header."""

    status: int = OK
    body: bytes = b""
    type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # an answer, not an accident
    """An answer that is no success."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an endpoint: the world (locked), its memory, and the request with what its path named."""

    world: DuplicatiWorld
    memory: Memory
    asked: Asked
    named: tuple[str, ...]

    @property
    def body(self) -> Any:
        """Return the JSON body."""
        if "json" not in self.asked.headers.get("content-type", ""):
            raise Refused(Reply(NOT_JSON))
        try:
            return json.loads(self.asked.body or b"null")
        except ValueError:
            raise Refused(Reply(BAD)) from None

    @property
    def job(self) -> Job:
        """Return the job the path names."""
        job = self.world.jobs.get(self.named[0])
        if job is None:
            raise refusal(MISSING, "Backup not found")
        return job

    @property
    def task(self) -> Task:
        """Return the task the path names."""
        task = self.memory.tasks.get(int(self.named[0])) if self.named[0].isdigit() else None
        if task is None:
            raise refusal(MISSING, "No such task found")
        return task


Endpoint = Callable[[Call], Reply]


def told(value: Any) -> Reply:
    """Return a good answer."""
    return Reply(OK, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), JSON)


def refusal(status: int, message: str) -> Refused:
    """Return a user's error in the server's shape."""
    body = json.dumps({"Error": message, "Code": status}, separators=(",", ":")).encode()
    return Refused(Reply(status, body, ERROR, _NO_STORE))


def answer(world: DuplicatiWorld, asked: Asked) -> Reply | None:
    """Answer one request; None = the server is down."""
    try:
        with world.lock:
            memory = world.catch_up()
            return None if memory is None else _answer(world, memory, asked)
    except Refused as refused:
        return refused.reply


def _answer(world: DuplicatiWorld, memory: Memory, asked: Asked) -> Reply:
    if asked.path == "/health":
        return Reply(OK, b"Healthy", "text/plain", {"Cache-Control": "no-store, no-cache"})
    name = auth.host_refused(world, asked.headers)
    if name is not None:
        raise refusal(FORBIDDEN, f"Invalid hostname: {name}")
    endpoint, named, public = _found(world, asked)
    if not public:
        challenge = auth.refused(world, asked.headers)
        if challenge is not None:
            raise Refused(Reply(UNAUTHORIZED, headers={"WWW-Authenticate": challenge} if challenge else {}))
        if memory.errors_left > 0:
            memory.errors_left -= 1
            raise refusal(BROKEN, "An error occurred")
    before = memory.counters
    try:
        return endpoint(Call(world, memory, asked, named))
    finally:
        if memory.counters != before:
            world.told()


def _found(world: DuplicatiWorld, asked: Asked) -> tuple[Endpoint, tuple[str, ...], bool]:
    from watchdog.panels.duplicati.fake.endpoints import TABLE  # noqa: PLC0415  # it is made of what stands here

    fits = [(route, match) for route in TABLE if (match := re.fullmatch(route.path, asked.path)) and route.there(world.release)]
    for route, match in fits:
        if route.method == asked.method:
            return route.endpoint, match.groups(), route.public
    if fits:
        raise Refused(Reply(WRONG_METHOD, headers={"Allow": ", ".join(sorted({route.method for route, _ in fits}))}))
    raise Refused(Reply(MISSING))


def pause(call: Call) -> Reply:
    """POST serverstate/pause: ``duration`` is read from the query only, whatever its letters' case."""
    query = {name.lower(): value for name, value in call.asked.query.items()}
    transfers = query.get("pausetransfers", "")
    if call.world.release.strict_transfers and transfers.lower() not in {"", "true", "false"}:
        raise Refused(Reply(BAD))
    try:
        pausing.pause(call.world, call.memory, query.get("duration", ""), call.world.clock.now(), transfers=transfers.lower() == "true")
    except pausing.BadDurationError:
        raise refusal(BAD, "The duration must be a valid time span") from None
    except pausing.TooLongError:
        raise refusal(BROKEN, "An error occurred") from None
    return Reply()


def resume(call: Call) -> Reply:
    """POST serverstate/resume."""
    pausing.resume(call.world, call.memory, call.world.clock.now())
    return Reply()


def state(call: Call) -> Reply:
    """GET serverstate, a long poll's end included."""
    return told(shapes.state(call.world, call.memory))
