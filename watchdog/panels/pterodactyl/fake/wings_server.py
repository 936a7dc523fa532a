"""Wings' HTTP server on loopback, and the upgrade to its websocket."""

from __future__ import annotations

import contextlib
import threading
import uuid as uuids
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import parse_qs, urlsplit

from watchdog.panels.pterodactyl.fake import console, wings_routes
from watchdog.panels.pterodactyl.fake.wings_routes import TEXT, WingsRefusal, WingsReply
from watchdog.runtime import frames

if TYPE_CHECKING:
    from watchdog.panels.pterodactyl.fake.wings import FakeWings


class _Handler(BaseHTTPRequestHandler):
    """One connection of Wings."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wings: FakeWings

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        self.wings.seen.append((self.command, parts.path))
        while self.wings.switches.silent and self.wings.up:
            threading.Event().wait(0.05)
        if not self.wings.up:
            self.close_connection = True
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if parts.path.endswith("/ws"):
                self._websocket(parts.path.split("/")[-2], headers)
            else:
                self._send(wings_routes.answer(self.wings, self.command, parts.path, query, headers, body))
            return
        self.close_connection = True

    do_POST = do_DELETE = do_PUT = do_GET  # noqa: N815  # the names http.server looks for

    def _websocket(self, uuid: str, headers: dict[str, str]) -> None:
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

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name http.server gives
        """Say nothing."""


def serve(wings: FakeWings, port: int) -> ThreadingHTTPServer:
    """Serve on this port (0 = a free one) until it is shut down."""
    handler = type("Handler", (_Handler,), {"wings": wings})
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="fake-wings-http", daemon=True).start()
    return server
