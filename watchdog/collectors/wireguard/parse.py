"""One daemon's answer to ``get=1`` -> a device. Pure.

Source: https://www.wireguard.com/xplatform/#configuration-protocol. Lines of ``key=value``; ``public_key`` begins a peer; ``errno`` and an
empty line end it. Preshared keys and the private key are cut out of the bytes before any text is made of them; the private key is handed to
``keys`` to have the public key worked out of it, and kept nowhere.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, unhexlify
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from watchdog.errors import MalformedAnswer, ServerFault
from watchdog.model.wireguard import Device, Peer

END = b"\n\n"
_PRIVATE = re.compile(rb"^private_key=([0-9a-fA-F]{64})$", re.MULTILINE)
_SECRETS = re.compile(rb"^(?:private|preshared)_key=[^\n]*\n", re.MULTILINE)
_KEY_DIGITS = 64


@dataclass(slots=True)
class _Growing:
    """One peer while its lines come in."""

    public_key: str
    values: dict[str, str] = field(default_factory=dict)
    allowed_ips: list[str] = field(default_factory=list)


def parse(name: str, answer: bytearray, public_key_of: Callable[[bytes], str], netns: str = "") -> Device:
    """Given all bytes of an answer, return the device; ``answer`` is overwritten with zeros, for it holds keys.

    Raise ServerFault when the daemon reports an error number, MalformedAnswer for anything that is not the protocol.
    """
    private = _PRIVATE.search(answer)
    public_key = public_key_of(unhexlify(private[1])) if private else ""
    rest = _SECRETS.sub(b"", answer)
    del private  # it holds on to the buffer
    answer[:] = bytes(len(answer))
    try:
        return _device(name, public_key, rest.decode("ascii"), netns)
    except ValueError as error:
        raise MalformedAnswer(f"{name}: the daemon's answer is not the configuration protocol: {_what(error)}") from None


def _what(error: Exception) -> str:
    # the text of these errors can quote the daemon's bytes
    return str(error) if isinstance(error, _BadLine) else type(error).__name__


class _BadLine(ValueError):
    """A line that cannot be; its text names the key and never the value."""


def _device(name: str, public_key: str, text: str, netns: str) -> Device:
    own: dict[str, str] = {}
    peers: list[_Growing] = []
    values, allowed = own, None
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if key == "allowed_ip":
            if allowed is None:
                raise _BadLine("allowed_ip before any peer")
            allowed.append(value)
        elif key == "public_key":
            peer = _Growing(_base64(value))
            peers.append(peer)
            values, allowed = peer.values, peer.allowed_ips
        elif key == "errno":
            _end(name, value)
            break
        elif equals:
            values[key] = value
        else:
            raise _BadLine("a line without '='")
    else:
        raise _BadLine("no errno at its end")
    # wireguard-go tells its peers in another order each time; two looks at the same state shall be equal
    built = tuple(map(_peer, sorted(peers, key=attrgetter("public_key"))))
    return Device(name, "userspace", netns, public_key, _number(own, "listen_port"), _number(own, "fwmark"), built)


def _end(name: str, value: str) -> None:
    if value != "0":
        number = int(value)
        raise ServerFault(f"{name}: the daemon answered errno {number}")


def _base64(digits: str) -> str:
    if len(digits) != _KEY_DIGITS:
        raise _BadLine(f"a public_key of {len(digits)} digits")
    return b2a_base64(unhexlify(digits), newline=False).decode("ascii")


def _number(values: dict[str, str], key: str) -> int:
    text = values.get(key, "0")
    if not text.isdecimal():
        raise _BadLine(f"{key} is not a number")
    return int(text)


def _peer(growing: _Growing) -> Peer:
    values = growing.values
    seconds, nanoseconds = _number(values, "last_handshake_time_sec"), _number(values, "last_handshake_time_nsec")
    return Peer(
        growing.public_key,
        values.get("endpoint"),
        tuple(growing.allowed_ips),
        seconds + nanoseconds * 1e-9 if seconds or nanoseconds else None,
        _number(values, "rx_bytes"),
        _number(values, "tx_bytes"),
        _number(values, "persistent_keepalive_interval"),
    )
