"""The panel's container of encrypted backups (utils/crypto/base.py, EncryptionStream; contract section 1.4)."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Generator, Iterable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

MAGIC: Final = b"\xc2YPT"


def sealed(pieces: Iterable[bytes], key: bytes, nonce: bytes | None = None) -> Generator[bytes, None, None]:
    """Yield magic, header, ciphertext and tag; the header is authenticated with the rest."""
    nonce = nonce or os.urandom(16)
    encryptor = Cipher(AES(key), GCM(nonce)).encryptor()
    named = {"cipher": "AES-GCM", "nonce": base64.b64encode(nonce).decode(), "key_id": None}
    header = MAGIC + json.dumps(named).encode() + b"\0"
    encryptor.authenticate_additional_data(header)
    yield header
    for piece in pieces:
        yield encryptor.update(piece)
    yield encryptor.finalize() + encryptor.tag
