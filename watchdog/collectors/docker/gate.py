"""The Docker gate: closed until ping, version and one list have succeeded several times in a row; closed again by the first failed look.

A socket that accepts proves nothing (systemd's docker.socket accepts while dockerd still loads), and neither does one good answer. The gate
is a state and metrics of its own: it blocks repairs that need Docker and never makes us unready.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from watchdog.collectors.docker.settings import GateSettings
from watchdog.errors import WatchdogError
from watchdog.model.docker import Gate
from watchdog.model.engines import EngineRead
from watchdog.model.moments import Clock, Moment
from watchdog.model.snapshots import Actual
from watchdog.runtime.log import get_logger
from watchdog.snapshots import SnapshotStore

log = get_logger(__name__)

REMIND_EVERY = 60.0
# what says something about the engine; a failure of our own (a KeyError, a ledger) does not
ENGINE_ERRORS = frozenset({
    "Unreachable", "DeadlinePassed", "ServerFault", "Throttled", "Forbidden", "MalformedAnswer", "NotFound", "Refused",
})  # fmt: skip


class GateKeeper:
    """Publishes the gate through the store. ``step`` is the body of its loop; failed looks of the collector close it at once."""

    def __init__(self, engine: EngineRead, store: SnapshotStore, clock: Clock, settings: GateSettings) -> None:
        self._engine, self._store, self._clock, self._settings = engine, store, clock, settings
        self._lock = threading.Lock()
        now = clock.now()
        self._born, self._reminded = now, now
        self._gate = Gate(since=now, waiting_since=now)
        store.listen(self._looked)
        store.publish_gate(self._gate)

    @property
    def gate(self) -> Gate:
        """Return the gate as it stands."""
        return self._gate

    def step(self) -> float:
        """Try once if it is time; return the seconds until the next step is wanted."""
        wait = self._settings.start_delay - self._clock.now().since(self._born)
        if wait > 0:
            return wait
        if self._gate.open:
            return self._settings.retry
        try:
            self._try()
        except WatchdogError as error:
            self._fail(type(error).__name__, str(error), attempts=1)
        else:
            self._succeed()
        return self._settings.retry

    def _try(self) -> None:
        seconds = self._settings.timeout
        self._engine.ping(seconds)
        self._engine.version(seconds)
        self._engine.list(seconds)

    def _succeed(self) -> None:
        with self._lock:
            now, gate = self._clock.now(), self._gate
            successes = gate.successes + 1
            opens = successes >= self._settings.successes
            waited = now.since(gate.waiting_since) if gate.waiting_since else 0.0
            gate = replace(gate, successes=successes, attempts=gate.attempts + 1, error=None, message=None)
            if opens:
                gate = replace(gate, open=True, since=now, waiting_since=None, opened_total=gate.opened_total + 1)
            self._gate = gate
        self._store.publish_gate(gate)
        if opens:
            log.info("Docker answers: the gate is open", waited_seconds=round(waited, 1), attempts=gate.attempts)

    def _fail(self, error: str, message: str, attempts: int) -> None:
        with self._lock:
            now, old = self._clock.now(), self._gate
            gate = replace(old, successes=0, attempts=old.attempts + attempts, error=error, message=message)
            if old.open:
                gate = replace(gate, open=False, since=now, waiting_since=now)
            self._gate = gate
            tell = self._worth_telling(now, old, error)
        self._store.publish_gate(gate)
        if tell:
            waited = now.since(gate.waiting_since) if gate.waiting_since else 0.0
            sentence = "the Docker gate closes" if old.open else "waiting for Docker, the gate is closed"
            log.warning(sentence, error=error, message=message, attempts=gate.attempts, waited_seconds=round(waited, 1))

    def _worth_telling(self, now: Moment, old: Gate, error: str) -> bool:
        if not old.open and old.error == error and now.since(self._reminded) < REMIND_EVERY:
            return False
        self._reminded = now
        return True

    def _looked(self, name: str, actual: Actual) -> None:
        """Hear of each snapshot, in the collector's thread: a failed look at Docker closes the gate."""
        snapshot = actual.docker if name == "docker" else None
        if snapshot is None or snapshot.error is None or snapshot.error not in ENGINE_ERRORS or not self._gate.open:
            return
        self._fail(snapshot.error, snapshot.message or "", attempts=0)
