"""AES Crypt files of version 2, as Duplicati writes encrypted volumes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_ROUNDS: Final = 8192
_BLOCK: Final = 16


def sealed(content: bytes, passphrase: str) -> bytes:
    """Return ``content`` encrypted: head, keys under the passphrase, whole blocks, length of the last, checksum."""
    vector, inner_vector, inner_key = secrets.token_bytes(_BLOCK), secrets.token_bytes(_BLOCK), secrets.token_bytes(32)
    key = _key(vector, passphrase)
    keys = _encrypted(key, vector, inner_vector + inner_key)
    body = _encrypted(inner_key, inner_vector, content + bytes(-len(content) % _BLOCK))
    created = b"CREATED_BY\0fake-duplicati"
    head = b"AES\x02\x00" + len(created).to_bytes(2, "big") + created + b"\x00\x00"
    checks = hmac.new(key, keys, hashlib.sha256).digest(), hmac.new(inner_key, body, hashlib.sha256).digest()
    return head + vector + keys + checks[0] + body + bytes([len(content) % _BLOCK]) + checks[1]


def _key(vector: bytes, passphrase: str) -> bytes:
    digest = vector + bytes(16)
    for _ in range(_ROUNDS):
        digest = hashlib.sha256(digest + passphrase.encode("utf-16-le")).digest()
    return digest


def _encrypted(key: bytes, vector: bytes, content: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return encryptor.update(content) + encryptor.finalize()
