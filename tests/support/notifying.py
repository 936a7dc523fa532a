"""The other end of notifications: a server that takes what Apprise's json:// posts, and can refuse, hang or cut."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Mailbox:
    """``messages`` are the bodies it took, ``keys`` their Idempotency-Key, ``pings`` the paths that were asked for by GET.

    ``status`` is what it answers; ``hang`` set = it answers nothing until it is cleared.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.pings: list[str] = []
        self.tries = 0
        self.status = 200
        self.go_on = threading.Event()
        self.go_on.set()
        box = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                box.tries += 1
                box.go_on.wait(120)
                if box.status < 300:
                    box.messages.append(json.loads(body))
                    box.keys.append(self.headers.get("Idempotency-Key", ""))
                self._answer()

            def do_GET(self) -> None:
                box.go_on.wait(120)
                if box.status < 300:
                    box.pings.append(self.path)
                self._answer()

            def _answer(self) -> None:
                try:
                    self.send_response(box.status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.messages]

    def url(self, path: str = "secret-path-of-a-hook") -> str:
        """Return what a channel's URL is."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._thread.join(60)
        self._server.server_close()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    try:
        yield box
    finally:
        box.close()
