"""What collectors keep beyond their own life, by way of the ledger: counts and offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

TallyKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tallies:
    """Counts of one family, and the mark (an opaque watermark) up to which they have been counted."""

    counts: Mapping[TallyKey, float]
    mark: str | None = None


class TallyBook(Protocol):
    """Counts that outlive what they count. Raises LedgerUnavailable."""

    def load(self, family: str) -> Tallies: ...

    def add(self, family: str, increments: Mapping[TallyKey, float], mark: str) -> None:
        """Add all increments and move the mark, in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Offset:
    """How far one log was read: device and inode of the file, byte offset, and since when (UNIX seconds) without a gap."""

    device: int
    inode: int
    offset: int
    covered_from: float
    head: str = ""


class OffsetBook(Protocol):
    """Log offsets kept over restarts. Raises LedgerUnavailable."""

    def load(self, source: str) -> Offset | None: ...

    def save(self, source: str, offset: Offset) -> None: ...


class VerificationBook(Protocol):
    """Verification results kept over restarts, as JSON text by file identity. Raises LedgerUnavailable."""

    def load(self) -> Mapping[str, str]: ...

    def save(self, key: str, result: str) -> None: ...

    def forget(self, keys: tuple[str, ...]) -> None: ...
