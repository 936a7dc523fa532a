"""Settings of the host collector."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field, model_validator

from watchdog.errors import BadSettings
from watchdog.model.needs import FilesystemNeed, Needs
from watchdog.runtime.fields import AbsolutePath, Duration, Strict


class FilesystemSettings(Strict):
    """One file system whose free space matters."""

    name: str = Field(min_length=1)
    """What it is called in metrics and messages."""
    path: AbsolutePath
    """Any path on it."""


class HostSettings(Strict):
    """The host itself: space, memory, pressure."""

    interval: Duration = Field(default=15.0, ge=1.0)
    """How often the host is looked at."""
    deadline: Duration = Field(default=10.0, ge=0.5)
    """How long one file system may take to answer; a hung one does not hold up the others."""
    proc: AbsolutePath = Path("/proc")
    """Where the host's proc file system is mounted (in a container: where the host's is bound to)."""
    filesystems: tuple[FilesystemSettings, ...] = (FilesystemSettings(name="root", path=Path("/")),)
    """File systems to watch, besides what the panels ask for; several names of one are counted once."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> HostSettings:
        names = [filesystem.name for filesystem in self.filesystems]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two file systems are called '{name}': rename one")
        return self


def wanted(settings: HostSettings, needs: Iterable[Needs]) -> tuple[FilesystemNeed, ...]:
    """Merge what the settings and the panels want watched. Raises BadSettings when one name means two paths."""
    own = tuple(FilesystemNeed(one.name, str(one.path)) for one in settings.filesystems)
    merged: dict[str, FilesystemNeed] = {}
    for need in (*own, *(filesystem for one in needs for filesystem in one.filesystems)):
        if not need.path.startswith("/"):
            raise BadSettings(f"collectors.host: the file system '{need.name}' needs an absolute path, not '{need.path}'")
        if merged.setdefault(need.name, need).path != need.path:
            raise BadSettings(f"collectors.host: '{need.name}' is both {merged[need.name].path} and {need.path}: rename one of them")
    return tuple(merged.values())
