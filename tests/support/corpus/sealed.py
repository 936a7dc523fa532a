"""SysReptor's encrypted container in the dialect of contracts/sysreptor.md 1.4: whole, damaged, and without its key.

The writer is cryptography's one-shot AES-GCM; the reader under test decrypts by its own counters.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.support.archives import noise
from tests.support.corpus import zips as z
from tests.support.corpus.case import Case, bad, flipped, good, patched, unprovable

KEY = bytes(range(32))
NONCE = bytes(range(100, 116))
WRAPS = bytes.fromhex("4f8dd6e407a8dd6d2037d83c5e5e40a8")
"""With KEY its first counter ends with 0xFFFFFFF9: seven blocks later the counter wraps."""
BACKUP = z.sysreptor()
SIZES = [len(entry.content) for entry in z.sysreptor_entries()]


def header(nonce: bytes = NONCE, cipher: str = "AES-GCM", key_id: str | None = None) -> bytes:
    said = {"cipher": cipher, "nonce": base64.b64encode(nonce).decode(), "key_id": key_id}
    return b"\xc2YPT" + json.dumps(said).encode() + b"\0"


def sealed(plain: bytes = BACKUP, nonce: bytes = NONCE, *, key: bytes = KEY, head: bytes | None = None) -> bytes:
    aad = header(nonce) if head is None else head
    return aad + AESGCM(key).encrypt(nonce, plain, aad)


WHOLE_BOX = sealed()
HEAD = len(header())
IMAGE = HEAD + BACKUP.index(noise(3000, 3))


def _of(*entries: z.Entry) -> bytes:
    return sealed(z.zip_with(list(entries)))


def _keyed(case: Case, key: bytes = KEY) -> Case:
    return replace(case, key=key)


def _cut(at: int) -> bytes:
    return WHOLE_BOX[:at]


WHOLE: tuple[Case, ...] = tuple(
    _keyed(case)
    for case in (
        good("backup.zip.crypt", lambda: WHOLE_BOX),
        good("counter-wraps.zip.crypt", lambda: sealed(nonce=WRAPS)),
        good("short-nonce.zip.crypt", lambda: sealed(nonce=NONCE[:12])),
        good("long-nonce.zip.crypt", lambda: sealed(nonce=NONCE + NONCE[:7])),
        good("named-key.zip.crypt", lambda: sealed(head=header(key_id="81f1bf5d"))),
        good("nothing-inside.zip.crypt", lambda: sealed(z.zip_with([]))),
        good("several-chunks.zip.crypt", lambda: _of(z.Entry("a", noise(700_000)), z.Entry("b", b"1" * 700_000, z.DEFLATE))),
        good("prefix-inside.zip.crypt", lambda: sealed(bytes(7) + noise(50, 2) + BACKUP), "prefix"),
    )
)

DAMAGED: tuple[Case, ...] = tuple(
    _keyed(case)
    for case in (
        bad("tag-cut.zip.crypt", "truncated", lambda: _cut(-1), (9, sum(SIZES))),
        bad("tag-lost.zip.crypt", "truncated", lambda: _cut(-16), (9, sum(SIZES))),
        bad("cut-in-files.zip.crypt", "missing_end", lambda: _cut(IMAGE + 1000), (4, sum(SIZES[:4]))),
        bad("cut-behind-header.zip.crypt", "truncated", lambda: _cut(HEAD + 20)),
        bad("cut-in-header.zip.crypt", "truncated", lambda: _cut(30)),
        bad("only-magic.zip.crypt", "truncated", lambda: _cut(4)),
        bad("image-flipped.zip.crypt", "damaged_content", lambda: flipped(WHOLE_BOX, IMAGE + 70), (8, sum(SIZES) - 3000)),
        bad("first-byte-flipped.zip.crypt", "damaged_entry", lambda: flipped(WHOLE_BOX, HEAD), (8, sum(SIZES[1:]))),
        bad("tag-flipped.zip.crypt", "tag_mismatch", lambda: flipped(WHOLE_BOX, len(WHOLE_BOX) - 3)),
        bad("header-changed.zip.crypt", "tag_mismatch", lambda: WHOLE_BOX.replace(b'"key_id": null', b'"key_id":  null', 1)),
        bad("hole.zip.crypt", "damaged_content", lambda: patched(WHOLE_BOX, IMAGE + 100, bytes(512)), (8, sum(SIZES) - 3000)),
        bad("more-behind.zip.crypt", "tag_mismatch", lambda: WHOLE_BOX + b"more"),
        bad("log-line-before.zip.crypt", "log_line_before", lambda: b"Backup requested\n" + WHOLE_BOX),
        bad("through-a-terminal.zip.crypt", "crlf_mangled", lambda: _of(z.Entry("a", noise(9000))).replace(b"\n", b"\r\n")),
        bad("cut-before-it-was-sealed.zip.crypt", "missing_end", lambda: sealed(BACKUP[:-60]), (9, sum(SIZES))),
        bad("page-inside.zip.crypt", "html_page", lambda: sealed(b"<!doctype html><title>Bad gateway</title>")),
        bad("header-no-json.zip.crypt", "damaged_header", lambda: WHOLE_BOX.replace(b'"cipher"', b'"cipher', 1)),
        bad("header-without-nonce.zip.crypt", "damaged_header", lambda: WHOLE_BOX.replace(b'"nonce"', b'"n0nce"', 1)),
        bad("nonce-no-base64.zip.crypt", "damaged_header", lambda: WHOLE_BOX.replace(b'"nonce": "', b'"nonce": "*', 1)),
        bad("nonce-tiny.zip.crypt", "damaged_header", lambda: header(b"1234567") + noise(400)),
        bad("header-without-end.zip.crypt", "damaged_header", lambda: header()[:-1] + b"x" + noise(2000)),
    )
)

UNPROVABLE: tuple[Case, ...] = (
    unprovable("without-key.zip.crypt", "encrypted", lambda: WHOLE_BOX),
    unprovable("cut-without-key.zip.crypt", "encrypted", lambda: _cut(-500)),
    _keyed(unprovable("other-key.zip.crypt", "wrong_key", lambda: WHOLE_BOX), bytes(32)),
    _keyed(unprovable("nonce-changed.zip.crypt", "wrong_key", lambda: sealed().replace(header(), header(NONCE[::-1])))),
    _keyed(unprovable("other-cipher.zip.crypt", "unknown_method", lambda: sealed(head=header(cipher="ChaCha20")))),
    _keyed(unprovable("endless-header.zip.crypt", "header_too_large", lambda: header(key_id="x" * 5000) + noise(400))),
)


def boxes_of(plain: bytes, number: int) -> bytes:
    """Return ``plain`` sealed with a nonce of this number, for fuzzing."""
    return sealed(plain, struct.pack("<QQ", number, number))
