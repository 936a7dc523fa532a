"""The other end of notifications: a server that takes what Apprise's json:// posts, and can refuse, hang or cut."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from watchdog.runtime.loopback import Asked, Connection, Server


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
        self._server = Server(type("Handler", (_Handler,), {"box": self}), "mailbox-http")
        self.port = self._server.server_port

    def take(self, asked: Asked) -> int:
        """Take what came; return the status to answer with."""
        self.tries += asked.method == "POST"
        self.go_on.wait(120)
        status = self.status
        if status < 300 and asked.method == "POST":
            self.messages.append(json.loads(asked.body))
            self.keys.append(asked.headers.get("idempotency-key", ""))
        elif status < 300:
            self.pings.append(f"{asked.path}?{asked.query_string}" if asked.query_string else asked.path)
        return status

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.messages]

    def url(self, path: str = "secret-path-of-a-hook") -> str:
        """Return what a channel's URL is."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        self.go_on.set()
        self._server.close()


class _Handler(Connection):
    protocol_version = "HTTP/1.0"
    box: Mailbox

    def answer(self, asked: Asked) -> None:
        self.send_response(self.box.take(asked))
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    try:
        yield box
    finally:
        box.close()
