"""The continuous hard-link guard (contract section 3.8): what makes archives recoverable that Wings deletes because nobody heard it.

Opt-in (``guard.enabled``), in modes approve and repair only. Two loops of the target's own: ``catching`` links at creation, ``letting_go``
judges what is held and also tidies up after repairs that died with their link in place; that one runs without ``enabled``, too. The
directory of the links is a holding, written before the first link; each link gets one of its own within seconds.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Mapping
from typing import Final

from watchdog.errors import LedgerUnavailable, Refused, WatchdogError
from watchdog.model.approvals import Holding
from watchdog.model.drifts import ObjectKey
from watchdog.model.holdings import Holdings, Tend
from watchdog.model.metrics import Instruments
from watchdog.model.panels import GUARD_WORKS, HELD_BYTES, HELD_DROPS, HELD_FILES, HELD_MISSES, Ports
from watchdog.model.repairs import Mode
from watchdog.panels.pterodactyl.catching import MISSES, WATCH_EVERY, Catcher
from watchdog.panels.pterodactyl.keeping import DROPS
from watchdog.panels.pterodactyl.knowing import Records
from watchdog.panels.pterodactyl.letting_go import EVERY, FLOOR, LettingGo
from watchdog.panels.pterodactyl.linking import WHAT, Shelf
from watchdog.panels.pterodactyl.remedies import PANEL_NAME
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import Evidence
from watchdog.panels.pterodactyl.view import PterodactylView
from watchdog.runtime.log import get_logger
from watchdog.runtime.partfile import translated

log = get_logger(__name__)

DIRECTORY: Final = "archive_links"
"""What the holding of the directory is called."""
REMOVE: Final = "remove_directory"
ROUND_SECONDS: Final = 120.0
IDLE_EVERY: Final = 30.0
"""Seconds between two rounds where only repairs make links."""


class Guard:
    """The guard of one target. Without a node on this host or without a ledger it does nothing."""

    def __init__(self, settings: PterodactylSettings, ports: Ports, records: Records, *, floor: int = FLOOR) -> None:
        self._settings = settings
        self._instruments: Instruments = ports.instruments
        self._going: LettingGo | None = None
        self._catcher: Catcher | None = None
        self._holdings = ports.holdings
        self._opened = False
        self._said = ""
        self._counted: dict[str, int] = {}
        self._lock = threading.Lock()
        if settings.node is not None and settings.held_directory is not None and ports.holdings is not None:
            self._shelf = Shelf(settings.held_directory, settings.node.backups)
            self._build(settings, ports, ports.holdings, records, floor)

    def _build(self, settings: PterodactylSettings, ports: Ports, holdings: Holdings, records: Records, floor: int) -> None:
        going = LettingGo(settings, self._shelf, holdings, records, ports.clock, floor=floor)
        self._going = going
        self._catcher = Catcher(
            self._shelf, ports.clock, folders=settings.flavour == "pelican", max_age=settings.guard.max_age,
            pending=going.knowing.pending, skip=going.was_let_go, caught=going.caught, missed=self._missed,
        )  # fmt: skip
        self._unsaid()
        if settings.mode is Mode.OBSERVE:
            return
        for reason in DROPS:
            self._instruments.count(HELD_DROPS.name, PANEL_NAME, settings.name, reason, by=0.0)
        for reason in MISSES:
            self._instruments.count(HELD_MISSES.name, PANEL_NAME, settings.name, reason, by=0.0)

    @property
    def active(self) -> bool:
        """Whether links are made."""
        own = self._settings
        return self._catcher is not None and own.guard.enabled and own.mode is not Mode.OBSERVE and own.disk != "s3"

    def tends(self) -> tuple[Tend, ...]:
        """Return the guard's loops; none in mode observe, where nothing is changed."""
        if self._going is None or self._settings.mode is Mode.OBSERVE:
            return ()
        judging = Tend("held", self._judge, EVERY if self.active else IDLE_EVERY, ROUND_SECONDS)
        return (Tend("guard", self._catch, WATCH_EVERY, ROUND_SECONDS), judging) if self.active else (judging,)

    def saw(self, view: PterodactylView, evidence: Evidence) -> None:
        """Hear what a pass read. What the node's files and log say has no say in what is let go of."""
        del evidence
        if self._going is not None:
            self._going.knowing.saw(view)

    def let_go(self) -> Mapping[str, str]:
        """Return the backups whose archive was lost at a cap in this life, each with a sentence for its drift."""
        return {} if self._going is None else dict(self._going.standing.at_cap)

    def undo(self, holding: Holding) -> str:
        """Undo one holding of the guard or of a repair, because a person said so. Raises Refused where that is not to be."""
        if self._going is None:
            raise Refused("no node is configured on this host: the links cannot be reached")
        if holding.what == WHAT:
            return self._going.undo(holding)
        if holding.what != DIRECTORY:
            raise Refused(f"this panel knows no undo of '{holding.what}'")
        if self.active:
            raise Refused("the guard is at work: set guard.enabled to false, reload, and release again")
        return self._remove_directory()

    def close(self) -> None:
        """End it, after its loops have ended."""
        if self._catcher is not None:
            self._catcher.close()

    def _catch(self) -> float:
        if self._catcher is None or not self._open():
            return WATCH_EVERY
        return self._catcher.step()

    def _open(self) -> bool:
        """Write the holding of the directory, then make it; once per life. Without a ledger no first link."""
        if self._opened or self._holdings is None:
            return self._opened
        where = str(self._shelf.directory)
        try:
            acted_on = ObjectKey(PANEL_NAME, self._settings.name, "directory", self._settings.guard.directory)
            self._holdings.hold(DIRECTORY, acted_on, REMOVE, {"path": where})
            self._shelf.open()
        except WatchdogError as error:
            self._instruments.set(GUARD_WORKS.name, PANEL_NAME, self._settings.name, value=0.0)
            if self._said != str(error):
                self._said = str(error)
                log.warning("the guard cannot work: no archive is held", target=self._settings.name, directory=where, error=str(error))
            return False
        self._opened = True
        self._instruments.set(GUARD_WORKS.name, PANEL_NAME, self._settings.name, value=1.0)
        log.info("the guard holds new archives", target=self._settings.name, directory=where)
        return True

    def _judge(self) -> float:
        if self._going is None:
            return EVERY
        rest = self._going.step()
        self._unsaid()
        self._show(self._going)
        if not self.active and self._going.standing.links == 0:
            self._tidy()
        return rest if self.active else IDLE_EVERY

    def _unsaid(self) -> None:
        """Take back what a former configuration said of a guard that is off in this one."""
        if not self.active:
            self._instruments.drop(GUARD_WORKS.name, PANEL_NAME, self._settings.name)
        if self._settings.mode is Mode.OBSERVE:
            for metric in (HELD_FILES, HELD_BYTES):
                self._instruments.drop(metric.name, PANEL_NAME, self._settings.name)

    def _show(self, going: LettingGo) -> None:
        name, standing = self._settings.name, going.standing
        self._instruments.set(HELD_FILES.name, PANEL_NAME, name, value=standing.links)
        self._instruments.set(HELD_BYTES.name, PANEL_NAME, name, value=standing.bytes)
        with self._lock:
            for reason, count in going.counts.items():
                self._instruments.count(HELD_DROPS.name, PANEL_NAME, name, reason, by=count - self._counted.get(reason, 0))
                self._counted[reason] = count

    def _tidy(self) -> None:
        """Give the directory back when the guard was switched off and nothing is held any more."""
        try:
            mine = [each for each in self._holdings.held() if each.what == DIRECTORY] if self._holdings is not None else []
            for holding in mine:
                log.info("the guard's directory is given back", target=self._settings.name, done=self._remove_directory())
                if self._holdings is not None:
                    self._holdings.release(holding.id)
        except (LedgerUnavailable, Refused) as error:
            log.debug("the guard's directory stays", target=self._settings.name, error=str(error))

    def _remove_directory(self) -> str:
        where = self._shelf.directory
        with translated(where):
            try:
                where.rmdir()
            except FileNotFoundError:
                return f"there was no {where} any more"
            except OSError as error:
                if error.errno == errno.ENOTEMPTY:
                    raise Refused(f"{where} is not empty: release what is held in it first") from None
                raise
        return f"{where} is removed"

    def _missed(self, reason: str) -> None:
        self._instruments.count(HELD_MISSES.name, PANEL_NAME, self._settings.name, reason)
