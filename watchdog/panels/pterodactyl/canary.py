"""The daily canary: a real backup of one named tiny server, made through the panel and followed to its end. Opt-in, ordered by settings.

It shows what no probe can: that panel, Wings and disk together still make a backup that the panel hears of. Nothing is remembered but the
name of its record, which has the time that it was due: so a restart, a lost answer or a second agent makes no second one, and whoever
looks knows whose it is. Never in mode observe. Its failure is the drift ``canary_failed``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final, Protocol

from watchdog.errors import NotFound, Refused, Throttled, WatchdogError
from watchdog.model.approvals import Holding
from watchdog.model.drifts import Scalar
from watchdog.model.holdings import Tend
from watchdog.model.panels import Ports
from watchdog.model.repairs import Mode
from watchdog.panels.pterodactyl.naming import CANARY, canary_name, is_canary
from watchdog.panels.pterodactyl.remedies import server_object
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.traces import CanaryWord
from watchdog.panels.pterodactyl.view import Backup, Server
from watchdog.runtime.cron import parse_cron, zone_of
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

WHAT: Final = "canary_backups"
UNDO: Final = "delete_canaries"
EVERY: Final = 30.0
CALM_EVERY: Final = 300.0
SECONDS: Final = 30.0
"""For one exchange: the panel asks Wings before it answers."""


class Makes(Protocol):
    """What the canary asks of the panel; ``PterodactylClient`` satisfies it."""

    def server(self, uuid: str) -> Server: ...

    def create(self, server: str, name: str, seconds: float) -> Backup: ...

    def delete(self, server: str, backup: str, seconds: float) -> None: ...


class Canary:
    """The canary of one target. ``word`` is for the rules; None while there is none or nothing is known of it yet."""

    def __init__(self, settings: PterodactylSettings, ports: Ports, panel: Makes) -> None:
        self._settings = settings
        self._own = settings.canary
        self._clock = ports.clock
        self._holdings = ports.holdings
        self._panel = panel
        self._cron, self._zone = parse_cron(self._own.at), zone_of(self._own.zone)
        self._turn = threading.Lock()
        self._since = ports.clock.now().wall
        self._not_before = 0.0
        self._used = False
        self.word: CanaryWord | None = None

    def tends(self) -> tuple[Tend, ...]:
        """Return its loop; none where it is off, in mode observe and without a ledger."""
        if not self._own.enabled or self._settings.mode is Mode.OBSERVE or self._holdings is None:
            return ()
        return (Tend("canary", self.step, EVERY, 4 * SECONDS),)

    def step(self) -> float:
        """Look once, and make the one that is due; return the seconds to the next look."""
        if not self._turn.acquire(blocking=False):
            return EVERY
        try:
            before = self.word
            self.word = self._look()
            if before is None or before.state != self.word.state:
                say = log.warning if self.word.state == "failed" else log.info
                say("the canary", target=self._settings.name, state=self.word.state, message=self.word.message)
            return CALM_EVERY if self.word.state in {"good", "failed"} else EVERY
        finally:
            self._turn.release()

    def undo(self, holding: Holding) -> str:
        """Delete all canaries of ours, because a person said so. Raises what the panel says, and Refused while one is being made."""
        server = str(holding.parameters.get("server", self._own.server))
        own = self._ours(self._panel.server(server))
        if any(each.state == "pending" for each in own):
            raise Refused("a canary is being made: release again when it has ended")
        for each in own:
            self._panel.delete(server, each.uuid, SECONDS)
        return f"{len(own)} canary backup{'s' if len(own) != 1 else ''} of server {server} deleted, record and archive"

    def _look(self) -> CanaryWord:
        now = self._clock.now().wall
        slot = self._cron.last(now, self._zone) or self._since
        try:
            server = self._panel.server(self._own.server)
            if server.backups is None:
                return self._late(slot, now, f"its backups cannot be read: {server.blind or 'not yet'}")
            own = self._ours(server)
            self._used = self._used or bool(own)
            mine = next((each for each in own if each.name == canary_name(slot)), None)
            if mine is None and not self._used and slot < self._since:
                return CanaryWord("due", slot, self._own.server, message="the first one is made when it is due", at=now)
            # one that nobody made in its time is made late: then it is known again how things stand
            mine = mine or self._made(slot, server, own, now)
            self._tidied(own)
            return self._followed(slot, mine, len(own), now)
        except NotFound:
            return self._late(slot, now, f"the panel has no server {self._own.server}")
        except WatchdogError as error:
            return self._late(slot, now, str(error))

    def _made(self, slot: float, server: Server, own: Sequence[Backup], now: float) -> Backup:
        if now < self._not_before:
            raise Throttled("the panel asked for patience", self._not_before - now)
        taken = [each for each in server.backups or () if each.state != "failed"]
        if len(taken) >= server.backup_limit:
            hint = f"{len(own)} of them are canaries of ours: set canary.tidy, or delete some" if own else "give it one more"
            raise Refused(f"all {server.backup_limit} backup slots of the server are taken ({hint})")
        if self._holdings is not None:
            parameters: dict[str, Scalar] = {"server": self._own.server, "name": f"{CANARY}..."}
            self._holdings.hold(WHAT, server_object(self._settings.name, self._own.server), UNDO, parameters)
        try:
            made = self._panel.create(self._own.server, canary_name(slot), SECONDS)
        except Throttled as error:
            self._not_before = now + (error.delay or EVERY)
            raise
        log.info("a canary backup is being made", target=self._settings.name, server=self._own.server, backup=made.uuid, at=now)
        return made

    def _followed(self, slot: float, mine: Backup, own: int, now: float) -> CanaryWord:
        def word(state: str, message: str, took: float | None = None) -> CanaryWord:
            return CanaryWord(state, slot, self._own.server, mine.uuid, message, now, took, own)

        if mine.state == "complete" and mine.completed_at is not None:
            took = max(0.0, mine.completed_at - mine.created_at)
            return word("good", f"made and heard of in {took:.0f} s, {mine.bytes} bytes", took)
        age = now - max(slot, mine.created_at)
        if mine.state == "pending" and age <= self._own.patience:
            return word("waiting", "the panel has not heard of its end yet")
        if mine.state == "pending":
            return word("failed", f"the panel has not heard of its end for {age / 60:.0f} minutes")
        return word("failed", "the panel says that it failed")

    def _late(self, slot: float, now: float, why: str) -> CanaryWord:
        """Return the word while it could not be made or looked at: due at first, failed when its time is over."""
        known = self.word
        if known is not None and known.slot == slot and known.state in {"good", "failed"} and known.backup:
            return known  # it has ended; that it cannot be read again changes nothing
        over = now - slot > self._own.patience and (self._used or slot >= self._since)
        return CanaryWord("failed" if over else "due", slot, self._own.server, message=why, at=now)

    def _tidied(self, own: Sequence[Backup]) -> None:
        """Delete our own older canaries where the operator allows it: never a pending or a locked one, never one with another name."""
        if not self._own.tidy:
            return
        ended = sorted(
            (each for each in own if each.state in {"complete", "failed"} and not each.locked), key=lambda each: -each.created_at
        )
        for each in ended[self._own.keep :]:
            self._panel.delete(self._own.server, each.uuid, SECONDS)
            log.info("an old canary backup is deleted", target=self._settings.name, backup=each.uuid, name=each.name)

    @staticmethod
    def _ours(server: Server) -> tuple[Backup, ...]:
        return tuple(each for each in server.backups or () if is_canary(each.name))
