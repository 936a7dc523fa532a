"""The process around a world: ledger, web server, the lease of this host, signals, reload, and a bounded end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from watchdog import __version__
from watchdog.app.catalogue import own_metrics
from watchdog.app.control import control_door
from watchdog.app.lease import EVERY as LEASE_EVERY
from watchdog.app.lease import HostLease
from watchdog.app.world import Shared, World
from watchdog.errors import LedgerUnavailable, Stopping, WatchdogError
from watchdog.exposition.instruments import Book
from watchdog.exposition.pages import Exposition
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.model.moments import Clock, Moment
from watchdog.reconciler.act import OnStep, no_step
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.counts import RepairCounts
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.log import configure, get_logger
from watchdog.runtime.supervision import LoopSpec, sd_notify
from watchdog.settings import SettingsBase
from watchdog.web.ports import Alarms, Archives, Inlets, Pages, Pauses, Report
from watchdog.web.server import Server

log = get_logger(__name__)

PRUNE_EVERY = 3600.0
STOP_SECONDS = 9.0
TURN_SECONDS = 8.0
WEB_SECONDS = 3.0
FIRST_LOOKS_SECONDS = 90.0
"""How long after a reload the former world's lines are served at most, while the new one has not looked at everything once."""
FATAL_EXIT = 70


class Program:
    """The running program. Satisfies the web's ``Backing``. ``run`` blocks until a signal or a fatal fault and returns the exit code."""

    def __init__(
        self, settings: SettingsBase, reread: Callable[[], SettingsBase], *, clock: Clock | None = None, on_step: OnStep = no_step
    ) -> None:
        self._reread = reread
        self._clock = clock or SystemClock()
        self._on_step = on_step
        self._settings = settings
        self._stop = threading.Event()
        self._hup = threading.Event()
        self._turn = threading.Lock()
        self._ended = False
        self._pruned = self._clock.now()
        self._exit = 0
        self._ledger_error: str | None = None
        self._former: Exposition | None = None
        self._swapped: Moment | None = None
        self._ledger: Ledger | None = None
        self._lease: HostLease | None = None
        self.started = threading.Event()
        self.world: World

    # ---- the web's view of us ------------------------------------------------------------------------------------------------------------

    @property
    def pages(self) -> Pages:
        """Return the exposition of the present world; for a moment after a reload still the former one's, so no scrape is empty."""
        former = self._former  # taken once: another thread may let go of it now
        return former if former is not None and self._changing() else self.world.exposition

    @property
    def commands(self) -> Commands:
        """Return the orders of the present world."""
        return self.world.commands

    @property
    def pauses(self) -> Pauses:
        """Return the pauses of the present world."""
        return self.world.pauses

    @property
    def archives(self) -> Archives:
        """Return what the present world knows of archives."""
        return self.world

    @property
    def inlets(self) -> Inlets:
        """Return the doors for reports of the present world."""
        return self.world.inlets

    @property
    def alarms(self) -> Alarms:
        """Return where alerts go in the present world."""
        return self.world.rules.alarms

    def health(self) -> Report:
        """Say whether supervisor and scheduler live; never about a target."""
        if self._turn.locked() and self._changing():
            return Report()
        healthy = self.world.supervisor.healthy()
        return Report(() if healthy else (self.world.supervisor.fatal_reason or "the supervisor or its schedule does not answer",))

    def readiness(self) -> Report:
        """Say whether ledger and loops stand and each collector was tried once. The Docker gate has no say in this."""
        missing = [] if self._changing() else list(self.world.missing())
        if self._ledger_error is not None and self.world.reconcilers:
            missing.append(f"the ledger cannot be used: {self._ledger_error}")
        return Report(tuple(missing))

    def _changing(self) -> bool:
        """Whether a reload is under way or the new world has not looked at everything once; bounded, and memory only."""
        if self._swapped is None:
            return False
        if self._clock.now().since(self._swapped) < FIRST_LOOKS_SECONDS and (self._turn.locked() or self.world.missing()):
            return True
        self._former = self._swapped = None
        return False

    # ---- reload --------------------------------------------------------------------------------------------------------------------------

    def reload(self) -> tuple[str, ...]:
        """Read the configuration anew; return what changed, one line each. Raises BadSettings and keeps the old one."""
        with self._turn:
            if self._ended or self._stop.is_set():
                raise Stopping("the program is ending")
            settings = self._reread()
            if settings == self._settings:
                return ("nothing changed",)
            changes = self._replace_world(settings)
            log.info("the configuration was reloaded", targets=len(settings.targets()))
            return ("the configuration was reloaded", *changes)

    def _replace_world(self, settings: SettingsBase) -> tuple[str, ...]:
        old = self.world
        try:
            new = World(settings, self._shared, old)
        except BaseException:
            old.keep_own_rows()
            raise
        sd_notify("RELOADING=1")
        self._swapped, self._former = self._clock.now(), self._former or old.exposition
        try:
            old.stop(STOP_SECONDS)
            if self._stop.is_set():
                new.close()
                raise Stopping("the program is ending")
            self._shared.counts.forget(old.reconcilers.keys() - new.reconcilers.keys())
            self._add_keeper(new)
            new.keep_own_rows()
            self.world = new
            self._restore_counts()
            new.start()
        finally:
            sd_notify("READY=1")
        before, self._settings = self._settings, settings
        configure(settings.log.level, settings.log.format)
        return self._waiting_for_a_restart(before, settings)

    def _waiting_for_a_restart(self, before: SettingsBase, settings: SettingsBase) -> tuple[str, ...]:
        left = [f"server.{name}" for name in self.server.configure(settings.server)]
        left += [key for key in ("ledger", "host") if getattr(settings, key) != getattr(before, key)]
        return tuple(f"{key} changed: that needs a restart" for key in left)

    def _reload_quietly(self) -> None:
        try:
            self.reload()
        except WatchdogError as error:
            log.error("the new configuration is refused; the old one goes on", error=str(error))

    # ---- life ----------------------------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Run until told to stop; return the exit code: 0, or 70 when the process cannot be saved from within."""
        self._install_signals()
        log.info("panel-watchdog begins", version=__version__, host=self._settings.host, targets=len(self._settings.targets()))
        try:
            self.start()
            while not self._clock.wait(self._stop, 0.5):
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
        book = Book(own_metrics())
        self._ledger = self._open_ledger(book)
        self._lease = HostLease(self._ledger, settings.host, self._clock)
        try:
            self._lease.wait(self._stop)
        except LedgerUnavailable as error:
            self._ledger_error = str(error)
        if self._stop.is_set():
            return
        self._shared = Shared(self._clock, self._ledger, book, RepairCounts(book), self._on_step)
        self.world = World(settings, self._shared)
        self._add_keeper(self.world)
        # the address is taken before any loop works: a second program on it must not have judged anything
        self.server = Server(settings.server, self, control_door(settings), book)
        self.server.start()
        self._restore_counts()
        self.world.start()
        sd_notify("READY=1")
        self.started.set()

    def stop(self) -> None:
        """End everything within a bound. Safe to call twice, and after a start that failed half way."""
        sd_notify("STOPPING=1")
        locked = self._turn.acquire(timeout=TURN_SECONDS)  # a reload ends first; one that hangs does not hold us up
        try:
            if not self._ended:
                self._ended = True
                self._end()
        finally:
            if locked:
                self._turn.release()

    def _end(self) -> None:
        log.info("panel-watchdog ends")
        if hasattr(self, "world"):
            if self.started.is_set():
                self.world.stop(STOP_SECONDS)
            else:
                self.world.close()
        if hasattr(self, "server"):
            self.server.stop(WEB_SECONDS)
        if self._lease is not None:
            self._lease.give_back()
        if self._ledger is not None:
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

    # ---- ledger, lease, control socket ---------------------------------------------------------------------------------------------------

    def _open_ledger(self, book: Book) -> Ledger:
        """Open the ledger. Without targets nothing depends on it: then also one on storage that forgets is done without."""
        settings = self._settings
        forgiving = not settings.targets() and "url" not in settings.ledger.model_fields_set
        return open_ledger(
            settings.ledger, self._clock, migrate=True, host=settings.host, instruments=book, patient=True, forgiving=forgiving
        )

    def _add_keeper(self, world: World) -> None:
        world.supervisor.add(LoopSpec("ledger", self._keep, LEASE_EVERY, 60.0))

    def _restore_counts(self) -> None:
        """Let the counters go on from earlier lives. A ledger that is away only means that this comes later."""
        try:
            self._shared.counts.restore(self._shared.ledger, self.world.reconcilers.keys())
        except LedgerUnavailable as error:
            log.warning("the counts of earlier lives cannot be read yet", error=str(error))

    def _keep(self) -> None:
        """Renew this host's lease, notice whether the ledger can be used, and prune the past now and then."""
        ledger, lease = self._shared.ledger, self._lease
        try:
            ledger.check()
            if lease is not None and not lease.keep():
                log.error("another panel-watchdog took this host's lease; this one ends")
                self.quit(FATAL_EXIT)
                return
            self._shared.counts.restore(ledger, self.world.reconcilers.keys())
            now = self._clock.now()
            if now.since(self._pruned) >= PRUNE_EVERY:
                self._pruned = now
                ledger.prune(now.wall)
        except LedgerUnavailable as error:
            self._ledger_error = str(error)
            return
        self._ledger_error = None
