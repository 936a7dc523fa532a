"""The tables of backups and of Duplicati destinations: rows are made of the facts alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from watchdog.collectors.archives.metrics import STATES, text
from watchdog.model.archives import ArchiveFacts, VolumeSet
from watchdog.model.backups import BackupSource
from watchdog.model.metrics import Metric, MetricSpec, Row
from watchdog.model.rehearsals import RehearsalState

Rows = Callable[[ArchiveFacts], Iterator[Row]]
_BACKUP = ("directory",)
_ROOM = ("directory", "path")
_COPY = ("directory", "copy")
_SET = ("directory", "path", "prefix")


def _of_backups(value: Callable[[BackupSource], float | int | None]) -> Rows:
    def rows(facts: ArchiveFacts) -> Iterator[Row]:
        for one in facts.backups:
            found = value(one)
            if found is not None:
                yield (one.directory,), float(found)

    return rows


def _of_rehearsals(value: Callable[[RehearsalState], float | int | None]) -> Rows:
    def rows(facts: ArchiveFacts) -> Iterator[Row]:
        for one in facts.rehearsals:
            found = value(one)
            if found is not None:
                yield (one.directory,), float(found)

    return rows


def _of_sets(value: Callable[[VolumeSet], float | int | None]) -> Rows:
    def rows(facts: ArchiveFacts) -> Iterator[Row]:
        for one in facts.volume_sets:
            found = value(one)
            if found is not None:
                yield _labels(one), float(found)

    return rows


def _labels(one: VolumeSet) -> tuple[str, ...]:
    return one.directory, text(one.path), text(one.prefix)


def _limits(facts: ArchiveFacts) -> Iterator[Row]:
    for one in facts.backups:
        yield (one.directory, "shrink"), one.shrink
        yield (one.directory, "growth"), one.growth


def _free(facts: ArchiveFacts) -> Iterator[Row]:
    return (((one.directory, text(room.path)), float(room.free)) for one in facts.backups for room in one.rooms if room.free is not None)


def _room(facts: ArchiveFacts) -> Iterator[Row]:
    for one in facts.backups:
        for room in one.rooms:
            if room.free is not None and one.expected_bytes:
                yield (one.directory, text(room.path)), room.free / one.expected_bytes


def _holds(facts: ArchiveFacts) -> Iterator[Row]:
    return (((one.directory, copy.name), float(copy.holds)) for one in facts.backups for copy in one.copies if copy.holds is not None)


def _held_at(facts: ArchiveFacts) -> Iterator[Row]:
    return (((one.directory, copy.name), copy.newest_at) for one in facts.backups for copy in one.copies if copy.newest_at is not None)


def _states(facts: ArchiveFacts) -> Iterator[Row]:
    for one in facts.volume_sets:
        for word in STATES:
            yield (*_labels(one), word), float((one.verdict or "unverified") == word)


def _reasons(facts: ArchiveFacts) -> Iterator[Row]:
    return (((*_labels(one), one.reasons[0] if one.reasons else ""), 1.0) for one in facts.volume_sets)


def _volumes(facts: ArchiveFacts) -> Iterator[Row]:
    for one in facts.volume_sets:
        for kind, count in (("dblock", one.dblocks), ("dindex", one.dindexes), ("dlist", one.dlists), ("part", one.parts)):
            if (kind == "part") == (one.kind == "parts"):
                yield (*_labels(one), kind), float(count)


def _spec(name: str, help_: str, labels: tuple[str, ...], rows: Rows) -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_{name}", "gauge", help_, labels), rows)


_MEDIAN = "the median of the good ones before it (backup.trend)"
SPECS: tuple[MetricSpec, ...] = (
    _spec(
        "backup_good",
        "Good backups in a directory with a plan (backup:); of a Duplicati folder, the versions in it.",
        _BACKUP,
        _of_backups(lambda b: b.good),
    ),
    _spec("backup_good_wanted", "How many there should be at least (backup.keep).", _BACKUP, _of_backups(lambda b: b.keep)),
    _spec(
        "backup_newest_good_timestamp_seconds",
        "When the newest good backup was made: the file's time, of a Duplicati folder that of its newest version, once the folder is good.",
        _BACKUP,
        _of_backups(lambda b: b.newest_good_at),
    ),
    _spec("backup_newest_good_bytes", "Size of the newest good backup.", _BACKUP, _of_backups(lambda b: b.newest_good_bytes)),
    _spec(
        "backup_expected_bytes",
        f"Size to expect of the next one: the newest good one's, or {_MEDIAN} if that is more.",
        _BACKUP,
        _of_backups(lambda b: b.expected_bytes),
    ),
    _spec(
        "backup_size_change_ratio",
        f"How much larger the newest good backup is than {_MEDIAN}; -0.2 = a fifth smaller.",
        _BACKUP,
        _of_backups(lambda b: b.change),
    ),
    _spec("backup_size_change_limit_ratio", "How much smaller (shrink) or larger (growth) it may be.", ("directory", "direction"), _limits),
    _spec(
        "backup_due_timestamp_seconds",
        "Since when a good backup should be there, by its schedule; grace is counted in. Absent when none is expected by time.",
        _BACKUP,
        _of_backups(lambda b: b.due_at),
    ),
    _spec(
        "backup_overdue",
        "Whether no good backup was made since then; also when there never was one. Absent while it cannot be known.",
        _BACKUP,
        _of_backups(lambda b: b.overdue),
    ),
    _spec(
        "backup_free_bytes", "Bytes free on the file system of the directory, and on those a restore writes to. From statvfs.", _ROOM, _free
    ),
    _spec("backup_room_ratio", "How many backups of the expected size fit into what is free there.", _ROOM, _room),
    _spec("backup_room_wanted_ratio", "How many should (backup.room).", _BACKUP, _of_backups(lambda b: b.wanted_room)),
    _spec(
        "backup_copy_holds",
        "Whether the second location has the newest good backup, proven by checksum. Absent while it cannot be known.",
        _COPY,
        _holds,
    ),
    _spec(
        "backup_rehearsal_timestamp_seconds",
        "When a restore was last rehearsed of a backup of this directory and told anything, well or not. Absent as long as none has been.",
        _BACKUP,
        _of_rehearsals(lambda r: r.newest.at if r.newest else None),
    ),
    _spec(
        "backup_rehearsal_success",
        "Whether that one went well. Absent as long as none has been.",
        _BACKUP,
        _of_rehearsals(lambda r: r.newest.verdict == "good" if r.newest else None),
    ),
    _spec(
        "backup_rehearsal_good_timestamp_seconds",
        "When one last went well; it counts on after its backup has been deleted.",
        _BACKUP,
        _of_rehearsals(lambda r: r.good.at if r.good else None),
    ),
    _spec(
        "backup_rehearsal_good_level",
        "What the last good one is worth: 3 = we loaded and compared the content, 5 = the panel itself restored it; 0 = there is none.",
        _BACKUP,
        _of_rehearsals(lambda r: r.good.level if r.good else 0),
    ),
    _spec(
        "backup_rehearsal_overdue",
        "Whether none went well within rehearse_every, or ever. Absent where it is not set, and while it cannot be known.",
        _BACKUP,
        _of_rehearsals(lambda r: r.overdue),
    ),
    _spec("backup_copy_newest_timestamp_seconds", "When the newest backup was made that the second location has too.", _COPY, _held_at),
    _spec(
        "archive_set_verdict",
        "State set of a Duplicati folder, or an archive in parts, as one thing: 1 for the verdict that holds, 0 for the others.",
        (*_SET, "verdict"),
        _states,
    ),
    _spec("archive_set_info", "Always 1; the gravest reason of that verdict.", (*_SET, "reason"), _reasons),
    _spec("archive_set_volumes", "Volumes in the folder by kind, or parts.", (*_SET, "kind"), _volumes),
    _spec("archive_set_bytes", "Bytes of them.", _SET, _of_sets(lambda s: s.bytes)),
    _spec("archive_set_unverified", "Those that wait for verification.", _SET, _of_sets(lambda s: s.unverified)),
    _spec(
        "archive_set_newest_timestamp_seconds",
        "When the newest version in the folder was made, by its name; of parts, the manifest's time.",
        _SET,
        _of_sets(lambda s: s.newest_at),
    ),
)
