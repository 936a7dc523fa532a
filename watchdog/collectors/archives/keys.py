"""The key of encrypted containers, from its file: 64 hex digits (as the command line of SysReptor has it) or base64 (as its API has it)."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

from watchdog.collectors.archives.answers import Finished
from watchdog.errors import BadSettings
from watchdog.runtime.fields import read_secret

_HEX = re.compile(r"[0-9a-fA-F]{64}")
_BASE64 = re.compile(r"[0-9A-Za-z+/_-]{43}=")


def read_key(path: str) -> bytes:
    """Given the path of a key file, return the 32 bytes of the key. Their lengths tell the two spellings apart.

    Read anew at each use. Raises BadSettings naming the path, never the content.
    """
    text = read_secret(Path(path))
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if _BASE64.fullmatch(text):
        return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_"))
    raise BadSettings(f"the key file '{path}' must hold one key of 32 bytes: 64 hex digits, or 44 letters of base64")


def key_or_why(path: str) -> tuple[bytes, str]:
    """Return the key of a key file ("" = none is configured), or no key and why."""
    try:
        return (read_key(path), "") if path else (b"", "")
    except BadSettings as error:
        return b"", str(error)


def without_key(finished: Finished, why: str) -> Finished:
    """Return what was found without the key that should have been there: only what is encrypted needed it."""
    if "encrypted" not in finished.reasons:
        return finished
    return replace(finished, reasons=("no_key",), message=f"it is encrypted, and there is no key: {why}")
