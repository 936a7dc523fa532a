"""The check of a tar, pushed through in pieces: every header, nothing missing, both end blocks, nothing behind.

Python's own stream mode lets pass a tar without its end blocks and one whose last file is cut; hence this walk.
Sources: POSIX pax "ustar Interchange Format" and "pax Extended Header", GNU tar manual "Basic Tar Format"; contracts/pterodactyl.md 2.2.
"""

from __future__ import annotations

import re
from dataclasses import asdict

from watchdog.collectors.archives.findings import Broken, Finding, Notes, Survivors
from watchdog.collectors.archives.format import MANGLED, TAR_BLOCK, checksums, is_tar_header, mangled, octal
from watchdog.collectors.archives.meanings import Hosted, Tap
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import Place

END_BLOCKS = 2
MAX_EXTENDED = 1 << 20
_ZEROS = bytes(TAR_BLOCK)
_NO_CONTENT = b"123456"  # links, devices, directories, FIFOs: a size in their header is not followed by bytes
_PAX_PATH = re.compile(rb"\d+ path=([^\n]*)\n")
_PAX_SIZE = re.compile(rb"\d+ size=(\d{1,19})\n")


class TarWalk:
    """One tar, fed in order. ``feed`` and ``finish`` raise Broken at the first proof of damage. ``hosted`` is shown every entry."""

    def __init__(self, notes: Notes, hosted: Hosted | None = None) -> None:
        self._hosted = hosted
        self._tap: Tap | None = None
        self._wanted = 0  # bytes of the entry's content that the tap has not had yet
        self._notes = notes
        self.entries = 0
        self.position = 0
        self.survivors = Survivors()
        self._open: tuple[bytes, int] | None = None  # name and size of the entry whose content is passing
        self._long_name = b""
        self._block = b""
        self._skip = 0
        self._zeros = 0
        self._extension = False  # the next block continues a GNU sparse header
        self._sparse_size = 0
        self._collect: bytearray | None = None
        self._collect_left = 0
        self._collect_kind = b""
        self._size_override: int | None = None

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        at = 0
        while at < len(data):
            if self._zeros >= END_BLOCKS:
                self._behind(data[at:] if at else data)
                return
            taken = min(self._skip, len(data) - at)
            if taken:
                self._skip -= taken
                if self._tap is not None and self._wanted:
                    piece = data[at : at + min(taken, self._wanted)]
                    self._wanted -= len(piece)
                    self._tap.feed(piece)
            elif self._collect is not None:
                taken = self._gather(data[at : at + self._collect_left])
            else:
                taken = min(TAR_BLOCK - len(self._block), len(data) - at)
                self._block += data[at : at + taken]
                if len(self._block) == TAR_BLOCK:
                    block, self._block = self._block, b""
                    self._take(block)
            at += taken
            self.position += taken

    def finish(self, *, whole_blocks: bool = True) -> None:
        """Say that no more bytes come; ``whole_blocks``: their number was a multiple of a block."""
        if not self._skip and not self._extension:
            self._complete()
        if self._block:
            raise Broken("truncated", f"the tar stops within a header block{self._whole(0)}")
        if self._skip or self._collect is not None or self._extension:
            raise Broken("truncated", f"the tar stops within entry {self.entries}{self._whole(1)}")
        if not whole_blocks:
            raise Broken("truncated", f"the tar's size is not a multiple of {TAR_BLOCK}: it was cut{self._whole(0)}")
        if self._zeros < END_BLOCKS:
            raise Broken("missing_end_blocks", f"the tar's two end blocks are missing: it was cut between two entries{self._whole(0)}")

    def state(self) -> Place | None:
        """Return where the walk stands as plain JSON; None while an extended header is being collected."""
        if self._collect is not None:
            return None
        return {
            "entries": self.entries, "position": self.position, "survivors": asdict(self.survivors), "block": self._block.hex(),
            "open": self._open and [self._open[0].hex(), self._open[1]], "long_name": self._long_name.hex(), "skip": self._skip,
            "zeros": self._zeros, "extension": self._extension, "sparse_size": self._sparse_size, "size_override": self._size_override,
        }  # fmt: skip

    def go_on(self, state: Place) -> None:
        """Stand where a ``state`` says."""
        self.entries, self.position, self.survivors = state["entries"], state["position"], Survivors(**state["survivors"])
        self._block, self._long_name = bytes.fromhex(state["block"]), bytes.fromhex(state["long_name"])
        self._open = state["open"] and (bytes.fromhex(state["open"][0]), state["open"][1])
        self._skip, self._zeros, self._extension = state["skip"], state["zeros"], state["extension"]
        self._sparse_size, self._size_override = state["sparse_size"], state["size_override"]

    def describe(self) -> str:
        """Return what stands before the damage, as the tail of a message."""
        return f"; {self.entries} entries begin before it" if self.entries else ""

    def _whole(self, less: int) -> str:
        return f"; the {self.entries - less} entries before it are whole" if self.entries > less else ""

    def _take(self, block: bytes) -> None:
        if not self._extension:
            self._complete()
        if self._extension:
            self._extension = bool(block[504])
            if not self._extension:
                self._skip = _padded(self._sparse_size)
        elif block == _ZEROS:
            self._zeros += 1
        elif self._zeros:
            raise Broken("damaged_header", f"a block of zeros stands between two entries, after entry {self.entries}")
        else:
            self._header(block)

    def _complete(self) -> None:
        """Take note that the entry before this place, if there is one, is whole."""
        if self._open is not None:
            self.survivors.add(*self._open)
            self._open = None
            if self._tap is not None:
                self._tap.end()
                self._tap = None

    def _header(self, block: bytes) -> None:
        if not is_tar_header(block):
            written = octal(block[148:156])
            why = "is not readable" if written is None else f"says {written}, the bytes sum to {checksums(block)[0]}"
            raise Broken("damaged_header", f"the checksum of the header at byte {self.position} {why}, after entry {self.entries}")
        kind, size = block[156:157], octal(block[124:136])
        if size is None:
            raise Broken("damaged_header", f"the size in the header at byte {self.position} is not a number")
        if kind in b"xgLK":
            self._extended(kind, size)
            return
        self.entries += 1
        if self._size_override is not None:
            size, self._size_override = self._size_override, None
        prefix, name = block[345:500].split(b"\0", 1)[0] if block[257:262] == b"ustar" else b"", block[:100].split(b"\0", 1)[0]
        self._name(prefix, name)
        content = 0 if kind in _NO_CONTENT else size
        self._open = (self._long_name or (prefix + b"/" + name if prefix else name), content)
        self._long_name = b""
        if self._hosted is not None:
            tap, self._wanted = self._hosted.entry(*self._open), content
            self._tap = None if kind == b"S" else tap  # what a sparse file holds is not what stands in the tar
        if kind == b"S" and block[482]:
            self._extension, self._sparse_size = True, size
        else:
            self._skip = _padded(content)

    def _extended(self, kind: bytes, size: int) -> None:
        if size > MAX_EXTENDED:
            raise Broken("header_too_large", f"an extended header of {size} bytes at byte {self.position} is larger than {MAX_EXTENDED}")
        if size:
            self._collect, self._collect_left, self._collect_kind = bytearray(), size, kind

    def _gather(self, piece: bytes) -> int:
        if self._collect is None:
            return 0
        self._collect += piece
        self._collect_left -= len(piece)
        if self._collect_left == 0:
            self._skip = -len(self._collect) % TAR_BLOCK
            payload, self._collect = bytes(self._collect), None
            self._apply(payload)
        return len(piece)

    def _apply(self, payload: bytes) -> None:
        if self._collect_kind == b"L":
            self._long_name = payload.rstrip(b"\0")
            self._name(b"", self._long_name)
        elif self._collect_kind == b"x":
            sizes = [int(number) for number in _PAX_SIZE.findall(payload)]
            self._size_override = sizes[-1] if sizes else None
            paths = _PAX_PATH.findall(payload)
            self._long_name = paths[-1] if paths else self._long_name

    def _name(self, prefix: bytes, name: bytes) -> None:
        if name.startswith(b"/") or b".." in name.split(b"/") or b".." in prefix.split(b"/"):
            self._notes.add("unsafe_names", f"entry {self.entries} would leave the folder it is unpacked to")

    def _behind(self, data: bytes) -> None:
        if data.count(0) != len(data):
            raise Broken("trailing_bytes", f"bytes that are not zero stand behind the tar's end blocks{self._whole(0)}")
        self.position += len(data)


def _padded(size: int) -> int:
    return size + -size % TAR_BLOCK


def check_tar(source: Source, level: int = 1, hosted: Hosted | None = None) -> Finding:
    """Given an open tar, return what it proves: its structure. Its contents carry no checksum, and at level 2 it says so."""
    notes = Notes()
    walk = TarWalk(notes, hosted)
    if hosted is not None:
        hosted.asked = True
    if not source.at(0, 2 * TAR_BLOCK).strip(b"\0"):
        notes.add("only_zeros", "it begins with zeros only: an empty tar, or a file whose blocks were never written")
        return notes.finding("tar", level, 0)
    source.mark(0)
    try:
        while block := source.read():
            walk.feed(block)
        walk.finish(whole_blocks=source.size % TAR_BLOCK == 0)
    except Broken as broken:
        crlf = broken.reason != "header_too_large" and mangled(source.at(0, 1 << 20))
        notes.add("crlf_mangled" if crlf else broken.reason, MANGLED if crlf else str(broken))
    if level >= 2:  # noqa: PLR2004  (every byte)
        notes.add("no_checksum", "a tar has checksums of its headers only: a changed byte of a content goes unseen")
    return notes.finding("tar", level, walk.entries, walk.survivors.salvage(proven=False))
