"""What a file is, told by its first bytes. Names and suffixes are not asked."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 4096
TAR_BLOCK = 512
_MAGIC = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\xc2YPT", "c2ypt"),
)
_PAGE = (b"<!doctype html", b"<html", b"<?xml", b"<head", b"<body")
MANGLED = "every line feed has a carriage return before it: the archive went through a terminal or a text mode copy"
_LEAST_LINES = 8
_TEXT_BYTES = (frozenset(range(0x20, 0x100)) - {0x7F}) | {0x09, 0x0A, 0x0D, 0x1B}


@dataclass(frozen=True, slots=True)
class Head:
    """What the first bytes tell.

    ``format`` is zip, tar, gzip, zstd, xz, c2ypt or unknown. ``start`` is where the archive begins: above 0 when readable text stands
    in front.
    ``named`` is a word for what the file is instead of an archive, or None.
    """

    format: str
    start: int = 0
    named: str | None = None


def tell(head: bytes) -> Head:
    """Given the first HEAD_BYTES of a file (fewer only if it is shorter), return what it is."""
    if not head:
        return Head("unknown", named="empty")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return Head(name)
    if is_tar_header(head[:TAR_BLOCK]) or _empty_tar(head):
        return Head("tar")
    return _behind_text(head) or Head("unknown", named=_named_text(head))


def _behind_text(head: bytes) -> Head | None:
    """Find an archive behind some lines of a log: text up to a line's end, then a magic number."""
    found = [(at, name) for magic, name in _MAGIC if len(magic) > 2 or name == "gzip" for at in [_after_line(head, magic)] if at > 0]  # noqa: PLR2004
    if not found:
        return None
    at, name = min(found)
    return Head(name, at, "log_line_before")


def _after_line(head: bytes, magic: bytes) -> int:
    at = head.find(magic)
    return at if at > 0 and head[at - 1 : at] in (b"\n", b"\r", b" ") and _is_text(head[:at]) else -1


def mangled(head: bytes) -> bool:
    """Whether a binary's first bytes show what a terminal does to it: a carriage return before every line feed."""
    lines = head.count(b"\n")
    return lines >= _LEAST_LINES and head.count(b"\r\n") == lines


def _named_text(head: bytes) -> str | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_PAGE):
        return "html_page"
    if not _is_text(head):
        return None
    return "json_text" if start[:1] in (b"{", b"[") else "text"


def _is_text(data: bytes) -> bool:
    return all(byte in _TEXT_BYTES for byte in data) and _mostly_ascii(data)


def _mostly_ascii(data: bytes) -> bool:
    return sum(byte < 0x80 for byte in data) * 10 >= len(data) * 7  # noqa: PLR2004


def _empty_tar(head: bytes) -> bool:
    return len(head) >= 2 * TAR_BLOCK and not any(head)


def is_tar_header(block: bytes) -> bool:
    """Whether ``block`` (512 bytes) carries a right tar checksum (counted over unsigned or, as some old tars do, signed bytes)."""
    if len(block) != TAR_BLOCK or not any(block):
        return False
    written = octal(block[148:156])
    return written is not None and written in checksums(block)


def checksums(block: bytes) -> tuple[int, int]:
    """Return the unsigned and the signed sum of a tar header, its checksum field counted as spaces."""
    total = sum(block) - sum(block[148:156]) + 8 * 0x20
    high = sum(byte >= 0x80 for byte in block[:148]) + sum(byte >= 0x80 for byte in block[156:])  # noqa: PLR2004
    return total, total - 256 * high


def octal(field: bytes) -> int | None:
    """Return the number of a tar field: octal text, or base-256 when its first bit is set. None when it is neither or negative."""
    if field[:1] and field[0] & 0x80:
        return None if field[0] & 0x40 else int.from_bytes(bytes((field[0] & 0x3F,)) + field[1:], "big")
    text = field.split(b"\0", 1)[0].strip(b" ")
    if not text:
        return 0
    return int(text, 8) if all(0x30 <= byte <= 0x37 for byte in text) else None  # noqa: PLR2004
