"""SnapshotStore: the newest truth, replaced whole and never mutated.

Rule 1 of the house: publishing builds a new value and swaps one reference; a reader takes the reference once per pass. This is the exact
cure for a reader that dies of "dictionary changed size during iteration".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from watchdog.model.docker import Gate
from watchdog.model.snapshots import Actual, Snapshot

Listener = Callable[[str, Actual], None]


class SnapshotStore:
    """Holds one ``Actual``. Readers take ``store.actual`` without a lock; writers are serialised."""

    def __init__(self) -> None:
        self._actual = Actual()
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    @property
    def actual(self) -> Actual:
        """Return the newest truth: one reference, frozen."""
        return self._actual

    def listen(self, listener: Listener) -> None:
        """Call ``listener(name, actual)`` in the publisher's thread after each swap; it must be quick and never raise."""
        with self._lock:
            self._listeners = (*self._listeners, listener)

    def publish(self, snapshot: Snapshot[object]) -> bool:
        """Swap in ``snapshot``; return False and drop it when a newer generation of its collector has already published."""
        name = snapshot.collector
        with self._lock:
            old: Snapshot[object] | None = getattr(self._actual, name)
            if old is not None and old.generation > snapshot.generation:
                return False
            self._actual = replace(self._actual, **{name: snapshot})  # type: ignore[arg-type]  # the field is chosen by name
            actual, listeners = self._actual, self._listeners
        self._tell(listeners, name, actual)
        return True

    def publish_gate(self, gate: Gate) -> None:
        """Swap in the state of the Docker gate."""
        with self._lock:
            self._actual = replace(self._actual, gate=gate)
            actual, listeners = self._actual, self._listeners
        self._tell(listeners, "gate", actual)

    @staticmethod
    def _tell(listeners: tuple[Listener, ...], name: str, actual: Actual) -> None:
        for listener in listeners:
            listener(name, actual)
