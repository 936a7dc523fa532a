"""Serving what we hold: one verified archive, whole or from where a cut download stopped, to whoever may have it.

A backup is all of a client's data: the guard asks for a token of its own before any of this runs. Only a file of a watched directory is
served whose identity is the verified one, never by way of a symbolic link; its tag is the checksum of the whole, so a part is never joined
to another file. Each piece is read in a thread of its own and handed on when the client has taken the one before: a slow client holds one
place of few, never the loop and never the end of the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import PurePath
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from watchdog.errors import NotFound, Refused, Throttled, WatchdogError
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity
from watchdog.model.metrics import Instruments, Metric
from watchdog.runtime.log import get_logger
from watchdog.web.archives import ARCHIVES, archive_id, shown
from watchdog.web.calls import Lane
from watchdog.web.connections import Connection
from watchdog.web.ports import Backing
from watchdog.web.ranges import Part, part_of

log = get_logger(__name__)

PIECE, SLICE = 1 << 20, 1 << 16
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_READ_SECONDS = 30.0
_BYTES = Metric("watchdog_web_download_bytes_total", "counter", "Bytes of archives handed to clients, from the web server.", seed=((),))
_ENDS = Metric(
    "watchdog_web_downloads_total",
    "counter",
    "Downloads of archives, or of a part, by how they ended: finished, cut (the client left, the file changed, the disk failed).",
    ("result",),
    (("finished",), ("cut",)),
)
METRICS: tuple[Metric, ...] = (_BYTES, _ENDS)


@dataclass(slots=True)
class Held:
    """One open archive to be served. ``etag`` is strong: the checksum of the whole file."""

    descriptor: int
    identity: Identity
    etag: str
    name: str
    verdict: str

    def read(self, offset: int, length: int) -> bytes:
        """Return a piece. Raises Refused when the file is no longer what was verified, or ends too early."""
        piece = os.pread(self.descriptor, length, offset)
        if Identity.of(os.fstat(self.descriptor)) != self.identity or not piece:
            raise Refused("it changed while it was sent")
        return piece

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)


def hold(facts: ArchiveFacts | None, name: str) -> Held:
    """Open the archive of this id. Raises NotFound when there is none, Refused when it is not verified or no longer the same."""
    file = next((one for one in facts.files if archive_id(one) == name), None) if facts is not None else None
    if file is None:
        raise NotFound("no archive has this id now: see /api/v1/archives")
    sha1 = file.verification.sha1
    if sha1 is None or file.verification.identity != file.identity:
        raise Refused("this archive has not been verified byte by byte: only what is known is served")
    return _opened(file, f'"sha1-{sha1}"')


def _opened(file: ArchiveFile, etag: str) -> Held:
    try:
        descriptor = os.open(file.path, _OPEN)
    except OSError as error:
        raise Refused(f"it cannot be opened any more: {error.strerror}") from None
    held = Held(descriptor, file.identity, etag, PurePath(shown(file.path)).name, file.verification.verdict or "")
    if Identity.of(os.fstat(descriptor)) != file.identity:
        held.close()
        raise Refused("it changed since it was verified")
    return held


def headers_of(held: Held, part: Part) -> dict[str, str]:
    """Return the headers of the answer."""
    size = held.identity.size
    found = {"etag": held.etag, "accept-ranges": "bytes", "last-modified": formatdate(held.identity.mtime_ns // 10**9, usegmt=True)}
    if part.status in {200, 206}:
        found |= {
            "content-length": str(part.length),
            "content-type": "application/octet-stream",
            "content-disposition": f"attachment; filename*=UTF-8''{quote(held.name, safe='')}",
            "archive-verdict": held.verdict,
        }
    if part.status == 206:  # noqa: PLR2004  (Partial Content)
        found["content-range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
    elif part.status == 416:  # noqa: PLR2004  (Range Not Satisfiable)
        found["content-range"] = f"bytes */{size}"
    return found


class Places:
    """How many may download at once. Belongs to one loop."""

    def __init__(self, width: int) -> None:
        self._free = width

    def take(self) -> None:
        """Take one. Raises Throttled when there is none."""
        if self._free <= 0:
            raise Throttled("all downloads that there may be at once are under way", delay=30.0)
        self._free -= 1

    def give_back(self) -> None:
        """Give one back."""
        self._free += 1


@dataclass(frozen=True, slots=True)
class Serving:
    """What downloads share: the ``lane`` for their blocking calls, the ``places`` there are at once, the counts."""

    lane: Lane
    places: Places
    instruments: Instruments


class Delivery(Response):
    """One answer with a file behind it. Whatever happens, the file is closed and the place given back."""

    def __init__(self, held: Held, part: Part, serving: Serving, *, body: bool) -> None:
        super().__init__(None, part.status, headers_of(held, part))
        self._held, self._part, self._serving = held, part, serving
        self._body = body and part.status in {200, 206}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        connection: Connection | None = scope["state"].get("connection")
        leaving = asyncio.ensure_future(_left(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            whole = await self._pieces(send, leaving, connection) if self._body else True
            if whole:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif connection is not None:
                connection.drop("cut_download")
                await asyncio.sleep(0)  # the connection is lost in the loop's next turn
        finally:
            leaving.cancel()
            self._held.close()
            self._serving.places.give_back()

    async def _pieces(self, send: Send, leaving: asyncio.Future[None], connection: Connection | None) -> bool:
        """Send all pieces; return whether all of them went out."""
        at, stop = self._part.start, self._part.start + self._part.length
        result = "cut"
        try:
            while at < stop and not leaving.done():
                piece = await self._serving.lane.run(lambda at=at: self._held.read(at, min(PIECE, stop - at)), _READ_SECONDS)  # type: ignore[misc]
                for begin in range(0, len(piece), SLICE):
                    body = piece[begin : begin + SLICE]
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                    if leaving.done():
                        break
                    if connection is not None:
                        connection.moved()
                    self._serving.instruments.count(_BYTES.name, by=len(body))
                    at += len(body)
            result = "finished" if at == stop else "cut"
        except (WatchdogError, OSError) as error:
            log.warning("a download was cut", archive=self._held.name, at=at, reason=str(error))
        finally:
            self._serving.instruments.count(_ENDS.name, result)
        return result == "finished"


async def _left(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        continue


def download_routes(app: FastAPI, backing: Backing, serving: Serving) -> None:
    """Add the download of one archive. The guard has seen the token before: see ``guard.DOWNLOADS``."""

    async def download(request: Request, archive_id: str) -> Response:
        """Return one verified archive, or the range of it that is asked for. Needs the token of server.download_token_file."""
        if not request.scope["state"].get("may_download"):  # the guard lets nobody come here; a door behind the door
            raise NotFound("no archive has this id now: see /api/v1/archives")
        places = serving.places
        places.take()
        try:
            held = await serving.lane.run(lambda: hold(backing.archives.facts(), archive_id))
        except BaseException:
            places.give_back()
            raise
        wanted: Mapping[str, str] = request.headers
        with contextlib.ExitStack() as undo:
            undo.callback(places.give_back)
            undo.callback(held.close)
            part = part_of(wanted, held.identity.size, held.etag, reading=request.method == "GET")
            answer = Delivery(held, part, serving, body=request.method == "GET")
            undo.pop_all()
        return answer

    path = ARCHIVES + "/{archive_id}"
    app.add_api_route(path, download, methods=["GET"], response_model=None, response_class=Response)
    app.add_api_route(path, download, methods=["HEAD"], response_model=None, include_in_schema=False)
