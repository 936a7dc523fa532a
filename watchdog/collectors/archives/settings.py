"""Settings of the archives collector: what is watched, and how gently it is verified."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from pydantic import Field, field_validator, model_validator

from watchdog.collectors.archives.backup_settings import BackupSettings
from watchdog.collectors.archives.findings import Promise
from watchdog.collectors.archives.meanings import named, of_panel, panels_with_meaning
from watchdog.errors import BadSettings
from watchdog.model.needs import DirectoryNeed, Needs
from watchdog.runtime.fields import AbsolutePath, Duration, Size, Strict


class DirectorySettings(Strict):
    """One directory of archives."""

    name: str = Field(min_length=1)
    """What it is called in metrics and messages."""
    path: AbsolutePath
    """Where it is on this host."""
    pattern: str = "*"
    """Which files count: a glob relative to the directory; ``**`` goes down any number of folders. Hidden files need a leading dot."""
    level: int = Field(default=2, ge=0, le=3)
    """How deep each file is verified: 0 = its head, 1 = its structure, 2 = every byte, 3 = what it means to the panel that wrote it."""
    panel: str = ""
    """Whose backups they are, for level 3: the name of a panel that knows what its backups must contain."""
    key_file: AbsolutePath | None = None
    """File with the key of encrypted backups: 64 hex digits, or base64. Without it they are unverifiable."""

    backup: BackupSettings | None = None
    """What is expected of the backups in it, when they are backups of one source."""

    @field_validator("pattern")
    @classmethod
    def _relative(cls, value: str) -> str:
        if not value or value.startswith("/") or ".." in value.split("/"):
            raise ValueError(f"'{value}' must be a pattern below the directory, such as *.zip or **/*.tar.gz")
        return value

    @model_validator(mode="after")
    def _somebody_means_it(self) -> DirectorySettings:
        known = panels_with_meaning()
        if self.panel and self.panel not in known:
            raise ValueError(f"panel '{self.panel}' does not know what its backups must contain; these do: {', '.join(known) or 'none'}")
        if self.level > 2 and not self.panel:  # noqa: PLR2004  (every byte)
            raise ValueError("level 3 needs 'panel': whose backups are they?")
        return self


class ArchivesSettings(Strict):
    """Backup archives on disk: which files are there, and which of them are whole."""

    interval: Duration = Field(default=60.0, ge=1.0)
    """How often the directories are looked at. A file is verified once two looks have seen the same size and time."""
    deadline: Duration = Field(default=30.0, ge=1.0)
    """How long one mount may take to answer a look; a hung one does not hold up the others."""
    directories: tuple[DirectorySettings, ...] = ()
    """What to watch, besides what the panels ask for."""
    max_files: int = Field(default=20_000, ge=1)
    """Files kept per directory, the newest; more is an error of that directory."""
    allow_network_filesystems: bool = False
    """Whether files on network and FUSE file systems are read at all; looking at their names and sizes is always done, in a child."""
    queue_limit: int = Field(default=10_000, ge=1)
    """Files that may wait for verification; of more, the newest."""
    rate: Size = 20 << 20
    """Bytes a second that verification reads, 0 = as fast as it goes."""
    check_deadline: Duration = Field(default=600.0, ge=1.0)
    """How long one verification may take, besides twice what ``rate`` makes of the file's size."""
    memory: Size = Field(default=256 << 20, ge=64 << 20)
    """Address space of one verification; an archive that needs more is unverifiable."""
    verify_again: Duration = Field(default=30 * 86_400.0, ge=3600.0)
    """When a file that has not changed is verified once more: disks forget bits by themselves."""
    pressure: float = Field(default=50.0, ge=0.0, le=100.0)
    """Verification stands still while programs wait for disks for more than this share (percent) of ten seconds; 0 = never."""
    try_again: Duration = Field(default=86_400.0, ge=60.0)
    """When a verification that crashed, hung or ran out of memory is tried once more."""
    series: int = Field(default=20, ge=0)
    """Newest files per directory that get metrics of their own, besides every file found bad."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> ArchivesSettings:
        names = [directory.name for directory in self.directories]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two directories are called '{name}': rename one")
        for directory in self.directories:
            for copy in directory.backup.copies if directory.backup else ():
                if copy == directory.name:
                    raise ValueError(f"'{copy}' cannot be its own copy: name another directory")
        return self


def wanted(settings: ArchivesSettings, needs: Iterable[Needs]) -> tuple[DirectoryNeed, ...]:
    """Merge what the settings and the panels want watched, in that order; equal wishes of two panels are one.

    Raises BadSettings when one name is asked for with two meanings, or a panel's path is no absolute one.
    """
    own = tuple(_need(directory) for directory in settings.directories)
    merged: dict[str, DirectoryNeed] = {}
    for need in (*own, *(directory for one in needs for directory in one.directories)):
        if not need.path.startswith("/"):
            raise BadSettings(f"collectors.archives: the directory '{need.name}' needs an absolute path, not '{need.path}'")
        known = merged.setdefault(need.name, need)
        if (known.path, known.pattern) != (need.path, need.pattern):
            raise BadSettings(f"collectors.archives: '{need.name}' is both {known.path} and {need.path}: rename one of them")
        merged[need.name] = _merged(known, need)
    for need in merged.values():
        for copy in need.plan.copies if need.plan else ():
            if copy not in merged:
                raise BadSettings(f"collectors.archives: '{need.name}' has its copies in '{copy}', and no watched directory is called so")
    return tuple(merged.values())


def _need(own: DirectorySettings) -> DirectoryNeed:
    meaning = of_panel(own.panel) if own.panel and own.level > 2 else ""  # noqa: PLR2004  (every byte)
    return DirectoryNeed(
        own.name, str(own.path), own.pattern, own.level, meaning, str(own.key_file or ""), own.backup.plan() if own.backup else None,
        own.backup.rehearse_every if own.backup else None,
    )  # fmt: skip


def _merged(known: DirectoryNeed, need: DirectoryNeed) -> DirectoryNeed:
    """Return one wish for two with one name. Raises BadSettings when they want two meanings or two keys, or a meaning that is none."""
    if need.meaning and not named(need.meaning):
        raise BadSettings(f"collectors.archives: '{need.name}' asks for '{need.meaning}', which is not the meaning of a panel")
    for one, other, called in ((known.meaning, need.meaning, "meanings"), (known.key_file, need.key_file, "key files")):
        if one and other and one != other:
            raise BadSettings(f"collectors.archives: '{need.name}' has two {called}, {one} and {other}: rename one of them")
    return replace(
        known, level=max(known.level, need.level), meaning=known.meaning or need.meaning, key_file=known.key_file or need.key_file,
        plan=known.plan or need.plan, rehearse_every=known.rehearse_every or need.rehearse_every,
    )  # fmt: skip


def promise(path: str) -> Promise:
    """Return what a file's name promises: then other content is damage, without a promise it is only unknown."""
    if re.search(r"\.(tar\.(gz|gzip|zst|xz)|tgz|tzst|txz)$", path, re.IGNORECASE):
        return "tar"
    return "archive" if re.search(r"\.(zip|gz|tar|zst|xz|jar|zip\.crypt)$", path, re.IGNORECASE) else ""
