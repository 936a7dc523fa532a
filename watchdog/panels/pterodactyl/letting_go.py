"""The calm half of the guard: which links are held, what the panel says of their backups, and when each is let go of (section 3.8).

Every round reads everything anew: the shelf's directory, the ledger's holdings, Wings' own names. So a link without a holding gets one, a
holding without a link is ended, and a death between any two steps leaves nothing that the next round does not put right. A link goes first
and its holding after it. Without a ledger nothing is let go of.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watchdog.errors import LedgerUnavailable, Refused, WatchdogError
from watchdog.model.approvals import Holding
from watchdog.model.archives import Identity
from watchdog.model.holdings import Holdings
from watchdog.model.moments import Clock, Moment
from watchdog.panels.pterodactyl.keeping import CAPS, DROPS, Link, Original, done, too_much
from watchdog.panels.pterodactyl.knowing import Knowing, Records
from watchdog.panels.pterodactyl.linking import UNDO, WHAT, Shelf, holding_parameters
from watchdog.panels.pterodactyl.naming import SUFFIX, is_uuid, uuid_of
from watchdog.panels.pterodactyl.remedies import backup_object
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.runtime.log import get_logger
from watchdog.runtime.partfile import translated

log = get_logger(__name__)

EVERY: Final = 5.0
FLOOR: Final = 1 << 30
"""Bytes that stay free on the archives' disk: we hold nothing there that Wings would have deleted."""
UNKNOWN: Final = "unknown-server"
"""Stands for the folder of a server that nobody can name any more: what was there is taken as gone, and can only be put back by hand."""
UNLINKED: Final = 900.0
"""Seconds for which a holding may stand without its link: a repair writes it down before it makes the link."""


@dataclass(frozen=True, slots=True)
class Found:
    """One link as it lies on the shelf, with its holding and where Wings has or had the archive."""

    uuid: str
    told: os.stat_result
    holding: Holding
    path: Path
    original: Original


@dataclass(slots=True)
class Standing:
    """What one round left: links, bytes that only we keep, what was let go of at a cap (uuid -> sentence), and names that are not ours."""

    links: int = 0
    bytes: int = 0
    foreign: int = 0
    at_cap: dict[str, str] = field(default_factory=dict)


class LettingGo:
    """Judges what is held. ``step`` belongs to one supervised loop; ``undo`` is a person's order. ``counts`` are drops by reason."""

    def __init__(
        self, settings: PterodactylSettings, shelf: Shelf, holdings: Holdings, records: Records, clock: Clock, *, floor: int = FLOOR
    ) -> None:
        self._settings = settings
        self._shelf = shelf
        self._holdings = holdings
        self.knowing = Knowing(settings, records)
        self._clock = clock
        self._floor = floor
        self._caught: dict[str, Path] = {}
        self._ages: dict[int, tuple[float, float]] = {}
        self._turn = threading.Lock()
        self._let_go: dict[str, tuple[int, int]] = {}
        self.standing = Standing()
        self.counts: dict[str, int] = dict.fromkeys(DROPS, 0)

    def caught(self, uuid: str, path: Path) -> None:
        """Hear where an archive was when its link was made."""
        self._caught[uuid] = path

    def was_let_go(self, uuid: str, told: os.stat_result) -> bool:
        """Whether this very file was let go of in this life: it is not held a second time."""
        return self._let_go.get(uuid) == (told.st_dev, told.st_ino)

    def step(self) -> float:
        """Do one round; return the seconds to the next. What the disk or the ledger refuses is tried again then."""
        if not self._turn.acquire(blocking=False):
            return EVERY  # a round that was left behind still hangs
        try:
            self._round()
        except (WatchdogError, OSError) as error:
            log.debug("the held links cannot be judged now", target=self._settings.name, error=str(error))
        finally:
            self._turn.release()
        return EVERY

    def _round(self) -> None:
        names = self._listed()
        held = {each.object.id: each for each in self._holdings.held() if each.what == WHAT}
        found = [self._found(uuid, told, held.get(uuid)) for uuid, told in names.items()]
        self._end_without_link(held, names)
        now = self._clock.now()
        links = {each.uuid: self._link(each, now) for each in found}
        for each in found:
            reason = done(
                links[each.uuid], self.knowing.of(each.uuid, each.original, each.holding.created_at, now), self._settings.guard.max_age
            )
            if reason:
                self._drop_quietly(each, reason)
                links.pop(each.uuid)
        by_uuid = {each.uuid: each for each in found}
        for link, reason in too_much(links.values(), self._settings.guard.max_bytes, self._free(), self._floor):
            self._drop_quietly(by_uuid[link.uuid], reason)
            links.pop(link.uuid)
        self._forget(names)
        self.standing.links = len(links)
        self.standing.bytes = sum(each.bytes for each in links.values() if each.last)

    # ---- what is there -------------------------------------------------------------------------------------------------------------------

    def _listed(self) -> dict[str, os.stat_result]:
        names: dict[str, os.stat_result] = {}
        foreign = 0
        try:
            with os.scandir(self._shelf.directory) as found:
                for each in found:
                    uuid, told = uuid_of(each.name), None
                    with suppress(FileNotFoundError):
                        told = each.stat(follow_symlinks=False)
                    if uuid is not None and told is not None and stat.S_ISREG(told.st_mode):
                        names[uuid] = told
                    else:
                        foreign += told is not None
        except FileNotFoundError:
            pass
        self.standing.foreign = foreign
        return names

    def _found(self, uuid: str, told: os.stat_result, holding: Holding | None) -> Found:
        written = str(holding.parameters.get("path", "")) if holding is not None else ""
        path = Path(written) if written else self._path(uuid)
        if holding is None:
            identity = Identity(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)
            expires = self._clock.now().wall + self._settings.guard.max_age
            parameters = holding_parameters(self._shelf.link(uuid), path, identity)
            if path.parent.name == UNKNOWN:
                parameters["path"] = ""  # whoever learns it later is asked then
            holding = self._holdings.hold(WHAT, backup_object(self._settings.name, uuid), UNDO, parameters, expires)
        return Found(uuid, told, holding, path, original_of(path, told, self._shelf.backups))

    def _path(self, uuid: str) -> Path:
        """Return where Wings has or had the archive. Pelican has a folder per server; nobody may be left who knows which it was."""
        name = f"{uuid}{SUFFIX}"
        if self._settings.flavour != "pelican":
            return self._shelf.backups / name
        if uuid in self._caught:
            return self._caught[uuid]
        if server := self.knowing.server(uuid):
            return self._shelf.backups / server / name
        folders = (each.parent for each in self._shelf.backups.glob(f"*/{name}") if is_uuid(each.parent.name))
        return next(folders, self._shelf.backups / UNKNOWN) / name

    def _end_without_link(self, held: Mapping[str, Holding], names: Mapping[str, os.stat_result]) -> None:
        now = self._clock.now().wall
        for uuid, holding in held.items():
            if uuid not in names and now - holding.created_at > UNLINKED and not os.path.lexists(self._shelf.link(uuid)):
                self._holdings.release(holding.id)
                log.info("a held link is gone; its record is ended", backup=uuid, holding=holding.id)

    def _link(self, found: Found, now: Moment) -> Link:
        # the wall clock speaks once per life; a jump of it must not make a link older
        age, at = self._ages.setdefault(found.holding.id, (max(0.0, now.wall - found.holding.created_at), now.mono))
        return Link(
            found.uuid, age + now.mono - at, found.told.st_size, found.original, self.knowing.server(found.uuid), found.told.st_nlink
        )

    # ---- letting go ----------------------------------------------------------------------------------------------------------------------

    def drop(self, found: Found, reason: str) -> None:
        """Remove a link, then end its holding. Raises Refused where that would be the last name against ``reason``, LedgerUnavailable."""
        # asked before anything is removed: without a ledger nothing is let go of
        self._holdings.held()
        elsewhere = reason == "outlived" and found.original != "same"
        self._shelf.drop(found.uuid, found.path, deleted=elsewhere or reason in {"record_deleted", "object_store", *CAPS})
        self._let_go[found.uuid] = (found.told.st_dev, found.told.st_ino)
        self._holdings.release(found.holding.id)
        self.counts[reason] += 1

    def _drop_quietly(self, found: Found, reason: str) -> None:
        try:
            self.drop(found, reason)
        except LedgerUnavailable:
            raise
        except WatchdogError as error:
            log.warning("a held link cannot be let go of", backup=found.uuid, error=str(error))
            return
        lost = reason in CAPS
        say = log.warning if lost else log.info
        say("a held link was let go of", backup=found.uuid, reason=DROPS[reason], last_name=lost)
        if lost:
            self.standing.at_cap[found.uuid] = f"our guard held the archive and let go of it: {DROPS[reason]}"

    def undo(self, holding: Holding) -> str:
        """Let go of one link because a person said so; an archive that would be lost by it gets its old name back first.

        Raises Refused when another file has that name, Temporary when the disk fails.
        """
        uuid, written = holding.object.id, str(holding.parameters.get("path", ""))
        path = Path(written) if written else self._path(uuid)
        link = self._shelf.link(uuid)
        with translated(link):
            told = os.lstat(link) if os.path.lexists(link) else None
        if told is None:
            return f"there was no link {link} any more"
        if path.parent.name == UNKNOWN:
            raise Refused(f"nobody can say whose backup {link} is: move it to its server's folder, or remove it, by hand")
        back = original_of(path, told, self._shelf.backups) == "gone" and self._shelf.put_back(link, path)
        if not self._shelf.drop(uuid, path):
            raise Refused(f"{link} went away at this moment")
        self._let_go[uuid] = (told.st_dev, told.st_ino)
        self.counts["released"] += 1
        return f"{link} is removed; " + (f"the archive has its old name {path} again" if back else f"the archive is at {path}")

    def _free(self) -> int | None:
        with suppress(OSError):
            told = os.statvfs(self._shelf.backups)
            return told.f_bavail * told.f_frsize
        return None

    def _forget(self, names: Mapping[str, os.stat_result]) -> None:
        self.knowing.forget(names)
        self._caught = {uuid: path for uuid, path in self._caught.items() if uuid in names}


def original_of(path: Path, told: os.stat_result, backups: Path) -> Original:
    """Return what has Wings' name for a held file: it itself, nothing, another file, or what cannot be told.

    Nothing is only proven where the directory of the archives is the one that we know: on the link's own file system.
    """
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        try:
            return "gone" if backups.stat().st_dev == told.st_dev else "unseen"
        except OSError:
            return "unseen"
    except OSError:
        return "unseen"
    if not os.path.samestat(there, told):
        return "other"
    # one name cannot be two: then what was looked at is our own link
    return "same" if there.st_nlink > 1 else "unseen"
