"""The event stream: one thread that listens, remembers the recent past, and hears again what it missed.

Filtered on our side (socket proxies and Podman do not all know the same filters). The stream is opened anew with ``since`` when it drops;
what comes twice is dropped by (timeNano, id, action). Command lines of ``exec_create`` and ``exec_start`` are never kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from watchdog.collectors.docker.counting import Counting, Heard
from watchdog.errors import DeadlinePassed, WatchdogError
from watchdog.model.docker import ContainerEvent, EventStream
from watchdog.model.engines import EngineRead, EventFeed
from watchdog.model.moments import Clock
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

KEPT = frozenset({
    "create", "start", "restart", "die", "oom", "kill", "stop", "pause", "unpause", "rename", "update", "destroy",
    "exec_die", "health_status",
})  # fmt: skip
CHANGING = frozenset({"start", "die", "update"})  # what only an inspect tells; all else is in the list
_COUNTED = {"oom": "oom", "die": "die", "start": "start", "health_status: unhealthy": "unhealthy"}
_REMEMBERED = 10_000
_SEEN = 4096
_QUIET = frozenset({"exec_die", "kill"})  # nothing in the list changes by them
_OVERLAP = 2.0
_DAY = 86_400.0
_GATHER = 0.25
_WAITS = (0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the stream, parsed. ``action`` is Docker's word; a health status keeps its result: ``health_status: unhealthy``."""

    event: ContainerEvent
    nano: int

    @property
    def key(self) -> str:
        """Return what tells this event from all others."""
        return f"{self.nano}:{self.event.container_id[:12]}:{self.event.action}"


def parse_event(raw: Mapping[str, object], labels: Collection[str]) -> Told | None:
    """Given one raw event, return it; None when it is not about a container, not among ``KEPT``, or an exec that ended well."""
    actor = raw.get("Actor")
    action = str(raw.get("Action") or raw.get("status") or "")
    verb = action.partition(":")[0]
    action = "die" if verb == "died" else action if verb == "health_status" else verb  # Podman says died
    if raw.get("Type", "container") != "container" or not isinstance(actor, dict) or action.partition(":")[0] not in KEPT:
        return None
    attributes = actor.get("Attributes") or {}
    nano, seconds = raw.get("timeNano"), raw.get("time")
    if not isinstance(nano, int):
        nano = int(seconds) * 1_000_000_000 if isinstance(seconds, int | float) else 0
    code = str(attributes.get("exitCode", attributes.get("containerExitCode", "")))
    if action == "exec_die" and code == "0":
        return None  # each run of each health check is one: they would crowd out all the rest
    event = ContainerEvent(
        action=action,
        container_id=str(actor.get("ID") or raw.get("id") or ""),
        name=str(attributes.get("name", "")),
        at=nano / 1e9,
        exit_code=int(code) if action in {"die", "exec_die"} and code.lstrip("-").isdigit() else None,
        labels={key: str(attributes[key]) for key in labels if key in attributes},
    )
    return Told(event, nano)


class EventTail:
    """Listens in a thread of its own from ``keep_up`` to ``close``; ``wake`` is called shortly after events that change a container."""

    def __init__(
        self,
        engine: EngineRead,
        counting: Counting,
        clock: Clock,
        *,
        labels: Collection[str],
        window: float,
        silence: float,
        wake: Callable[[], None],
    ) -> None:
        self._engine, self._counting, self._clock = engine, counting, clock
        self._labels, self._window, self._silence, self._wake = labels, window, silence, wake
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._recent: deque[ContainerEvent] = deque(maxlen=_REMEMBERED)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._dirty: dict[str, ContainerEvent] = {}
        self._newest: float | None = None
        self._stream = EventStream()
        self._connected_nano = 0
        self._feed: EventFeed | None = None
        self._thread: threading.Thread | None = None
        self._failed: str | None = None
        self._soon: threading.Timer | None = None

    @property
    def stream(self) -> EventStream:
        """Return how well we hear."""
        return self._stream

    def recent(self) -> tuple[ContainerEvent, ...]:
        """Return the events of the window, oldest first."""
        with self._lock:
            events = tuple(self._recent)
        earliest = self._clock.now().wall - self._window
        return tuple(sorted((e for e in events if e.at >= earliest), key=lambda e: e.at))

    def reach(self) -> float:
        """Return how far back ``recent`` reaches (UNIX seconds): the window, or less when so much happened that older events gave way."""
        earliest = self._clock.now().wall - self._window
        with self._lock:
            full = len(self._recent) == _REMEMBERED
            return max(earliest, self._recent[0].at) if full else earliest

    def changed(self) -> Mapping[str, ContainerEvent]:
        """Return, by container id, the newest event that has changed it since the last call."""
        with self._lock:
            dirty, self._dirty = self._dirty, {}
        return dirty

    def keep_up(self) -> None:
        """Start the thread, or start it anew should it have died; called before each look."""
        with self._lock:
            if self._stop.is_set() or (self._thread is not None and self._thread.is_alive()):
                return
            if self._thread is not None:
                log.error("the thread that hears Docker events died; a new one begins")
            self._thread = threading.Thread(target=self.run, name="docker-events", daemon=True)
            self._thread.start()

    def run(self) -> None:
        """Listen until ``close``; the body of the thread."""
        tries = 0
        while not self._stop.is_set():
            try:
                feed = self._engine.events(self._since(), self._silence)
            except WatchdogError as error:
                self._dropped(error)
                self._stop.wait(_WAITS[min(tries, len(_WAITS) - 1)])
                tries += 1
                continue
            tries = 0
            self._listen(feed)
        if self._soon is not None:
            self._soon.cancel()

    def close(self, seconds: float = 2.0) -> None:
        """End the thread, from any other one, and wait up to ``seconds`` for it (opening a stream may take so long)."""
        self._stop.set()
        with self._lock:
            feed, thread = self._feed, self._thread
        if feed is not None:
            feed.close()
        if thread is not None:
            thread.join(seconds)

    def _listen(self, feed: EventFeed) -> None:
        with self._lock:
            self._feed = feed
        if self._stop.is_set():
            feed.close()
        self._connected()
        try:
            for raw in feed:
                self._take(raw)
        except DeadlinePassed:
            log.debug("no Docker event for a while; the stream is opened anew")  # no drop yet: opening it tells
        except WatchdogError as error:
            self._dropped(error)
            self._stop.wait(_WAITS[0])
        finally:
            with self._lock:
                self._feed = None

    def _since(self) -> float:
        """Return from when on to hear. The engine keeps no more than its last 256 events anyway."""
        if self._newest is not None:
            return self._newest - _OVERLAP
        now = self._clock.now().wall
        return min(now - self._window, self._counting.since() or now - _DAY)

    def _take(self, raw: Mapping[str, object]) -> None:
        told = parse_event(raw, self._labels)
        if told is None:
            return
        event = told.event
        with self._lock:
            if told.key in self._seen:
                return
            self._seen[told.key] = None
            while len(self._seen) > _SEEN:
                self._seen.popitem(last=False)
            self._recent.append(event)
            self._newest = max(self._newest or 0.0, event.at)
            if event.action in CHANGING:
                self._dirty[event.container_id] = event
        kind = _COUNTED.get(event.action)
        if kind is not None:
            self._counting.hear(Heard(told.nano, told.key, kind, event.container_id, event.name), self._connected_nano)
        if event.action not in _QUIET:
            self._wake_soon()

    def _wake_soon(self) -> None:
        # die, oom and destroy come together: one look for all of them, and at most one in a while during a storm
        if self._soon is None or self._soon.finished.is_set():
            self._soon = threading.Timer(_GATHER, self._wake)
            self._soon.daemon = True
            self._soon.start()

    def _connected(self) -> None:
        now = self._clock.now()
        self._connected_nano = int(now.wall * 1e9)
        stream = self._stream
        if stream.connected:
            return
        again = stream.connected_at is not None
        self._stream = replace(stream, connected=True, connected_at=now.wall, reconnects=stream.reconnects + again)
        if self._failed is not None:
            log.info("Docker events are heard again", reconnects=self._stream.reconnects)
        self._failed = None
        if again:
            self._wake_soon()

    def _dropped(self, error: WatchdogError) -> None:
        if self._stop.is_set():
            return
        if self._stream.connected:
            self._stream = replace(self._stream, connected=False, dropped_at=self._clock.now().wall)
            self._wake_soon()
        if self._failed != type(error).__name__:
            log.warning("Docker events are not heard", error=str(error))
        self._failed = type(error).__name__
