"""The engine room holds its deadlines against every bad server, maps every error, and never forces anything."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from watchdog.errors import BadSettings, DeadlinePassed, Forbidden, MalformedAnswer, NotFound, Refused, ServerFault, Throttled, Unreachable
from watchdog.runtime.engine import Engine, TlsFiles

Answer = Callable[[socket.socket, bytes], None]
VERSION = b'{"ApiVersion":"1.41"}'


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


class Server:
    """A unix socket server; ``answer(connection, request)`` does what it likes. /version is answered well unless told otherwise."""

    def __init__(self, path: Path, answer: Answer, *, version: bytes | None = VERSION) -> None:
        self.url = f"unix://{path}"
        self.requests: list[bytes] = []
        self.released = threading.Event()
        self._answer, self._version = answer, version
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            if request.startswith(b"GET /version") and self._version is not None:
                connection.sendall(reply(self._version))
            else:
                self._answer(connection, request)

    def hold(self, connection: socket.socket) -> None:
        """Keep the connection open, silent, until the test is over."""
        self.released.wait(60)

    def close(self) -> None:
        self.released.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(60)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def make(answer: Answer, **options) -> Server:
        servers.append(Server(tmp_path / f"{len(servers)}.sock", answer, **options))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def within(seconds: float, call: Callable[[], object], error: type[Exception]) -> Exception:
    began = time.monotonic()
    with pytest.raises(error) as caught:
        call()
    assert time.monotonic() - began < seconds
    return caught.value


def trickle(connection: socket.socket, head: bytes = b"") -> None:
    connection.sendall(head)
    for _ in range(600):
        connection.sendall(b"x")
        time.sleep(0.05)


def test_construction_does_no_io_and_needs_no_engine(tmp_path: Path):
    Engine(f"unix://{tmp_path}/nowhere.sock").close()
    Engine("tcp://127.0.0.1:1", TlsFiles(tmp_path / "ca", tmp_path / "cert", tmp_path / "key")).close()


@pytest.mark.parametrize("url", ["", "docker.sock", "ssh://host", "unix://relative", "http://x"])
def test_other_urls_are_named_as_bad_settings(url: str):
    with pytest.raises(BadSettings, match="unix:///"):
        Engine(url)


def test_missing_socket_is_unreachable(tmp_path: Path):
    within(60, lambda: Engine(f"unix://{tmp_path}/nowhere.sock").ping(40), Unreachable)


def test_nobody_listening_is_unreachable(tmp_path: Path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "stale.sock"))
    stale.close()
    within(60, lambda: Engine(f"unix://{tmp_path}/stale.sock").ping(40), Unreachable)
    within(60, lambda: Engine("tcp://127.0.0.1:1").ping(40), Unreachable)


def test_missing_tls_files_are_bad_settings(tmp_path: Path):
    engine = Engine("tcp://127.0.0.1:1", TlsFiles(tmp_path / "ca", tmp_path / "cert", tmp_path / "key"))
    within(60, lambda: engine.ping(40), BadSettings)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes its user id in a child")
def test_no_permission_says_what_to_do(serve, tmp_path: Path):
    server = serve(lambda c, r: None)
    Path(server.url.removeprefix("unix://")).chmod(0o600)
    before = os.geteuid()
    found: list[Exception] = []
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.owner() == "root" and parent != Path("/") and "pytest" in parent.name:
            parent.chmod(0o755)
    os.seteuid(65534)
    try:
        found.append(within(60, lambda: Engine(server.url).ping(40), Forbidden))
    finally:
        os.seteuid(before)
    assert "group 'docker'" in str(found[0])
    assert "socket proxy" in str(found[0])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("400 Bad Request", Refused), ("403 Forbidden", Forbidden), ("404 Not Found", NotFound), ("409 Conflict", Refused),
        ("429 Too Many Requests", Throttled), ("500 Internal Server Error", ServerFault), ("503 Service Unavailable", ServerFault),
        ("301 Moved Permanently", MalformedAnswer),
    ],
)  # fmt: skip
def test_statuses_become_errors_of_the_house(serve, status: str, error: type[Exception]):
    server = serve(lambda c, r: c.sendall(reply(b'{"message":"the reason"}', status)))
    caught = within(60, lambda: Engine(server.url).inspect("abc", 40), error)
    assert error in {Forbidden, MalformedAnswer} or "the reason" in str(caught)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a":'])
def test_malformed_objects_are_told_apart(serve, body: bytes):
    server = serve(lambda c, r: c.sendall(reply(body)))
    within(60, lambda: Engine(server.url).inspect("abc", 40), MalformedAnswer)


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"no", b"[null]"])
def test_malformed_lists_are_told_apart(serve, body: bytes):
    server = serve(lambda c, r: c.sendall(reply(body)))
    within(60, lambda: Engine(server.url).list(40), MalformedAnswer)


def test_a_cut_body_is_unreachable(serve):
    server = serve(lambda c, r: c.sendall(reply(b"[" + b" " * 1000)[:-500]))
    within(60, lambda: Engine(server.url).list(40), Unreachable)


def test_ping_wants_docker(serve):
    server = serve(lambda c, r: c.sendall(reply(b"<html>")))
    within(60, lambda: Engine(server.url).ping(40), MalformedAnswer)


def test_silent_server_is_cut_at_the_deadline(serve):
    server = serve(lambda c, r: server.hold(c), version=None)
    for call in (lambda e: e.ping(0.5), lambda e: e.version(0.5), lambda e: e.list(0.5)):
        within(60, lambda call=call: call(Engine(server.url)), DeadlinePassed)


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
def test_trickling_server_is_cut_at_the_deadline_in_headers_and_bodies(serve, head: bytes):
    server = serve(lambda c, r: trickle(c, head))
    within(60, lambda: Engine(server.url).list(0.6), DeadlinePassed)


def test_trickling_over_tcp_is_cut_as_well():
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            trickle(connection, b"HTTP/1.1 200 OK\r\nX-Slow: ")

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    within(60, lambda: Engine(f"tcp://127.0.0.1:{listener.getsockname()[1]}").ping(0.6), DeadlinePassed)
    thread.join(60)
    listener.close()


def test_answers_are_capped(serve):
    server = serve(lambda c, r: c.sendall(reply(b"[" + b" " * 200_000 + b"]")))
    within(60, lambda: Engine(server.url, limit=100_000).list(40), MalformedAnswer)


def test_version_is_negotiated_once_and_again_after_a_failure(serve):
    broken = threading.Event()
    server = serve(lambda c, r: c.sendall(reply(b"{}", "500 Oops") if broken.is_set() else reply(b"[]")))
    engine = Engine(server.url)
    engine.list(40)
    engine.list(40)
    assert sum(r.startswith(b"GET /version") for r in server.requests) == 1
    assert server.requests[-1].startswith(b"GET /v1.41/containers/json?all=1 ")
    broken.set()
    within(60, lambda: engine.list(40), ServerFault)
    broken.clear()
    server._version = b'{"ApiVersion":"1.52"}'
    engine.list(40)
    assert server.requests[-1].startswith(b"GET /v1.52/containers/json?all=1 ")


def test_engine_that_came_back_older_is_negotiated_anew(serve):
    def answer(connection: socket.socket, request: bytes) -> None:
        new = request.startswith(b"GET /v1.52/")
        error = b'{"message":"client version 1.52 is too new. Maximum supported API version is 1.41"}'
        connection.sendall(reply(error, "400 Bad Request") if new else reply(b"[]"))

    server = serve(answer, version=b'{"ApiVersion":"1.52"}')
    engine = Engine(server.url)
    within(60, lambda: engine.list(40), Refused)
    server._version = VERSION
    assert engine.list(40) == []


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a?b", "a b", "a%2fb", "-a", "ä", "x" * 300, "a\r\nX: y"])
def test_names_that_are_none_are_refused_before_anything_is_sent(serve, name: str):
    server = serve(lambda c, r: c.sendall(reply(b"{}")))
    engine = Engine(server.url)
    for call in (
        lambda: engine.inspect(name, 40), lambda: engine.stop(name, 1, 40), lambda: engine.remove(name, 40), lambda: engine.top(name, 40),
        lambda: engine.start(name, 40), lambda: engine.restart(name, None, 40), lambda: engine.logs(name, 0, 40, 9),
        lambda: engine.exec(name, ["x"], 40),
    ):  # fmt: skip
        within(60, call, Refused)
    assert server.requests == []


def test_acts_send_exactly_this(serve):
    server = serve(lambda c, r: c.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    engine = Engine(server.url)
    engine.stop("box", 30.0, 40)
    engine.start("box", 40)
    engine.restart("box", None, 40)
    engine.restart("box", 7, 40)
    engine.remove("box", 40)
    sent = [r.split(b" HTTP/")[0].decode() for r in server.requests[1:]]
    assert sent == [
        "POST /v1.41/containers/box/stop?t=30",
        "POST /v1.41/containers/box/start",
        "POST /v1.41/containers/box/restart",
        "POST /v1.41/containers/box/restart?t=7",
        "DELETE /v1.41/containers/box?force=0&v=0",
    ]
    assert not any("kill" in name or "force" in name for name in dir(engine))


@pytest.mark.parametrize(("knows", "asked"), [(True, 1), (False, 2)])
def test_top_asks_for_whole_command_lines_where_ps_can(serve, knows: bool, asked: int):
    """A dockerd that was started from a terminal lets ps cut lines at its width; busybox's ps ends with an error for the option."""

    def answer(connection: socket.socket, request: bytes) -> None:
        wide = b"?ps_args=-efww " in request
        connection.sendall(reply(b'{"Processes": [["1"]]}') if knows or not wide else reply(b"{}", "500 Internal Server Error"))

    server = serve(answer)
    assert Engine(server.url).top("web", 20) == {"Processes": [["1"]]}
    lines = [request.split(b"\r\n")[0] for request in server.requests if b"/top" in request]
    assert len(lines) == asked and b"?ps_args=-efww " in lines[0]


def test_stop_waits_for_the_grace_even_with_a_shorter_deadline(serve):
    def slow(connection: socket.socket, request: bytes) -> None:
        time.sleep(1.0)
        connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    server = serve(slow)
    Engine(server.url).stop("box", 1, 0.2)


def test_events_of_a_server_that_never_answers_end_in_time(serve):
    server = serve(lambda c, r: server.hold(c))
    within(60, lambda: Engine(server.url).events(None, 0.5), DeadlinePassed)


def test_events_with_trickling_headers_end_in_time(serve):
    server = serve(lambda c, r: trickle(c, b"HTTP/1.1 200 OK\r\nX-Slow: "))
    within(60, lambda: Engine(server.url).events(None, 0.5), DeadlinePassed)


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(body: bytes) -> bytes:
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


@pytest.mark.parametrize("head", [CHUNKED, b"HTTP/1.1 200 OK\r\n\r\n"], ids=["chunked", "until-close"])
def test_events_then_silence_end_with_deadline_passed(serve, head: bytes):
    line = b'{"Type":"container","Action":"die"}\n'

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head + (chunk(line) if head == CHUNKED else line))
        server.hold(connection)

    server = serve(answer)
    feed = iter(Engine(server.url).events(12.5, 3.0))
    assert next(feed)["Action"] == "die"
    assert b"/events?since=12.500000000 " in server.requests[-1]
    within(60, lambda: next(feed), DeadlinePassed)


def test_events_split_and_joined_anyhow_are_whole_again(serve):
    lines = b"".join(json.dumps({"n": n, "text": "ü"}, ensure_ascii=False).encode() + b"\n" for n in range(50))

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(CHUNKED)
        for at in range(0, len(lines), 7):
            connection.sendall(chunk(lines[at : at + 7]))

    server = serve(answer)
    found: list[object] = []
    with pytest.raises(Unreachable):
        found.extend(event["n"] for event in Engine(server.url).events(None, 40))
    feed = iter(Engine(server.url).events(None, 40))
    assert [next(feed)["n"] for _ in range(50)] == list(range(50))
    within(60, lambda: next(feed), Unreachable)


@pytest.mark.parametrize("line", [b"no json\n", b"[1]\n", b"x" * (1 << 21)])
def test_events_that_are_none_are_malformed(serve, line: bytes):
    server = serve(lambda c, r: c.sendall(CHUNKED + chunk(line)))
    within(60, lambda: next(iter(Engine(server.url).events(None, 40))), MalformedAnswer)


def test_closing_from_another_thread_ends_the_iteration_at_once(serve):
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(CHUNKED)
        server.hold(connection)

    server = serve(answer)
    feed = Engine(server.url).events(None, 60)
    ended = threading.Event()
    thread = threading.Thread(target=lambda: (list(feed), ended.set()), daemon=True)
    thread.start()
    time.sleep(0.2)
    assert not ended.is_set()
    feed.close()
    assert ended.wait(60)
    thread.join(60)


def test_closed_before_iteration_ends_at_once_and_leaves_nothing(serve):
    server = serve(lambda c, r: (c.sendall(CHUNKED), server.hold(c)))
    feed = Engine(server.url).events(None, 60)
    feed.close()
    assert list(feed) == []


def test_hundred_failures_of_every_kind_leak_no_descriptor_and_no_thread(serve):
    kinds = [
        lambda c: c.sendall(reply(b"{}", "500 Oops")), lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
        lambda c: c.sendall(reply(b"no")), lambda c: None, lambda c: time.sleep(0.3),
    ]  # fmt: skip
    turn = iter(range(10**6))
    server = serve(lambda c, r: kinds[next(turn) % len(kinds)](c))
    engine = Engine(server.url)

    def fail() -> None:
        with pytest.raises((ServerFault, Unreachable, MalformedAnswer, DeadlinePassed)):
            engine.list(0.1)
        with pytest.raises((ServerFault, Unreachable, MalformedAnswer, DeadlinePassed)):
            list(engine.events(None, 0.1))

    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    for _ in range(5):
        fail()
    before = count()
    for _ in range(50):
        fail()

    def watchers() -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name == "engine-deadline" and t.is_alive() and not t.finished.is_set()]

    end = time.monotonic() + 60
    while time.monotonic() < end and (count() > before + 1 or watchers()):
        time.sleep(0.1)
    assert count() <= before + 1
    assert not watchers()
