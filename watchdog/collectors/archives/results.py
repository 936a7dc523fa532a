"""What verification has found, by file identity, kept over restarts by way of the ledger."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass

from watchdog.collectors.archives import meanings
from watchdog.collectors.archives.answers import Row
from watchdog.collectors.archives.findings import salvage_of
from watchdog.collectors.archives.stamps import stamped
from watchdog.errors import LedgerUnavailable
from watchdog.model.archives import ArchiveVerdict, Identity, Salvage, Verification
from watchdog.model.drifts import Scalar
from watchdog.model.keeping import VerificationBook
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

# raised when a newer check would judge otherwise: results of an older one are worth nothing then. Meanings have stamps instead
CHECK_VERSION = 2
MEANING = 3
# what befell the child and not the file: worth another try
FATES = frozenset({"crashed", "hung", "memory", "memory_needed", "no_answer", "unreadable", "changed", "no_key", "wrong_key"})
QUICK_FATES = frozenset({"unreadable", "no_key"})
SHORT_RETRY = 600.0
# a list of very many volumes is read again after a restart: the ledger is no place for it
MOST_ROWS_KEPT = 200
REHEARSED = "rehearsed:"
"""Begins the ledger's key of what is remembered of a directory's rehearsals."""
DIGEST_ROW = 3
PART = ":part"
"""Ends the ledger's key of an unfinished verification."""


@dataclass(frozen=True, slots=True)
class Result:
    """One finding about one file.

    ``asked`` is the level that was asked for, ``level`` the one at which the verdict fell; ``at`` is UNIX seconds; ``reasons`` come the
    gravest first. ``volume`` is the order of ``volume_check`` if that was the check, ``told`` the rows that it told. ``meaning``
    is the panel's module that judged at level 3, with its stamp (``stamps.stamped``), ``keyed`` whether there was a key; ``facts`` and
    ``remarks`` as in Verification.
    """

    directory: str
    format: str | None
    asked: int
    level: int
    verdict: ArchiveVerdict
    reasons: tuple[str, ...]
    message: str
    at: float
    entries: int | None = None
    sha1: str | None = None
    salvage: Salvage | None = None
    volume: str = ""
    told: tuple[Row, ...] = ()
    meaning: str = ""
    keyed: bool = False
    facts: tuple[tuple[str, Scalar], ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    def verification(self, identity: Identity) -> Verification:
        """Return it as the snapshot shows it."""
        reason = self.reasons[0] if self.reasons else None
        return Verification(
            "result", self.verdict, self.level, reason, self.message or None, self.at, identity,
            entries=self.entries, sha1=self.sha1, salvage=self.salvage, facts=self.facts, remarks=self.remarks, digest=self.digest,
        )  # fmt: skip

    @property
    def digest(self) -> str | None:
        """Return the checksum that was told of a volume, as in Verification."""
        return next((f"{row[1]}:{row[2]}" for row in self.told if row[0] == "digest" and len(row) == DIGEST_ROW), None)

    def contradicts(self, before: Result) -> bool:
        """Whether this one is bad, and the same check found it good ``before``: not the check has changed its mind, but bytes changed."""
        if (self.verdict, before.verdict) != ("bad", "good") or before.level < self.level:
            return False
        return self.level < MEANING or before.meaning == self.meaning


def key_of(identity: Identity) -> str:
    """Return the ledger's key of a file."""
    return f"{identity.device}:{identity.inode}:{identity.size}:{identity.mtime_ns}"


def identity_of(key: str) -> Identity | None:
    """Return the file of a ledger's key, None when it is none."""
    parts = key.split(":")
    try:
        device, inode, size, mtime = map(int, parts)
    except ValueError:
        return None
    return Identity(device, inode, size, mtime)


def to_text(result: Result) -> str:
    """Write a result as the ledger keeps it."""
    return json.dumps({
        "check": CHECK_VERSION, "directory": result.directory, "format": result.format, "asked": result.asked, "level": result.level,
        "verdict": result.verdict, "reasons": result.reasons, "message": result.message, "at": result.at,
        "entries": result.entries, "sha1": result.sha1, "salvage": asdict(result.salvage) if result.salvage else None,
        **({"volume": result.volume, "told": result.told} if result.volume else {}),
        **({"meaning": result.meaning, "facts": result.facts, "remarks": result.remarks} if result.meaning else {}),
        **({"keyed": True} if result.keyed else {}),
    })  # fmt: skip


def from_text(text: str) -> Result | None:
    """Read a result; None when it is of another check's version or shape."""
    try:
        match json.loads(text):
            case {
                "check": version, "directory": str() as directory, "format": format_, "asked": int() as asked, "level": int() as level,
                "verdict": "good" | "bad" | "unverifiable" as verdict, "reasons": list() as reasons, "message": str() as message,
                "at": int() | float() as at, "entries": int() | None as entries, "sha1": str() | None as sha1, "salvage": salvage, **more,
            } if version == CHECK_VERSION:  # fmt: skip
                return Result(
                    directory, format_, asked, level, verdict, tuple(map(str, reasons)), message, float(at), entries, sha1,
                    salvage_of(salvage), str(more.get("volume", "")), rows_of(more.get("told")),
                    str(more.get("meaning", "")), bool(more.get("keyed")), meanings.facts(more.get("facts")),
                    meanings.said(more.get("remarks")),
                )  # fmt: skip
    except ValueError:
        return None
    return None


def rows_of(told: object) -> tuple[Row, ...]:
    """Read rows from their JSON shape; what is none is left out."""
    return tuple(tuple(map(str, row)) for row in told if isinstance(row, list)) if isinstance(told, list) else ()


class Results:
    """All results known. What the ledger could not take is offered to it again; without a ledger everything is verified anew at start."""

    def __init__(self, book: VerificationBook | None, try_again: float, verify_again: float = math.inf) -> None:
        self._book = book
        self._try_again = try_again
        self._verify_again = verify_again
        self._lock = threading.Lock()
        self._known: dict[Identity, Result] = {}
        self._unsaved: dict[Identity, Result] = {}
        self._parts: dict[Identity, str] = {}
        self._rehearsed: dict[str, str] = {}
        self._untold: set[str] = set()
        self._loaded = book is None
        self._silent = False

    def get(self, identity: Identity) -> Result | None:
        """Return what is known about a file."""
        with self._lock:
            return self._known.get(identity)

    def enough(self, identity: Identity, level: int, now: float, volume: str = "", meaning: str = "", *, keyed: bool = False) -> bool:
        """Whether a file needs no verification up to ``level`` at UNIX time ``now``.

        ``volume`` and ``meaning`` as in Wanted: what another meaning judged, or this one before it changed, is to be judged anew.
        ``keyed``: there is a key, and what was only encrypted is worth another look.
        """
        result = self.get(identity)
        if result is None or result.asked < level or (volume and result.volume != volume):
            return False
        if meaning and result.meaning != stamped(meaning):
            return False
        if keyed and not result.keyed and "encrypted" in result.reasons:
            return False
        if result.reasons and result.reasons[0] in FATES:
            again = min(self._try_again, SHORT_RETRY) if result.reasons[0] in QUICK_FATES else self._try_again
            return now < result.at + again
        return now < result.at + self._verify_again

    def part(self, identity: Identity) -> str | None:
        """Return what was kept of an unfinished verification."""
        with self._lock:
            return self._parts.get(identity)

    def keep_part(self, identity: Identity, text: str) -> None:
        """Keep how far a verification has come. One that the ledger does not take is lost at a restart, no more."""
        with self._lock:
            self._parts[identity] = text
        if self._book is not None:
            with contextlib.suppress(LedgerUnavailable):
                self._book.save(key_of(identity) + PART, text)

    def drop_part(self, identity: Identity) -> None:
        """Forget an unfinished verification: it is finished, or worth nothing any more."""
        with self._lock:
            known = self._parts.pop(identity, None) is not None
        if known and self._book is not None:
            with contextlib.suppress(LedgerUnavailable):
                self._book.forget((key_of(identity) + PART,))

    def put(self, identity: Identity, result: Result) -> None:
        """Keep a result, in the ledger too."""
        with self._lock:
            self._known[identity] = result
            self._unsaved[identity] = result
        self.settle()

    @property
    def loaded(self) -> bool:
        """Whether all is known that was kept before the last start."""
        return self._loaded

    def remembered(self, directory: str) -> str | None:
        """Return what was remembered of a directory's rehearsals."""
        with self._lock:
            return self._rehearsed.get(directory)

    def remember(self, directory: str, text: str) -> None:
        """Remember it, in the ledger too as soon as that takes it; not before the ledger has told what it knows itself."""
        with self._lock:
            if not self._loaded:
                return
            self._rehearsed[directory] = text
            self._untold.add(directory)

    def settle(self) -> None:
        """Load what the ledger knows if that has not been done, and save what it has not taken yet."""
        book = self._book
        if book is None:
            return
        try:
            if not self._loaded:
                self._take(book.load())
            self._save(book)
        except LedgerUnavailable as error:
            if not self._silent:
                log.warning("verification results cannot be kept now; they stay in memory", reason=str(error))
            self._silent = True
        else:
            if self._silent:
                log.info("verification results are kept again")
            self._silent = False

    def _save(self, book: VerificationBook) -> None:
        for identity, result in list(self._unsaved.items()):
            if len(result.told) <= MOST_ROWS_KEPT:
                book.save(key_of(identity), to_text(result))
            with self._lock:
                if self._unsaved.get(identity) is result:
                    del self._unsaved[identity]
        for directory in sorted(self._untold):
            book.save(REHEARSED + directory, self._rehearsed[directory])
            self._untold.discard(directory)

    def _take(self, kept: Mapping[str, str]) -> None:
        with self._lock:
            for key, text in kept.items():
                if key.startswith(REHEARSED):
                    self._rehearsed.setdefault(key.removeprefix(REHEARSED), text)
                    continue
                if key.endswith(PART):
                    identity = identity_of(key.removesuffix(PART))
                    if identity is not None:
                        self._parts.setdefault(identity, text)
                    continue
                identity, result = identity_of(key), from_text(text)
                if identity is not None and result is not None:
                    self._known.setdefault(identity, result)
            self._loaded = True

    def forget(self, seen: Collection[Identity], whole: AbstractSet[str], configured: Collection[str]) -> None:
        """Forget files that are gone: not ``seen`` though their directory was looked at ``whole``, or is no longer ``configured``."""
        with self._lock:
            gone = [
                identity
                for identity, result in self._known.items()
                if identity not in seen and (result.directory in whole or result.directory not in configured)
            ]
            for identity in gone:
                del self._known[identity]
                self._unsaved.pop(identity, None)
        for identity in [identity for identity in list(self._parts) if identity not in seen] if whole >= set(configured) else ():
            self.drop_part(identity)
        if not gone or self._book is None or not self._loaded:
            return
        try:
            self._book.forget(tuple(map(key_of, gone)))
        except LedgerUnavailable:
            # loaded again at the next start and found gone again
            return
