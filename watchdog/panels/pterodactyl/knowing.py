"""What the panel says of the backups that the guard holds: from the newest pass, and by fresh reads where only they prove something.

Wings' log has no say here: whoever may try a password at Wings' SFTP can write lines into it, and a link must not go by such a line.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final, Protocol

from watchdog.errors import NotFound, WatchdogError
from watchdog.model.moments import Moment
from watchdog.panels.pterodactyl.keeping import CALM, Known, Original
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.view import Backup, Disk, PterodactylView

TWICE: Final = 60.0
"""Seconds between the two looks that show a record to be deleted."""
_LIST_AGE: Final = 30.0


class Records(Protocol):
    """Fresh reads of the panel; ``PterodactylClient`` satisfies it. May raise all of the house's errors."""

    def record(self, server: str, backup: str) -> Backup:
        """Return a record; NotFound = it is deleted."""
        ...

    def disk(self, server: str, backup: str) -> Disk:
        """Return where a backup lies."""
        ...


class Knowing:
    """Remembers how long things have been known, by our own monotonic clock: no panel's clock and no jump of ours makes a link go early."""

    def __init__(self, settings: PterodactylSettings, records: Records) -> None:
        self._settings = settings
        self._records = records
        self._seen: PterodactylView | None = None
        self._records_seen: Mapping[str, Backup] = {}
        self._first: dict[tuple[str, str], float] = {}
        self._servers: dict[str, str] = {}
        self._stores: dict[str, bool] = {}

    def saw(self, view: PterodactylView) -> None:
        """Hear what a pass read; the next round judges by it."""
        self._records_seen = {each.uuid: each for server in view.servers for each in server.backups or ()}
        # made anew, not added to: a round may be reading them in its own thread. What is not held is forgotten by each round
        self._servers = {**self._servers, **{each.uuid: each.server for each in self._records_seen.values()}}
        self._seen = view

    def pending(self, uuid: str) -> bool:
        """Whether the newest view has a backup as pending."""
        found = self._records_seen.get(uuid)
        return found is not None and found.state == "pending"

    def server(self, uuid: str) -> str:
        """Return whose backup it is, "" = nobody has said yet."""
        return self._servers.get(uuid, "")

    def of(self, uuid: str, original: Original, held_at: float, now: Moment) -> Known:
        """Return what is known of a backup's record; ``original`` is what has Wings' name for it, ``held_at`` since when we hold it."""
        if self._seen is None:
            return Known()
        view = self._seen
        record = self._records_seen.get(uuid)
        if record is None:
            return self._missing(uuid, held_at, view, now)
        since = self._for(("complete", uuid), now) if record.state == "complete" else 0.0
        return Known(record.state, since, self._object_store(record, original, since))

    def _missing(self, uuid: str, held_at: float, view: PterodactylView, now: Moment) -> Known:
        """Prove that a record is deleted: by two fresh reads, a minute apart, of one that we knew, else by two whole sweeps without it."""
        server = view.server(self.server(uuid))
        if server is None:
            return self._nowhere(uuid, held_at, view, now)
        if server.blind or server.backups_at is None or server.backups_at < held_at + _LIST_AGE:
            return Known()
        first = self._first.get(("missing", uuid))
        if first is not None and now.mono - first < TWICE:
            return Known()
        try:
            self._records.record(server.uuid, uuid)
        except NotFound:
            since = self._for(("missing", uuid), now)
            return Known("gone", since) if since >= TWICE else Known()
        except WatchdogError:
            return Known()
        self._first.pop(("missing", uuid), None)
        return Known()

    def _nowhere(self, uuid: str, held_at: float, view: PterodactylView, now: Moment) -> Known:
        oldest, listed = view.records_since, {each.uuid for each in view.servers}
        if not view.complete or oldest is None or oldest < held_at + _LIST_AGE or any(each.blind for each in view.servers):
            return Known()
        if not view.remote or not {each.uuid for each in view.remote} <= listed:
            return Known()  # the key sees less than the node's own token does: it may be no administrator's any more
        since = self._for(("nowhere", uuid), now)
        # every list was read anew since we first missed it
        return Known("gone", since) if since >= TWICE and oldest >= now.wall - since + _LIST_AGE else Known()

    def _for(self, key: tuple[str, str], now: Moment) -> float:
        """Return the seconds since ``key`` was first known, 0 = from now on."""
        return now.mono - self._first.setdefault(key, now.mono)

    def _object_store(self, record: Backup, original: Original, since: float) -> bool:
        if self._settings.disk != "auto":
            return self._settings.disk == "s3"
        if record.state != "complete" or original != "gone" or since < CALM:
            return False
        if record.uuid not in self._stores:  # asked once: each time leaves a line in the panel's activity log
            try:
                self._stores[record.uuid] = self._records.disk(record.server, record.uuid) == "s3"
            except WatchdogError:
                return False
        return self._stores[record.uuid]

    def forget(self, names: Container[str]) -> None:
        """Forget all backups but these."""
        self._first = {key: at for key, at in self._first.items() if key[1] in names}
        self._servers = {uuid: server for uuid, server in self._servers.items() if uuid in names}
        self._stores = {uuid: store for uuid, store in self._stores.items() if uuid in names}
