"""The lease of this host: of several programs on one host only one works, the others wait for its end."""

from __future__ import annotations

import threading

from watchdog.errors import LedgerUnavailable
from watchdog.ledger.open import Ledger
from watchdog.model.approvals import Lease
from watchdog.model.moments import Clock
from watchdog.reconciler.adopt import holder_name, release_dead
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

SECONDS = 60.0
EVERY = 15.0
_LOOK_AGAIN = 1.0


class HostLease:
    """The claim of one process on its host. Without a ledger nobody is asked and nobody repairs."""

    def __init__(self, ledger: Ledger, host: str, clock: Clock) -> None:
        self._ledger = ledger
        self._host = host
        self._clock = clock
        self._lease: Lease | None = None
        self.holder = holder_name(host)

    def wait(self, stop: threading.Event) -> None:
        """Wait until no other process of this host holds its lease, or ``stop`` is set. Raises LedgerUnavailable."""
        told = False
        while not stop.is_set() and not self._taken():
            if not told:
                log.warning("another panel-watchdog runs on this host; waiting for it to end", host=self._host)
                told = True
            self._clock.wait(stop, _LOOK_AGAIN)
        if told and self._lease is not None:
            log.info("the other panel-watchdog has ended; this one takes over", host=self._host)

    def keep(self) -> bool:
        """Renew the lease; False = another process took it. Raises LedgerUnavailable."""
        if self._lease is not None and self._ledger.renew(self._lease, SECONDS):
            return True
        return self._taken()

    def give_back(self) -> None:
        """Let another process begin at once."""
        if self._lease is None:
            return
        try:
            self._ledger.release(self._lease)
        except LedgerUnavailable:
            log.warning("this host's lease could not be given back; it runs out by itself")

    def _taken(self) -> bool:
        release_dead(self._ledger, self._host)
        self._lease = self._ledger.lease(f"process/{self._host}", self.holder, SECONDS)
        return self._lease is not None
