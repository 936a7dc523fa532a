"""SysReptor's encrypted container: a magic, a JSON header, a zero, AES-GCM ciphertext, 16 bytes of tag.

Without the key only its header can be read, and a cut is invisible. With it the tag proves every byte, and what is inside is checked like
any other archive; when the tag is wrong, what is inside still tells where the damage is and what survives.
Source: contracts/sysreptor.md 1.4.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.format import MANGLED, mangled
from watchdog.collectors.archives.source import Source

MAGIC = b"\xc2YPT"
KIND = "c2ypt"
MOST_HEADER = 1024
TAG = 16
_LEAST_INSIDE = 22  # an empty zip
_NONCES = range(8, 65)
_LIMIT = (1 << 36) - 32
"""Bytes that one nonce may encrypt (NIST SP 800-38D, 5.2.1.1)."""


@dataclass(frozen=True, slots=True)
class Header:
    """The readable part: ``aad`` is all of its bytes, which the tag covers too; ``key_id`` names the key where several are in use."""

    aad: bytes
    nonce: bytes
    key_id: str | None


class Opened(Protocol):
    """A container with a key."""

    @property
    def plain(self) -> Source:
        """Return what is inside, decrypted as it is read."""
        ...

    def proven(self) -> bool:
        """Read all of it; whether the tag says that every byte is the one that was written."""
        ...


Opener = Callable[[Source, Header], Opened]


def check_sealed(source: Source, level: int, opener: Opener | None, inside: Callable[[Source, bool], Finding]) -> Finding:
    """Given an open container, return what it proves.

    ``opener`` holds the key, None = there is none; ``inside`` checks what is in it and is told whether the tag was right.
    """
    notes = Notes()
    try:
        header = read_header(source)
    except Broken as broken:
        notes.add(broken.reason, str(broken))
        return notes.finding(KIND, min(level, 1))
    if mangled(source.at(len(header.aad), 1 << 20)):
        notes.add("crlf_mangled", MANGLED)
        return notes.finding(KIND, min(level, 1))
    if opener is None:
        whose = "" if header.key_id is None else f" (its id is '{header.key_id}')"
        notes.add("encrypted", f"it is encrypted, and no key is given{whose}: even a cut would be invisible")
        return notes.finding(KIND, min(level, 1))
    return _opened(opener(source, header), level, notes, inside)


def read_header(source: Source) -> Header:
    """Return the header. Raise Broken when it is damaged, cut, too long, or asks for another cipher."""
    raw = source.at(0, MOST_HEADER)
    end = raw.find(b"\0")
    if end < 0:
        raise _endless(raw, source.size)
    try:
        said = json.loads(raw[len(MAGIC) : end])
        match said:
            case {"cipher": str() as cipher, "nonce": str() as text, "key_id": str() | None as key_id}:
                nonce = base64.b64decode(text, validate=True)
            case _:
                raise Broken("damaged_header", "the header of the encrypted container lacks its cipher, its nonce or its key's id")
    except (ValueError, RecursionError) as error:  # binascii.Error and UnicodeDecodeError are ValueErrors
        raise Broken("damaged_header", "the header of the encrypted container is no JSON, or its nonce is no base64") from error
    if cipher != "AES-GCM":
        raise Broken("unknown_method", f"it is encrypted by '{cipher[:40]}', which is not decrypted here")
    if len(nonce) not in _NONCES:
        raise Broken("damaged_header", f"a nonce of {len(nonce)} bytes is none of AES-GCM's")
    inside = source.size - end - 1 - TAG
    if inside < _LEAST_INSIDE:
        raise Broken("truncated", f"{max(0, source.size - end - 1)} bytes behind the header are too few: it was cut")
    if inside > _LIMIT:
        raise Broken("unknown_method", "it is larger than AES-GCM may encrypt with one nonce")
    return Header(raw[: end + 1], nonce, key_id)


def _endless(raw: bytes, size: int) -> Broken:
    """Say what a header is that has no end within the bytes it may have."""
    if size <= len(raw):
        return Broken("truncated", "the file stops within the header of the encrypted container")
    text = raw[len(MAGIC) :].decode("latin-1")
    try:
        json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text) or error.msg.startswith("Unterminated"):
            return Broken("header_too_large", f"the header of the encrypted container does not end within {MOST_HEADER} bytes")
        return Broken("damaged_header", "the header of the encrypted container is no JSON")
    except RecursionError:
        return Broken("damaged_header", "the header of the encrypted container is nested without end")
    return Broken("damaged_header", "no zero stands behind the header of the encrypted container")


def _opened(opened: Opened, level: int, notes: Notes, inside: Callable[[Source, bool], Finding]) -> Finding:
    proven = opened.proven() if level > 1 else True
    if not proven:
        notes.add("tag_mismatch", "the tag over all bytes is wrong: it was changed or cut since it was written, and a restore refuses it")
    found = inside(opened.plain, proven and level > 1)
    if found.format == "unknown" and (not proven or level < 2):  # noqa: PLR2004  (every byte)
        notes.found.clear()
        notes.add("wrong_key", "the key does not fit, or its very first bytes are damaged: nothing can be told")
        return notes.finding(KIND, level)
    if proven:
        return replace(found, format=KIND)
    for reason, message in zip(found.reasons, found.messages, strict=True):
        notes.add(reason, f"inside: {message}")
    return notes.finding(KIND, level, found.entries, found.salvage)
