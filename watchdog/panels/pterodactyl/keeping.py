"""When a hard link of ours has done its service, and what goes when there is too much of it (contract section 3.8). Pure.

A link whose archive still has its own name costs nothing, and letting go of it loses nothing. One that is an archive's last name is let go
only when the panel has no record of it any more, when it was never a local backup, or at a cap that the operator set; the last is never
silent: it is counted, logged and said to the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Original = Literal["same", "gone", "other", "unseen"]
Word = Literal["pending", "complete", "failed", "odd", "gone", "unknown"]

CALM: Final = 150.0
"""Seconds after a record became complete for which its link stays whatever happens: Wings tries to report for 30 s (a slow panel may hold
its last try for 30 s more), and deletes the archive when it is told that the backup is complete already."""
DROPS: Final[Mapping[str, str]] = {
    "settled": "the record is complete and the archive is in its place",
    "record_deleted": "the panel has no such record any more",
    "object_store": "it was the temporary file of an upload to an object store",
    "outlived": "it was held for as long as guard.max_age allows, and the archive has another name still",
    "max_age": "it was held for as long as guard.max_age allows",
    "max_bytes": "more was held than guard.max_bytes allows",
    "disk_full": "the disk is nearly full",
    "released": "a person let go of it",
}
"""Why a link was let go of; labels of a metric."""
CAPS: Final = ("max_age", "max_bytes", "disk_full")


@dataclass(frozen=True, slots=True)
class Link:
    """One archive that we hold: for ``age`` seconds, of ``bytes`` bytes; ``original`` is what now has Wings' name for it.

    ``server`` is whose backup it is, "" = not known. ``names`` is how many names the file has, ours included: a bad one may have been set
    aside under another.
    """

    uuid: str
    age: float
    bytes: int
    original: Original
    server: str = ""
    names: int = 1

    @property
    def last(self) -> bool:
        """Whether our link is the only name that is left, so that it costs its bytes."""
        return self.original != "same" and self.names == 1


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a link's record: its word, for how many seconds we have known it to be complete or gone, and where it lies."""

    word: Word = "unknown"
    since: float = 0.0
    object_store: bool = False


def done(link: Link, known: Known, max_age: float) -> str:
    """Return why a link is to be let go of, one of DROPS; "" = it stays."""
    if known.word == "gone" and link.original != "unseen":
        return "record_deleted"
    if known.object_store and link.original == "gone":
        return "object_store"
    if known.word == "complete" and link.original == "same" and known.since >= CALM:
        return "settled"
    if link.age < max_age:
        # a record that is complete while its archive is away is Wings' late deletion: the repair puts it back
        return ""
    return "max_age" if link.last else "outlived"


def too_much(links: Iterable[Link], max_bytes: int, free: int | None, floor: int) -> tuple[tuple[Link, str], ...]:
    """Return the links to let go of, in order, so that the last names take no more than ``max_bytes`` and ``floor`` bytes stay free.

    First those of which the same server has a newer one held, the oldest first; then the oldest. ``free`` None = not known: no reason.
    """
    held = sorted((each for each in links if each.last and each.original != "unseen"), key=lambda each: (-each.age, each.uuid))
    newest = {each.server: each.uuid for each in held if each.server}
    held.sort(key=lambda each: each.server == "" or newest[each.server] == each.uuid)
    over, short = sum(each.bytes for each in held) - max_bytes, (floor - free) if free is not None else 0
    going: list[tuple[Link, str]] = []
    for link in held:
        if over <= 0 and short <= 0:
            break
        going.append((link, "max_bytes" if over > 0 else "disk_full"))
        over, short = over - link.bytes, short - link.bytes
    return tuple(going)
