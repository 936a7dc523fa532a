"""The logs collector: what watched logs have said lately, and since when their silence proves something.

Matches are kept in memory only. So ``covered_from`` never reaches further back than the oldest match that is kept: it moves up
when something is missing (rotated away, truncated, a line too long, a backlog skipped), when old matches are dropped, and at our own
start, where the last window of each log is read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from watchdog.collectors.logs.containers import ContainerTail
from watchdog.collectors.logs.files import FileTail, Unreadable
from watchdog.collectors.logs.lines import Line, Piece
from watchdog.collectors.logs.patterns import Matcher, compiled
from watchdog.collectors.logs.settings import LogsSettings
from watchdog.collectors.logs.times import TimeReader
from watchdog.collectors.mounts import MountTable
from watchdog.errors import BadSettings, LedgerUnavailable, WatchdogError
from watchdog.model.engines import EngineRead
from watchdog.model.keeping import Offset, OffsetBook
from watchdog.model.logs import LogFacts, LogMatch, LogSource
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.model.needs import LogNeed
from watchdog.runtime.log import get_logger, redact

log = get_logger(__name__)

# a program may write its line a little after the moment that stands in it
_WRITE_DELAY = 60.0
GAPS = ("rotated_away", "truncated", "line_too_long", "backlog", "container_replaced")


class WatchedLog:
    """One log: where we stand in it, what it said, and since when nothing is missing. Not shared between threads."""

    def __init__(
        self, need: LogNeed, settings: LogsSettings, clock: Clock, instruments: Instruments, saved: Offset | None, engine: EngineRead | None
    ) -> None:
        self.need = need
        self._clock = clock
        self._instruments = instruments
        self._matcher = Matcher(compiled(need), clock)
        self._times = TimeReader(need.time_format, need.zone)
        self._tail: FileTail | ContainerTail = (
            ContainerTail(need.container, engine, settings, clock, saved)
            if need.container and engine is not None
            else FileTail(need.path, settings, saved)
        )
        self._matches: deque[tuple[float, LogMatch]] = deque()  # with the time at which it was seen
        self._keep = settings.keep
        self._floor = saved.covered_from if saved is not None else 0.0
        self._covered: float | None = None
        self._read_to: float | None = None
        self._last_at: float | None = None
        self._gaps = 0
        self._error: str | None = None
        self._saved: Offset | None = saved
        self._pending: str | None = None  # the gap with which the last look ended

    def look(self, table: MountTable, ids: Mapping[str, str] | WatchdogError) -> None:
        """Read what is new. Never raises for what the log or the engine says: it is the source's error then."""
        try:
            piece = self._read(table, ids)
        except Unreadable as error:
            self._fail(error.reason, str(error))
        except WatchdogError as error:
            self._fail(type(error).__name__, str(error))
        else:
            self._take(piece)
            slow = self._matcher.suspended
            if slow:
                self._fail("slow_pattern", f"suspended until the next start: {', '.join(slow)}")
            elif piece.error is not None:
                self._fail(piece.error, "the path leads nowhere now")
            elif self._error is not None:
                log.info("a watched log can be read again", log=self.need.name)
                self._error = None

    def _read(self, table: MountTable, ids: Mapping[str, str] | WatchdogError) -> Piece:
        if isinstance(self._tail, ContainerTail):
            if isinstance(ids, WatchdogError):
                raise ids
            return self._tail.read(ids)
        if not table.find(self.need.path).local:
            raise Unreadable("network_filesystem", "it lies on a network or FUSE file system, which may hang: not read")
        return self._tail.read()

    def _fail(self, reason: str, message: str) -> None:
        if self._error != reason:
            log.warning("a watched log cannot be read whole", log=self.need.name, error=reason, reason=redact(message))
        self._error = reason

    def _take(self, piece: Piece) -> None:
        now = self._clock.now().wall
        self._matcher.begin()
        self._instruments.count("watchdog_log_read_bytes_total", self.need.name, by=piece.read_bytes)
        for line in piece.lines:
            self._break(line.gap)
            self._pending = None
            self._line(line, now)
        self._break(piece.gap)
        self._pending = piece.gap
        if self._covered is None:
            self._covered = now
        if piece.at_end:
            self._read_to = now

    def _break(self, gap: str | None) -> None:
        """Note that something is missing here: what follows proves nothing about the time before.

        A gap at the end of a look is told again by the next line: counted once, and nothing more is missing unless a long line goes on.
        """
        if gap is None or (gap == self._pending and gap != "line_too_long"):
            return
        self._covered, self._floor = None, 0.0
        if gap in GAPS and gap != self._pending:
            self._gaps += 1
            self._instruments.count("watchdog_log_gaps_total", self.need.name, gap)

    def _line(self, line: Line, now: float) -> None:
        for pattern, groups in self._matcher.match(line.text):
            at = self._at(groups.pop("time", None), line, now)
            if at is not None:
                self._last_at = at
                if self._covered is None:
                    self._covered = max(min(at, now), self._floor)
            self._matches.append((now, LogMatch(self.need.name, pattern, at, {key: redact(value) for key, value in groups.items()})))
            if not line.again:
                self._instruments.count("watchdog_log_matches_total", self.need.name, pattern)
        while len(self._matches) > self._keep:
            seen, dropped = self._matches.popleft()
            gone = dropped.at if dropped.at is not None else seen
            self._covered = max(self._covered, gone) if self._covered is not None else None
            self._floor = max(self._floor, gone)

    def _at(self, text: str | None, line: Line, now: float) -> float | None:
        if text is None:
            return line.at
        after = [
            moment for moment in (self._last_at, self._read_to - _WRITE_DELAY if self._read_to is not None else None) if moment is not None
        ]
        return self._times.read(text, now, max(after, default=None)) or line.at

    def offset(self) -> Offset | None:
        """Return what is to be kept over a restart if it has changed since it was last kept."""
        where = self._tail.where()
        if where is None or self._covered is None:
            return None
        device, inode, position, head = where
        offset = Offset(device, inode, position, self._covered, head)
        return offset if offset != self._saved else None

    def kept(self, offset: Offset) -> None:
        """Say that ``offset`` stands in the ledger."""
        self._saved = offset

    def source(self) -> LogSource:
        """Return this log as the snapshot shows it."""
        where = self._tail.where()
        covered = self._covered
        return LogSource(
            self.need.name,
            self.need.path or f"container {self.need.container}",
            where[2] if where is not None and self.need.path else 0,
            covered,
            self._gaps,
            self._error,
            self._read_to,
        )

    def matches(self) -> list[tuple[float, LogMatch]]:
        """Return the matches kept, each with the time to sort by."""
        return [(match.at if match.at is not None else seen, match) for seen, match in self._matches]

    def close(self) -> None:
        """Give back descriptors."""
        self._tail.close()


class LogsCollector:
    """Looks at all watched logs. ``book`` keeps offsets over restarts; without it each start begins near the end."""

    name = "logs"

    def __init__(
        self,
        settings: LogsSettings,
        needs: Sequence[LogNeed],
        clock: Clock,
        instruments: Instruments,
        book: OffsetBook | None = None,
        engine: EngineRead | None = None,
    ) -> None:
        for need in needs:
            if need.container and engine is None:
                raise BadSettings(f"the log of container '{need.container}' is asked for, but no Docker endpoint is configured")
            compiled(need)
            TimeReader(need.time_format, need.zone)
        self._settings = settings
        self._needs = tuple(needs)
        self._clock = clock
        self._instruments = instruments
        self._book = book
        self._engine = engine
        self._logs: dict[str, WatchedLog] = {}
        self._silent = False
        for need in needs:
            for metric in ("watchdog_log_read_bytes_total",):
                instruments.count(metric, need.name, by=0)
            for gap in GAPS:
                instruments.count("watchdog_log_gaps_total", need.name, gap, by=0)
            for pattern, _ in need.patterns:
                instruments.count("watchdog_log_matches_total", need.name, pattern, by=0)

    def collect(self) -> LogFacts:
        """Look at every log once. Raises Blind when the table of mounts cannot be read."""
        table = MountTable.read()
        ids = self._ids()
        for need in self._needs:
            if need.name not in self._logs:
                self._logs[need.name] = WatchedLog(
                    need, self._settings, self._clock, self._instruments, self._load(need.name), self._engine
                )
            self._logs[need.name].look(table, ids)
        self._save()
        matches = sorted((pair for one in self._logs.values() for pair in one.matches()), key=lambda pair: pair[0])
        return LogFacts(tuple(one.source() for one in self._logs.values()), tuple(match for _, match in matches))

    def close(self) -> None:
        """Give back descriptors."""
        for one in self._logs.values():
            one.close()

    def _ids(self) -> Mapping[str, str] | WatchdogError:
        """Return the ids of all containers by name: one list for all container logs, none if there are none."""
        if self._engine is None or not any(need.container for need in self._needs):
            return {}
        try:
            listed = self._engine.list(self._settings.deadline)
        except WatchdogError as error:
            return error
        ids: dict[str, str] = {}
        for one in listed:
            names = one.get("Names")
            for name in names if isinstance(names, list) else []:
                ids[str(name).removeprefix("/")] = str(one.get("Id", ""))
        return ids

    def _load(self, name: str) -> Offset | None:
        if self._book is None:
            return None
        try:
            return self._book.load(name)
        except LedgerUnavailable as error:
            self._complain(error)
            return None

    def _save(self) -> None:
        if self._book is None:
            return
        try:
            for name, one in self._logs.items():
                offset = one.offset()
                if offset is not None:
                    self._book.save(name, offset)
                    one.kept(offset)
        except LedgerUnavailable as error:
            self._complain(error)
        else:
            if self._silent:
                log.info("log offsets are kept again")
            self._silent = False

    def _complain(self, error: LedgerUnavailable) -> None:
        if not self._silent:
            log.warning("log offsets cannot be kept now; after a restart there may be a gap", reason=str(error))
        self._silent = True
