"""One daemon's answer to ``get=1`` -> a device. Pure.

Source: https://www.wireguard.com/xplatform/#configuration-protocol. Lines of ``key=value``; ``public_key`` begins a peer; ``errno`` and an
empty line end it. Daemons write a preshared key right behind the public one, where it is stepped over: no value is made of it, nor of
amneziawg-go's ``obfs_psk`` and ``header_protection_key``; the private key is handed to ``keys`` to have the public key worked out of it,
and kept nowhere.

Four paths to the same values, each for the few that the one before leaves over. Most peers say what they have said before, and are not
looked into. Most others have only counted on: what stands around their counters is compared, not read. The lines that wireguard-go and
amneziawg-go really write are taken by one pattern. Anything else (boringtun, daemons to come) is walked line by line.

Quirks: boringtun tells ``own_public_key`` and no private key, and as ``last_handshake_time`` the age of the last handshake instead of its
moment (0.7.1; some forks tell the moment), and tells none any more when the session has ended after 180 s: the last one is kept while its
counters go on. amneziawg-go tells a keepalive only where there is one, and it can be a range ("25-35").
"""

from __future__ import annotations

import hashlib
import operator
import re
import secrets
from binascii import b2a_base64, unhexlify
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from watchdog.collectors.wireguard.peers import make_peer, moved
from watchdog.errors import MalformedAnswer, ServerFault
from watchdog.model.wireguard import Device, Peer

END = b"\n\n"
_PRIVATE = re.compile(rb"^private_key=([0-9a-fA-F]{64})$", re.MULTILINE)
_OWN = re.compile(rb"^(listen_port|fwmark|own_public_key)=(.*)$", re.MULTILINE)
_PEER = re.compile(rb"\npublic_key=([^\n]*)(?:\npreshared_key=[^\n]*)?")
_PRESHARED = re.compile(rb"\npreshared_key=[^\n]*")
_USUAL = re.compile(
    rb"\nprotocol_version=.*(?:\nendpoint=(.*))?\nlast_handshake_time_sec=(\d+)\nlast_handshake_time_nsec=(\d+)\n"
    rb"tx_bytes=(\d+)\nrx_bytes=(\d+)((?:\npersistent_keepalive_interval=(\d+))?((?:\nallowed_ip=.*)*))"
)
_TX = 4  # the number of its group
_MOVING = re.compile(rb"(\d+)\nlast_handshake_time_nsec=(\d+)\ntx_bytes=(\d+)\nrx_bytes=(\d+)")
_RX = b"\nrx_bytes="
_WANTED = re.compile(
    r"^(endpoint|last_handshake_time_sec|last_handshake_time_nsec|tx_bytes|rx_bytes|persistent_keepalive_interval|allowed_ip)=(.*)$",
    re.MULTILINE,
)
_NO_LINE_YET = re.compile(rb"^[^=\n]+$", re.MULTILINE)
_NO_LINE = re.compile(r"^[^=\n]+$", re.MULTILINE)
_HEX = re.compile("[0-9a-fA-F]{64}")
_KEY_DIGITS = 64
_SALT = secrets.token_bytes(32)
_ZEROS = memoryview(bytes(1 << 16))
_AN_AGE = 10**9  # seconds; what is less than that is no moment since 1970 that a program of our days can have seen
_SAME_MOMENT = 1.0  # seconds by which a moment worked out of an age may differ from look to look


@dataclass(slots=True)
class _Row:
    """One peer as it was told last, and what was made of it.

    ``before`` and ``behind`` are what stood around the values of its counters, if its lines were those that wireguard-go writes; else both
    are empty. Of ``before``, ``static`` bytes are those before the handshake's moment, 0 = it was not usual.
    """

    before: bytes
    counters: bytes
    behind: bytes
    static: int
    peer: Peer


_NEW: Final = _Row(b"", b"", b"", 0, Peer(""))
"""In the place of a peer that nothing is known of."""


@dataclass(frozen=True, slots=True)
class _Own:
    """What a daemon tells of its device; ``mark`` tells the same lines again. ``ages``: it is boringtun, which may tell ages."""

    mark: bytes
    public_key: str
    listen_port: int
    fwmark: int
    ages: bool


@dataclass(slots=True)
class Known:
    """What a device's peers looked like in its last answer, so that what has not changed is not made anew. No secret is in it.

    ``rows`` are by the digits of their keys, sorted; ``last`` is all peers, in order.
    """

    rows: dict[bytes, _Row] = field(default_factory=dict)
    last: tuple[Peer, ...] = ()
    own: _Own | None = None

    def keep(self, judged: tuple[Peer, ...]) -> None:
        """Take what was judged of ``last``, in its order: a peer that only counts on is then likely to be right as it is made."""
        if not all(map(operator.is_, judged, self.last)):
            for row, peer in zip(self.rows.values(), judged, strict=True):
                row.peer = peer
        self.last = judged


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
    if answer.startswith(b"public_key="):  # wireguard-go says nothing of itself while it has neither key nor port
        answer[:0] = b"\n"
        end += 1
    begin = answer.find(b"\npublic_key=", 0, end)
    head = begin + 1 if begin >= 0 else end
    mark = hashlib.blake2b(memoryview(answer)[:head], key=_SALT, digest_size=32).digest()
    own = known.own if known.own is not None and known.own.mark == mark else _own(answer, head, mark, public_key_of)
    _peers(answer, begin if begin >= 0 else end, end, known, wall if own.ages else None)
    known.own = own
    return Device(name, "userspace", netns, own.public_key, own.listen_port, own.fwmark, known.last)


def _own(answer: bytearray, head: int, mark: bytes, public_key_of: Callable[[bytes], str]) -> _Own:
    """Read the first ``head`` bytes: what a daemon tells of its device."""
    if _NO_LINE_YET.search(answer, 0, head):
        raise _BadLine("a line without '='")
    if answer.startswith(b"allowed_ip=") or answer.find(b"\nallowed_ip=", 0, head) >= 0:
        raise _BadLine("allowed_ip before any peer")
    values = {key.decode("ascii"): value.decode("ascii") for key, value in _OWN.findall(answer, 0, head)}
    private = _PRIVATE.search(answer, 0, head)
    if private is not None:
        public_key = public_key_of(unhexlify(private[1]))
    else:
        public_key = _base64(values["own_public_key"]) if "own_public_key" in values else ""
    return _Own(mark, public_key, _number(values, "listen_port"), _number(values, "fwmark"), "own_public_key" in values)


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
    """Bring ``known`` up to date with the peers between ``begin`` and ``end``; what has not changed stays the same object.

    Both are where a line begins, ``begin`` with the line feed before it.
    """
    pieces = iter(_PEER.split(memoryview(answer)[begin : end - 1]) if begin < end else (b"",))
    next(pieces)  # what stands before the first peer: nothing
    told = dict(zip(pieces, pieces, strict=True))
    # wireguard-go tells its peers in another order each time; two looks at the same state shall be equal. And what was made in one order
    # lies in memory in that order, which saves a third of the time
    rows: dict[bytes, _Row] = known.rows.copy()
    if told.keys() != rows.keys():
        rows = {digits: known.rows.get(digits, _NEW) for digits in sorted(told)}
    for digits, row in rows.items():
        text = told[digits]
        if row.static and text.startswith(row.before) and text.endswith(row.behind):
            counters = text[len(row.before) : len(text) - len(row.behind)]
            if row.counters == counters:
                continue
            sent, _, received = counters.partition(_RX)
            if sent.isdigit() and received.isdigit():
                row.counters, row.peer = counters, moved(row.peer, row.peer.last_handshake, int(received), int(sent))
                continue
        if not _shook_hands(row, text):
            rows[digits] = _row(digits, text, row, wall)
    known.rows = rows
    peers = tuple([row.peer for row in rows.values()])
    if len(peers) != len(known.last) or not all(map(operator.is_, peers, known.last)):
        known.last = peers


def _shook_hands(row: _Row, text: bytes) -> bool:
    """Take in a peer of which only the handshake and the counters have moved; return False, having done nothing, for any other."""
    found = _MOVING.fullmatch(text, row.static, len(text) - len(row.behind))
    if found is None or not row.static or not text.endswith(row.behind) or row.before[: row.static] != text[: row.static]:
        return False
    seconds, nanoseconds, sent, received = found.groups()
    row.before, row.counters = text[: found.start(3)], text[found.start(3) : found.end()]
    row.peer = moved(row.peer, int(seconds) + int(nanoseconds) * 1e-9 or None, int(received), int(sent))
    return True


def _row(digits: bytes, told: bytes, old: _Row, wall: float | None) -> _Row:
    """Read all that is told of one peer."""
    before = None if old is _NEW else old.peer
    found = _USUAL.fullmatch(told) if wall is None else None
    if found is None:
        return _Row(b"", b"", b"", 0, _any_peer(digits.decode("ascii"), told, wall, before))
    endpoint, seconds, nanoseconds, sent, received, behind, keepalive, ranges = found.groups()
    peer = make_peer(
        _base64(digits.decode("ascii")) if before is None else before.public_key,
        endpoint.decode("ascii") if endpoint else None,
        before.allowed_ips
        if before is not None and old.static and old.behind == behind
        else tuple(ranges.decode("ascii").split("\nallowed_ip=")[1:]),
        int(seconds) + int(nanoseconds) * 1e-9 or None,
        int(received),
        int(sent),
        int(keepalive or 0),
    )
    begin, end = found.start(_TX), found.end(_TX + 1)
    return _Row(told[:begin], told[begin:end], behind, found.start(2), peer)


def _any_peer(digits: str, told: bytes, wall: float | None, before: Peer | None) -> Peer:
    text = _PRESHARED.sub(b"", told).decode("ascii")
    if _NO_LINE.search(text):
        raise _BadLine("a line without '='")
    lines = _WANTED.findall(text)
    values = dict(lines)
    lowest, _dash, _highest = values.get("persistent_keepalive_interval", "0").partition("-")
    values["persistent_keepalive_interval"] = lowest
    received, sent = _number(values, "rx_bytes"), _number(values, "tx_bytes")
    same_life = before is not None and received >= before.rx_bytes and sent >= before.tx_bytes
    made = make_peer(
        _base64(digits) if before is None else before.public_key,
        values.get("endpoint") or None,
        tuple([value for key, value in lines if key == "allowed_ip"]),
        _handshake(values, wall, before.last_handshake if before is not None and same_life else None),
        received,
        sent,
        _number(values, "persistent_keepalive_interval"),
        *((before.handshake_trusted, before.connected, before.endpoint_changes) if before is not None else ()),
    )
    return before if before is not None and made == before else made


def _handshake(values: dict[str, str], wall: float | None, before: float | None) -> float | None:
    """Return UNIX seconds of the last handshake, None = never.

    With ``wall`` it may be an age, and is only told while the session lasts; ``before`` is what was known of the same life of the daemon.
    """
    seconds, nanoseconds = _number(values, "last_handshake_time_sec"), _number(values, "last_handshake_time_nsec")
    told = seconds + nanoseconds * 1e-9
    if wall is None or seconds >= _AN_AGE:
        return told or None
    if "last_handshake_time_sec" not in values:
        return before
    stamp = wall - told
    return before if before is not None and abs(stamp - before) <= _SAME_MOMENT else stamp
