"""Opening an encrypted container: the tag by one pass over everything, then any part by itself.

AES-GCM is AES in counter mode with a tag. A zip is read from its end, so after the pass that proves the tag its bytes are decrypted again
where they are wanted, by the counter alone. The counter has 32 bits and wraps; the first one comes of the nonce.
Sources: NIST SP 800-38D, 6.2 (increment), 6.3 and 6.4 (GHASH), 7.1 (J0); contracts/sysreptor.md 1.4.

Only the child imports this, and only when it has a key: the library costs memory.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB, GCM

from watchdog.collectors.archives.c2ypt import TAG, Header
from watchdog.collectors.archives.source import CHUNK, Source

BLOCK = 16
_PLAIN_NONCE = 12
_WRAP = 1 << 32
_POLYNOMIAL = 0xE1 << 120


def first_counter(key: bytes, nonce: bytes) -> int:
    """Return J0, the counter before the first block, as a number of 128 bits."""
    if len(nonce) == _PLAIN_NONCE:
        return int.from_bytes(nonce + b"\0\0\0\1", "big")
    subkey = int.from_bytes(Cipher(AES(key), ECB()).encryptor().update(bytes(BLOCK)), "big")  # noqa: S305  # one block of zeros, as GCM says
    padded = nonce + bytes(-len(nonce) % BLOCK) + bytes(8) + (8 * len(nonce)).to_bytes(8, "big")
    hashed = 0
    for at in range(0, len(padded), BLOCK):
        hashed = times(hashed ^ int.from_bytes(padded[at : at + BLOCK], "big"), subkey)
    return hashed


def times(one: int, other: int) -> int:
    """Multiply in GF(2^128) as GCM writes it: the first bit is the lowest power."""
    product = 0
    for bit in range(127, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


class Plain(Source):
    """What is inside: ``size`` bytes of the outer source from ``start`` on, decrypted as they are read. It has no checksum of its own."""

    def __init__(self, outer: Source, start: int, size: int, key: bytes, counter: int) -> None:
        self.size = size
        self._outer, self._start = outer, start
        self._key, self._counter = key, counter
        self._far = 0
        self._stream: tuple[int, CipherContext] | None = None

    @property
    def hashing(self) -> bool:
        """Whether every byte is wanted: no, the outer one has been hashed before."""
        return False

    def read(self) -> bytes:
        """Return the next chunk in order, b"" at the end."""
        left = self.size - self._far
        piece = self._outer.read()[:left] if left > 0 else b""
        plain = self._decrypt(self._far, piece)
        self._far += len(piece)
        return plain

    def at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        return self._decrypt(offset, self._outer.at(self._start + offset, min(length, self.size - offset)))

    def mark(self, offset: int) -> None:
        """Show how far it has come; ``read`` goes on from there."""
        self._outer.mark(self._start + offset)
        self._far = offset

    def sha1(self) -> str | None:
        """Return nothing: the checksum is of the file."""
        return None

    def _decrypt(self, offset: int, piece: bytes) -> bytes:
        out = b""
        while piece:
            stop, stream = self._at(offset)
            part = piece[: stop - offset]
            plain = stream.update(part)
            offset, piece = offset + len(part), piece[len(part) :]
            self._stream = (offset, stream) if offset < stop else None
            out = out + plain if out else plain
        return out

    def _at(self, offset: int) -> tuple[int, CipherContext]:
        """Return a key stream that stands at ``offset`` and where it ends: the library's counter does not wrap at 32 bits, GCM's does."""
        block = offset // BLOCK
        low = (self._counter + 1 + block) % _WRAP
        stop = (block + _WRAP - low) * BLOCK
        if self._stream is not None and self._stream[0] == offset:
            return stop, self._stream[1]
        counter = self._counter - self._counter % _WRAP + low
        stream = Cipher(AES(self._key), CTR(counter.to_bytes(BLOCK, "big"))).encryptor()
        stream.update(bytes(offset % BLOCK))
        return stop, stream


class Sealed:
    """One container and its key (32 bytes; 16 and 24 are AES too)."""

    def __init__(self, source: Source, header: Header, key: bytes) -> None:
        self._source, self._header, self._key = source, header, key
        self._size = source.size - len(header.aad) - TAG

    @property
    def plain(self) -> Plain:
        """Return what is inside."""
        return Plain(self._source, len(self._header.aad), self._size, self._key, first_counter(self._key, self._header.nonce))

    def proven(self) -> bool:
        """Read the whole file once; whether the tag is right. Its checksum is known afterwards."""
        stream = Cipher(AES(self._key), GCM(self._header.nonce)).decryptor()
        stream.authenticate_additional_data(self._header.aad)
        dropped = bytearray(CHUNK + BLOCK)
        start = len(self._header.aad)
        at, stop = 0, start + self._size
        self._source.mark(0)
        while piece := self._source.read():
            part = piece[max(0, start - at) : max(0, stop - at)]
            if part:
                stream.update_into(part, dropped)
            at += len(piece)
        try:
            stream.finalize_with_tag(self._source.at(stop, TAG))
        except InvalidTag:
            return False
        return at == self._source.size
