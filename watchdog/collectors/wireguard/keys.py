"""A userspace device's public key. Its daemon tells only the private one, so the public key is worked out of it (X25519, RFC 7748).

The private key lives in this module for the length of one call and is kept nowhere. What is kept, so that the work is done once per key, is
the public key under a keyed hash whose key is drawn anew by each process.
"""

from __future__ import annotations

import hashlib
import secrets
from binascii import b2a_base64

_P = 2**255 - 19
_A24 = 121665
_BASE = 9
_MOST = 4096


def public_key(private: bytes) -> str:
    """Given the 32 bytes of a private key, return the public key as base64 text, as ``wg pubkey`` does."""
    scalar = bytearray(private)
    scalar[0] &= 248
    scalar[31] = (scalar[31] & 127) | 64
    point = _ladder(int.from_bytes(scalar, "little"))
    return b2a_base64(point.to_bytes(32, "little"), newline=False).decode("ascii")


def _ladder(k: int) -> int:
    """Return the u-coordinate of ``k`` times the base point: the Montgomery ladder of RFC 7748, section 5."""
    x2, z2, x3, z3, swap = 1, 0, _BASE, 1, 0
    for bit_number in range(254, -1, -1):
        bit = (k >> bit_number) & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % _P, b * b % _P, d * a % _P, c * b % _P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % _P, _BASE * (da - cb) ** 2 % _P
        x2, z2 = aa * bb % _P, e * (aa + _A24 * e) % _P
    if swap:
        x2, z2 = x3, z3
    return x2 * pow(z2, _P - 2, _P) % _P


class PublicKeys:
    """Public keys worked out so far. Any thread."""

    def __init__(self) -> None:
        self._salt = secrets.token_bytes(32)
        self._known: dict[bytes, str] = {}

    def of(self, private: bytes) -> str:
        """Given the 32 bytes of a private key, return the public key as base64 text."""
        mark = hashlib.blake2b(private, key=self._salt, digest_size=32).digest()
        found = self._known.get(mark)
        if found is None:
            if len(self._known) >= _MOST:
                self._known = {}
            found = self._known[mark] = public_key(private)
        return found
