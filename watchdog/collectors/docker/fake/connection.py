"""One connection to the fake engine: real HTTP/1.1, routes to the world, a chunked event stream, hijacked execs."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from watchdog.collectors.docker.fake import shapes, stock
from watchdog.collectors.docker.fake.execs import FakeExec, Streams, run
from watchdog.collectors.docker.fake.inventory import FakeContainer, Refusal
from watchdog.collectors.docker.fake.world import FakeEngineWorld

_CONTAINER = re.compile(r"/containers/([^/]+)(?:/(\w+))?")
_EXEC = re.compile(r"/exec/(\w+)/(start|json)")
_VERSIONED = re.compile(r"/v(\d+)\.(\d+)(/.*)")
_API = (1, 41)
_JSON, _RAW = "application/json", "application/vnd.docker.raw-stream"


class Server(Protocol):
    """What a connection needs of its engine."""

    world: FakeEngineWorld
    execs: dict[str, FakeExec]
    closed: threading.Event

    def spawn(self, body: Callable[[], None]) -> None: ...


class Connection(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"Docker/{shapes.VERSION} (linux)", ""

    def __init__(self, connection: socket.socket, engine: Server) -> None:
        self.engine, self.world = engine, engine.world
        super().__init__(connection, ("unix", 0), None)  # type: ignore[arg-type]  # it asks nothing of a server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer one request."""
        self._answer()

    do_POST = do_DELETE = do_GET  # noqa: N815  # http.server's names

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        versioned = _VERSIONED.fullmatch(parts.path)
        path = versioned[3] if versioned else parts.path
        self.world.requests.append(f"{self.command} {path}")
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if not self._alive():
            return
        try:
            if versioned and (int(versioned[1]), int(versioned[2])) > _API:
                asked = f"{versioned[1]}.{versioned[2]}"
                raise Refusal(400, f"client version {asked} is too new. Maximum supported API version is {shapes.API_VERSION}")  # noqa: TRY301
            stock.refused(self.world, self.command, path)
            self._route(path, query, body)
        except Refusal as refusal:
            self._send(refusal.status, {"message": str(refusal)})

    def _alive(self) -> bool:
        """Wait while the engine hangs; return whether to go on."""
        with self.world.changed:
            self.world.changed.wait_for(lambda: self.world.mode != "hung" or self.engine.closed.is_set())
            mode = self.world.mode
        if mode == "broken":
            self._send(500, {"message": "the fake engine is told to fail"})
        self.close_connection = self.close_connection or mode != "up"
        return mode == "up" and not self.engine.closed.is_set()

    def _route(self, path: str, query: Mapping[str, str], body: bytes) -> None:
        match self.command, path:
            case "GET", "/_ping":
                self._send(200, b"OK", "text/plain; charset=utf-8")
            case "GET", "/version":
                self._send(200, shapes.version())
            case "GET", "/info":
                self._send(200, shapes.info(self.world))
            case "GET", "/containers/json":
                every = query.get("all") in {"1", "true"}
                with self.world.changed:
                    now = self.world.clock.now().wall
                    rows = [shapes.row(c, now) for c in self.world.containers() if every or c.running]
                self._send(200, rows)
            case "GET", "/events":
                self._events(query)
            case _:
                self._object(path, query, body)

    def _object(self, path: str, query: Mapping[str, str], body: bytes) -> None:
        built = stock.answer(self.world, self.command, path, query, body)
        if built is not None:
            self._send(*built)
            return
        if match := _EXEC.fullmatch(path):
            self._exec(match[1], match[2])
            return
        match = _CONTAINER.fullmatch(path)
        if match is None:
            raise Refusal(404, "page not found")
        name, verb = unquote(match[1]), match[2]
        acts: dict[tuple[str, str | None], Callable[[], bool | None]] = {
            ("POST", "start"): lambda: self.world.start(name),
            ("POST", "stop"): lambda: self.world.stop(name),
            ("POST", "restart"): lambda: self.world.restart(name),
            ("POST", "pause"): lambda: self.world.pause(name),
            ("POST", "unpause"): lambda: self.world.unpause(name),
            ("POST", "kill"): lambda: self.world.kill(name),
            ("POST", "rename"): lambda: self.world.rename(name, query.get("name", "")),
            ("DELETE", None): lambda: self.world.remove(name, force=query.get("force") in {"1", "true"}),
        }
        act = acts.get((self.command, verb))
        if act is not None:
            code = 304 if act() is False else 204
            if any(re.search(pattern, f"{self.command} {path}") for pattern in self.world.stock.cutting):
                self.close_connection = True
                return
            self._send(code, None)
            return
        with self.world.changed:
            answer = self._read(self.world.get(name), verb, query, body)
        self._send(*answer)

    def _read(self, container: FakeContainer, verb: str | None, query: Mapping[str, str], body: bytes) -> tuple[int, object, str]:
        match self.command, verb:
            case "GET", "json":
                return 200, shapes.inspect(container), _JSON
            case "GET", "top":
                self._must_run(container)
                self.world.note(container, "top")
                inside = [each.argv for each in self.engine.execs.values() if each.container is container and each.running]
                return 200, shapes.top(container, inside), _JSON
            case "GET", "logs":
                since = float(query.get("since") or 0)
                lines = [shapes.rfc3339(at).encode() + b" " + line + b"\n" for at, line in container.log if at >= since]
                return 200, b"".join(line if container.tty else _framed(line) for line in lines), _RAW
            case "POST", "exec":
                self._must_run(container)
                asked = json.loads(body)
                argv = tuple(map(str, asked["Cmd"]))
                exec_id = f"{shapes.hash_of(f'{container.id}{len(self.engine.execs)}'):064x}"[-64:]
                made = FakeExec(exec_id, container, argv, bool(asked.get("Tty")), bool(asked.get("AttachStdin")))
                self.engine.execs[exec_id] = made
                self.world.note(container, f"exec_create: {' '.join(argv)}", execID=exec_id)
                return 201, {"Id": exec_id}, _JSON
            case _:
                raise Refusal(404, "page not found")

    @staticmethod
    def _must_run(container: FakeContainer) -> None:
        if not container.running:
            raise Refusal(409, f"Container {container.id} is not running")

    def _exec(self, exec_id: str, verb: str) -> None:
        if exec_id not in self.engine.execs:
            raise Refusal(404, f"No such exec instance: {exec_id}")
        made = self.engine.execs[exec_id]
        if verb == "json":
            self._send(200, shapes.exec_json(made))
            return
        if made.began:
            raise Refusal(409, f"Container {made.container.id}: exec {exec_id} has already run")
        made.began = True
        self.world.note(made.container, f"exec_start: {' '.join(made.argv)}", execID=exec_id)
        if made.container.program is not None:
            self._hijacked(made)
            return
        made.code, output = made.container.exec_result(made.argv)
        self.world.note(made.container, "exec_die", execID=exec_id, exitCode=str(made.code))
        self._send(200, _framed(output) if output else b"", _RAW)

    def _hijacked(self, made: FakeExec) -> None:
        """Give the connection to a program, which lives on when the connection does not."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", _RAW)
        self.end_headers()
        streams = Streams(made, self.world, self.engine.closed, self.wfile, self.rfile)
        self.engine.spawn(lambda: run(made, self.world, streams))
        while not made.done.wait(0.2) and not self.engine.closed.is_set() and self.world.mode != "down":
            pass

    def _events(self, query: Mapping[str, str]) -> None:
        since, until = (float(query[key]) if query.get(key) else None for key in ("since", "until"))
        generation = self.world.generation
        cursor, events = self.world.replay(since)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            for event in events:
                self._chunk(json.dumps(event).encode() + b"\n")
            if until is not None and self.world.clock.now().wall >= until:
                break
            with self.world.changed:
                if not self.world.events_after(cursor)[1]:
                    self.world.changed.wait(0.2)
                if self._over(generation):
                    return
                cursor, events = self.world.events_after(cursor) if self.world.mode == "up" else (cursor, ())
        self.wfile.write(b"0\r\n\r\n")

    def _over(self, generation: int) -> bool:
        return self.engine.closed.is_set() or self.world.mode == "down" or self.world.generation != generation

    def _chunk(self, body: bytes) -> None:
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        self.wfile.flush()

    def _send(self, code: int, body: object, kind: str = _JSON) -> None:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode() + b"\n"
        self.send_response(code)
        self.send_header("Api-Version", shapes.API_VERSION)
        self.send_header("Docker-Experimental", "false")
        self.send_header("Ostype", "linux")
        if body is not None:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _framed(payload: bytes) -> bytes:
    return struct.pack(">BxxxL", 1, len(payload)) + payload
