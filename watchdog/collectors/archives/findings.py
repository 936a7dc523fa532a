"""What a check may find: stable words, each with the verdict it means.

Sources: contracts/sysreptor.md section 3 (what ordinary tools let pass), contracts/pterodactyl.md 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from watchdog.model.archives import ArchiveVerdict, Meant, Salvage

# what makes an archive bad, in the order in which it is named when several hold
BAD = (
    "empty", "html_page", "json_text", "text", "zeros", "log_line_before", "crlf_mangled", "missing_end", "truncated",
    "truncated_directory", "damaged_directory", "ends_disagree", "entry_beyond_end", "damaged_entry", "overlapping_entries",
    "damaged_content", "damaged_stream", "not_a_tar", "damaged_header", "missing_end_blocks", "trailing_bytes",
    "tag_mismatch",
    "wrong_head", "not_a_volume", "damaged_list",
    "damaged_volumes", "missing_volumes", "size_differs", "hash_differs", "no_filelist",
    "damaged_manifest", "missing_parts", "damaged_parts", "damaged_whole",
)  # fmt: skip
# a restore works, and still somebody should know
Promise = Literal["", "archive", "tar"]  # what a file's name promises: nothing, an archive, a compressed tar
NOTED = (
    "prefix", "appended_bytes", "gap", "no_descriptor", "unordered_entries", "duplicate_names", "unsafe_names", "not_compared",
    "no_tar_inside", "confusing_comment", "entry_slack", "no_checksum", "resumed", "meaning_not_asked",
    "extra_volumes", "newer_volumes", "deleted_volumes", "unindexed_volumes", "no_list", "hashes_only",
)  # fmt: skip
UNVERIFIABLE = (
    "unknown_format", "only_zeros", "unsupported_format", "needs_newer", "split", "encrypted_directory", "header_too_large",
    "encrypted_entries", "unknown_method", "memory_needed", "needs_dictionary",
    "encrypted", "wrong_key", "no_key", "meaning_failed",
    "symlink", "directory", "fifo", "socket", "device", "changed", "unreadable", "crashed", "hung", "memory", "no_answer", "cannot_start",
    "encrypted_volume", "encrypted_volumes", "unverifiable_volumes", "unverified_volumes", "outdated_list", "no_volumes",
)  # fmt: skip
NAMES_TOLD = 20
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says.

    ``reasons`` are words of this module, the gravest first; ``entries`` is None when nobody counted; ``salvage`` is what survives of a bad
    archive; ``sha1`` is lower-case hex of the whole file, from the same descriptor. ``meant`` is what a panel's meaning said
    (level 3); the words of its proofs stand in ``reasons`` too.
    """

    format: str
    level: int
    reasons: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    entries: int | None = None
    salvage: Salvage | None = None
    sha1: str | None = None
    meant: Meant | None = None

    @property
    def verdict(self) -> ArchiveVerdict:
        """Return bad if anything proves damage, unverifiable if nothing could be proven, else good."""
        if any(reason in BAD for reason in self.reasons) or (self.meant is not None and self.meant.bad):
            return "bad"
        return "unverifiable" if any(reason in UNVERIFIABLE for reason in self.reasons) else "good"


@dataclass(slots=True)
class Notes:
    """Collects reasons while a check goes on; the first message of each reason is kept."""

    found: dict[str, str] = field(default_factory=dict)

    def add(self, reason: str, message: str) -> None:
        """Note ``reason``; a second one of the same word is not kept."""
        self.found.setdefault(reason, message)

    def finding(self, kind: str, level: int, entries: int | None = None, salvage: Salvage | None = None) -> Finding:
        """Return all notes as one finding, the gravest reason first. ``salvage`` is told of a bad archive only."""
        order = (*BAD, *UNVERIFIABLE, *NOTED)
        reasons = tuple(sorted(self.found, key=order.index))
        found = Finding(kind, level, reasons, tuple(self.found[reason] for reason in reasons), entries)
        return Finding(kind, level, found.reasons, found.messages, entries, salvage if found.verdict == "bad" else None)


@dataclass(slots=True)
class Survivors:
    """Counts what is whole while a check goes on: names are kept of the first few and the last only."""

    entries: int = 0
    size: int = 0
    names: list[str] = field(default_factory=list)
    last: str | None = None

    def add(self, name: bytes, size: int) -> None:
        """Count one entry whose ``size`` bytes of content have been read and found whole."""
        self.entries += 1
        self.size += size
        self.last = readable(name)
        if len(self.names) < NAMES_TOLD:
            self.names.append(self.last)

    def copy(self) -> Survivors:
        """Return the count as it stands."""
        return Survivors(self.entries, self.size, list(self.names), self.last)

    def salvage(self, *, proven: bool = True) -> Salvage:
        """Return what survives; ``proven`` as in Salvage."""
        return Salvage(self.entries, self.size, tuple(self.names), self.last, proven)


def salvage_of(told: object) -> Salvage | None:
    """Read what survives from its JSON shape; None when there is none or it has another shape."""
    match told:
        case {
            "entries": int() as entries, "bytes": int() as size, "names": list() as names, "last": str() | None as last,
            "proven": bool() as proven,
        }:  # fmt: skip
            return Salvage(entries, size, tuple(map(str, names)), last, proven)
    return None


class Broken(Exception):
    """A check cannot go on: ``reason`` is a word of this module, the text is for a person."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def readable(name: bytes) -> str:
    """Return an entry's name as a short printable text."""
    text = name[:_NAME_LENGTH].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "?" for char in text)
