"""One conversation over a websocket: real sockets, frames of every length, pings, closes, and servers that speak something else."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.http_server import answer, raw_server, say
from tests.support.websocket_server import accepted, conversation, frame, heard
from watchdog.errors import BadSettings, DeadlinePassed, Forbidden, MalformedAnswer, NotFound, Refused, Unreachable, WatchdogError
from watchdog.runtime.websocket import converse
from watchdog.runtime.wire import Tls

SECONDS = 60.0


def talk(url: str, first: str = "hello", seconds: float = SECONDS, origin: str = "https://panel.example.com") -> str:
    def hear(text: str) -> str | None:
        return text if text != "not yet" else None

    return converse("talk", url.replace("http", "ws", 1), first, hear, headers={"Origin": origin}, seconds=seconds, tls=Tls(insecure=True))


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 200_000])
def test_texts_of_every_length_go_both_ways(size: int) -> None:
    def echo(connection: socket.socket) -> None:
        kind, payload = heard(connection)
        assert kind == 1
        connection.sendall(frame(b"not yet") + frame(payload))

    with raw_server(conversation(echo)) as server:
        assert talk(server.url + "/a/path?x=1", "x" * size) == "x" * size
    head = server.requests[0]
    assert head.startswith(b"GET /a/path?x=1 HTTP/1.1\r\n")
    assert b"Origin: https://panel.example.com\r\n" in head


def test_a_text_in_pieces_with_a_ping_in_between_is_one_text() -> None:
    heard_back: list[tuple[int, bytes]] = []

    def play(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(frame(b"one ", last=False) + frame(b"knock", 9) + frame(b"two ", 0, last=False) + frame(b"three", 0))
        heard_back.append(heard(connection))
        heard_back.append(heard(connection))

    with raw_server(conversation(play)) as server:
        assert talk(server.url) == "one two three"
        assert server.closed_by_client.wait(60)
    assert heard_back == [(10, b"knock"), (8, b"\x03\xe8")]


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (404, NotFound), (302, Refused), (200, MalformedAnswer)])
def test_a_handshake_that_is_refused_is_told_by_its_status(status: int, error: type[WatchdogError]) -> None:
    with raw_server(say(answer(status, b"", "Location: http://127.0.0.1:1/"))) as server, pytest.raises(error):
        talk(server.url)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "play",
    [
        lambda connection, _: connection.sendall(b"SSH-2.0-nothing\r\n\r\n"),
        lambda connection, request: connection.sendall(accepted(request, b"d3Jvbmc=")),
        lambda connection, request: connection.sendall(accepted(request) + b"\x81\x85mask12345"),
        lambda connection, request: connection.sendall(accepted(request) + b"\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00"),
        lambda connection, request: connection.sendall(accepted(request) + frame(b"not yet") * 300),
    ],
)
def test_what_is_no_websocket_is_malformed(play) -> None:
    with raw_server(play) as server, pytest.raises(MalformedAnswer):
        talk(server.url)


def test_an_end_before_an_answer_is_unreachable() -> None:
    with raw_server(conversation(lambda connection: connection.sendall(frame(b"\x03\xe9", 8)))) as server, pytest.raises(Unreachable):
        talk(server.url)
    with raw_server(conversation(lambda _: None)) as server, pytest.raises(Unreachable):
        talk(server.url)
    with pytest.raises(Unreachable):
        talk("ws://127.0.0.1:1/")


def test_silence_ends_at_the_deadline() -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.recv(65536)

    with raw_server(conversation(silent)) as server, pytest.raises(DeadlinePassed):
        talk(server.url, seconds=0.5)


@pytest.mark.parametrize("url", ["gopher://host/", "ws:///path", "ws://user@host/"])
def test_strange_addresses_and_headers_are_refused(url: str) -> None:
    with pytest.raises(BadSettings):
        talk(url)


def test_a_header_with_a_line_break_is_never_sent() -> None:
    with raw_server(say(b"")) as server, pytest.raises(BadSettings):
        talk(server.url, origin="a\r\nAuthorization: b")
    assert not any(server.requests)


def test_tls_is_checked_and_kept_for_all_of_it(tmp_path: Path) -> None:
    require(shutil.which("openssl") is not None, "openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    order = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=panel -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*order.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def echo(connection: socket.socket) -> None:
        connection.sendall(frame(heard(connection)[1]))

    def one(tls: Tls) -> str:
        return converse("talk", server.url.replace("https", "wss"), "hello", str, headers={}, seconds=SECONDS, tls=tls)

    with raw_server(conversation(echo), context=context) as server:
        assert one(Tls(insecure=True)) == one(Tls(ca_file=cert)) == "hello"
        with pytest.raises(Unreachable, match="not trusted"):
            one(Tls())
