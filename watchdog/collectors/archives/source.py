"""Reading the one descriptor a check is handed: counted, throttled, hashed on the way, never past what fstat said."""

from __future__ import annotations

import hashlib
import os
import time

CHUNK = 1 << 18
# shorter sleeps than this cost more in system calls than they smooth
LEAST_SLEEP = 0.02
DROP_EVERY = 1 << 23
MOST_CREDIT = 1.0


class Source:
    """The bytes of one open file of ``size`` bytes.

    ``rate`` is bytes a second, 0 = as fast as it goes; ``digest``: a checksum too, by ``algorithm``, a name of hashlib.

    The descriptor is shared with the parent, so its file offset is the parent's progress bar: ``read`` moves it by itself, ``mark`` says
    how far random reads have come.
    """

    def __init__(self, descriptor: int, size: int, rate: float = 0.0, *, digest: bool = False, algorithm: str = "sha1") -> None:
        self._fd = descriptor
        self.size = size
        self._rate = rate
        self._began = time.monotonic()  # only for the throttle of this short-lived child
        self.read_bytes = 0
        self._far = 0
        self._dropped = 0
        self._hash = hashlib.new(algorithm, usedforsecurity=False) if digest else None
        self._hashed = 0
        self._algorithm = algorithm

    @property
    def hashing(self) -> bool:
        """Whether every byte is wanted for the checksum, so that skipping saves nothing."""
        return self._hash is not None

    def read(self) -> bytes:
        """Return the next chunk in order, b"" at the end."""
        return self._taken(os.read(self._fd, CHUNK))

    def _taken(self, data: bytes) -> bytes:
        """Count, hash and pay for the next bytes in order."""
        if self._hash is not None and self._hashed == self._far:
            self._hash.update(data)
            self._hashed += len(data)
        self._far += len(data)
        self._pay(len(data))
        # we read each byte once: leave the page cache to those who need it, unless somebody waits for us alone
        if self._rate > 0 and self._far - self._dropped >= DROP_EVERY:
            os.posix_fadvise(self._fd, self._dropped, self._far - self._dropped, os.POSIX_FADV_DONTNEED)
            self._dropped = self._far
        return data

    def at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer, or none, beyond the end or before the beginning."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        data = os.pread(self._fd, min(length, self.size - offset), offset)
        self._pay(len(data))
        return data

    def mark(self, offset: int) -> None:
        """Show that everything before ``offset`` has been looked at; ``read`` goes on from there."""
        self._far = os.lseek(self._fd, offset, os.SEEK_SET)

    @property
    def descriptor(self) -> int:
        """Return the open file, for a reader of its own; ``mark`` says where to go on afterwards."""
        return self._fd

    def sha1(self) -> str | None:
        """Return the SHA-1 of the whole file; see ``digest``."""
        return self.digest() if self._algorithm == "sha1" else None

    def digest(self) -> str | None:
        """Return the checksum of the whole file in lower-case hex, reading what has not been read in order yet; None if not asked for."""
        if self._hash is None:
            return None
        if self._hashed < self.size:
            self.mark(self._hashed)
            while self.read():
                pass
        return self._hash.hexdigest() if self._hashed == self.size else None

    def _pay(self, count: int) -> None:
        self.read_bytes += count
        if self._rate <= 0:
            return
        early = self.read_bytes / self._rate - (time.monotonic() - self._began)
        if early < -MOST_CREDIT:
            # a slow disk, or a time of standing still, is no licence to rush afterwards
            self._began -= early + MOST_CREDIT
        if early > LEAST_SLEEP:
            time.sleep(early)
