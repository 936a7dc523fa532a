"""A job's destination: what lies there, beside what the job's list of volumes and its database say should lie there. Pure.

Contract section 4, Verifying a destination folder. The bytes are read by the archives collector, in its own time: here its results are put
beside the two lists. Nothing is judged while the job runs or waits, nor by a look that is older than the end of its run.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from watchdog.model.archives import ArchiveFacts, ArchiveFile
from watchdog.model.needs import DirectoryNeed
from watchdog.model.snapshots import Snapshot
from watchdog.model.volumes import ALGORITHMS, VolumeName, volume_name
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.notes import IdleNote
from watchdog.panels.duplicati.settings import DestinationSettings, DuplicatiSettings
from watchdog.panels.duplicati.traces import JobDatabase
from watchdog.panels.duplicati.view import Backup

Damage = Literal["missing", "short", "zero", "flipped", "extra", "cut"]
DAMAGES: Final[tuple[Damage, ...]] = ("missing", "short", "zero", "flipped", "extra", "cut")
_FIRST: Final[tuple[Damage, ...]] = ("missing", "extra", "zero", "short", "flipped", "cut")
"""What one volume is called that suffers from several: of one that is not the job's the inside does not matter."""
TYPES: Final = ("dblock", "dindex", "dlist")
UNDER_WAY: Final = frozenset({"Temporary", "Uploading"})
_LEVELS: Final = {"names": 0, "bytes": 2}
_BY_LIST: Final[dict[str, Damage]] = {
    "missing_volumes": "missing", "size_differs": "short", "hash_differs": "flipped", "damaged_volumes": "flipped",
    "damaged_list": "flipped", "extra_volumes": "extra", "deleted_volumes": "extra",
}  # fmt: skip
"""What the archives' words for a folder mean here; ``newer_volumes`` and ``outdated_list`` need more than one look at them."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies in one destination. ``reason`` "" = it can be judged; ``found`` maps each damaged name to what it suffers.

    ``newest_at``: when the newest backup in it was made; ``changed_at``: when one of its files was last written (both UNIX seconds).
    ``by_list`` and ``by_database``: whether every uploaded volume was proven, byte for byte, by that witness; None = it says nothing (yet).
    """

    reason: str = ""
    message: str = ""
    found: Mapping[str, Damage] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    newest_at: float | None = None
    changed_at: float | None = None
    verified_at: float | None = None
    by_list: bool | None = None
    by_database: bool | None = None

    def named(self, damage: Damage) -> list[str]:
        """Return the names that suffer from ``damage``, sorted."""
        return sorted(name for name, what in self.found.items() if what == damage)


def needs(settings: DuplicatiSettings) -> tuple[DirectoryNeed, ...]:
    """Return the folders that are to be watched: every file, at the depth that was asked for."""
    return tuple(
        DirectoryNeed(name_of(settings, key), str(one.path), "*", _LEVELS[one.verify]) for key, one in sorted(settings.destinations.items())
    )


def name_of(settings: DuplicatiSettings, key: str) -> str:
    """Return the name under which the destination of the job ``key`` is watched."""
    return f"duplicati-{settings.name}-{key}"


def settings_of(settings: DuplicatiSettings, backup: Backup) -> tuple[str, DestinationSettings] | None:
    """Return a job's destination with the key under which it stands, None = this host is not told where it is."""
    for key in (backup.id, *(each for each in settings.destinations if each.casefold() == backup.name.casefold())):
        if key in settings.destinations:
            return key, settings.destinations[key]
    return None


def look(case: Case, backup: Backup) -> Stored | None:
    """Return what lies in a job's destination, judged if it can be; None = this host is not told where it is."""
    known = settings_of(case.settings, backup)
    if known is None:
        return None
    key, one = known
    snapshot = case.actual.archives
    facts = snapshot.facts if snapshot is not None else None
    directory = next((each for each in facts.directories if each.name == name_of(case.settings, key)), None) if facts else None
    if snapshot is None or facts is None or directory is None:
        return Stored("destination_unseen", "the destination has not been looked at yet")
    if directory.error:
        return Stored("destination_unseen", f"the destination cannot be read ({directory.error})")
    folder = Folder(facts, directory.name, str(one.path), _prefix(one, backup), case.evidence.databases.get(key))
    reason, message = _doubt(case, backup, snapshot, folder)
    return folder.stored(reason, message)


def _prefix(one: DestinationSettings, backup: Backup) -> str:
    """Return what its volumes' names begin with: as it is configured here, else as the job itself says."""
    said = backup.details.options.get("prefix", "") if backup.details is not None else ""
    return said or one.prefix if "prefix" not in one.model_fields_set else one.prefix


def _doubt(case: Case, backup: Backup, snapshot: Snapshot[ArchiveFacts], folder: Folder) -> tuple[str, str]:
    """Say why a destination cannot be judged now, "" = it can."""
    idle = case.notes.get(f"idle/{backup.id}", IdleNote)
    if case.view.state.busy_with(backup.id) or idle is None:
        return "job_active", "the job runs or waits, so its destination changes"
    if snapshot.good is None or not snapshot.success or not snapshot.fresh(case.now):
        return "destination_unseen", "the last look at the destination failed or is old"
    if snapshot.good.wall < idle.since:
        return "look_too_old", "the destination has not been looked at since the job ran"
    if not folder.stable:
        return "destination_changing", "files of the destination have just been written"
    return "", ""


class Folder:
    """The files of one prefix in one folder, beside both lists. Built for one look."""

    def __init__(self, facts: ArchiveFacts, directory: str, path: str, prefix: str, database: JobDatabase | None) -> None:
        found = dict(_files(facts, directory, path, prefix))
        self._files = {base: each for base, each in found.items() if each[0].kind != "list"}
        self._newest = max((file.identity.mtime_ns for name, file in self._files.values() if name.kind == "dlist"), default=0)
        # a list that a later run did not write again says nothing of what came and went since
        self._outdated = any(name.kind == "list" and file.identity.mtime_ns < self._newest for name, file in found.values())
        self._set = next(
            (each for each in facts.volume_sets if (each.directory, each.path, each.prefix) == (directory, path, prefix)), None
        )  # fmt: skip
        self._database = database if database is not None and not database.problem else None
        self._found: dict[str, Damage] = {}
        self._newer = {name for reason, name, _ in self._told() if reason == "newer_volumes"}

    @property
    def stable(self) -> bool:
        """Whether no file was written between the last two looks."""
        return all(file.stable for _, file in self._files.values())

    def stored(self, reason: str, message: str) -> Stored:
        """Return what was found."""
        if not reason:
            self._by_list()
            self._by_database()
            self._cut_off()
        files, known = [file for _, file in self._files.values()], self._set
        return Stored(
            reason, message, self._found,
            {kind: sum(name.kind == kind for name, _ in self._files.values()) for kind in TYPES},
            sum(file.identity.size for file in files),
            max((name.at for name, _ in self._files.values() if name.at is not None), default=None),
            max((file.identity.mtime_ns / 1e9 for file in files), default=None),
            known.at if known is not None else None,
            self._list_proves() if not reason else None, self._database_proves() if not reason else None,
        )  # fmt: skip

    def _told(self) -> tuple[tuple[str, str, str], ...]:
        return self._set.named if self._set is not None else ()

    def _by_list(self) -> None:
        """Take over what the archives found; what is absent or not known the database tells better, where it can be read."""
        for reason, name, _ in self._told():
            damage = _BY_LIST.get(reason)
            if damage is not None and ((self._database is None and not self._outdated) or damage not in {"missing", "extra"}):
                self._note(name, damage)

    def _by_database(self) -> None:
        if self._database is None:
            return
        for row in self._database.volumes:
            file = self._file(row.name)
            if row.state == "Deleted" and file is not None:
                self._note(row.name, "extra")
            elif row.uploaded and file is None:
                self._note(row.name, "missing")
            elif row.uploaded and file is not None:
                if row.size is not None and row.size != file.identity.size:
                    self._note(row.name, "short")
                elif self._same_bytes(row.name, row.digest) is False:
                    self._note(row.name, "flipped")
        for name in self._files.keys() - self._rows().keys():
            self._note(name, "extra")

    def _cut_off(self) -> None:
        """Find what a run left that was cut off. The database notes a volume before it is sent: there such a one is still on its way.

        Without it: volumes newer than the newest dlist that the list does not know, or, without a list, that are not whole.
        """
        rows = self._rows()
        for text, (name, file) in self._files.items():
            if self._database is not None:
                cut = rows.get(text) in UNDER_WAY
            else:
                unknown = text in self._newer and not self._outdated
                odd = unknown or ((self._outdated or not self._listed()) and self._found.get(text) in {"flipped", "zero"})
                cut = odd and name.kind != "dlist" and file.identity.mtime_ns > self._newest
            if cut:
                self._found[text] = "cut"

    def _note(self, name: str, damage: Damage) -> None:
        file = self._file(name)
        if file is not None and file.identity.size == 0 and damage in {"short", "flipped"}:
            damage = "zero"
        before = self._found.get(name)
        if before is None or _FIRST.index(damage) < _FIRST.index(before):
            self._found[name] = damage

    def _file(self, name: str) -> ArchiveFile | None:
        known = self._files.get(name)
        return known[1] if known is not None else None

    def _rows(self) -> Mapping[str, str]:
        """Return the state of each volume in the database."""
        return {row.name: row.state for row in self._database.volumes} if self._database is not None else {}

    def _listed(self) -> bool:
        return self._set is not None and "no_list" not in self._set.reasons

    def _same_bytes(self, name: str, digest: str) -> bool | None:
        """Whether a file's bytes are as uploaded; None = they have not been read, or were summed up by another algorithm."""
        file, wanted = self._file(name), _bytes(digest)
        told = file.verification.digest if file is not None else None
        if told is None or ALGORITHMS.get(len(wanted)) != told.partition(":")[0]:
            return None
        return told.partition(":")[2] == wanted.hex()

    def _list_proves(self) -> bool | None:
        if not self._listed() or self._outdated or self._set is None or self._set.verdict is None or not self._set.level:
            return None
        return self._set.verdict == "good"

    def _database_proves(self) -> bool | None:
        if self._database is None:
            return None
        if any(damage != "extra" for damage in self._found.values()):
            return False
        uploaded = [row for row in self._database.volumes if row.uploaded]
        return True if uploaded and all(self._same_bytes(row.name, row.digest) for row in uploaded) else None


def _files(facts: ArchiveFacts, directory: str, path: str, prefix: str) -> Iterator[tuple[str, tuple[VolumeName, ArchiveFile]]]:
    begin = f"{path.rstrip('/')}/"
    for file in facts.files:
        base = file.path.removeprefix(begin) if file.directory == directory else ""
        name = volume_name(base) if base.startswith(prefix) else None
        if name is not None and name.prefix == prefix:
            yield base, (name, file)


def _bytes(digest: str) -> bytes:
    try:
        return base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return b""
