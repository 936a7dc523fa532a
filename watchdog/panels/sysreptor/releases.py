"""SysReptor's releases as far as backups differ between them, as data. Pure.

Sources: contract sections 1.6 (what the log's rows mean) and 2 (what was broken from when to when, checked by ancestry of the fixes).
Releases are called ``year.number`` and are ordered by both numbers; a build of one's own calls itself ``dev``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

Version = tuple[int, int]
Method = Literal["exec", "api"]

DEV: Final = "dev"
_VERSION: Final = re.compile(r"(\d{4})\.(\d{1,6})")

CONFIGURATIONS_SINCE: Final[Version] = (2025, 20)
"""Backups from here on hold ``configurations.json``."""
TOKENS_BY_COMMAND_SINCE: Final[Version] = (2025, 20)
"""``manage.py createapitoken`` exists from here on."""
FINISHED_ROW_SINCE: Final[Version] = (2025, 69)
"""Before, the log has one row per backup, written at its start; the upgrade renamed those to ``backup_finished``."""
STATS_SINCE: Final[Version] = (2026, 18)
"""Backups from here on end with ``stats.json``, whose times are those of the log's rows to the microsecond."""
KEY_BY_STDIN_SINCE: Final[Version] = (2026, 61)
"""``manage.py backup --key=-`` reads the key from standard input from here on; before, a key would stand in an argv."""
ADMIN_TOKENS_SINCE: Final[Version] = (2026, 61)
"""``createapitoken --admin`` exists from here on."""


class FinishedRow(Enum):
    """What a ``backup_finished`` row of one release says; never that the file is good."""

    AT_START = "written at the start"
    AFTER_LAST_CHUNK = "written after the last chunk"
    BEFORE_THE_END = "written before the archive's directory, and before anybody has the bytes"
    UNKNOWN = "the release is not known"


@dataclass(frozen=True, slots=True)
class Broken:
    """One range of releases whose backups are not to be trusted.

    ``since`` None = from the beginning; ``fixed`` is the first release that is well. ``methods`` are the ways to back up it concerns.
    """

    name: str
    fixed: Version
    methods: frozenset[Method]
    story: str
    since: Version | None = None

    def covers(self, version: Version) -> bool:
        """Whether ``version`` lies in the range."""
        return version < self.fixed and (self.since is None or self.since <= version)


BROKEN: Final[tuple[Broken, ...]] = (
    Broken("cli_unflushed", (2025, 20), frozenset({"exec"}), "the command never flushes its output file: the end may be missing"),
    Broken("worker_recycled", (2025, 20), frozenset({"api"}), "a worker that is recycled cuts every download after 300 s"),
    Broken("storage_in_memory", (2025, 20), frozenset({"exec", "api"}), "files of S3 storages are read whole into memory: it runs out"),
    Broken("stream_in_memory", (2025, 69), frozenset({"api"}), "the download is gathered in memory: it runs out"),
    Broken(
        "worker_aborted", (2025, 110), frozenset({"api"}), "a worker that is recycled is aborted after 30 s and cuts the download",
        since=(2025, 20),
    ),
)  # fmt: skip
"""Causes A, B, C, D and B2 of the contract's section 2, in the order in which they were mended."""


def parse_version(text: str) -> Version | None:
    """Given ``2026.61``, return its two numbers; None for ``dev`` and for what is no version."""
    match = _VERSION.fullmatch(text.strip())
    return (int(match[1]), int(match[2])) if match else None


def broken_in(version: Version | None, methods: Sequence[Method] = ("exec", "api")) -> tuple[Broken, ...]:
    """Return the broken ranges ``version`` lies in, for these ways to back up. None (unknown, ``dev``) lies in none that is proven."""
    return tuple(each for each in BROKEN if version is not None and each.covers(version) and each.methods & set(methods))


def finished_row(version: Version | None) -> FinishedRow:
    """Return what a finished row that this release wrote says."""
    if version is None:
        return FinishedRow.UNKNOWN
    if version < FINISHED_ROW_SINCE:
        return FinishedRow.AT_START
    return FinishedRow.AFTER_LAST_CHUNK if version < STATS_SINCE else FinishedRow.BEFORE_THE_END
