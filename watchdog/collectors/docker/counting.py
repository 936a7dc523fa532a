"""Counts per container name that outlive the container and us: OOM kills, deaths, starts, restarts by policy, turns to unhealthy.

An event counts once over reconnects and restarts of ours: with the increments, in one transaction, the ledger keeps a mark that says up
to which event (and which of the last seconds) they have been counted, and the runs of ``oom``. While the ledger is away, increments wait.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from watchdog.collectors.docker.oom import Runs
from watchdog.errors import LedgerUnavailable
from watchdog.model.docker import CgroupUse, Container
from watchdog.model.keeping import TallyBook, TallyKey
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

KINDS = ("oom", "die", "start", "restart", "unhealthy")
OTHER = "(other)"
_OVERLAP = 5_000_000_000  # ns; events are stamped before they are queued, so they may arrive slightly out of order
_KEYS = 1024
_EARLY = 10_000


@dataclass(frozen=True, slots=True)
class Heard:
    """One event as far as counting goes. ``nano`` is the engine's time in ns; ``key`` tells it from all others."""

    nano: int
    key: str
    kind: str
    container: str
    name: str


@dataclass(slots=True)
class _Mark:
    """Up to where we have counted: the newest event's time, the keys of the last seconds before it."""

    nano: int = 0
    keys: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def fresh(self, heard: Heard, connected: int) -> bool:
        # what is stamped after we connected cannot have been counted by an earlier life, wherever a clock was set meanwhile
        if heard.key in self.keys:
            return False
        return heard.nano >= self.nano - _OVERLAP or heard.nano >= connected

    def add(self, heard: Heard) -> None:
        self.nano = max(self.nano, heard.nano)
        self.keys[heard.key] = heard.nano
        while len(self.keys) > _KEYS:
            self.keys.popitem(last=False)

    def dump(self, runs: Runs) -> str:
        recent = {key: nano for key, nano in self.keys.items() if nano >= self.nano - _OVERLAP}
        return json.dumps({"nano": self.nano, "keys": recent, "runs": runs.dump()}, separators=(",", ":"))


class Counting:
    """The counts of one engine. Thread-safe; the lock is never held during I/O.

    ``open`` must have succeeded once before anything is exported: a count that starts at 0 and jumps to its old value is a lie.
    """

    def __init__(self, book: TallyBook, names_limit: int, began: float) -> None:
        """Given where counts are kept, for how many names, and when we began (UNIX seconds): what was before, nobody counted."""
        self._book, self._names_limit, self._began = book, names_limit, began
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._family: str | None = None
        self._counts: dict[TallyKey, float] = {}
        self._pending: dict[TallyKey, float] = {}
        self._sent: tuple[dict[TallyKey, float], str] | None = None
        self._early: list[tuple[Heard, int]] = []
        self._mark, self._runs = _Mark(), Runs()
        self._changed = False
        self._first_life = False
        self._failed = False

    def open(self, engine_id: str) -> bool:
        """Load what was counted for this engine so far; return whether it is loaded (False: the ledger is not available)."""
        family = f"docker/{engine_id}"
        if self._family == family:
            return True
        try:
            told = self._book.load(family)
        except LedgerUnavailable as error:
            self._complain(error)
            return False
        with self._lock:
            self._counts, self._pending, self._sent = dict(told.counts), {}, None
            self._first_life, self._runs = told.mark is None, Runs()
            self._mark = _Mark(nano=int(self._began * 1e9) + _OVERLAP)
            if told.mark is not None:
                self._take_up(told.mark)
            self._family = family
            early, self._early = self._early, []
        for heard, connected in early:
            self.hear(heard, connected)
        return True

    def since(self) -> float | None:
        """Return from when on events must be heard (UNIX seconds) so that none is missed; None = nothing was counted yet."""
        with self._lock:
            return None if self._family is None or not self._mark.nano else (self._mark.nano - _OVERLAP) / 1e9

    def hear(self, heard: Heard, connected: int) -> None:
        """Count one event unless it has been counted. ``connected`` is when the stream was opened, ns of our clock."""
        with self._lock:
            if self._family is None:
                self._early = [*self._early[-_EARLY:], (heard, connected)]
                return
            if not self._mark.fresh(heard, connected):
                return
            self._mark.add(heard)
            self._changed = True
            by = 1
            if heard.kind == "start":
                self._runs.started(heard.container, heard.nano / 1e9)
            elif heard.kind == "oom":
                by = self._runs.oom(heard.container)
            self._count(heard.kind, heard.name, by)

    def look(self, containers: Iterable[Container], cgroups: Mapping[str, CgroupUse], looked_at: float) -> None:
        """Count what events did not tell: the cgroups' OOM counters, the OOMKilled flags, Docker's own restart counts."""
        with self._lock:
            if self._family is None:
                return
            known = []
            for container in containers:
                known.append(container.id)
                if container.restart_count is None:  # not inspected yet
                    continue
                use = cgroups.get(container.id)
                before_us = self._first_life and (container.started_at or container.created_at or 0.0) < self._began
                kills, restarts = self._runs.look(container, use.oom_kills if use else None, looked_at, before_us=before_us)
                self._count("oom", container.name, kills)
                self._count("restart", container.name, restarts)
            self._runs.keep(known)

    def flush(self) -> None:
        """Write what was counted. Without a ledger it waits; whether a failed write had succeeded after all is asked first."""
        if not self._flushing.acquire(blocking=False):
            return
        try:
            self._flush()
            self._failed = False
        except LedgerUnavailable as error:
            self._complain(error)
        finally:
            self._flushing.release()

    def totals(self) -> Mapping[tuple[str, str], float]:
        """Return (kind, container name) -> count; nothing before ``open`` succeeded."""
        with self._lock:
            return {(key[0], key[1]): value for key, value in self._counts.items()} if self._family is not None else {}

    def _flush(self) -> None:
        if self._sent is None:
            with self._lock:
                if self._family is None or not (self._pending or self._changed):
                    return
                self._sent = self._pending, self._mark.dump(self._runs)
                self._pending, self._changed = {}, False
        elif self._book.load(str(self._family)).mark == self._sent[1]:
            self._sent = None  # the failed write had succeeded after all
            return
        self._book.add(str(self._family), *self._sent)
        self._sent = None

    def _count(self, kind: str, name: str, by: int) -> None:
        if by <= 0:
            return
        key = (kind, name)
        if key not in self._counts and len({k[1] for k in self._counts}) >= self._names_limit:
            key = (kind, OTHER)
        self._counts[key] = self._counts.get(key, 0.0) + by
        self._pending[key] = self._pending.get(key, 0.0) + by
        self._changed = True

    def _take_up(self, mark: str) -> None:
        try:
            told = json.loads(mark)
            taken, runs = _Mark(int(told["nano"]), OrderedDict(told["keys"])), dict(told["runs"])
            self._runs.load(runs)
            self._mark = taken
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("the mark of counted Docker events cannot be read; events of the past are not counted again")

    def _complain(self, error: LedgerUnavailable) -> None:
        if not self._failed:
            log.warning("counts of Docker events wait for the ledger", error=str(error))
        self._failed = True
