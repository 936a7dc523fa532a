"""Tars and compressed tars as they break."""

from __future__ import annotations

import lzma
import struct

from tests.support.archives import noise
from tests.support.corpus import streams as s
from tests.support.corpus.case import Case, bad, flipped, patched
from tests.support.corpus.whole import LOG, TAR

GZ = s.wings()
FIRST, SECOND, THIRD = (len(content) for _, content in s.SOME)
AFTER_TWO = len(s.wings_tar(s.SOME[:2], end=0))
NOISY = s.wings_tar((("a", noise(9000)), ("b", noise(300, 2))))
ZST, XZ = s.zstd_frame(TAR), s.xz_stream(TAR)
NOISY_ZST, NOISY_XZ = s.zstd_frame(NOISY), s.xz_stream(NOISY)


def member_cut() -> bytes:
    """Two members, the second one missing: the tar inside stops."""
    return s.gzip_member(TAR[:AFTER_TWO])


def _reordered_frames() -> bytes:
    return s.zstd_frame(TAR[1536:]) + s.zstd_frame(TAR[:1536])


def _no_number() -> bytes:
    block = bytearray(s.header("a", 3))
    block[124:136] = b"not a number"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + s.padded(b"abc") + bytes(1024)


DAMAGED: tuple[Case, ...] = (
    bad("nothing.tar.gz", "empty", lambda: b""),
    bad("error-page.tar.gz", "html_page", lambda: b"\n <html><body>504 Gateway Time-out</body></html>"),
    bad("no-permission.tar.gz", "json_text", lambda: b'{"error":"The required authorization heads were not present in the request."}'),
    bad("log-line.tar.gz", "log_line_before", lambda: LOG + GZ),
    bad("never-written.tar.gz", "zeros", lambda: bytes(8192)),
    bad("first-block-lost.tar.gz", "zeros", lambda: bytes(4096) + s.gzip_member(NOISY)[4096:]),
    bad("one-byte-short.tar.gz", "truncated", lambda: GZ[:-1]),
    bad("trailer-cut.tar.gz", "truncated", lambda: GZ[:-8]),
    bad("header-only.tar.gz", "truncated", lambda: GZ[:10]),
    bad("half.tar.gz", "truncated", lambda: s.gzip_member(NOISY)[:5000]),
    bad("trailing-byte.tar.gz", "trailing_bytes", lambda: GZ + b"x"),
    bad("trailing-zeros.tar.gz", "trailing_bytes", lambda: GZ + bytes(512)),
    bad("trailing-text.tar.gz", "trailing_bytes", lambda: GZ + b"\nConnection closed.\n"),
    bad("trailing-magic.tar.gz", "truncated", lambda: GZ + b"\x1f\x8b"),
    bad("wrong-crc.tar.gz", "damaged_stream", lambda: patched(GZ, len(GZ) - 8, b"abcd"), (0, 0)),
    bad("wrong-size.tar.gz", "damaged_stream", lambda: patched(GZ, len(GZ) - 4, b"abcd"), (0, 0)),
    bad("flipped.tar.gz", "damaged_stream", lambda: flipped(s.gzip_member(NOISY, level=0), 4000, 2), (0, 0)),
    bad("hole.tar.gz", "damaged_stream", lambda: patched(s.gzip_member(NOISY), 3000, bytes(600))),
    bad("wrong-header-flag.tar.gz", "damaged_stream", lambda: patched(GZ, 3, b"\xe0")),
    bad("no-end-blocks.tar.gz", "missing_end_blocks", lambda: s.gzip_member(s.wings_tar(end=0)), (3, FIRST + SECOND + THIRD)),
    bad("one-end-block.tar.gz", "missing_end_blocks", lambda: s.gzip_member(s.wings_tar(end=1)), (3, FIRST + SECOND + THIRD)),
    bad("second-member-missing.tar.gz", "missing_end_blocks", member_cut, (2, FIRST + SECOND)),
    bad("last-file-short.tar.gz", "truncated", lambda: s.gzip_member(TAR[: AFTER_TWO + 512 + 200]), (2, FIRST + SECOND)),
    bad("through-a-terminal.tar.gz", "crlf_mangled", lambda: s.gzip_member(NOISY).replace(b"\n", b"\r\n")),
    bad("not-a-tar.tar.gz", "not_a_tar", lambda: s.gzip_member(b"CREATE TABLE x;\n" * 60)),
    bad("bytes-behind-the-tar.tar.gz", "trailing_bytes", lambda: s.gzip_member(TAR + b"more" + bytes(508))),
    bad("endless.tar.gz", "truncated", lambda: b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + (b"\0" + struct.pack("<HH", 5, 0xFFFA) + b"abcde") * 200),
    bad("no-end-blocks.tar", "missing_end_blocks", lambda: s.wings_tar(end=0), (3, FIRST + SECOND + THIRD)),
    bad("one-end-block.tar", "missing_end_blocks", lambda: s.wings_tar(end=1), (3, FIRST + SECOND + THIRD)),
    bad("one-byte-short.tar", "truncated", lambda: TAR[:-1]),
    bad("cut-in-a-file.tar", "truncated", lambda: TAR[: AFTER_TWO + 700], (2, FIRST + SECOND)),
    bad("cut-in-a-header.tar", "truncated", lambda: TAR[: AFTER_TWO + 100], (2, FIRST + SECOND)),
    bad("byte-behind.tar", "trailing_bytes", lambda: TAR + b"x"),
    bad("flipped-header.tar", "damaged_header", lambda: flipped(TAR, AFTER_TWO + 5, 1), (2, FIRST + SECOND)),
    bad("zero-block-between.tar", "damaged_header", lambda: TAR[:AFTER_TWO] + bytes(512) + TAR[AFTER_TWO:], (2, FIRST + SECOND)),
    bad("size-is-no-number.tar", "damaged_header", _no_number),
    bad("two-blocks-lost.tar", "damaged_header", lambda: TAR[:1536] + TAR[2560:]),
    bad("one-byte-short.tar.zst", "truncated", lambda: ZST[:-1]),
    bad("half.tar.zst", "truncated", lambda: NOISY_ZST[:5000]),
    bad("magic-only.tar.zst", "truncated", lambda: ZST[:4]),
    bad("flipped.tar.zst", "damaged_stream", lambda: flipped(NOISY_ZST, 4000, 2)),
    bad("wrong-checksum.tar.zst", "damaged_stream", lambda: flipped(ZST, len(ZST) - 2)),
    bad("trailing.tar.zst", "trailing_bytes", lambda: ZST + b"more text than a magic number"),
    bad("cut-in-skippable.tar.zst", "truncated", lambda: ZST + s.skippable(b"an index")[:-3]),
    bad("frames-in-another-order.tar.zst", "not_a_tar", _reordered_frames),
    bad("no-end-blocks.tar.zst", "missing_end_blocks", lambda: s.zstd_frame(s.wings_tar(end=0)), (3, FIRST + SECOND + THIRD)),
    bad("not-a-tar.tar.zst", "trailing_bytes", lambda: s.zstd_frame(TAR) + GZ),
    bad("one-byte-short.tar.xz", "truncated", lambda: XZ[:-1]),
    bad("half.tar.xz", "truncated", lambda: NOISY_XZ[:5000]),
    bad("flipped.tar.xz", "damaged_stream", lambda: flipped(NOISY_XZ, 4000, 2)),
    bad("flipped-index.tar.xz", "damaged_stream", lambda: flipped(XZ, len(XZ) - 16, 2)),
    bad("flipped-footer.tar.xz", "damaged_stream", lambda: flipped(XZ, len(XZ) - 6, 1)),
    bad("odd-padding.tar.xz", "trailing_bytes", lambda: XZ + bytes(3)),
    bad("trailing.tar.xz", "trailing_bytes", lambda: XZ + b"more"),
    bad("no-end-blocks.tar.xz", "missing_end_blocks", lambda: lzma.compress(s.wings_tar(end=0)), (3, FIRST + SECOND + THIRD)),
)
