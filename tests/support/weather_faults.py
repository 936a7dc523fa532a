"""The faults of the weather: each plays one exchange badly, some of them after the other side has carried it out."""

from __future__ import annotations

import json
import random
import socket
import ssl
import struct
import threading
from contextlib import suppress
from typing import Any

from tests.support.weather import Asked, Fault, Play, Weather

ABORT = struct.pack("ii", 1, 0)
DRIP = 0.1
POUR = b'{"x":"' + b"y" * 65530
FULL = 400 << 20
"""Bytes after which the huge answer gives up pouring: more than any reader may take."""


def _abort(connection: socket.socket) -> None:
    """End it by a reset."""
    raw = socket.socket(fileno=connection.detach()) if isinstance(connection, ssl.SSLSocket) else connection
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    raw.close()


def _reset(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    _abort(connection)


def _lost(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    weather.fetched(asked)
    _abort(connection)


def _hang(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    weather.rest(connection)


def _deaf(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    weather.fetched(asked)
    weather.rest(connection)


def _half(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    whole = weather.fetched(asked)
    head = whole.find(b"\r\n\r\n") + 4
    connection.sendall(whole[: head + (len(whole) - head) // 2] if len(whole) > head else whole[: head // 2])


def _drip(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    never = threading.Event()
    whole = weather.fetched(asked)
    for place in range(len(whole)):
        connection.sendall(whole[place : place + 1])
        never.wait(DRIP)
    weather.rest(connection)


def _huge(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    while weather.poured < FULL:
        connection.sendall(POUR)
        weather.poured += len(POUR)


def say(status: int, body: bytes, *headers: str, commits: bool = False) -> Play:
    """Return a play that answers so."""

    def play(weather: Weather, connection: socket.socket, asked: Asked) -> None:
        if commits:
            weather.fetched(asked)
        lines = [f"HTTP/1.1 {status} Weather", "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close"]
        connection.sendall("\r\n".join([*lines, *headers]).encode() + b"\r\n\r\n" + body)

    return play


def _twisted(weather: Weather, connection: socket.socket, asked: Asked) -> None:
    """The panel's own answer with some of its values made strange: another type, gone, or one level too deep."""
    whole = weather.fetched(asked)
    head, _, body = whole.partition(b"\r\n\r\n")
    if b"chunked" in head.lower() or not body:
        connection.sendall(whole)
        return
    try:
        body = json.dumps(strange(json.loads(body), random.Random(f"{weather.seed} {asked.number}"))).encode()
    except ValueError:
        body = body[: len(body) // 2]
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    connection.sendall(b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body)


ODD: tuple[Any, ...] = (None, True, -1, 1e300, 10**30, "", "strange", [], {}, [None], {"": None}, "\ud800", "2026-13-45T99:99:99Z")


def strange(value: Any, dice: random.Random, chance: float = 0.15) -> Any:
    """Return the value with some of its parts replaced, or gone."""
    if dice.random() < chance / 3:
        return dice.choice(ODD)
    if isinstance(value, dict):
        kept = {name: strange(each, dice, chance) for name, each in value.items()}
        return {name: each for name, each in kept.items() if dice.random() >= chance / 3}
    if isinstance(value, list):
        return [strange(each, dice, chance) for each in value if dice.random() >= chance / 3]
    return dice.choice(ODD) if dice.random() < chance else value


REFUSED = Fault("refused", _reset, refuses=True)
TLS_GARBAGE = Fault("TLS: no TLS at all", _reset, tls="garbage")
TLS_STRANGE = Fault("TLS: a stranger's certificate", _reset, tls="strange")
LOST = Fault("answer lost after commit", _lost, commits=True)
TWISTED = Fault("JSON twisted", _twisted, commits=True)
HANG = Fault("hang", _hang, slow=True)
DEAF = Fault("hang after commit", _deaf, commits=True, slow=True)
DRIPPING = Fault("slow drip", _drip, commits=True, slow=True)
HUGE = Fault("huge body", _huge)
FAULTS: tuple[Fault, ...] = (
    REFUSED,
    Fault("reset", _reset),
    HANG,
    Fault("half an answer", _half, commits=True),
    Fault("500", say(500, b'{"error":"secret-of-the-server"}')),
    Fault("500 after commit", say(500, b'{"error":"x"}', commits=True), commits=True),
    Fault("502 of a proxy", say(502, b"<html>Bad Gateway</html>")),
    Fault("429", say(429, b"{}", "Retry-After: 1")),
    Fault("no JSON", say(200, b"<html>welcome</html>")),
    Fault("no JSON after commit", say(200, b"<html>welcome</html>", commits=True), commits=True),
    Fault("JSON: an empty list", say(200, b"[]")),
    Fault("JSON: an empty object", say(200, b"{}")),
    Fault("JSON: null", say(200, b"null")),
    Fault("JSON: nested without end", say(200, b"[" * 200_000)),
    HUGE,
    DRIPPING,
    DEAF,
    TLS_GARBAGE,
    TLS_STRANGE,
    LOST,
)
