"""Go or no-go before the panel's upgrade: versions, the way back, and nothing under way. Reads only.

The way back is, for each server, its newest good backup: complete at the panel, its archive here of the size and SHA-1 that the panel has,
rehearsed to its last file (``panel-watchdog rehearse``, whose result lies beside the archive), and a copy of it on another disk. Servers on
other nodes are judged by the agents there; backups in an object store by nobody here.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from watchdog.model.archives import Identity
from watchdog.model.moments import Clock
from watchdog.model.preflights import Check
from watchdog.panels.pterodactyl import releases
from watchdog.panels.pterodactyl.linking import identity_at
from watchdog.panels.pterodactyl.naming import SUFFIX
from watchdog.panels.pterodactyl.settings import PterodactylSettings
from watchdog.panels.pterodactyl.stock import place_of
from watchdog.panels.pterodactyl.view import INSTALLING, RESTORING, Backup, PterodactylView, Server

NOTE: Final = ".watchdog.rehearsal.json"
"""What ``rehearse`` leaves beside an archive."""
TRIES_SECONDS: Final = 600.0
AGAIN: Final = 5.0
_PIECE: Final = 4 << 20
_NOTE_BYTES: Final = 1 << 20
_BUSY: Final = (INSTALLING, RESTORING)


class Views(Protocol):
    """What this asks of the client."""

    def view(self) -> PterodactylView: ...


def whole_view(client: Views, clock: Clock, seconds: float = TRIES_SECONDS) -> PterodactylView:
    """Return a view in which the backups of every server were read. The panel's limit may make it last, ``seconds`` at most."""
    ends, never = clock.now().mono + seconds, threading.Event()
    view = client.view()
    while not view.complete and clock.now().mono < ends:
        clock.wait(never, AGAIN)
        view = client.view()
    return view


def checks(settings: PterodactylSettings, view: PterodactylView, to: str, now: float) -> tuple[Check, ...]:
    """Return everything that was looked at; ``now`` is UNIX seconds."""
    return (
        *_versions(settings, view, to),
        *_ways(view),
        *_under_way(view),
        *(check for server in sorted(view.servers, key=lambda each: each.name) for check in _way_back(settings, view, server, now)),
        Check("panel database", None, "not looked at: dump the panel's database and keep its .env (APP_KEY) before you begin", note=True),
    )


def _versions(settings: PterodactylSettings, view: PterodactylView, to: str) -> Iterator[Check]:
    wanted, has = releases.parse_version(to), releases.parse_version(view.version)
    if wanted is None:
        yield Check("version", False, f"'{to}' is no release")
        return
    if has is None:
        yield Check("version", None, "the panel's release is not known: set panel_version or panel_config")
    elif wanted <= has:
        yield Check("version", False, f"the panel is {view.version}: its database knows no way back to {to}")
    else:
        yield Check("version", True, f"from {view.version} to {to}")
    bad = releases.panel_rows(to, flavour=settings.flavour)
    for row in bad:
        yield Check("release", False, row.story)
    if settings.flavour != "pterodactyl":
        yield Check("compatibility", None, "there is no table of releases for Pelican: read its notes")
        return
    for node in view.nodes:
        name = f"compatibility/{node.name}"
        if not node.wings.version:
            yield Check(name, None, f"its Wings does not tell its release: {node.wings.error or 'not asked'}")
            continue
        rows = releases.wings_rows(to, node.wings.version, settings.versions)
        wrong = [row.story for row in rows if row.grade in {"broken", "wrong"}]
        unknown = [row.story for row in rows if row.grade == "unknown"]
        notes = [row.story for row in rows if row.grade == "note"]
        ok = False if wrong else None if unknown else True
        yield Check(name, ok, "; ".join((*wrong, *unknown, *notes)) or f"panel {to} goes with Wings {node.wings.version}")


def _ways(view: PterodactylView) -> Iterator[Check]:
    state = view.callback.state
    if view.local is not None or state != "not_asked":
        ok = True if state == "healthy" else None if state in {"unknown", "not_asked"} else False
        yield Check(
            "callback", ok, "the panel hears its Wings" if ok else f"the way from Wings to the panel is '{state}' {view.callback.message}"
        )
    for node in view.nodes:
        if node.panel_reaches is False:
            yield Check(f"reaches/{node.name}", False, "the panel does not reach this node")


def _under_way(view: PterodactylView) -> Iterator[Check]:
    busy = [f"{each.name} ({each.status})" for each in view.servers if each.status in _BUSY]
    busy += [f"{each.name} (transfer)" for each in view.servers if each.transferring]
    pending = [f"{each.name}" for each in view.servers if any(backup.state == "pending" for backup in each.backups or ())]
    blind = [f"{each.name} ({each.blind or 'not read'})" for each in view.servers if each.backups is None or each.blind]
    yield Check("in flight", not busy, f"under way: {_some(busy)}" if busy else "no installation, restore or transfer is under way")
    yield Check("backups in flight", not pending, f"pending: {_some(pending)}" if pending else "no backup is pending")
    if blind:
        yield Check("records", None, f"their backups cannot be read: {_some(blind)}")


def _way_back(settings: PterodactylSettings, view: PterodactylView, server: Server, now: float) -> Iterator[Check]:
    name = f"{server.name} ({server.identifier})"
    if view.local is None or server.node != view.local.uuid:
        yield Check(f"backup/{server.identifier}", None, f"{name} is not on this host's node: ask the agent there", note=True)
        return
    if server.backups is None:
        return  # said by "records"
    newest = max((each for each in server.backups if each.state == "complete"), key=lambda each: each.created_at, default=None)
    if newest is None:
        yield Check(f"backup/{server.identifier}", False, f"{name} has no complete backup")
        return
    age = now - (newest.completed_at or newest.created_at)
    if age > settings.preflight.max_age:
        yield Check(f"backup/{server.identifier}", False, f"the newest complete backup of {name} is {age / 3600:.0f} hours old")
        return
    path = Path(place_of(settings, server.uuid, newest.uuid))
    yield _verified(server, newest, path)
    yield _copied(settings, server, newest, path)


def _verified(server: Server, newest: Backup, path: Path) -> Check:
    """Judge the newest backup by what ``rehearse`` left beside it: that it was for this very file, and what the panel has of it."""
    ok, why = _judged(newest, path)
    return Check(f"backup/{server.identifier}", ok, f"{server.name}: {why}")


def _judged(newest: Backup, path: Path) -> tuple[bool | None, str]:
    try:
        identity = identity_at(path)
    except OSError as error:
        return None, f"{path}: {error.strerror}"
    if identity is None or identity.size != newest.bytes:
        has = "is not there (in an object store it can be judged by nobody here)" if identity is None else f"has {identity.size} bytes"
        return False, f"the archive {path} {has}, the panel says {newest.bytes}"
    note = _note(path) or {}
    verdict, todo = note.get("verdict"), f"panel-watchdog rehearse TARGET {path}"
    if note.get("identity") != _plain(identity):
        return False, f"{path.name} was not rehearsed as it is now: {todo}"
    if verdict == "good" and newest.sha1 is not None and note.get("sha1") == newest.sha1:
        return True, f"{path.name} is verified, rehearsed and what the panel says"
    if verdict == "good":
        return False, f"the SHA-1 of {path.name} is not the one that the panel has"
    return (False if verdict == "bad" else None), f"the rehearsal of {path.name} says {verdict}: {todo}"


def _copied(settings: PterodactylSettings, server: Server, newest: Backup, path: Path) -> Check:
    name = f"copy/{server.identifier}"
    if not settings.preflight.copies:
        return Check(name, None, f"{server.name}: nothing is known of copies elsewhere: name their directories in preflight.copies")
    problems: list[str] = []
    for directory in settings.preflight.copies:
        for copy in (directory / path.name, directory / server.uuid / path.name):
            with suppress(FileNotFoundError, NotADirectoryError):
                why = _same(copy, path, newest)
                if not why:
                    return Check(name, True, f"{server.name}: {copy} is the same")
                problems.append(why)
    return Check(name, False, f"{server.name}: " + ("; ".join(problems) or f"no copy of {newest.uuid}{SUFFIX} was found"))


def _same(copy: Path, path: Path, newest: Backup) -> str:
    """Return why a copy is none, "" = it is one: another disk, the same bytes to the last. Raises FileNotFoundError."""
    try:
        told = copy.stat()
        if told.st_dev == path.parent.stat().st_dev:
            return f"{copy} is on the disk of the archives"
        if told.st_size != newest.bytes:
            return f"{copy} has {told.st_size} bytes"
        return "" if _sha1(copy) == newest.sha1 else f"{copy} has another SHA-1"
    except FileNotFoundError:
        raise
    except OSError as error:
        return f"{copy}: {error.strerror}"


def _sha1(path: Path) -> str:
    digest = hashlib.sha1(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _note(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        descriptor = os.open(path.with_name(path.name + NOTE), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = json.loads(file.read(_NOTE_BYTES))
        return found if isinstance(found, dict) else None
    return None


def _plain(identity: Identity) -> dict[str, int]:
    return {"device": identity.device, "inode": identity.inode, "size": identity.size, "mtime_ns": identity.mtime_ns}


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
