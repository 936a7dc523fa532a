"""What comes out of a compressed stream: a tar, or something else. Decided by the first block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from watchdog.collectors.archives.findings import Broken, Finding, Notes
from watchdog.collectors.archives.format import MANGLED, TAR_BLOCK, is_tar_header, mangled
from watchdog.collectors.archives.meanings import Hosted
from watchdog.collectors.archives.pieces import Pieces
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import Place
from watchdog.collectors.archives.tars import TarWalk

# what fits into a core's own cache is unpacked fastest
OUTPUT = 1 << 17
MOST_INPUT = 1 << 17
# a stream that turns out short leaves its piece over, copied: small first pieces keep thousands of tiny ones from costing squares
FIRST_PIECE = 1 << 14


class Decoder(Protocol):
    """What the decompressors of bz2, lzma, zstd and ISA-L have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, piece: bytes, max_length: int, /) -> bytes: ...


class Inside:
    """Takes what is unpacked, in order. ``total`` counts its bytes."""

    def __init__(self, notes: Notes, hosted: Hosted | None = None) -> None:
        self._notes = notes
        self._hosted = hosted
        self._first = b""
        self.walk = TarWalk(notes, hosted)
        self.is_tar: bool | None = None
        self.total = 0
        self._damage: Broken | None = None
        self._proven = self.walk.survivors.copy()

    def feed(self, content: bytes) -> None:
        """Take the next bytes. A tar found damaged waits for ``finish``: a checksum may yet show that its stream is to blame."""
        self.total += len(content)
        if self.is_tar is None:
            self._first += content
            if len(self._first) < TAR_BLOCK:
                return
            self._decide()
        elif self.is_tar:
            self._walk(content)

    def finish(self, kind: str, *, expect_tar: bool) -> None:
        """Say that the stream (of the kind ``kind``) has ended well."""
        if self.is_tar is None:
            self._decide()
        if self._damage is not None:
            raise self._damage
        if self.is_tar:
            self.walk.finish()
        elif expect_tar:
            raise Broken("not_a_tar", f"its name promises a tar, but the {self.total} bytes inside are none")
        else:
            self._notes.add("no_tar_inside", f"the {kind} is whole; what is inside is not a tar and was not looked at")

    def state(self) -> Place | None:
        """Return all that is known between two members as plain JSON, None within something that is being collected."""
        walk = self.walk.state()
        damage = None if self._damage is None else [self._damage.reason, str(self._damage)]
        return walk and {"walk": walk, "first": self._first.hex(), "is_tar": self.is_tar, "total": self.total, "damage": damage}

    def go_on(self, state: Place) -> None:
        """Go on from a ``state``; all before it was proven."""
        self.walk.go_on(state["walk"])
        self._first, self.is_tar, self.total = bytes.fromhex(state["first"]), state["is_tar"], state["total"]
        self._damage = None if state["damage"] is None else Broken(*state["damage"])
        self.prove()

    def prove(self) -> None:
        """Say that a checksum over all that came so far was right."""
        self._proven = self.walk.survivors.copy()

    def doubt(self) -> None:
        """Say that a checksum was wrong: only what an earlier one proved survives."""
        self.walk.survivors = self._proven

    def finding(self, kind: str, level: int, broken: Broken | None, source: Source) -> Finding:
        """Return all that was noted, and ``broken``, as the finding about the whole file."""
        if broken is not None:
            crlf = broken.reason != "memory_needed" and mangled(source.at(0, 1 << 20))
            cut = broken.reason in ("truncated", "damaged_stream")
            survives = f"; {self.total} bytes unpack before it{self.walk.describe()}" if cut else ""
            self._notes.add("crlf_mangled" if crlf else broken.reason, MANGLED if crlf else f"{broken}{survives}")
        if not self.is_tar:
            return self._notes.finding(kind, level)
        survivors = self.walk.survivors
        salvage = survivors.salvage(proven=survivors.entries == self._proven.entries)
        return self._notes.finding(kind, level, self.walk.entries, salvage)

    def _decide(self) -> None:
        """Settle what it is with the bytes there are (a stream may be shorter than one block)."""
        block = self._first[:TAR_BLOCK]
        self.is_tar = len(block) == TAR_BLOCK and (is_tar_header(block) or not any(block))
        first, self._first = self._first, b""
        if self.is_tar:
            if self._hosted is not None:
                self._hosted.asked = True
            self._walk(first)

    def _walk(self, content: bytes) -> None:
        if self._damage is None:
            try:
                self.walk.feed(content)
            except Broken as broken:
                self._damage = broken


def look_inside(
    kind: str, source: Source, level: int, read: Callable[[Inside, Notes], None], *, expect_tar: bool, hosted: Hosted | None = None
) -> Finding:
    """Let ``read`` unpack all of a ``source`` of this kind, and return what it proves; a Broken becomes part of the finding.

    ``hosted`` is shown the entries of the tar inside.
    """
    notes = Notes()
    inside = Inside(notes, hosted)
    damage: Broken | None = None
    try:
        read(inside, notes)
        inside.finish(kind, expect_tar=expect_tar)
    except Broken as broken:
        damage = broken
    return inside.finding(kind, level, damage, source)


class Sink(Protocol):
    """Takes unpacked bytes in order."""

    def feed(self, content: bytes, /) -> None: ...


def unpack(pieces: Pieces, decoder: object, errors: type[Exception] | tuple[type[Exception], ...], inside: Sink, called: str) -> None:
    """Unpack one stream (``called`` in messages) to its end, in bounded pieces; what was read too far is given back."""
    stream = cast(Decoder, decoder)
    limit = FIRST_PIECE
    piece = pieces.some(limit)
    while True:
        if not piece and stream.needs_input:
            raise Broken("truncated", f"the file stops within the packed bytes of {called}")
        try:
            output = stream.decompress(piece, OUTPUT)
        except errors as error:
            raise Broken("damaged_stream", f"the packed bytes of {called} are damaged before byte {pieces.at}") from error
        inside.feed(output)
        if stream.eof:
            break
        if not output and not stream.needs_input:
            raise Broken("damaged_stream", f"the packed bytes of {called} lead nowhere before byte {pieces.at}")
        limit = min(limit * 2, MOST_INPUT)
        piece = pieces.some(limit) if stream.needs_input else b""
    pieces.back(len(stream.unused_data))
