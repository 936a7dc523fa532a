"""A chunk: everything one source exports, rendered and deflated once per change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from watchdog.exposition.gzipped import Piece, Sum, member, piece
from watchdog.exposition.render import OPENMETRICS_END, OPENMETRICS_TYPE, TEXT_TYPE, RenderedFamily
from watchdog.model.metrics import Metric

Rendered = Mapping[str, RenderedFamily]


@dataclass(frozen=True, slots=True)
class Format:
    """One of the two formats: its content type, and which head a rendered family has in it."""

    name: str
    content_type: str
    end: Piece

    def head(self, family: RenderedFamily) -> bytes:
        """Return the HELP and TYPE lines of ``family`` in this format."""
        return family.text_head if self is TEXT else family.openmetrics_head


TEXT = Format("text", TEXT_TYPE, piece(b""))
OPENMETRICS = Format("openmetrics", OPENMETRICS_TYPE, piece(OPENMETRICS_END))
FORMATS = (TEXT, OPENMETRICS)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One chunk in one format. ``spans`` says where each family begins and ends in ``piece.raw``."""

    piece: Piece
    spans: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Everything one source exports, in both formats. Never changed, only replaced."""

    source: str
    sheets: Mapping[str, Sheet]
    rows: int = 0


def build_chunk(source: str, metrics: Iterable[Metric], parts: Iterable[Rendered]) -> Chunk:
    """Given what each part of a source rendered, return one chunk in which each family stands once, families sorted by name."""
    found = tuple(parts)
    families = [
        (name, [part[name] for part in found if name in part])
        for name in sorted(metric.name for metric in metrics)
        if any(name in part for part in found)
    ]
    sheets = {form.name: _sheet(form, families) for form in FORMATS}
    return Chunk(source, sheets, sum(family.rows for _, same in families for family in same))


def _sheet(form: Format, families: Iterable[tuple[str, list[RenderedFamily]]]) -> Sheet:
    pieces: list[bytes] = []
    spans: dict[str, tuple[int, int]] = {}
    end = 0
    for name, same in families:
        block = b"".join((form.head(same[0]), *(family.body for family in same)))
        spans[name] = (end, end + len(block))
        end += len(block)
        pieces.append(block)
    return Sheet(piece(b"".join(pieces)), spans)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All chunks in order, and per format the checksum of all of them: one reference, swapped whole."""

    chunks: tuple[Chunk, ...] = ()
    sums: Mapping[str, Sum] = field(default_factory=lambda: {form.name: Sum() for form in FORMATS})

    def having(self, chunk: Chunk) -> Shelf:
        """Return a shelf where ``chunk`` stands in the place of its source's last one."""
        rest = (old for old in self.chunks if old.source != chunk.source)
        return shelf(sorted((*rest, chunk), key=lambda one: one.source))

    def only(self, wanted: Collection[str]) -> Shelf:
        """Return a shelf with the chunks of the ``wanted`` sources."""
        return shelf(chunk for chunk in self.chunks if chunk.source in wanted)

    def body(self, form: Format, *, gzip: bool) -> bytes:
        """Return all chunks in ``form`` as one answer."""
        pieces = [chunk.sheets[form.name].piece for chunk in self.chunks]
        if not gzip:
            return b"".join((*(one.raw for one in pieces), form.end.raw))
        return member((*(one.deflated for one in pieces), form.end.deflated), self.sums[form.name].plus(form.end.raw))

    def with_last(self, chunk: Chunk) -> Shelf:
        """Return a shelf with ``chunk`` behind all others; cheap, because checksums only go on."""
        sums = {name: total.plus(chunk.sheets[name].piece.raw) for name, total in self.sums.items()}
        return Shelf((*self.chunks, chunk), sums)

    def families(self, form: Format, names: Collection[str]) -> bytes:
        """Return only the families called ``names`` (or the families of samples so called)."""
        wanted = {name.removesuffix(suffix) for name in names for suffix in ("", "_bucket", "_count", "_sum")} | set(names)
        blocks = [
            sheet.piece.raw[begin:end]
            for sheet in (chunk.sheets[form.name] for chunk in self.chunks)
            for name, (begin, end) in sheet.spans.items()
            if name in wanted
        ]
        return b"".join((*blocks, form.end.raw))


def shelf(chunks: Iterable[Chunk]) -> Shelf:
    """Put chunks on a shelf in the given order, and add up their checksums."""
    found = tuple(chunks)
    sums = {}
    for form in FORMATS:
        total = Sum()
        for chunk in found:
            total = total.plus(chunk.sheets[form.name].piece.raw)
        sums[form.name] = total
    return Shelf(found, sums)
