"""Exposition: what a scrape gets. Rendered by whoever brings news, never by the scrape, which only puts ready pieces together."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from watchdog.errors import NotFound, WatchdogError
from watchdog.exposition import process
from watchdog.exposition.catalogue import Claims
from watchdog.exposition.chunks import FORMATS, OPENMETRICS, TEXT, Chunk, Format, Rendered, Shelf, build_chunk
from watchdog.exposition.instruments import Book
from watchdog.exposition.render import render
from watchdog.model.metrics import Family, Metric
from watchdog.model.moments import Clock
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

PROCESS, INSTRUMENTS = "process", "instruments"
_GZIP = 31  # zlib's word for "write a gzip header"

_UP = Metric(
    "watchdog_exposition_source_up",
    "gauge",
    "Whether the newest facts of this source could be rendered (0 = its last good lines are served), from the exposition.",
    ("source",),
)
_SECONDS = Metric(
    "watchdog_exposition_render_seconds", "gauge", "How long the last rendering of this source took, from the exposition.", ("source",)
)
_AT = Metric(
    "watchdog_exposition_last_render_timestamp_seconds",
    "gauge",
    "When the lines of this source were last rendered, UNIX seconds, from the exposition.",
    ("source",),
)
_BYTES = Metric(
    "watchdog_exposition_bytes",
    "gauge",
    "Size of what this source contributes to a scrape, by format (text, openmetrics, text_gzip, openmetrics_gzip), from the exposition.",
    ("source", "format"),
)
_ROWS = Metric("watchdog_exposition_rows", "gauge", "How many rows this source contributes to a scrape, from the exposition.", ("source",))
_FAILURES = Metric(
    "watchdog_exposition_failures_total", "counter", "Renderings of this source that failed; its last good lines stay.", ("source",)
)
_REPEATED = Metric(
    "watchdog_exposition_repeated_rows_total", "counter", "Rows left out because another row has the same labels.", ("source",)
)
METRICS: tuple[Metric, ...] = (_UP, _SECONDS, _AT, _BYTES, _ROWS, _FAILURES, _REPEATED)

ROW_FAULTS = (WatchdogError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a table over facts can fail with: it is pure, so nothing else."""
Families = Iterable[Family] | Callable[[], Iterable[Family]]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a scrape. ``encoding`` is ``gzip`` or None."""

    body: bytes
    content_type: str
    encoding: str | None = None


@dataclass(slots=True)
class _Source:
    """One source while we live: its metrics, and what each of its parts rendered last. Its lock orders its updates."""

    metrics: tuple[Metric, ...]
    parts: dict[str, Rendered] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Exposition:
    """All sources' chunks on one shelf.

    A source (``docker``, ``wireguard``, a panel's name...) owns its families; a panel's targets are *parts* of one source: they share
    families, and a family may stand only once in an answer. ``page`` takes one reference and does no I/O; only the program's own
    instruments are rendered there, when something was counted since.
    """

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._claims = Claims()
        self._claims.claim(INSTRUMENTS, book.metrics)
        self._sources: Mapping[str, _Source] = MappingProxyType({})
        self._shelf = Shelf()
        self._swap = threading.Lock()
        self._own = build_chunk(INSTRUMENTS, (), ())
        self._own_version = -1
        self._own_lock = threading.Lock()
        for gauge in (_UP, _SECONDS, _AT, _BYTES, _ROWS):
            book.drop(gauge.name)  # a book may outlive an exposition (reload): nothing is said of sources that are gone
        self.declare(PROCESS, process.METRICS)
        self.refresh_process()

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the names that ``collect`` may hold."""
        return (*sorted(self._sources), INSTRUMENTS)

    def declare(self, source: str, metrics: Iterable[Metric]) -> None:
        """Make ``source`` the owner of ``metrics``. While wiring only. Raises ValueError, naming both owners, when a family is taken."""
        if source in (*self._sources, INSTRUMENTS):
            raise ValueError(f"exposition source {source!r} is declared twice")
        claimed = self._claims.claim(source, metrics)
        self._sources = MappingProxyType({**self._sources, source: _Source(claimed)})
        for counter in (_FAILURES, _REPEATED):
            self._book.count(counter.name, source, by=0)

    def update(self, source: str, families: Families, part: str = "") -> bool:
        """Render the families of ``source`` (or of its ``part``) and swap them in; return whether that succeeded.

        Quick, and never raises for what ``families`` does: on a failure the last good lines stay and the failure is counted. A function is
        called under the source's lock; one that reads the newest state itself can therefore never overwrite newer lines with older ones.
        """
        owner = self._sources[source]
        label = f"{source}/{part}" if part else source
        with owner.lock:
            began = time.perf_counter()
            try:
                rendered = self._rendered(owner, families() if callable(families) else families)
            except ROW_FAULTS as error:  # isolation is our job: in client_python this would fail the whole scrape
                self._failed(owner, source, label, error)
                return False
            owner.parts[part] = rendered
            self._put(source, owner)
            self._note(source, rendered, time.perf_counter() - began)
            self._recovered(owner, source, label)
        return True

    def forget(self, source: str, part: str = "") -> None:
        """Drop what ``source`` (or its ``part``) exported, as when a target is no longer configured."""
        owner = self._sources[source]
        with owner.lock:
            owner.parts.pop(part, None)
            owner.broken.discard(f"{source}/{part}" if part else source)
            self._put(source, owner)
            self._book.set(_UP.name, source, value=float(not owner.broken))

    def refresh_process(self) -> None:
        """Read ``process_*`` and ``python_*`` anew; for a tick, because it reads /proc."""
        self.update(PROCESS, process.process_families)

    def page(self, *, openmetrics: bool = False, gzip: bool = False, collect: Collection[str] = (), names: Collection[str] = ()) -> Page:
        """Return one answer, from memory only.

        ``collect`` restricts it to these sources, ``names`` to these families. Raises NotFound for a source that does not exist.
        """
        form = OPENMETRICS if openmetrics else TEXT
        found = self._chosen(collect)
        if not names:
            return _page(form, found.body(form, gzip=gzip), gzip=gzip)
        body = found.families(form, names)
        return _page(form, zlib.compress(body, 1, _GZIP) if gzip else body, gzip=gzip)

    def _chosen(self, collect: Collection[str]) -> Shelf:
        if not collect:
            return self._shelf.with_last(self._own_chunk())
        for name in collect:
            if name not in self._sources and name != INSTRUMENTS:
                raise NotFound(f"no source {name[:100]!r}: collect[] may be {', '.join(self.sources)}")
        some = self._shelf.only(collect)
        return some.with_last(self._own_chunk()) if INSTRUMENTS in collect else some

    def _own_chunk(self) -> Chunk:
        if self._own_version != self._book.version:
            with self._own_lock:
                version = self._book.version  # read first: what is counted meanwhile makes the chunk dirty again
                if self._own_version != version:
                    rendered = {family.metric.name: render(family) for family in self._book.families()}
                    self._own = build_chunk(INSTRUMENTS, self._book.metrics, (rendered,))
                    self._own_version = version
        return self._own

    @staticmethod
    def _rendered(owner: _Source, families: Iterable[Family]) -> Rendered:
        rendered = {}
        for family in families:
            if family.metric not in owner.metrics or family.metric.name in rendered:
                raise ValueError(f"family {family.metric.name!r} was not declared by this source, or comes twice")
            rendered[family.metric.name] = render(family)
        return rendered

    def _put(self, source: str, owner: _Source) -> None:
        chunk = build_chunk(source, owner.metrics, (owner.parts[part] for part in sorted(owner.parts)))
        with self._swap:
            self._shelf = self._shelf.having(chunk)
        for form in FORMATS:
            piece = chunk.sheets[form.name].piece
            self._book.set(_BYTES.name, source, form.name, value=len(piece.raw))
            self._book.set(_BYTES.name, source, f"{form.name}_gzip", value=len(piece.deflated))
        self._book.set(_ROWS.name, source, value=chunk.rows)

    def _note(self, source: str, rendered: Rendered, seconds: float) -> None:
        self._book.set(_SECONDS.name, source, value=seconds)
        self._book.set(_AT.name, source, value=self._clock.now().wall)
        self._book.count(_REPEATED.name, source, by=sum(family.repeated for family in rendered.values()))

    def _failed(self, owner: _Source, source: str, label: str, error: Exception) -> None:
        self._book.count(_FAILURES.name, source)
        self._book.set(_UP.name, source, value=0)
        if label not in owner.broken:
            owner.broken.add(label)
            what = f"{type(error).__name__}: {error}"
            log.error("the facts of a source cannot be rendered, its last lines stay", source=label, error=what)

    def _recovered(self, owner: _Source, source: str, label: str) -> None:
        if label in owner.broken:
            owner.broken.discard(label)
            log.info("the facts of a source can be rendered again", source=label)
        self._book.set(_UP.name, source, value=float(not owner.broken))


def _page(form: Format, body: bytes, *, gzip: bool) -> Page:
    return Page(body, form.content_type, "gzip" if gzip else None)
