"""What lines of Wings' log mean for backups: entries, and the stories they make. Pure.

Source: server/backup.go, server/backup/backup_local.go, backup_s3.go, router/router_server_backup.go, loggers/cli/cli.go of Wings 1.11.11
(contract section 2.5). Names of SFTP users reach this log as they come, line breaks and all, so a line proves no more than what nobody
else can know: the archive's "created" counts only with the random request id of its "creating".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from watchdog.panels.pterodactyl.naming import UUID
from watchdog.panels.pterodactyl.traces import BackupLog
from watchdog.panels.pterodactyl.wings_times import STAMP

CREATING: Final = "creating backup for server"
CREATED: Final = "created backup successfully"
NOTIFIED: Final = "notified panel of successful backup state"
UNNAMED: Final = "failed to notify panel of successful backup state"
NAMED: Final = "failed to notify panel of backup status due to wings error"
FAILURE_TOLD: Final = "notified panel of failed backup state"
FAILURE_UNHEARD: Final = "failed to notify panel of failed backup state"
ROUTER: Final = "router: failed to generate server backup"
BOOTS: Final = ("writing log files to disk", "loading configuration from file", "configured wings with system timezone")
"""What Wings logs when it starts, and at no other time."""
MESSAGES: Final = (CREATING, CREATED, NOTIFIED, UNNAMED, NAMED, FAILURE_TOLD, FAILURE_UNHEARD, ROUTER, *BOOTS)
HINTS: Final = (b" backup", b"writing log files", b"loading configuration", b"configured wings")
"""A line without any of these is none of ours; asked of bytes, for most lines are not."""
NOT_GENERATED: Final = "error while generating"
LONGEST_FLIGHT: Final = 86_400.0
"""Seconds that a backup takes at most: who has read that long without a gap knows all that are in flight."""
MOST: Final = 20_000
LONGEST_TRACE: Final = 500
"""Lines of a stack trace, behind which an entry begins."""

_LEVELS: Final = r"(?:DEBUG|\s?INFO|\s?WARN|ERROR|FATAL)"
_HEADER: Final = re.compile(rf"{_LEVELS}: \[({STAMP.pattern})\] ")
_BACKUP: Final = re.compile(rf" backup=({UUID})(?: |$)")
_SERVER: Final = re.compile(rf" server=({UUID})\s*$")
_REQUEST: Final = re.compile(r" request_id=(\S+)")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_ADAPTER: Final = re.compile(r" adapter=(\w+)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its stamp, its message ("" = none of ours) and fields. ``torn`` = two lines ran into each other: it proves nothing.

    ``open``: the error in it has a line break, so its server stands in a line to come.
    """

    stamp: str
    message: str = ""
    backup: str = ""
    server: str = ""
    request: str = ""
    adapter: str = ""
    error: str = ""
    torn: bool = False

    @property
    def open(self) -> bool:
        """Whether its end, which names the server, is still to come."""
        return self.message == UNNAMED and not self.server


def hinted(line: bytes) -> bool:
    """Whether a line may be one of ours."""
    return any(hint in line for hint in HINTS)


def readable(raw: bytes) -> str:
    """Return a line as text: broken UTF-8 replaced, colours, zeros and carriage returns at its ends left out."""
    return _COLOURS.sub("", raw.decode("utf-8", "replace")).strip("\r\0")


def last_stamp(lines: Sequence[bytes]) -> str:
    """Return the stamp of the last line that begins an entry, "" = none of the last ones does."""
    return next((stamp for raw in lines[: -LONGEST_TRACE - 1 : -1] if (stamp := stamp_of(readable(raw)))), "")


def begins_with_a_start(lines: Sequence[bytes]) -> bool:
    """Whether the first line is one that Wings writes when it starts."""
    entry = entry_of(readable(lines[0]))
    return entry is not None and entry.message in BOOTS


def stamp_of(line: str) -> str:
    """Return the stamp of a line that begins an entry, "" for any other."""
    found = _HEADER.match(line)
    return found[1] if found else ""


def entry_of(line: str) -> Entry | None:
    """Given a line without colours, return what it says; None when it begins no entry."""
    found = _HEADER.match(line)
    if found is None:
        return None
    text = line[found.end() :]
    if _HEADER.search(text):
        return Entry(found[1], torn=True)
    message = next((each for each in MESSAGES if text.startswith(each) and text[len(each) : len(each) + 1] in ("", " ")), "")
    if not message:
        return Entry(found[1])
    # keys are sorted, and an error is free text: what sorts before it is taken before it, what sorts after it from the end
    fields = text[len(message) :]
    before, has_error, error = fields.partition(" error=")
    after = error if has_error else fields
    requests = _REQUEST.findall(after)
    return Entry(
        stamp=found[1],
        message=message,
        backup=_first(_BACKUP, before),
        server=_first(_SERVER, after if not has_error else f" {after}"),
        request=requests[-1] if requests else "",
        adapter=_first(_ADAPTER, before),
        error=error,
    )


def server_at_the_end(line: str) -> str:
    """Return the server that a line behind an open entry names at its end, "" = none."""
    return _first(_SERVER, f" {line}")


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


class Stories:
    """What the entries tell of each backup, in the order of the log. Bounded: the newest ``most`` stories.

    ``covered_from`` is since when nothing is missing, None = not since the last gap.
    """

    def __init__(self, most: int = MOST) -> None:
        self.backups: dict[str, BackupLog] = {}
        self.unnamed: deque[tuple[str, float]] = deque(maxlen=most)
        self.booted_at: float | None = None
        self.covered_from: float | None = None
        self._most = most
        self._requests: dict[str, str] = {}
        self._whole = False  # a start of Wings was read since the last gap: all that is in flight is known
        self._given_up: dict[str, list[str]] = {}

    def gap(self) -> None:
        """Something is missing here: what follows proves nothing by silence about the time before."""
        self.covered_from, self._whole = None, False

    def begin(self, at: float) -> None:
        """Take note of the first line's time since the beginning or a gap."""
        if self.covered_from is None:
            self.covered_from = at

    def take(self, entry: Entry, at: float) -> None:
        """Take one entry of ours, in the order of the log; ``at`` is UNIX seconds."""
        if entry.message in BOOTS:
            self._boot(at)
        elif entry.message == CREATING and entry.backup:
            self.backups[entry.backup] = BackupLog(entry.backup, entry.server, entry.adapter, began=at)
            self._requests[entry.backup] = entry.request
            self._bound()
        elif entry.message == UNNAMED:
            self._unnamed(entry.server, at)
        elif entry.message == ROUTER:
            self._router(entry, at)
        elif entry.backup:
            self._named(entry, at)

    def forget(self, before: float) -> None:
        """Let go of stories and lines that ended before a moment."""
        for uuid in [uuid for uuid, story in self.backups.items() if _last(story) < before]:
            self._drop(uuid)
        while self.unnamed and self.unnamed[0][1] < before:
            self.unnamed.popleft()

    def mistaken(self, since: float) -> None:
        """Let go of what was taken for younger than ``since``: the times run back there, so it was a year older."""
        for uuid in [uuid for uuid, story in self.backups.items() if _last(story) > since]:
            self._drop(uuid)
        self.unnamed = deque((each for each in self.unnamed if each[1] <= since), maxlen=self._most)
        self.booted_at = None
        self.gap()

    def _named(self, entry: Entry, at: float) -> None:
        story = self.backups.get(entry.backup)
        if entry.message == CREATED:
            # without its beginning nobody knows the request, and then anybody could have written this
            if story is not None and story.began is not None and self._requests.get(entry.backup) == entry.request:
                self.backups[entry.backup] = replace(story, generated=at)
            return
        story = story or BackupLog(entry.backup, entry.server)
        server = story.server or entry.server
        if entry.message == NOTIFIED:
            story = replace(story, notified=at)
        elif entry.message == FAILURE_TOLD:
            story = replace(story, failure_notified=at, generate_failed=story.generate_failed or at)
        elif entry.message == FAILURE_UNHEARD:
            story = replace(story, failure_unheard=at, generate_failed=story.generate_failed or at, notify_failed=None)
            self._given_up[server] = [uuid for uuid in self._given_up.get(server, ()) if uuid != entry.backup]
        elif story.generated is not None:
            story = replace(story, notify_failed=at)
            self._given_up.setdefault(server, []).append(entry.backup)
        else:
            story = replace(story, failure_unheard=at)
        self.backups[entry.backup] = story
        self._bound()

    def _router(self, entry: Entry, at: float) -> None:
        if not entry.request:
            return
        for uuid, request in self._requests.items():
            story = self.backups.get(uuid)
            if request != entry.request or story is None:
                continue
            if story.generated is None or NOT_GENERATED in entry.error:
                self.backups[uuid] = replace(story, generate_failed=story.generate_failed or at)

    def _unnamed(self, server: str, at: float) -> None:
        given_up = self._given_up.get(server)
        if given_up:  # the same goroutine named the backup in the line before
            given_up.pop(0)
            return
        flying = [each for each in self.backups.values() if each.server == server and each.in_flight]
        known = self._whole or (self.covered_from is not None and self.covered_from <= at - LONGEST_FLIGHT)
        if server and known and len(flying) == 1:
            self.backups[flying[0].uuid] = replace(flying[0], notify_failed=at)
        else:
            self.unnamed.append((server, at))

    def _boot(self, at: float) -> None:
        for uuid, story in self.backups.items():
            if story.in_flight:
                self.backups[uuid] = replace(story, interrupted=at)
        self.booted_at, self._whole = max(at, self.booted_at or at), True
        self._given_up.clear()

    def _bound(self) -> None:
        while len(self.backups) > self._most:
            oldest = next(iter(self.backups))
            gone = _last(self.backups[oldest])
            self._drop(oldest)
            self._whole = False
            if self.covered_from is not None:
                self.covered_from = max(self.covered_from, gone)

    def _drop(self, uuid: str) -> None:
        del self.backups[uuid]
        self._requests.pop(uuid, None)


def _times(story: BackupLog) -> Iterator[float]:
    every = (
        story.began, story.generated, story.notified, story.notify_failed, story.generate_failed, story.failure_notified,
        story.failure_unheard, story.interrupted,
    )  # fmt: skip
    yield from (each for each in every if each is not None)


def _last(story: BackupLog) -> float:
    return max(_times(story), default=0.0)
