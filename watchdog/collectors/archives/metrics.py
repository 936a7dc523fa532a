"""The table of archive metrics: rows are made of the facts alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from watchdog.model.archives import ArchiveFacts, ArchiveFile
from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row

DEFAULT_SERIES = 20
STATES = ("good", "bad", "unverifiable", "unverified")
_DIRECTORY = ("directory", "path")
_FILE = ("directory", "path")


def text(path: str) -> str:
    """Return a path that can be written as UTF-8: bytes of another encoding are escaped."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def chosen(facts: ArchiveFacts, series: int) -> Iterator[ArchiveFile]:
    """Yield the files with series of their own: the newest of each directory, and every one found bad."""
    kept: dict[str, int] = {}
    for file in sorted(facts.files, key=lambda file: (-file.identity.mtime_ns, file.path)):
        kept[file.directory] = kept.get(file.directory, 0) + 1
        if kept[file.directory] <= series or file.verification.verdict == "bad":
            yield file


def state(file: ArchiveFile) -> str:
    """Return the word of the state set: the verdict, or unverified."""
    return file.verification.verdict or "unverified"


def _of_files(series: int, value: Callable[[ArchiveFile], float | None]) -> Callable[[ArchiveFacts], Iterator[Row]]:
    def rows(facts: ArchiveFacts) -> Iterator[Row]:
        for file in chosen(facts, series):
            found = value(file)
            if found is not None:
                yield (file.directory, text(file.path)), found

    return rows


def _states(series: int) -> Callable[[ArchiveFacts], Iterator[Row]]:
    def rows(facts: ArchiveFacts) -> Iterator[Row]:
        for file in chosen(facts, series):
            for word in STATES:
                yield (file.directory, text(file.path), word), float(state(file) == word)

    return rows


def _reasons(series: int) -> Callable[[ArchiveFacts], Iterator[Row]]:
    def rows(facts: ArchiveFacts) -> Iterator[Row]:
        for file in chosen(facts, series):
            if file.format is not None:
                yield (file.directory, text(file.path), file.format, file.verification.reason or ""), 1.0

    return rows


def _readable(facts: ArchiveFacts) -> Iterator[Row]:
    return (((d.name, text(d.path)), float(d.error is None)) for d in facts.directories)


def _errors(facts: ArchiveFacts) -> Iterator[Row]:
    return (((d.name, text(d.path), d.error), 1.0) for d in facts.directories if d.error is not None)


def _files(facts: ArchiveFacts) -> Iterator[Row]:
    return (((d.name, text(d.path)), float(d.files)) for d in facts.directories if _told(d.error))


def _bytes(facts: ArchiveFacts) -> Iterator[Row]:
    return (((d.name, text(d.path)), float(d.bytes)) for d in facts.directories if _told(d.error))


def _told(error: str | None) -> bool:
    """Whether a directory's numbers are real: it could be read, or only had more files than are kept."""
    return error in (None, "too_many_files")


def _newest(facts: ArchiveFacts) -> Iterator[Row]:
    return (((d.name, text(d.path)), d.newest_at) for d in facts.directories if d.newest_at is not None)


def _newest_good(facts: ArchiveFacts) -> Iterator[Row]:
    newest: dict[str, float] = {}
    for file in facts.files:
        if file.verification.verdict == "good":
            newest[file.directory] = max(newest.get(file.directory, 0.0), file.identity.mtime_ns / 1e9)
    return (((d.name, text(d.path)), newest[d.name]) for d in facts.directories if d.name in newest)


def _verdicts(facts: ArchiveFacts) -> Iterator[Row]:
    counts = {(d.name, word): 0 for d in facts.directories if _told(d.error) for word in STATES}
    for file in facts.files:
        key = (file.directory, state(file))
        if key in counts:
            counts[key] += 1
    return ((key, float(count)) for key, count in counts.items())


def _passed(facts: ArchiveFacts) -> Iterator[Row]:
    counts: dict[tuple[str, str], int] = {}
    for one in facts.passed_over:
        counts[one.directory, one.reason] = counts.get((one.directory, one.reason), 0) + 1
    return ((key, float(count)) for key, count in counts.items())


def _spec(
    name: str, help_: str, labels: tuple[str, ...], rows: Callable[[ArchiveFacts], Iterator[Row]], kind: MetricType = "gauge"
) -> MetricSpec:
    return MetricSpec(Metric(name, kind, help_, labels), rows)


_DIRECTORY_SPECS: tuple[MetricSpec, ...] = (
    _spec("watchdog_archives_directory_readable", "Whether the watched directory could be looked at whole.", _DIRECTORY, _readable),
    _spec("watchdog_archives_directory_error", "Always 1; why a directory could not be looked at whole.", (*_DIRECTORY, "error"), _errors),
    _spec("watchdog_archives_files", "Regular files that match the directory's pattern. From lstat.", _DIRECTORY, _files),
    _spec("watchdog_archives_bytes", "Bytes of those files. From lstat.", _DIRECTORY, _bytes),
    _spec("watchdog_archives_newest_timestamp_seconds", "Modification time of the newest file.", _DIRECTORY, _newest),
    _spec(
        "watchdog_archives_newest_good_timestamp_seconds",
        "Modification time of the newest file that was verified good.",
        _DIRECTORY,
        _newest_good,
    ),
    _spec("watchdog_archives_verdicts", "Files by verdict; unverified = no result yet.", ("directory", "verdict"), _verdicts),
    _spec(
        "watchdog_archives_passed_over",
        "Names that match but were not opened, by reason (symlink, fifo, device...).",
        ("directory", "reason"),
        _passed,
    ),
    _spec(
        "watchdog_archives_queue_length",
        "Files that wait for verification or are being verified.",
        (),
        lambda facts: iter([((), float(facts.queue_length))]),
    ),
    _spec(
        "watchdog_archives_queue_bytes",
        "Bytes of those files that verification has not read yet.",
        (),
        lambda facts: iter([((), float(facts.queue_bytes))]),
    ),
    _spec(
        "watchdog_archives_queue_seconds",
        "How long those bytes take at the configured rate; absent when there is none.",
        (),
        lambda facts: iter([((), facts.queue_bytes / facts.rate)] if facts.rate else []),
    ),
    _spec(
        "watchdog_archives_paused",
        "Whether verification stands still because programs wait for disks (collectors.archives.pressure).",
        (),
        lambda facts: iter([((), float(facts.paused))]),
    ),
)


_FILE_VALUES: tuple[tuple[str, str, Callable[[ArchiveFile], float | None]], ...] = (
    ("size_bytes", "Size of the file. From lstat.", lambda f: float(f.identity.size)),
    ("mtime_timestamp_seconds", "Modification time of the file. From lstat.", lambda f: f.identity.mtime_ns / 1e9),
    ("stable", "Whether size and time were the same in two looks.", lambda f: float(f.stable)),
    ("world_readable", "Whether others than owner and group may read the file.", lambda f: float(bool(f.mode & 0o004))),
    ("verified_level", "Level at which the verdict fell: 0 head, 1 structure, 2 every byte, 3 meaning.", lambda f: f.verification.level),
    ("verified_timestamp_seconds", "When the verdict fell.", lambda f: f.verification.at),
    (
        "verifying_bytes",
        "How far a verification at work has come in the file.",
        lambda f: float(f.verification.bytes_done) if f.verification.state == "running" else None,
    ),
    (
        "verifying_bytes_per_second",
        "How fast a verification at work has come on lately.",
        lambda f: f.verification.rate if f.verification.state == "running" else None,
    ),
)
_WHOSE = "Only the newest files of each directory (collectors.archives.series, default 20) and every bad one have this series."


def _file_specs(series: int) -> tuple[MetricSpec, ...]:
    plain = (_spec(f"watchdog_archive_{name}", f"{help_} {_WHOSE}", _FILE, _of_files(series, value)) for name, help_, value in _FILE_VALUES)
    states, info = (*_FILE, "verdict"), (*_FILE, "format", "reason")
    return (
        *plain,
        _spec("watchdog_archive_verdict", f"State set: 1 for the verdict that holds, 0 for the others. {_WHOSE}", states, _states(series)),
        _spec("watchdog_archive_info", f"Always 1; format by content, gravest reason of the verdict. {_WHOSE}", info, _reasons(series)),
    )


def specs(series: int = DEFAULT_SERIES) -> tuple[MetricSpec, ...]:
    """Return the table; ``series`` is how many newest files of a directory get series of their own."""
    return (*_DIRECTORY_SPECS, *_file_specs(series))


SPECS: tuple[MetricSpec, ...] = specs()
