"""What all fakes' HTTP servers have in common: on loopback, one thread per connection, each request read once and silently."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in: names of headers are lower case, of a repeated query parameter the first counts."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    query_string: str = ""


class Connection(BaseHTTPRequestHandler):
    """One connection to a fake; subclasses answer. A caller that has gone ends the connection, nothing else."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, asked: Asked) -> None:
        """Answer one request."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Read one request, of whatever method, and have it answered."""
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            body = self.rfile.read(int(headers.get("content-length") or 0))
            self.answer(Asked(self.command, parts.path, query, headers, body, parts.query))
            return
        self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET  # noqa: N815  # the names http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name http.server gives
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server on 127.0.0.1 (port 0 = any free one) whose threads end with the program."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler], name: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name=name, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop listening; connections that are open stay."""
        self.shutdown()
        self.server_close()
