"""A download ends cleanly or is called cut: every way to end one, every layer of patience, over raw sockets and TLS."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.runtime.test_http_exchanges import certificate
from tests.support.http_server import answer, drip, raw_server, say, silent
from watchdog.errors import Cut, DeadlinePassed, Forbidden, MalformedAnswer, ServerFault, Stopping, Unreachable, WatchdogError
from watchdog.model.transfers import Patience
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.http import Http, Tls, check

__all__ = ["certificate"]

LONG = Patience(60, 60, 60, 60, 120)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/zip\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = bytes(range(256)) * 2000


class Door:
    """One server's door, what it counted, and what came."""

    def __init__(self, url: str, **options) -> None:
        self.seen: list[tuple[str, str]] = []
        self.got = bytearray()
        self.http = Http(url, clock=SimulatedClock(), observe=lambda *pair: self.seen.append(pair), seconds=60.0, **options)

    def get(self, patience: Patience = LONG, **more):
        return self.http.download("backup", "POST", "/b/", self.got.extend, patience=patience, **more)


def chunks(data: bytes, size: int = 50_000) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)


def test_a_clean_chunked_end_is_an_end() -> None:
    with raw_server(say(CHUNKED + chunks(BODY) + b"0\r\n\r\n")) as server:
        door = Door(server.url, headers=lambda: {"Authorization": "Bearer x"})
        told = check(door.get(json={"key": "secret"}))
    assert (bytes(door.got), told.headers["content-type"], told.body) == (BODY, "application/zip", b"")
    assert door.seen == [("backup", "ok")]
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"Bearer x" in head and b"secret" not in head and body == b'{"key":"secret"}'


def test_a_promised_length_that_came_is_an_end() -> None:
    with raw_server(say(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)) as server:
        door = Door(server.url)
        check(door.get())
    assert bytes(door.got) == BODY


@pytest.mark.parametrize(
    "data",
    [
        CHUNKED + chunks(BODY),
        CHUNKED + chunks(BODY)[:-1],
        CHUNKED + chunks(BODY)[:-3000],
        CHUNKED + chunks(BODY)[:50_003],
        CHUNKED + chunks(BODY) + b"zz\r\n",
        CHUNKED,
        HEAD + b"Content-Length: 600000\r\n\r\n" + BODY,
    ],
    ids=["no-last-chunk", "no-line-end", "in-a-chunk", "in-a-size", "garbage", "at-once", "short"],
)
def test_everything_else_is_a_cut(data: bytes) -> None:
    with raw_server(say(data)) as server:
        door = Door(server.url)
        with pytest.raises(Cut, match="after"):
            door.get()
    assert door.seen == [("backup", "transport")]
    assert BODY.startswith(bytes(door.got))


def test_a_reset_in_the_middle_is_a_cut() -> None:
    def play(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(CHUNKED + chunks(b"x" * 1000))
        time.sleep(0.3)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()

    with raw_server(play) as server, pytest.raises(Cut):
        Door(server.url).get()


@pytest.mark.parametrize("head", [b"\r\n", b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"], ids=["until-close", "packed"])
def test_an_answer_whose_end_cannot_be_told_is_not_taken(head: bytes) -> None:
    with raw_server(say(HEAD + head + BODY)) as server:
        door = Door(server.url)
        with pytest.raises(MalformedAnswer):
            door.get()
    assert not door.got


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (500, ServerFault)])
def test_a_refusal_goes_into_the_answer_and_never_into_the_sink(status: int, error: type[WatchdogError]) -> None:
    with raw_server(say(answer(status, b'{"code":"license"}'))) as server:
        door = Door(server.url)
        told = door.get()
    assert (told.status, told.json(), bytes(door.got)) == (status, {"code": "license"}, b"")
    with pytest.raises(error):
        check(told)


def test_each_layer_of_patience_is_named() -> None:
    layers = {
        "no first byte": (silent, Patience(60, 0.7, 60, 60, 120)),
        "then none for": (lambda c, r: (c.sendall(CHUNKED + chunks(b"x" * 1000)), silent(c, r)), Patience(60, 60, 0.7, 60, 120)),
        "fewer than": (drip(CHUNKED, b"1\r\na\r\n"), Patience(60, 60, 60, 0.7, 120)),
        "not finished": (drip(CHUNKED, b"1\r\na\r\n"), Patience(60, 60, 60, 60, 0.7)),
    }
    for words, (play, patience) in layers.items():
        with raw_server(play) as server:
            door = Door(server.url)
            with pytest.raises(DeadlinePassed, match=words):
                door.get(patience)
        assert door.seen == [("backup", "deadline")]


def test_who_is_told_to_stop_stops() -> None:
    def alive() -> None:
        raise Stopping("the program is ending")

    with raw_server(drip(CHUNKED, b"1\r\na\r\n")) as server, pytest.raises(Stopping):
        Door(server.url).get(alive=alive)


def test_what_the_sink_raises_passes_as_it_is() -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with raw_server(say(CHUNKED + chunks(BODY) + b"0\r\n\r\n")) as server:
        door = Door(server.url)
        with pytest.raises(OSError, match="No space left"):
            door.http.download("backup", "GET", "/", full, patience=LONG)


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable) as raised:
            Door(f"http://127.0.0.1:{free.getsockname()[1]}").get()
    assert type(raised.value) is Unreachable


def test_the_same_under_tls(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1], certificate[0])
    tls = Tls(ca_file=certificate[1])
    with raw_server(say(CHUNKED + chunks(BODY) + b"0\r\n\r\n"), context=context) as server:
        door = Door(server.url, tls=tls)
        check(door.get())
        assert bytes(door.got) == BODY
    with raw_server(drip(CHUNKED, b"1\r\na\r\n"), context=context) as server, pytest.raises(DeadlinePassed, match="not finished"):
        Door(server.url, tls=tls).get(Patience(60, 60, 60, 60, 0.7))
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        with pytest.raises(DeadlinePassed):
            Door(f"https://127.0.0.1:{deaf.getsockname()[1]}", tls=tls).get(Patience(0.7, 60, 60, 60, 120))
