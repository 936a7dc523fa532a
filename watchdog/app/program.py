"""The process around a world: ledger, web server, the lease of this host, signals, reload, and a bounded end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from watchdog import __version__
from watchdog.app.world import Shared, World
from watchdog.errors import LedgerUnavailable, WatchdogError
from watchdog.ledger.open import open_ledger
from watchdog.model.approvals import Lease
from watchdog.model.moments import Clock
from watchdog.reconciler.act import OnStep, no_step
from watchdog.reconciler.adopt import holder_name, release_dead
from watchdog.reconciler.commands import Commands
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.log import get_logger
from watchdog.runtime.supervision import LoopSpec, sd_notify
from watchdog.settings import SettingsBase
from watchdog.web.ports import Pages, Report
from watchdog.web.server import Server

log = get_logger(__name__)

LEASE_SECONDS = 60.0
LEASE_EVERY = 15.0
PRUNE_EVERY = 3600.0
STOP_SECONDS = 20.0
FATAL_EXIT = 70
RESTART_KEYS = ("server", "ledger", "host")


def control_path(settings: SettingsBase) -> Path:
    """Return where the control socket stands: as configured, else beside the ledger, else in /run."""
    if settings.server.control_socket is not None:
        return settings.server.control_socket
    beside = settings.ledger.path
    return (beside.parent if beside else Path("/run/panel-watchdog")) / "control.sock"


class Program:
    """The running program. Satisfies the web's ``Backing``. ``run`` blocks until a signal or a fatal fault and returns the exit code."""

    def __init__(
        self,
        settings: SettingsBase,
        reread: Callable[[], SettingsBase],
        *,
        clock: Clock | None = None,
        on_step: OnStep = no_step,
    ) -> None:
        self._reread = reread
        self._clock = clock or SystemClock()
        self._on_step = on_step
        self._settings = settings
        self._stop = threading.Event()
        self._hup = threading.Event()
        self._turn = threading.Lock()
        self._process_lease: Lease | None = None
        self._pruned = self._clock.now()
        self._exit = 0
        self.started = threading.Event()
        self.holder = holder_name(settings.host)
        self.world: World

    # ---- the web's view of us ------------------------------------------------------------------------------------------------------------

    @property
    def pages(self) -> Pages:
        """Return the exposition of the present world."""
        return self.world.exposition

    @property
    def commands(self) -> Commands:
        """Return the orders of the present world."""
        return self.world.commands

    def health(self) -> Report:
        """Say whether supervisor and scheduler live; never about a target."""
        healthy = self.world.supervisor.healthy()
        return Report(() if healthy else (self.world.supervisor.fatal_reason or "the supervisor or its schedule does not answer",))

    def readiness(self) -> Report:
        """Say whether ledger and loops stand and each collector was tried once. The Docker gate has no say in this."""
        missing = list(self.world.missing())
        if self._ledger_error is not None:
            missing.append(f"the ledger cannot be used: {self._ledger_error}")
        return Report(tuple(missing))

    def reload(self) -> tuple[str, ...]:
        """Read the configuration anew; return what changed, one line each. Raises BadSettings and keeps the old one."""
        with self._turn:
            settings = self._reread()
            if settings == self._settings:
                return ("nothing changed",)
            notes = tuple(
                f"{key} changed: that needs a restart" for key in RESTART_KEYS if getattr(settings, key) != getattr(self._settings, key)
            )
            new = World(settings, self._shared)
            old, self.world = self.world, new
            sd_notify("RELOADING=1")
            old.stop(STOP_SECONDS / 2)
            self._add_keeper(new)
            new.start()
            self._settings = settings
            sd_notify("READY=1")
            log.info("the configuration was reloaded", targets=len(settings.targets()))
            return ("the configuration was reloaded", *notes)

    # ---- life ----------------------------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Run until told to stop; return the exit code: 0, or 70 when the process cannot be saved from within."""
        self._install_signals()
        log.info("panel-watchdog begins", version=__version__, host=self._settings.host, targets=len(self._settings.targets()))
        self.start()
        try:
            while not self._stop.is_set():
                self._clock.wait(self._stop, 0.5)
                if self._hup.is_set():
                    self._hup.clear()
                    self._reload_quietly()
                if self.world.supervisor.fatal.is_set():
                    self._exit = FATAL_EXIT
                    break
        finally:
            self.stop()
        return self._exit

    def start(self) -> None:
        """Open the ledger, wait for this host's lease, start the loops and the web server. Raises BadSettings."""
        settings = self._settings
        self._ledger = open_ledger(settings.ledger, self._clock, migrate=True, host=settings.host, patient=True)
        self._ledger_error: str | None = None
        self._wait_for_lease()
        self._shared = Shared(self._clock, self._ledger, self.holder, self._on_step)
        self.world = World(settings, self._shared)
        self._add_keeper(self.world)
        # the address is taken before any loop works: a second program on it must not have judged anything
        self.server = Server(settings.server, self, control_path(settings), self.world.book)
        self.server.start()
        self.world.start()
        sd_notify("READY=1")
        self.started.set()

    def stop(self) -> None:
        """End everything within a bound. Safe to call twice."""
        if not hasattr(self, "world"):
            return
        log.info("panel-watchdog ends")
        sd_notify("STOPPING=1")
        self.world.stop(STOP_SECONDS)
        self.server.stop(2.0)
        if self._process_lease is not None:
            try:
                self._ledger.release(self._process_lease)
            except LedgerUnavailable:
                log.warning("this host's lease could not be given back; it runs out by itself")
        self._ledger.close()

    def quit(self, code: int = 0) -> None:
        """Ask ``run`` to end, from any thread."""
        self._exit = code
        self._stop.set()

    def _install_signals(self) -> None:
        def end(_number: int, _frame: FrameType | None) -> None:
            self._stop.set()

        def again(_number: int, _frame: FrameType | None) -> None:
            self._hup.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, again)

    def _reload_quietly(self) -> None:
        try:
            self.reload()
        except WatchdogError as error:
            log.error("the new configuration is refused; the old one goes on", error=str(error))

    # ---- the lease of this host ----------------------------------------------------------------------------------------------------------

    def _wait_for_lease(self) -> None:
        """Wait until no other process of this host holds its lease. A ledger that is away does not hold us up: repairs stop without it."""
        told = False
        while not self._stop.is_set():
            try:
                release_dead(self._ledger)
                self._process_lease = self._ledger.lease(self._lease_name, self.holder, LEASE_SECONDS)
            except LedgerUnavailable as error:
                self._ledger_error = str(error)
                return
            if self._process_lease is not None:
                return
            if not told:
                log.warning("another panel-watchdog runs on this host; waiting for it to end", host=self._settings.host)
                told = True
            self._clock.wait(self._stop, 1.0)

    @property
    def _lease_name(self) -> str:
        return f"process/{self._settings.host}"

    def _add_keeper(self, world: World) -> None:
        world.supervisor.add(LoopSpec("ledger", self._keep, LEASE_EVERY, 60.0))

    def _keep(self) -> None:
        """Renew this host's lease, notice whether the ledger can be used, and prune the past now and then."""
        try:
            self._ledger.check()
            if self._process_lease is None or not self._ledger.renew(self._process_lease, LEASE_SECONDS):
                self._process_lease = self._ledger.lease(self._lease_name, self.holder, LEASE_SECONDS)
                if self._process_lease is None:
                    log.error("another panel-watchdog took this host's lease; this one ends")
                    self.quit(FATAL_EXIT)
                    return
            now = self._clock.now()
            if now.since(self._pruned) >= PRUNE_EVERY:
                self._pruned = now
                self._ledger.prune(now.wall)
        except LedgerUnavailable as error:
            self._ledger_error = str(error)
            return
        self._ledger_error = None
