"""Books that keep in memory and can be made unavailable, and instruments that remember: for rooms below the ledger and the exposition."""

from __future__ import annotations

from collections.abc import Mapping

from watchdog.errors import LedgerUnavailable
from watchdog.model.keeping import Offset


class _Book:
    """Raises LedgerUnavailable while ``down``."""

    def __init__(self) -> None:
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise LedgerUnavailable("the ledger is down for a test")


class VerificationShelf(_Book):
    """A VerificationBook."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, str] = {}

    def load(self) -> Mapping[str, str]:
        self._check()
        return dict(self.kept)

    def save(self, key: str, result: str) -> None:
        self._check()
        self.kept[key] = result

    def forget(self, keys: tuple[str, ...]) -> None:
        self._check()
        for key in keys:
            self.kept.pop(key, None)


class OffsetShelf(_Book):
    """An OffsetBook."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, Offset] = {}

    def load(self, source: str) -> Offset | None:
        self._check()
        return self.kept.get(source)

    def save(self, source: str, offset: Offset) -> None:
        self._check()
        self.kept[source] = offset


class Counts:
    """Instruments that remember what was counted, by (name, *labels)."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], float] = {}
        self.observed: list[tuple[str, float]] = []

    def count(self, name: str, *labels: str, by: float = 1.0) -> None:
        key = (name, *labels)
        self.counts[key] = self.counts.get(key, 0.0) + by

    def set(self, name: str, *labels: str, value: float) -> None:
        self.counts[(name, *labels)] = value

    def drop(self, name: str, *labels: str) -> None:
        self.counts = {key: value for key, value in self.counts.items() if key[: len(labels) + 1] != (name, *labels)}

    def observe(self, name: str, *labels: str, value: float) -> None:
        self.observed.append((name, value))
