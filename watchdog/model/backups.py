"""How the backups of one source stand against what is expected of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on the file system of ``path``, in bytes; None = it could not be asked."""

    path: str
    free: int | None = None


@dataclass(frozen=True, slots=True)
class BackupCopy:
    """A second location: the watched directory ``name``.

    ``holds`` is whether it has the newest good archive, by checksum; None = not known, it or the archive is not verified to the last byte.
    ``newest_at`` is the modification time of the newest good archive that it does have; None = it has none.
    """

    name: str
    holds: bool | None = None
    newest_at: float | None = None


@dataclass(frozen=True, slots=True)
class BackupSource:
    """How the backups of one directory stand against what is expected of them (``model.needs.BackupPlan``).

    ``good`` counts good archives; ``newest_good_at`` is when the newest one was made (UNIX seconds), ``newest_good_bytes`` its size.
    ``median_bytes`` is that of the good ones before it, ``change`` the newest's difference from it as a ratio (-0.2 = a fifth smaller).
    ``expected_bytes`` is what the next one will need. ``due_at`` is the time since when a good archive should be there; ``overdue`` is
    whether it is not; None = nothing is expected by time, or it cannot be known now.
    """

    directory: str
    good: int = 0
    newest_good_at: float | None = None
    newest_good_bytes: int | None = None
    median_bytes: float | None = None
    change: float | None = None
    expected_bytes: int | None = None
    due_at: float | None = None
    overdue: bool | None = None
    keep: int = 0
    shrink: float = 0.0
    growth: float = 0.0
    wanted_room: float = 0.0
    rooms: tuple[Room, ...] = ()
    copies: tuple[BackupCopy, ...] = ()
