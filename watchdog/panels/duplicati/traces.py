"""Truth about jobs that lies beside the server: their databases and their sources, where this host can see them. Frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

DatabaseProblem = Literal["", "absent", "empty", "no_database", "damaged", "busy", "unreadable", "refused", "too_large"]
UPLOADED: Final = frozenset({"Uploaded", "Verified"})


@dataclass(frozen=True, slots=True)
class ListedVolume:
    """One row of ``Remotevolume``: a volume as the job knows it. ``digest`` is base64 of its stored bytes' checksum, "" = not known."""

    name: str
    size: int | None
    digest: str
    state: str

    @property
    def uploaded(self) -> bool:
        """Whether it must be there, with this size and these bytes."""
        return self.state in UPLOADED


@dataclass(frozen=True, slots=True)
class JobDatabase:
    """A job's own database as it is now. ``problem`` "" = it was read whole; ``changed_at`` (UNIX seconds) is its newest write.

    ``busy`` = somebody is writing it, so nothing can be said; ``refused`` = it is the server's own, which is never opened.
    """

    problem: DatabaseProblem = ""
    message: str = ""
    changed_at: float | None = None
    bytes: int = 0
    volumes: tuple[ListedVolume, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """One source of a job on this host."""

    path: str
    state: Literal["there", "absent", "empty", "unseen"]


@dataclass(frozen=True, slots=True)
class FolderSeen:
    """A destination folder as one listing shows it: ``volumes`` of the prefix, whether their list is there; ``error`` "" = it was read."""

    volumes: int = 0
    listed: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it, by the key under which the settings name the job."""

    databases: Mapping[str, JobDatabase] = field(default_factory=dict)
    sources: Mapping[str, tuple[SourceSeen, ...]] = field(default_factory=dict)


NOTHING: Final = Evidence()
T = TypeVar("T")


def of_job(known: Mapping[str, T], ident: str, name: str) -> T | None:
    """Return what is known of a job under its id or its name, whose case does not matter; None = nothing."""
    if ident in known:
        return known[ident]
    return next((value for key, value in known.items() if key.casefold() == name.casefold()), None)
