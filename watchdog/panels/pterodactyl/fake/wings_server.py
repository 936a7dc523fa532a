"""Wings' HTTP server on loopback, and the upgrade to its websocket."""

from __future__ import annotations

import threading
import uuid as uuids
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

from watchdog.panels.pterodactyl.fake import console, wings_routes
from watchdog.panels.pterodactyl.fake.wings_routes import TEXT, WingsRefusal, WingsReply
from watchdog.runtime import frames, loopback

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.wings import FakeWings


class _Handler(loopback.Connection):
    """One connection of Wings."""

    wings: FakeWings

    def answer(self, asked: loopback.Asked) -> None:
        """Answer one request."""
        self.wings.seen.append((asked.method, asked.path))
        while self.wings.switches.silent and self.wings.up:
            threading.Event().wait(0.05)
        if not self.wings.up:
            self.close_connection = True
        elif asked.path.endswith("/ws"):
            self._websocket(asked.path.split("/")[-2], asked.headers)
        else:
            self._send(wings_routes.answer(self.wings, asked.method, asked.path, asked.query, asked.headers, asked.body))

    def _websocket(self, uuid: str, headers: Mapping[str, str]) -> None:
        try:
            server = wings_routes.server_of(self.wings, uuid)
        except WingsRefusal as refusal:
            self._send(refusal.reply)
            return
        if "websocket" not in headers.get("upgrade", "").lower() or self.wings.switches.no_websocket:
            self._send(WingsReply(400, b"Bad Request\n", TEXT))
            return
        if headers.get("origin") != self.wings.caller.remote:  # CheckOrigin; an absent one is wrong, too
            self._send(WingsReply(403, b"Forbidden\n", TEXT))
            return
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", frames.accept(headers.get("sec-websocket-key", "")))
        self.end_headers()
        self.close_connection = True
        console.converse(self.wings, server, cast("BinaryIO", self.rfile), cast("BinaryIO", self.wfile))

    def _send(self, reply: WingsReply) -> None:
        content = reply.file.read_bytes() if reply.file is not None else reply.body
        self.send_response(reply.status)
        common = {"X-Request-Id": str(uuids.uuid4()), "Access-Control-Allow-Origin": self.wings.caller.remote}
        for name, value in (common | dict(reply.headers)).items():
            self.send_header(name, value)
        if reply.status != 204:  # noqa: PLR2004  # No Content has none
            if content:
                self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def serve(wings: FakeWings, port: int) -> loopback.Server:
    """Serve on this port (0 = a free one) until it is shut down."""
    return loopback.Server(type("Handler", (_Handler,), {"wings": wings}), "fake-wings-http", port)
