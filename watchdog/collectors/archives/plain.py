"""An archive as a file that can be read and sought, decrypted on the way when it is sealed. For those who read what was proven before."""

from __future__ import annotations

import io
import os
from typing import Any, BinaryIO, cast

from watchdog.collectors.archives import c2ypt
from watchdog.collectors.archives.findings import Broken
from watchdog.collectors.archives.source import Source
from watchdog.errors import BadSettings, MalformedAnswer


class _Plain(io.RawIOBase):
    """The bytes of one source, at any place."""

    def __init__(self, source: Source, descriptor: int) -> None:
        self._source = source
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def seekable(self) -> bool:
        """Return that it is."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the file below; to tell which it is, not to read by."""
        return self._descriptor

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill ``buffer`` as far as there are bytes."""
        view = memoryview(buffer)
        piece = self._source.at(self._at, len(view))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def open_plain(descriptor: int, key: bytes) -> BinaryIO:
    """Given an open archive, return it decrypted and seekable; the descriptor stays the caller's. It proves nothing.

    Raises BadSettings when it is sealed and there is no ``key``, MalformedAnswer when its header is damaged.
    """
    source = Source(descriptor, os.fstat(descriptor).st_size)
    if source.at(0, len(c2ypt.MAGIC)) != c2ypt.MAGIC:
        return cast(BinaryIO, io.BufferedReader(_Plain(source, descriptor), 1 << 18))
    if not key:
        raise BadSettings("it is encrypted, and there is no key: name the key_file")
    from watchdog.collectors.archives.sealed import Sealed  # noqa: PLC0415  # the library costs memory

    try:
        sealed = Sealed(source, c2ypt.read_header(source), key)
    except Broken as broken:
        raise MalformedAnswer(str(broken)) from None
    return cast(BinaryIO, io.BufferedReader(_Plain(sealed.plain, descriptor), 1 << 18))
