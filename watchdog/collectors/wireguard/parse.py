"""One daemon's answer to ``get=1`` -> a device. Pure.

Source: https://www.wireguard.com/xplatform/#configuration-protocol. Lines of ``key=value``; ``public_key`` begins a peer; ``errno`` and an
empty line end it. Only the lines that are wanted are ever taken out of the bytes, so no value is made of a preshared key, nor of
amneziawg-go's ``obfs_psk`` and ``header_protection_key``; the private key is handed to ``keys`` to have the public key worked out of it,
and kept nowhere.

Two paths to the same values: the lines that wireguard-go and amneziawg-go really write of a peer are taken by one pattern; anything else
(boringtun, daemons to come) is walked line by line.

Quirks: boringtun tells ``own_public_key`` and no private key, and as ``last_handshake_time`` the age of the last handshake instead of its
moment (0.7.1; some forks tell the moment). amneziawg-go tells a keepalive only where there is one, and it can be a range ("25-35").
"""

from __future__ import annotations

import operator
import re
from binascii import b2a_base64, unhexlify
from collections.abc import Callable
from dataclasses import dataclass, field

from watchdog.collectors.wireguard.peers import make_peer
from watchdog.errors import MalformedAnswer, ServerFault
from watchdog.model.wireguard import Device, Peer

END = b"\n\n"
_PRIVATE = re.compile(rb"^private_key=([0-9a-fA-F]{64})$", re.MULTILINE)
_OWN = re.compile(rb"^(listen_port|fwmark|own_public_key)=(.*)$", re.MULTILINE)
_PRESHARED = re.compile(rb"\npreshared_key=[^\n]*")
_USUAL = re.compile(
    r"^public_key=(.{64})\nprotocol_version=.*(?:\nendpoint=(.*))?\nlast_handshake_time_sec=(\d+)\nlast_handshake_time_nsec=(\d+)\n"
    r"tx_bytes=(\d+)\nrx_bytes=(\d+)(?:\npersistent_keepalive_interval=(\d+))?((?:\nallowed_ip=.*)*)$",
    re.MULTILINE | re.ASCII,
)
_WANTED = re.compile(
    r"^(endpoint|last_handshake_time_sec|last_handshake_time_nsec|tx_bytes|rx_bytes|persistent_keepalive_interval|allowed_ip)=(.*)$",
    re.MULTILINE,
)
_NO_LINE_YET = re.compile(rb"^[^=\n]+$", re.MULTILINE)
_NO_LINE = re.compile(r"^[^=\n]+$", re.MULTILINE)
_HEX = re.compile("[0-9a-fA-F]{64}")
_KEY_DIGITS = 64
_ZEROS = memoryview(bytes(1 << 16))
_AN_AGE = 10**9  # seconds; what is less than that is no moment since 1970 that a program of our days can have seen
_SAME_MOMENT = 1.0  # seconds by which a moment worked out of an age may differ from look to look

Entry = tuple[str, Peer]


@dataclass(slots=True)
class Known:
    """What a device's peers looked like in its last answer, so that what has not changed is not made anew. No secret is in it.

    ``texts`` are what the daemon told of each peer; ``peers`` has by key digits its allowed ranges as they were told, and the peer;
    ``last`` is all peers, in order.
    """

    texts: set[str] = field(default_factory=set)
    peers: dict[str, Entry] = field(default_factory=dict)
    last: tuple[Peer, ...] = ()


class _BadLine(ValueError):
    """A line that cannot be; its text names the key and never the value."""


def parse(
    name: str,
    answer: bytearray,
    public_key_of: Callable[[bytes], str],
    netns: str = "",
    known: Known | None = None,
    wall: float | None = None,
) -> Device:
    """Given all bytes of an answer, return the device; ``answer`` is overwritten with zeros, for it holds keys.

    ``known`` is what the device's last answer told: a peer that has not changed is the same object again. ``wall`` (UNIX seconds) is when
    the answer came, for daemons that tell ages. Raise ServerFault when the daemon reports an error number, MalformedAnswer for anything
    that is not the protocol.
    """
    try:
        return _device(name, answer, public_key_of, netns, Known() if known is None else known, wall)
    except ValueError as error:
        # the text of other errors can quote the daemon's bytes
        what = str(error) if isinstance(error, _BadLine) else type(error).__name__
        raise MalformedAnswer(f"{name}: the daemon's answer is not the configuration protocol: {what}") from None
    finally:
        for begin in range(0, len(answer), len(_ZEROS)):
            answer[begin : begin + len(_ZEROS)] = _ZEROS[: len(answer) - begin]


def _device(name: str, answer: bytearray, public_key_of: Callable[[bytes], str], netns: str, known: Known, wall: float | None) -> Device:
    end = answer.rfind(b"errno=")
    if end < 0 or (end and answer[end - 1] != 10):  # noqa: PLR2004  # a line feed
        raise _BadLine("no errno at its end")
    number = int(bytes(answer[end + 6 :]).split(b"\n", 1)[0])
    if number:
        raise ServerFault(f"{name}: the daemon answered errno {number}")
    begin = 0 if answer.startswith(b"public_key=") else answer.find(b"\npublic_key=", 0, end) + 1
    has_peers = begin > 0 or answer.startswith(b"public_key=")
    head = begin if has_peers else end
    if _NO_LINE_YET.search(answer, 0, head):
        raise _BadLine("a line without '='")
    if answer.startswith(b"allowed_ip=") or answer.find(b"\nallowed_ip=", 0, head) >= 0:
        raise _BadLine("allowed_ip before any peer")
    own = {key.decode("ascii"): value.decode("ascii") for key, value in _OWN.findall(answer, 0, head)}
    _peers(answer, begin if has_peers else end, end, known, wall if "own_public_key" in own else None)
    public_key = _own_key(answer, head, own, public_key_of)
    return Device(name, "userspace", netns, public_key, _number(own, "listen_port"), _number(own, "fwmark"), known.last)


def _own_key(answer: bytearray, head: int, own: dict[str, str], public_key_of: Callable[[bytes], str]) -> str:
    private = _PRIVATE.search(answer, 0, head)
    if private is not None:
        return public_key_of(unhexlify(private[1]))
    return _base64(own["own_public_key"]) if "own_public_key" in own else ""


def _base64(digits: str) -> str:
    if not _HEX.fullmatch(digits):
        raise _BadLine(f"a public_key of {len(digits)} digits" if len(digits) != _KEY_DIGITS else "a public_key that is not hexadecimal")
    return b2a_base64(unhexlify(digits), newline=False).decode("ascii")


def _number(values: dict[str, str], key: str) -> int:
    text = values.get(key, "0")
    if not (text.isascii() and text.isdigit()):
        raise _BadLine(f"{key} is not a number")
    return int(text)


def _peers(answer: bytearray, begin: int, end: int, known: Known, wall: float | None) -> None:
    """Bring ``known`` up to date with the peers between ``begin`` and ``end``; what has not changed stays the same object."""
    text = _PRESHARED.sub(b"", memoryview(answer)[begin:end]).decode("ascii").removesuffix("\n").removeprefix("public_key=")
    blocks = text.split("\npublic_key=") if text else []
    texts = set(blocks)
    if blocks and texts == known.texts:
        return
    changed = [block for block in blocks if block not in known.texts]
    usual = _usual_peers(changed, known.peers) if wall is None else None
    now = _any_peers(changed, known.peers, wall) if usual is None else usual
    now |= {digits: known.peers[digits] for block in blocks if (digits := block[:_KEY_DIGITS]) not in now}
    # wireguard-go tells its peers in another order each time; two looks at the same state shall be equal
    peers = tuple([now[digits][1] for digits in sorted(now)])
    if len(peers) != len(known.last) or not all(map(operator.is_, peers, known.last)):
        known.last = peers
    # what is not usual may hold lines that nobody knows, and is looked at anew each time
    known.peers, known.texts = now, texts if usual is not None else set()


def _usual_peers(blocks: list[str], before: dict[str, Entry]) -> dict[str, Entry] | None:
    """Return the peers of these blocks by their digits, None unless every line is one of those that the pattern knows, in its place."""
    if not blocks:
        return {}
    text, count = "public_key=" + "\npublic_key=".join(blocks), len(blocks)
    found = _USUAL.findall(text)
    if len(found) != count:
        return None
    digits, endpoints, seconds, nanoseconds, sent, received, keepalives, ranges = zip(*found, strict=True)
    taken = 6 * count + (2 * count - endpoints.count("") - keepalives.count("")) + "".join(ranges).count("\n")
    if taken != text.count("\n") + 1:
        return None
    stamps = [sec + nsec * 1e-9 or None for sec, nsec in zip(map(int, seconds), map(int, nanoseconds), strict=True)]
    numbers = zip(stamps, map(int, received), map(int, sent), strict=True)
    now: dict[str, Entry] = {}
    for key, endpoint, told, keepalive, (stamp, rx, tx) in zip(digits, endpoints, ranges, keepalives, numbers, strict=True):
        entry = before.get(key)
        if entry is None:
            public_key, allowed = _base64(key), tuple(told.split("\nallowed_ip=")[1:])
        else:
            was, peer = entry
            public_key, allowed = peer.public_key, peer.allowed_ips if was == told else tuple(told.split("\nallowed_ip=")[1:])
        now[key] = told, make_peer(public_key, endpoint or None, allowed, stamp, rx, tx, int(keepalive or 0))
    return now


def _any_peers(blocks: list[str], before: dict[str, Entry], wall: float | None) -> dict[str, Entry]:
    now: dict[str, Entry] = {}
    for block in blocks:
        if _NO_LINE.search(block, _KEY_DIGITS):
            raise _BadLine("a line without '='")
        digits, lines = block.split("\n", 1)[0], _WANTED.findall(block)
        now[digits] = "", _any_peer(digits, lines, wall, before[digits][1] if digits in before else None)
    return now


def _any_peer(digits: str, lines: list[tuple[str, str]], wall: float | None, before: Peer | None) -> Peer:
    values = dict(lines)
    lowest, _dash, _highest = values.get("persistent_keepalive_interval", "0").partition("-")
    values["persistent_keepalive_interval"] = lowest
    made = make_peer(
        _base64(digits) if before is None else before.public_key,
        values.get("endpoint") or None,
        tuple([value for key, value in lines if key == "allowed_ip"]),
        _handshake(values, wall, None if before is None else before.last_handshake),
        _number(values, "rx_bytes"),
        _number(values, "tx_bytes"),
        _number(values, "persistent_keepalive_interval"),
    )
    return before if before is not None and made == before else made


def _handshake(values: dict[str, str], wall: float | None, before: float | None) -> float | None:
    """Return UNIX seconds of the last handshake, None = never. With ``wall`` it may be an age; then there is one if it is told."""
    seconds, nanoseconds = _number(values, "last_handshake_time_sec"), _number(values, "last_handshake_time_nsec")
    told = seconds + nanoseconds * 1e-9
    if wall is None or seconds >= _AN_AGE or "last_handshake_time_sec" not in values:
        return told or None
    stamp = wall - told
    return before if before is not None and abs(stamp - before) <= _SAME_MOMENT else stamp
