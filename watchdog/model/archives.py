"""What is true about backup archives on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

# the walled children begin with this module, one for each archive: what only annotations name costs them nothing
if TYPE_CHECKING:
    from watchdog.model.backups import BackupSource
    from watchdog.model.drifts import Scalar
    from watchdog.model.rehearsals import RehearsalState, Rehearsed

VerificationState = Literal["not_asked", "queued", "running", "result"]
ArchiveVerdict = Literal["good", "bad", "unverifiable"]


class FileFacts(Protocol):
    """What stat tells of a file, as far as it makes an Identity: an ``os.stat_result`` is one."""

    @property
    def st_dev(self) -> int: ...
    @property
    def st_ino(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a file the same file: (device, inode, size, mtime_ns). A repair refuses when it differs (rule 14)."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, facts: FileFacts, /) -> Identity:
        """Return that of the file of which stat told ``facts``."""
        return cls(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Salvage:
    """What survives in a bad archive: whole entries and the bytes of their contents.

    ``names`` are the first few of them, in the order in which they lie in the file; ``last`` is the last one. ``proven``: a checksum was
    compared for each; else they only unpack.
    """

    entries: int = 0
    bytes: int = 0
    names: tuple[str, ...] = ()
    last: str | None = None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Verification:
    """How far one file has been verified.

    ``level`` is 0 (file), 1 (structure), 2 (every byte), 3 (meaning); ``at`` is UNIX seconds of the result; ``identity`` is the file that
    was verified; ``bytes_done`` counts while running, at ``rate`` bytes a second lately. ``verdict`` and ``reason`` are set only in state
    ``result``; ``reason`` is a short stable word (``missing_end``, ``trailing_bytes``...), ``message`` is for a person. At level 2:
    ``entries`` is their number, ``sha1`` the checksum of the whole file in lower-case hex, ``salvage`` what survives of a bad one; each
    None when nobody knows. At level 3: ``facts`` is what the panel's meaning told (numbers of rows, times...). ``remarks`` are (word, text)
    of what somebody should know although it changes no verdict. ``rehearsed`` is the last rehearsal of this very file. ``digest`` is the
    checksum of a Duplicati volume as it is stored, ``sha256:`` or another algorithm of its folder and lower-case hex.
    """

    state: VerificationState = "not_asked"
    verdict: ArchiveVerdict | None = None
    level: int | None = None
    reason: str | None = None
    message: str | None = None
    at: float | None = None
    identity: Identity | None = None
    bytes_done: int = 0
    entries: int | None = None
    sha1: str | None = None
    salvage: Salvage | None = None
    facts: tuple[tuple[str, Scalar], ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
    rate: float | None = None
    rehearsed: Rehearsed | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class ArchiveProgress:
    """How far one verification at work has come, now: ``bytes_done`` of ``size`` lie behind it, ``rate`` is bytes a second lately.

    ``left`` is seconds; both None as long as nobody knows. An encrypted container is read twice, and begins anew in between.
    """

    path: str
    directory: str
    bytes_done: int
    size: int
    rate: float | None = None

    @property
    def left(self) -> float | None:
        """Return how many seconds the rest takes at this rate."""
        return (self.size - self.bytes_done) / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of a watched directory.

    ``path`` is absolute on this host; ``directory`` is the watched directory's configured name. ``format`` is told by content: ``zip``,
    ``tar``, ``gzip``, ``zstd``, ``xz``, ``c2ypt`` (SysReptor's AES-GCM container), ``unknown``; None = not read yet. ``mode`` is the
    permission bits. ``stable`` is whether size and mtime stayed the same between two looks.
    """

    path: str
    directory: str
    identity: Identity
    mode: int
    stable: bool
    format: str | None = None
    verification: Verification = Verification()


@dataclass(frozen=True, slots=True)
class WatchedDirectory:
    """One directory as a whole. ``error`` names why it could not be read; then absence of files proves nothing.

    ``sweep_bytes`` are what verification reads of it when nothing is known yet: all, or 0 where only heads or names are looked at.
    """

    name: str
    path: str
    files: int = 0
    bytes: int = 0
    newest_at: float | None = None
    error: str | None = None
    sweep_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A name in a watched directory that is not an archive to look at and was never opened.

    ``reason`` is ``symlink``, ``fifo``, ``socket``, ``device``, ``mount_point``, ``vanished``, ``no_permission`` or ``unreadable``.
    """

    path: str
    directory: str
    reason: str


@dataclass(frozen=True, slots=True)
class VolumeSet:
    """What is one thing together in one folder ``path``.

    By ``kind`` that is the volumes of one ``prefix`` in a Duplicati destination, or the parts of the archive called ``prefix``. ``verdict``
    is None while some still wait for verification and nothing bad has been found; then ``unverified`` counts them. ``reasons`` are stable
    words, the gravest first; ``named`` are (reason, name of the file, why), some hundreds at most. ``newest_at`` is when the newest backup
    in it was made, by its name, or that of the manifest; ``at`` when the oldest of its verdicts fell; both UNIX seconds.
    """

    directory: str
    path: str
    prefix: str
    verdict: ArchiveVerdict | None = None
    level: int = 0
    reasons: tuple[str, ...] = ()
    message: str = ""
    dblocks: int = 0
    dindexes: int = 0
    dlists: int = 0
    bytes: int = 0
    unverified: int = 0
    newest_at: float | None = None
    at: float | None = None
    parts: int = 0
    kind: Literal["duplicati", "parts"] = "duplicati"
    named: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """All watched directories and their files, sorted by path.

    ``queue_bytes`` are still to be read by verification, at ``rate`` bytes a second (0 = as fast as it goes); ``paused``: it stands still
    because the disks are busy.
    """

    directories: tuple[WatchedDirectory, ...] = ()
    files: tuple[ArchiveFile, ...] = ()
    queue_length: int = 0
    queue_bytes: int = 0
    paused: bool = False
    rate: float = 0.0
    passed_over: tuple[PassedOver, ...] = ()
    volume_sets: tuple[VolumeSet, ...] = ()
    backups: tuple[BackupSource, ...] = ()
    rehearsals: tuple[RehearsalState, ...] = ()


# ---- meaning: what a panel knows about its archives (level 3) ----------------------------------------------------------------------------


class EntryReader(Protocol):
    """Takes the content of one entry, in order, as it is unpacked."""

    def feed(self, piece: bytes, /) -> None:
        """Take the next bytes (never none; at most 1 MiB)."""
        ...

    def end(self) -> None:
        """Take note that the content was whole: its size is right, and in a zip its checksum. Not called for a damaged entry.

        In a packed tar the checksum comes later, for all entries at once: when it is wrong, ``Meaning.end`` is not called.
        """
        ...


@dataclass(frozen=True, slots=True)
class Meant:
    """What a meaning says in the end.

    ``bad`` are the proofs that the archive is of no use, ``remarks`` what somebody should know, both (stable word, text for a person), the
    gravest first; ``facts`` are (name, value). All are cut in number and length by whoever keeps them.
    """

    bad: tuple[tuple[str, str], ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, Scalar], ...] = ()


class Meaning(Protocol):
    """Judges one archive by what its panel writes into it, while its bytes pass: bounded memory, no I/O, no clock.

    A panel has it in ``watchdog.panels.<name>.meaning``, whose function ``begin() -> Meaning`` begins a new one. That module runs in the
    walled child, which imports it before its walls stand: it may import the standard library, ``watchdog.model`` and other modules of its
    panel, never the panel's package itself (whose ``__init__`` is not run there), and nothing later on.
    """

    def entry(self, name: str, size: int | None, /) -> EntryReader | None:
        """Take the next entry in the order of the archive's directory; ``size`` is bytes, None when nobody says it yet.

        None = its content is not wanted; it is read and proven all the same.
        """
        ...

    def end(self) -> Meant:
        """Return the judgement. Called once, after every byte was found right; never for an archive that is damaged or unreadable."""
        ...


class VerifyArchive(Protocol):
    """Verifies one file now, in the walled child, as fast as it goes. Lent to panels in ``Ports.archives``."""

    def __call__(self, path: str, /, *, level: int, meaning: str = "", key_file: str = "", alive: Callable[[], None]) -> Verification:
        """Return the result for ``path`` (absolute); its identity is that of the file which was read.

        ``meaning`` and ``key_file`` are as in DirectoryNeed; ``alive`` is called about every half second and may raise (Stopping,
        LeaseLost...), which ends the child. Raises NotFound when nothing is there.
        """
        ...
