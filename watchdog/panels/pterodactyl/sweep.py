"""Reads what costs one request per server, a slice in each look: backups, schedules, activity, resources (contract section 1.1).

Each thing has a time after which it should be read again; what is overdue by the largest factor comes first, so nobody starves. What was
read is kept with its time. A server that fails stands alone: its failure is kept as its blindness, and it is asked less and less often.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from watchdog.errors import Throttled, WatchdogError
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl.panel_api import OfOneServer, PanelApi
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.view import Backup, Power, Resources, Schedule, Server

Chore = Literal["backups", "schedules", "activity", "resources"]

LOCAL: Final = 60.0
"""Seconds between two reads of the backups of a server on this host's node."""
OTHERS: Final = 120.0
"""Of one elsewhere, for the agent that owns what is elsewhere, or has no node itself."""
FOREIGN: Final = 600.0
"""Of one elsewhere, for any other agent: their records only tell whose archives lie here, and several agents share one limit."""
PERIODS: Final[dict[Chore, float]] = {"backups": OTHERS, "schedules": 600.0, "activity": 300.0, "resources": 60.0}
CONFLICT: Final = 600.0
"""Seconds between two tries while the panel answers 409 for a server, and still lists it as such."""
MOST_SECONDS: Final = 8.0
"""The most that one read of a sweep may take; a slow server must not cost all others their turn."""
IN_A_ROW: Final = 3
"""So many failures of the wire, one after another, are the panel's and end the slice."""
_NEVER: Final = 1e6


@dataclass(slots=True)
class _Known:
    """All that was read of one server, and when and how often in vain each thing was tried (mono seconds)."""

    backups: tuple[Backup, ...] | None = None
    backups_at: float | None = None
    blind: str = ""
    schedules: tuple[Schedule, ...] | None = None
    schedules_at: float | None = None
    powers: tuple[Power, ...] = ()
    panel_ahead: float = 0.0
    activity_at: float | None = None
    resources: Resources | None = None
    resources_at: float | None = None
    tried: dict[Chore, float] = field(default_factory=dict)
    failures: dict[Chore, int] = field(default_factory=dict)


class Sweep:
    """The slices of one target. ``urge`` and ``concern`` may be called from any thread, ``slice`` and ``filled`` by the one that looks."""

    def __init__(self, settings: PterodactylSettings, api: PanelApi, clock: Clock) -> None:
        self._settings, self._api, self._clock = settings, api, clock
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()
        self._urged: set[str] = set()
        self._concern: frozenset[str] = frozenset()
        self._asked_why: frozenset[str] = frozenset()

    def concern(self, servers: frozenset[str]) -> None:
        """Read the activity of these from the next slice on, too: it must be known whether a person stopped them."""
        self._concern = servers

    def urge(self, server: str) -> None:
        """Read this server's backups first in the next slice: somebody has just changed or looked at them."""
        with self._lock:
            self._urged.add(server)

    def slice(self, servers: Sequence[Server], local: str, offline: frozenset[str], until: float) -> None:
        """Read as much as the budget and the time until ``until`` (mono) allow; ``local`` is the uuid of this host's node.

        ``offline`` are servers that Wings has as not running: of these, and of those of concern, the activity is read. Raises nothing.
        """
        for gone in self._known.keys() - {server.uuid for server in servers}:
            del self._known[gone]
        offline |= self._concern
        for uuid in offline - self._asked_why:
            if uuid in self._known:
                self._known[uuid].tried.pop("activity", None)  # what was read before it stopped does not say why
        self._asked_why = offline
        with self._lock:
            urged, self._urged = self._urged, set()
        in_a_row = 0
        for server, chore in self._due(servers, local, offline, urged):
            if not self._api.client.has_room() or self._clock.now().mono >= until or in_a_row >= IN_A_ROW:
                break
            try:
                in_a_row = 0 if self._do(server, chore) else in_a_row + 1
            except Throttled:
                break
            urged.discard(server.uuid)
        with self._lock:
            self._urged |= urged & self._known.keys()

    def filled(self, server: Server) -> Server:
        """Return a server with all that is known of it."""
        known = self._known.get(server.uuid)
        if known is None:
            return server
        power = known.powers[-1] if known.powers else None
        return replace(
            server, backups=known.backups, backups_at=known.backups_at, blind=known.blind,
            schedules=known.schedules, schedules_at=known.schedules_at, resources=known.resources, resources_at=known.resources_at,
            user_power=power.signal if power else "", user_power_at=power.at if power else None,
            activity_at=known.activity_at, powers=known.powers, panel_ahead=known.panel_ahead,
        )  # fmt: skip

    def _due(
        self, servers: Sequence[Server], local: str, offline: frozenset[str], urged: set[str]
    ) -> Iterable[tuple[Server, Chore]]:  # fmt: skip
        now = self._clock.now().mono
        few = len(servers) <= self._api.client.pace * self._settings.interval / 2
        waiting: list[tuple[float, int, str, Chore, Server]] = []
        for server in servers:
            for chore in self._chores(server, offline):
                overdue = self._overdue(server, chore, now, is_local=server.node == local != "", few=few)
                if server.uuid in urged and chore == "backups":
                    overdue = 8 * _NEVER
                if overdue >= 1:
                    waiting.append((-overdue, int(server.node != local), server.uuid, chore, server))
        waiting.sort(key=lambda each: each[:4])
        return [(server, chore) for *_, chore, server in waiting]

    def _chores(self, server: Server, offline: frozenset[str]) -> Iterable[Chore]:
        yield "backups"
        if self._settings.watch.schedules:
            yield "schedules"
        if self._settings.watch.resources:
            yield "resources"
        if server.uuid in offline:
            yield "activity"

    def _overdue(self, server: Server, chore: Chore, now: float, *, is_local: bool, few: bool) -> float:
        """Return by which factor a thing is overdue; 1 = it is due now."""
        known = self._known.get(server.uuid)
        if known is None or chore not in known.tried:
            return _NEVER * (4 if chore == "backups" else 1) / (1 if is_local else 2)
        failures = known.failures.get(chore, 0)
        passed = now - known.tried[chore]
        if known.blind.startswith("409") and chore == "backups" and not failures:
            return passed / (CONFLICT if server.conflicted else self._settings.interval)
        period = PERIODS[chore]
        if chore == "backups":
            pending = any(backup.state == "pending" for backup in known.backups or ())
            if (few or pending) and not failures:
                return max(1.0, passed / self._settings.interval)
            elsewhere = OTHERS if self._settings.owner or self._settings.node is None else FOREIGN
            period = self._settings.interval if pending else LOCAL if is_local else elsewhere
        return passed / (period * (1 << min(failures, 5)))

    def _do(self, server: Server, chore: Chore) -> bool:
        """Read one thing; return whether the panel answered. Raises Throttled."""
        known = self._known.setdefault(server.uuid, _Known())
        known.tried[chore] = self._clock.now().mono
        try:
            self._read(server.uuid, chore, known, min(MOST_SECONDS, self._settings.timeout))
        except Throttled:
            del known.tried[chore]
            raise
        except OfOneServer as error:
            known.failures.pop(chore, None)
            self._blinded(known, chore, error.word)
            return True
        except WatchdogError as error:
            known.failures[chore] = known.failures.get(chore, 0) + 1
            self._blinded(known, chore, type(error).__name__)
            return False
        known.failures.pop(chore, None)
        return True

    def _read(self, server: str, chore: Chore, known: _Known, seconds: float) -> None:
        deeds: dict[Chore, Callable[[], None]] = {
            "backups": lambda: self._read_backups(server, known, seconds),
            "schedules": lambda: self._read_schedules(server, known, seconds),
            "activity": lambda: self._read_activity(server, known, seconds),
            "resources": lambda: self._read_resources(server, known, seconds),
        }
        deeds[chore]()

    def _read_backups(self, server: str, known: _Known, seconds: float) -> None:
        at = self._wall  # before the read: what came later may not be in it
        known.backups = self._api.backups(server, seconds)
        known.backups_at, known.blind = at, ""

    def _read_schedules(self, server: str, known: _Known, seconds: float) -> None:
        at = self._wall
        known.schedules = self._api.schedules(server, seconds)
        known.schedules_at = at

    def _read_activity(self, server: str, known: _Known, seconds: float) -> None:
        at = self._wall
        known.powers, known.panel_ahead = self._api.powers(server, seconds)
        known.activity_at = at

    def _read_resources(self, server: str, known: _Known, seconds: float) -> None:
        at = self._wall
        known.resources = self._api.resources(server, seconds)
        known.resources_at = at

    @staticmethod
    def _blinded(known: _Known, chore: Chore, word: str) -> None:
        if chore == "backups":
            known.blind = word
        elif chore == "schedules":
            known.schedules = None
        elif chore == "resources":
            known.resources = None

    @property
    def _wall(self) -> float:
        return self._clock.now().wall
