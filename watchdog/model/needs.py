"""What a panel wants watched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """What is expected of the backups in a directory, all of one source.

    ``schedule`` is a cron expression in ``zone`` ("" = the host's), or ``every`` the seconds from one to the next; ``grace`` is how long
    after that a good archive may take to be there. ``keep`` good ones are wanted at least; the newest may differ from the median of
    ``trend`` earlier ones by the ratios ``shrink`` and ``growth``; ``room`` times its size must be free on the directory's file system and
    on those of ``restore_paths``. ``copies`` names other watched directories that hold the same bytes.
    """

    schedule: str = ""
    every: float | None = None
    zone: str = ""
    grace: float = 7200.0
    keep: int = 1
    shrink: float = 0.2
    growth: float = 1.0
    trend: int = 10
    room: float = 3.0
    restore_paths: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectoryNeed:
    """A directory of archives: files matching ``pattern`` (glob, no recursion unless ``**``), verified up to ``level`` (0 to 3).

    ``plan`` says that they are backups, and what is expected of them. ``meaning`` is the dotted module of the panel's meaning for level 3
    (``watchdog.panels.<name>.meaning``), "" = none: then 2 is the deepest. ``key_file`` holds the key of encrypted containers (64 hex
    digits), "" = none. ``rehearse_every`` is the longest time (seconds) from one good rehearsal of one of them to the next, None = any.
    """

    name: str
    path: str
    pattern: str = "*"
    level: int = 1
    meaning: str = ""
    key_file: str = ""
    plan: BackupPlan | None = None
    rehearse_every: float | None = None


@dataclass(frozen=True, slots=True)
class LogNeed:
    """A log to tail: ``path`` of a file, or ``container`` name.

    ``patterns`` maps a pattern's name to a regular expression with named
    groups; the group ``time`` is parsed by ``time_format`` (strptime; "iso" = ISO 8601) in ``zone`` (IANA name).
    """

    name: str
    path: str = ""
    container: str = ""
    patterns: tuple[tuple[str, str], ...] = ()
    time_format: str = "iso"
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ContainerNeed:
    """Label keys whose values must be in the Docker snapshot."""

    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FilesystemNeed:
    """A path whose file system's free space matters."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Needs:
    """All that one target of a panel wants watched."""

    directories: tuple[DirectoryNeed, ...] = ()
    logs: tuple[LogNeed, ...] = ()
    containers: tuple[ContainerNeed, ...] = ()
    filesystems: tuple[FilesystemNeed, ...] = ()
    docker: bool = False
    wireguard: bool = False
