"""The queue of verification (rule 14 of the house): never part of a look, newest file first, one fresh child for each file.

Each mount that may hang has a lane of its own, all local ones share one: a file whose opening hangs holds up its own mount only.
"""

from __future__ import annotations

import errno
import math
import threading
from collections.abc import Callable, Iterable

from watchdog.collectors.archives.answers import Finished
from watchdog.collectors.archives.keys import key_or_why, without_key
from watchdog.collectors.archives.order import Limits, Run, Turn, verify
from watchdog.collectors.archives.pressure import IoPressure
from watchdog.collectors.archives.results import Result, Results
from watchdog.collectors.archives.running import Running, Wanted, identity_of, place_of, volume_argv, written
from watchdog.collectors.archives.settings import ArchivesSettings, promise
from watchdog.collectors.archives.stamps import stamped
from watchdog.errors import WatchdogError
from watchdog.model.archives import ArchiveProgress, Identity, Verification
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

_CLOSE_SECONDS = 5.0
_PATIENCE = 8
WALLS = ("limits", "other_user", "no_new_privileges", "landlock")
# a smaller file is read again faster than a ledger remembers where it stood
WORTH_A_PLACE = 64 << 20
# what is read in less than a second is not in anybody's way
WORTH_WAITING = 16 << 20
_REFUSALS = frozenset({errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.EUCLEAN, errno.EREMOTEIO})


class VerificationQueue:
    """Verifies what the last look offered and nothing has been found out about yet. ``run`` starts one child and waits for its answer."""

    def __init__(
        self,
        settings: ArchivesSettings,
        clock: Clock,
        results: Results,
        instruments: Instruments,
        *,
        run: Run = verify,
        told: Callable[[], None] = lambda: None,
        busy: Callable[[], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._results = results
        self._instruments = instruments
        self._run = run
        self._told = told
        self._busy = IoPressure(settings.pressure).high if busy is None else busy
        self._held: frozenset[str] = frozenset()
        self._walls: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Wanted]] = {}
        self._queued: frozenset[Identity] = frozenset()
        self._running: dict[str, Running] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._stop = threading.Event()
        self._started = False

    def start(self) -> None:
        """Begin to work on what is offered."""
        self._started = True
        self._results.settle()
        self._wake()

    def close(self) -> None:
        """Stop: children at work are ended, their results are lost and asked for again after the next start."""
        self._stop.set()
        began = self._clock.now()
        for thread in list(self._threads.values()):
            thread.join(max(0.1, _CLOSE_SECONDS - self._clock.now().since(began)))

    def offer(self, wanted: Iterable[Wanted]) -> None:
        """Replace what waits by ``wanted``, as far as it is not verified, newest first and bounded."""
        now = self._clock.now().wall
        open_ = [one for one in wanted if not self._enough(one, now)]
        open_.sort(key=lambda one: (one.identity.mtime_ns, one.path), reverse=True)
        lanes: dict[str, list[Wanted]] = {}
        with self._lock:
            busy = {running.wanted.identity for running in self._running.values()}
            kept = [one for one in open_ if one.identity not in busy][: self._settings.queue_limit]
            for one in reversed(kept):  # the newest is taken from the end
                lanes.setdefault(one.lane, []).append(one)
            self._waiting = lanes
            self._queued = frozenset(one.identity for one in kept)
        self._wake()

    def _enough(self, one: Wanted, now: float) -> bool:
        return self._results.enough(one.identity, one.level, now, one.volume, one.meaning, keyed=bool(one.key_file))

    def __len__(self) -> int:
        with self._lock:
            return len(self._queued) + len(self._running)

    def bytes_left(self) -> int:
        """Return how many bytes wait for verification or are still before the children at work."""
        with self._lock:
            waiting = sum(one.identity.size for lane in self._waiting.values() for one in lane)
            running = list(self._running.values())
        return waiting + sum(max(0, one.wanted.identity.size - one.position()) for one in running)

    def progress(self) -> tuple[ArchiveProgress, ...]:
        """Return how far each verification at work has come, now."""
        with self._lock:
            running = sorted(self._running.values(), key=lambda one: one.wanted.path)
        return tuple(
            ArchiveProgress(one.wanted.path, one.wanted.directory, one.position(), one.wanted.identity.size, one.rate()) for one in running
        )

    @property
    def kept(self) -> Results:
        """Return all results there are."""
        return self._results

    @property
    def paused(self) -> bool:
        """Whether a verification stands still because the host's disks are busy."""
        return bool(self._held)

    def verification(self, identity: Identity) -> tuple[Verification, str | None]:
        """Return how far a file has been verified, and its format if that is known."""
        result = self._results.get(identity)
        with self._lock:
            running = next((one for one in self._running.values() if one.wanted.identity == identity), None)
            queued = identity in self._queued
        if result is not None:
            return result.verification(identity), result.format
        if running is not None:
            return Verification("running", bytes_done=running.position(), rate=running.rate()), None
        return Verification("queued" if queued else "not_asked"), None

    def _wake(self) -> None:
        if not self._started or self._stop.is_set():
            return
        with self._lock:
            for lane in self._waiting:
                if lane not in self._threads:
                    thread = threading.Thread(target=self._work, args=(lane,), name=f"verification {lane}".rstrip(), daemon=True)
                    self._threads[lane] = thread
                    thread.start()

    def _work(self, lane: str) -> None:
        """Verify until nothing waits in this lane; the next offer begins anew."""
        try:
            while (running := self._next(lane)) is not None:
                try:
                    self._verify(running)
                finally:
                    running.close()
                    with self._lock:
                        self._running.pop(lane, None)
                        self._held -= {lane}
                self._told()
        finally:
            with self._lock:
                if self._threads.get(lane) is threading.current_thread():  # only after a defect: the next offer starts another
                    del self._threads[lane]

    def _next(self, lane: str) -> Running | None:
        with self._lock:
            waiting = self._waiting.get(lane)
            while waiting and not self._stop.is_set():
                wanted = waiting.pop()
                self._queued -= {wanted.identity}
                # one file under two names, or in two watched directories, may be done by now
                if not self._enough(wanted, self._clock.now().wall):
                    self._running[lane] = running = Running(wanted)
                    return running
            # under the lock: an offer that comes now finds no thread of this lane and starts one
            self._threads.pop(lane, None)
            return None

    def _verify(self, running: Running) -> None:
        wanted = running.wanted
        try:
            descriptor = running.open()
        except OSError as error:
            if error.errno in _REFUSALS:
                self._keep(wanted, Finished(None, 0, "unverifiable", ("unreadable",), f"it cannot be opened: {error.strerror}"))
            else:
                self._drop(wanted, "it is gone, or no regular file any more")
            return
        if identity_of(descriptor) != wanted.identity:
            self._drop(wanted, "it changed before it was opened")
            return
        began = self._clock.now()
        key, no_key = key_or_why(wanted.key_file)
        try:
            finished = self._run(
                descriptor, wanted.level, promise(wanted.path), self._limits(wanted), self._stop, self._turn(running, key),
                **({"argv": volume_argv(wanted.volume)} if wanted.volume else {}),
            )  # fmt: skip
        except WatchdogError as error:
            self._drop(wanted, str(error))
            return
        if self._stop.is_set():
            return
        self._instruments.observe("watchdog_archive_check_duration_seconds", value=self._clock.now().since(began))
        self._instruments.count("watchdog_archive_check_read_bytes_total", by=running.progress(finished.read_bytes))
        self._results.drop_part(wanted.identity)
        if identity_of(descriptor) != wanted.identity:
            self._drop(wanted, "it changed while it was verified")
        else:
            self._keep(wanted, without_key(finished, no_key) if no_key else finished)

    def _turn(self, running: Running, key: bytes) -> Turn:
        """Say how the queue takes part in one verification; where it goes on from, if it was begun before a restart."""
        wanted = running.wanted
        kept = self._results.part(wanted.identity)
        # a meaning has seen nothing of what was read before a restart: it starts over
        resume = None if wanted.meaning else place_of(wanted, kept)
        if resume is not None:
            log.info("a verification goes on where it was before a restart", path=wanted.path)
        elif kept is not None:
            log.info("a verification starts over: it had reached no place to go on from", path=wanted.path)
        if wanted.level > 1 and wanted.identity.size >= WORTH_A_PLACE and resume is None:
            self._results.keep_part(wanted.identity, written(wanted, None))
        return Turn(
            watch=lambda: self._watch(running),
            hold=lambda: wanted.identity.size > WORTH_WAITING and self._hold(wanted.lane),
            keep=lambda place: None if wanted.meaning else self._results.keep_part(wanted.identity, written(wanted, place)),
            resume=resume,
            meaning=wanted.meaning,
            key=key,
        )

    def _watch(self, running: Running) -> None:
        self._instruments.count("watchdog_archive_check_read_bytes_total", by=running.progress())
        running.look(self._clock.now().mono)

    def _hold(self, lane: str) -> bool:
        """Whether a child has to stand still now."""
        held = self._busy()
        with self._lock:
            self._held = self._held | {lane} if held else self._held - {lane}
        return held

    def _limits(self, wanted: Wanted) -> Limits:
        settings = self._settings
        # an encrypted file is read twice, and a meaning computes: both may take their time
        patience = _PATIENCE if wanted.meaning or wanted.key_file else 2
        seconds = settings.check_deadline + (patience * wanted.identity.size / settings.rate if settings.rate else 0.0)
        return Limits(settings.memory, math.ceil(seconds), float(settings.rate))

    def _keep(self, wanted: Wanted, finished: Finished) -> None:
        if finished.walls and finished.walls != self._walls:
            self._walls = finished.walls
            missing = [wall for wall in WALLS if wall not in finished.walls]
            log.info("archives are verified in a child behind walls", walls=finished.walls, not_here=missing)
        result = Result(
            wanted.directory, finished.format, wanted.level, finished.level, finished.verdict, finished.reasons, finished.message,
            self._clock.now().wall, finished.entries, finished.sha1, finished.salvage,
            wanted.volume, finished.told, stamped(wanted.meaning), bool(wanted.key_file), finished.facts, finished.remarks,
        )  # fmt: skip
        before = self._results.get(wanted.identity)
        self._results.put(wanted.identity, result)
        self._instruments.count("watchdog_archive_checks_total", finished.verdict)
        if before is not None and result.contradicts(before):
            log.warning("an archive that was good has gone bad by itself", path=wanted.path, good_at=before.at, reasons=finished.reasons)
        elif finished.verdict == "bad":
            log.warning("an archive is bad", path=wanted.path, reasons=finished.reasons, reason=finished.message)
        elif finished.verdict == "unverifiable" and not wanted.volume:  # of volumes the collector speaks, of all together
            log.info("an archive cannot be verified", path=wanted.path, reasons=finished.reasons, reason=finished.message)

    def _drop(self, wanted: Wanted, reason: str) -> None:
        if self._stop.is_set():
            return
        self._instruments.count("watchdog_archive_checks_dropped_total")
        log.debug("a verification brought no result", path=wanted.path, reason=reason)
