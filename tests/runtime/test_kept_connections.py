"""A connection that is kept idle between exchanges, and whose end is seen: over real sockets, plain and TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.http_server import answer, read_request
from watchdog.errors import BadSettings, DeadlinePassed, MalformedAnswer, Unreachable
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.http import Tls
from watchdog.runtime.kept import KeptHttp

PATIENCE = 60.0


class Keeper:
    """Answers any number of requests per connection until told otherwise. ``body`` is what it answers."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.body = answer(200, b'{"n": 1}')
        self.connections: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.answering = True
        self.resetting = False
        self.cutting = False
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            self.connections.append(connection)
            while request := read_request(connection):
                self.requests.append(request)
                if not self.answering:
                    break
                connection.sendall(self.body)
                if self.cutting:
                    break
            if not self.resetting:
                connection.shutdown(socket.SHUT_RDWR)

    def end(self, *, reset: bool = False) -> None:
        """End every open connection, as a server that stops does."""
        ending, self.connections = self.connections, []  # one that comes meanwhile is of the next life
        self.resetting = reset
        for each in ending:
            with contextlib.suppress(OSError):
                if reset:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    order = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*order.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return key, cert


@pytest.fixture(params=["plain", "tls"])
def keeper(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> Iterator[Keeper]:
    context = None
    if request.param == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate[1], certificate[0])
    server = Keeper(context)
    yield server
    server.close()


@pytest.fixture
def kept(keeper: Keeper, certificate: tuple[Path, Path]) -> Iterator[KeptHttp]:
    http = KeptHttp(keeper.url, clock=SystemClock(), seconds=PATIENCE, tls=Tls(ca_file=certificate[1]))
    yield http
    http.close()


def asked(kept: KeptHttp) -> object:
    return kept.ask("op", "GET", "/x", lambda answered: answered.json())


def test_exchanges_follow_each_other_over_one_connection(keeper: Keeper, kept: KeptHttp) -> None:
    for _ in range(5):
        assert asked(kept) == {"n": 1}
        assert kept.ended() is False
    assert (kept.number, len(keeper.requests), kept.open) == (1, 5, True)
    assert all(b"connection: close" not in each.lower() for each in keeper.requests)


@pytest.mark.parametrize("reset", [False, True], ids=["stopped", "killed"])
def test_its_end_is_seen_while_nobody_asks(keeper: Keeper, kept: KeptHttp, reset: bool) -> None:
    asked(kept)
    threading.Timer(0.3, keeper.end, kwargs={"reset": reset}).start()
    assert kept.ended(PATIENCE) is True
    assert kept.open is False
    assert kept.ended(PATIENCE) is False, "there is nothing to watch any more, and nothing to wait for"
    assert asked(kept) == {"n": 1}
    assert kept.number == 2


def test_one_that_ended_unseen_begins_again_and_is_counted(keeper: Keeper, kept: KeptHttp) -> None:
    asked(kept)
    keeper.end()
    assert asked(kept) == {"n": 1}
    assert kept.number == 2


def test_one_that_ends_under_the_request_begins_again_once(keeper: Keeper, kept: KeptHttp) -> None:
    asked(kept)
    keeper.answering = False
    with pytest.raises(Unreachable):
        asked(kept)
    assert len(keeper.requests) == 3, "the first of the second exchange found its old connection ended, the fresh one was not tried again"
    assert kept.open is False


def test_a_refused_connection_is_an_error_and_leaves_none(keeper: Keeper, kept: KeptHttp) -> None:
    asked(kept)
    keeper.close()
    with pytest.raises(Unreachable):
        asked(kept)
    assert kept.open is False


def test_watching_does_not_hold_an_exchange_up(keeper: Keeper, kept: KeptHttp) -> None:
    asked(kept)
    seen: list[bool] = []
    watcher = threading.Thread(target=lambda: seen.append(kept.ended(2.0)))
    watcher.start()
    for _ in range(20):
        assert asked(kept) == {"n": 1}
    watcher.join(PATIENCE)
    assert seen == [False], "answers to another thread are no end"
    assert kept.number == 1


def test_an_answer_that_is_the_last_leaves_no_connection(keeper: Keeper, kept: KeptHttp) -> None:
    keeper.body = answer(200, b"{}", "Connection: close")
    asked(kept)
    assert (kept.lasting, kept.open) == (False, False)
    keeper.body = answer(200, b"{}")
    asked(kept)
    assert (kept.lasting, kept.open, kept.number) == (True, True, 2)


def test_bytes_that_nobody_asked_for_end_it(keeper: Keeper, kept: KeptHttp) -> None:
    asked(kept)
    keeper.connections[0].sendall(b"HTTP/1.1 200 forged\r\nContent-Length: 2\r\n\r\n{}")
    assert kept.ended(PATIENCE) is True
    assert asked(kept) == {"n": 1}
    assert kept.number == 2


def test_after_a_late_answer_nothing_of_it_is_taken_for_the_next(keeper: Keeper, kept: KeptHttp) -> None:
    keeper.body = answer(200, b'{"n": ', length=9)
    with pytest.raises(DeadlinePassed):
        kept.ask("op", "GET", "/x", lambda answered: answered.json(), seconds=0.5)
    keeper.body = answer(200, b'{"n": 1}')
    assert asked(kept) == {"n": 1}
    assert kept.number == 2


def test_an_answer_that_is_too_large_and_one_that_is_no_http_are_malformed(keeper: Keeper, certificate: tuple[Path, Path]) -> None:
    small = KeptHttp(keeper.url, clock=SystemClock(), seconds=PATIENCE, limit=10, tls=Tls(ca_file=certificate[1]))
    keeper.body = answer(200, b"x" * 11)
    with pytest.raises(MalformedAnswer, match="more than 10 bytes"):
        asked(small)
    keeper.body = b"SSH-2.0-nothing\r\n\r\n"
    with pytest.raises(MalformedAnswer):
        asked(small)
    assert small.open is False


def test_a_connection_that_is_dropped_in_the_middle_of_an_answer_is_over_at_once(keeper: Keeper, certificate: tuple[Path, Path]) -> None:
    small = KeptHttp(keeper.url, clock=SystemClock(), seconds=PATIENCE, limit=10, tls=Tls(ca_file=certificate[1]))
    keeper.body = answer(200, b"x" * 200_000, "Connection: close")
    with pytest.raises(MalformedAnswer) as held:  # and as long as somebody holds the error, its frames hold the answer
        asked(small)
    until = time.monotonic() + PATIENCE
    while keeper.connections[0].fileno() != -1 and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert keeper.connections[0].fileno() == -1, f"the server has seen no end: {held}"


@pytest.mark.parametrize("cut", [answer(200, b'{"n": ', length=9), b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"])
def test_an_answer_that_is_cut_is_no_answer(keeper: Keeper, kept: KeptHttp, cut: bytes) -> None:
    asked(kept)
    keeper.body = cut
    keeper.cutting = True
    with pytest.raises(Unreachable):
        asked(kept)
    assert kept.open is False


def test_a_credential_that_cannot_be_sent_is_a_setting(keeper: Keeper, certificate: tuple[Path, Path]) -> None:
    headers = {"Authorization": "Bearer one\r\ntwo"}
    kept = KeptHttp(keeper.url, clock=SystemClock(), headers=lambda: headers, seconds=PATIENCE, tls=Tls(ca_file=certificate[1]))
    with pytest.raises(BadSettings, match="header cannot be sent"):
        asked(kept)
    assert not keeper.requests


def test_a_host_header_and_a_prefix_go_along(keeper: Keeper, certificate: tuple[Path, Path]) -> None:
    kept = KeptHttp(
        f"{keeper.url}/below", clock=SystemClock(), headers=lambda: {"Host": "localhost"}, seconds=PATIENCE, tls=Tls(ca_file=certificate[1])
    )
    kept.ask("op", "GET", "/x", lambda answered: answered.json(), query={"a": "b c"})
    head = keeper.requests[0].split(b"\r\n")
    assert head[0] == b"GET /below/x?a=b+c HTTP/1.1"
    assert [each for each in head if each.lower().startswith(b"host:")] == [b"Host: localhost"]
    kept.close()


def test_only_get_is_asked_over_it(kept: KeptHttp) -> None:
    with pytest.raises(ValueError, match="GET"):
        kept.ask("op", "POST", "/x", lambda answered: answered.json())
