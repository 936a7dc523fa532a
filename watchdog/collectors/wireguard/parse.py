"""One daemon's answer to ``get=1`` -> a device. Pure.

Source: https://www.wireguard.com/xplatform/#configuration-protocol. Lines of ``key=value``; ``public_key`` begins a peer; ``errno`` and an
empty line end it. Preshared keys and the private key are cut out of the bytes before any text is made of them; the private key is handed to
``keys`` to have the public key worked out of it, and kept nowhere.
"""

from __future__ import annotations

import re
from binascii import b2a_base64, unhexlify
from collections.abc import Callable

from watchdog.errors import MalformedAnswer, ServerFault
from watchdog.model.wireguard import Device, Peer

END = b"\n\n"
Known = dict[str, Peer]
_PRIVATE = re.compile(rb"^private_key=([0-9a-fA-F]{64})$", re.MULTILINE)
_PRIVATE_LINE = re.compile(rb"private_key=[^\n]*\n")
_PRESHARED_LINE = re.compile(rb"preshared_key=[^\n]*\n")  # a pattern with a literal beginning: twice as fast as both in one
_KEY_DIGITS = 64


def parse(name: str, answer: bytearray, public_key_of: Callable[[bytes], str], netns: str = "", known: Known | None = None) -> Device:
    """Given all bytes of an answer, return the device; ``answer`` is overwritten with zeros, for it holds keys.

    ``known`` is what peers looked like in the device's last answer, by their text without secrets: a peer whose text has not changed is
    not read again. It is replaced by what they look like now. Raise ServerFault when the daemon reports an error number, MalformedAnswer
    for anything that is not the protocol.
    """
    private = _PRIVATE.search(answer)
    public_key = public_key_of(unhexlify(private[1])) if private else ""
    rest = _PRESHARED_LINE.sub(b"", _PRIVATE_LINE.sub(b"", answer, count=1))
    del private  # it holds on to the buffer
    answer[:] = bytes(len(answer))
    try:
        return _device(name, public_key, rest.decode("ascii"), netns, {} if known is None else known)
    except ValueError as error:
        raise MalformedAnswer(f"{name}: the daemon's answer is not the configuration protocol: {_what(error)}") from None


def _what(error: Exception) -> str:
    # the text of these errors can quote the daemon's bytes
    return str(error) if isinstance(error, _BadLine) else type(error).__name__


class _BadLine(ValueError):
    """A line that cannot be; its text names the key and never the value."""


def _device(name: str, public_key: str, text: str, netns: str, known: Known) -> Device:
    body, found, end = ("\n" + text).rpartition("\nerrno=")
    if not found:
        raise _BadLine("no errno at its end")
    number = end.split("\n", 1)[0]
    if number != "0":
        raise ServerFault(f"{name}: the daemon answered errno {int(number)}")
    own_text, *blocks = body.split("\npublic_key=")
    own, nothing = _lines(own_text.split("\n")[1:])
    if nothing:
        raise _BadLine("allowed_ip before any peer")
    # wireguard-go tells its peers in another order each time; two looks at the same state shall be equal
    blocks.sort()
    peers = {block: known.get(block) or _peer(block) for block in blocks}
    known.clear()
    known.update(peers)
    return Device(name, "userspace", netns, public_key, _number(own, "listen_port"), _number(own, "fwmark"), tuple(peers.values()))


def _lines(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the values by key, and the allowed-ips, of which there can be many."""
    values: dict[str, str] = {}
    allowed: list[str] = []
    for line in lines:
        key, equals, value = line.partition("=")
        if key == "allowed_ip":
            allowed.append(value)
        elif equals:
            values[key] = value
        else:
            raise _BadLine("a line without '='")
    return values, allowed


def _base64(digits: str) -> str:
    if len(digits) != _KEY_DIGITS:
        raise _BadLine(f"a public_key of {len(digits)} digits")
    return b2a_base64(unhexlify(digits), newline=False).decode("ascii")


def _number(values: dict[str, str], key: str) -> int:
    text = values.get(key, "0")
    if not text.isdecimal():
        raise _BadLine(f"{key} is not a number")
    return int(text)


def _peer(block: str) -> Peer:
    digits, *lines = block.split("\n")
    values, allowed = _lines(lines)
    seconds, nanoseconds = _number(values, "last_handshake_time_sec"), _number(values, "last_handshake_time_nsec")
    return Peer(
        _base64(digits),
        values.get("endpoint"),
        tuple(allowed),
        seconds + nanoseconds * 1e-9 if seconds or nanoseconds else None,
        _number(values, "rx_bytes"),
        _number(values, "tx_bytes"),
        _number(values, "persistent_keepalive_interval"),
    )
