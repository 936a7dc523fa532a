"""One look at Docker: a list, an inspect per change, the cgroup files, what the event stream heard, and the counts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from watchdog.collectors.docker.cgroups import CgroupReader
from watchdog.collectors.docker.counting import Counting
from watchdog.collectors.docker.events import EventTail
from watchdog.collectors.docker.inspections import Inspections, Listed
from watchdog.collectors.docker.listing import parse_container
from watchdog.errors import Permanent, Temporary, Unknown
from watchdog.model.docker import DockerFacts
from watchdog.model.engines import EngineRead
from watchdog.model.metrics import Instruments, Metric
from watchdog.model.moments import Clock, Moment
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

INSPECTS = "watchdog_docker_inspects_total"
METRICS: tuple[Metric, ...] = (
    Metric(
        INSPECTS,
        "counter",
        "Inspects sent, one per new or changed container, by how they ended.",
        ("result",),
        seed=(("answered",), ("failed",)),
    ),
)
# of the deadline; together less than the whole, or a slow engine would cost us the thread. /version and /info have what is left of _SPENT
_LIST_SHARE, _INSPECT_SHARE, _ABOUT_SHARE, _SPENT = 0.5, 0.2, 0.2, 0.9
_ABOUT_EVERY = 600.0


@dataclass(frozen=True, slots=True)
class _About:
    engine_id: str | None
    version: str
    at: Moment
    reconnects: int


class DockerCollector:
    """Collects DockerFacts. One generation = one object = one thread; the tail and the counting are shared by all generations."""

    def __init__(
        self,
        engine: EngineRead,
        tail: EventTail,
        counting: Counting,
        cgroups: CgroupReader,
        clock: Clock,
        instruments: Instruments,
        *,
        labels: Collection[str],
        deadline: float,
        inspects_per_look: int,
        started_at: Callable[[], float | None],
        place: str,
    ) -> None:
        self._engine, self._tail, self._counting, self._cgroups = engine, tail, counting, cgroups
        self._clock, self._instruments, self._labels, self._deadline = clock, instruments, frozenset(labels), deadline
        self._started_at, self._place = started_at, place
        self._inspections = Inspections(engine, inspects_per_look)
        self._about: _About | None = None

    def collect(self) -> DockerFacts:
        """Look once. Raises the house's errors; what was heard of events is kept either way."""
        self._tail.keep_up()
        try:
            return self._look()
        finally:
            self._counting.flush()

    def close(self) -> None:
        """Hold nothing: the tail and the counting belong to the room."""

    def _look(self) -> DockerFacts:
        began = self._clock.now()
        # before the list: what an event told is never newer than what the list shows
        stream, changed, events = self._tail.stream, self._tail.changed(), self._tail.recent()
        reach = self._tail.reach()
        raw = self._engine.list(self._deadline * _LIST_SHARE)
        rows = [Listed.of(parse_container(row, self._labels), row) for row in raw]
        left = self._deadline * _INSPECT_SHARE
        containers, inspected, failed = self._inspections.join(rows, changed, began, left)
        self._instruments.count(INSPECTS, "answered", by=inspected - failed)
        self._instruments.count(INSPECTS, "failed", by=failed)
        about = self._ask_about(began, stream.reconnects)
        cgroups = self._cgroups.read(containers)
        counted = about.engine_id is not None and self._counting.open(about.engine_id)
        self._counting.look(containers, cgroups, began.wall)
        return DockerFacts(
            engine_id="" if about.engine_id in {None, self._place} else str(about.engine_id),
            version=about.version,
            containers=containers,
            events=events,
            stream=stream,
            cgroups=cgroups,
            tallies=self._counting.totals(),
            engine_started_at=self._started_at(),
            counted=counted,
            events_since=reach,
        )

    def _ask_about(self, began: Moment, reconnects: int) -> _About:
        """Return the engine's id and version, asked for anew after each reconnect.

        /info is the slowest of the answers (it counts everything the engine has): when it does not come in time, what was known stays, and
        the next look asks again.
        """
        old = self._about
        if old is not None and old.reconnects == reconnects and began.since(old.at) < _ABOUT_EVERY:
            return old
        left = max(_ABOUT_SHARE * self._deadline, _SPENT * self._deadline - self._clock.now().since(began))
        version = str(self._engine.version(left / 2).get("Version") or "")
        try:
            engine_id = str(self._engine.info(left / 2).get("ID") or "") or self._place
        except Temporary as error:
            log.debug("the engine does not tell its id in time", error=str(error))
            return _About(old.engine_id if old else None, version, began, reconnects)
        except (Permanent, Unknown) as error:  # a socket proxy without INFO; all the rest can still be read
            if old is None:
                log.warning("the engine does not tell its id", error=str(error))
            engine_id = old.engine_id if old and old.engine_id else self._place
        self._about = _About(engine_id, version, began, reconnects)
        return self._about
