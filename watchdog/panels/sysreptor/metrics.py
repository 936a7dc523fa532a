"""What this panel believes, and what lies where its backups land, as metrics. A table; the rows are computed purely.

Of backups only the newest verified one has numbers of its own, so that the number of series does not grow with the retention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from watchdog.model.metrics import Metric, MetricSpec, MetricType, Row
from watchdog.model.snapshots import Actual
from watchdog.panels.sysreptor import shelf
from watchdog.panels.sysreptor.bucket_metrics import BUCKET_METRICS
from watchdog.panels.sysreptor.cases import lasted
from watchdog.panels.sysreptor.history import runs_of
from watchdog.panels.sysreptor.meaning import TREND_MODELS
from watchdog.panels.sysreptor.references import DIRECTORIES
from watchdog.panels.sysreptor.shelf import Backup, Standing
from watchdog.panels.sysreptor.view import Health, Licence, Preflight, SysreptorView

PANEL: Final = "From the panel's API."
FILES: Final = "From our own verification of the files."
DATABASE: Final = "From the panel's database."
STANDINGS: Final[tuple[Standing, ...]] = ("good", "bad", "unverifiable", "pending")
CHECKS: Final = ("database", "migrations", "cache")
_TARGET: Final = ("target",)
Rows = Callable[[str, Actual, SysreptorView], Iterable[Row]]


def _info(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    yield (target, view.version or "unknown"), 1.0


def _answers(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    if view.reached is not None:
        yield (target,), float(view.reached)


def _health(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    health = view.health or Health()
    for check, value in zip(CHECKS, (health.database, health.migrations, health.cache), strict=True):
        if value is not None:
            yield (target, check), float(value)


def _licence(value: Callable[[Licence], float | None]) -> Rows:
    def rows(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
        number = value(view.licence) if view.licence is not None else None
        if number is not None:
            yield (target,), float(number)

    return rows


def _preflight(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    for word in Preflight:
        yield (target, word.value), float(view.preflight is word)


def _newest_rows(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    newest: dict[str, float] = {}
    for row in view.log or ():
        newest[row.type.value] = max(newest.get(row.type.value, 0.0), row.at)
    yield from (((target, word), at) for word, at in sorted(newest.items()))


def _unfinished(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    if view.log is not None:
        yield (target,), float(sum(1 for run in runs_of(view.log) if run.finished is None))


def _tasks(target: str, _: Actual, view: SysreptorView) -> Iterator[Row]:
    yield from (((target, task.id), task.started) for task in view.tasks or ())


def _standings(target: str, actual: Actual, _: SysreptorView) -> Iterator[Row]:
    found = shelf.last_seen(target, actual)
    if found is not None:
        yield from (
            ((target, standing), float(len([each for each in found.backups if each.standing == standing]))) for standing in STANDINGS
        )


def _parts(target: str, actual: Actual, _: SysreptorView) -> Iterator[Row]:
    found = shelf.last_seen(target, actual)
    if found is not None:
        yield (target,), float(len(found.parts))


def _newest(actual: Actual, target: str) -> Backup | None:
    found = shelf.last_seen(target, actual)
    return found.newest_good if found is not None else None


def _of_newest(value: Callable[[Backup], float | None]) -> Rows:
    def rows(target: str, actual: Actual, _: SysreptorView) -> Iterator[Row]:
        newest = _newest(actual, target)
        number = value(newest) if newest is not None else None
        if number is not None:
            yield (target,), float(number)

    return rows


def _told(names: Iterable[tuple[str, str]]) -> Rows:
    """Return rows of what the newest one's meaning told: (label value, name of the fact)."""
    pairs = tuple(names)

    def rows(target: str, actual: Actual, _: SysreptorView) -> Iterator[Row]:
        newest = _newest(actual, target)
        for label, name in pairs if newest is not None else ():
            number = newest.number(name) if newest is not None else None
            if number is not None:
                yield (target, label), float(number)

    return rows


def _headroom(target: str, actual: Actual, _: SysreptorView) -> Iterator[Row]:
    newest = _newest(actual, target)
    host = actual.host.facts if actual.host is not None else None
    disks = [each for each in (host.filesystems if host is not None else ()) if each.name == f"{target}:backups" and each.error is None]
    if newest is not None and newest.bytes and disks:
        yield (target,), disks[0].free_bytes / newest.bytes


def _spec(name: str, text: str, labels: tuple[str, ...], rows: Rows, kind: MetricType = "gauge") -> MetricSpec:
    return MetricSpec(Metric(f"watchdog_sysreptor_{name}", kind, text, labels), rows)


METRICS: Final[tuple[MetricSpec, ...]] = (
    _spec("panel_info", f"The panel's release. {PANEL}", ("target", "version"), _info, "info"),
    _spec(
        "answers",
        f"Whether the panel answered anything in the last look; files are judged also while it does not. {PANEL}",
        _TARGET,
        _answers,
    ),
    _spec("healthy", f"What the panel's healthcheck says of its database, migrations and cache. {PANEL}", ("target", "check"), _health),
    _spec(
        "licence_professional",
        f"Whether the licence allows backups. {PANEL}",
        _TARGET,
        _licence(lambda licence: float(licence.professional)),
    ),
    _spec(
        "licence_valid_until_timestamp_seconds", f"When the licence ends. {PANEL}", _TARGET, _licence(lambda licence: licence.valid_until)
    ),
    _spec("licence_users", f"Users that the licence allows. {PANEL}", _TARGET, _licence(lambda licence: licence.users)),
    _spec("licence_active_users", f"Users that count for the licence. {PANEL}", _TARGET, _licence(lambda licence: licence.active_users)),
    _spec(
        "preflight", f"Whether this is what the panel says when asked if it would make a backup. {PANEL}", ("target", "answer"), _preflight
    ),
    _spec(
        "log_newest_timestamp_seconds",
        f"When the newest row of each type in the log of backups was written; a finished row proves no backup. {PANEL}",
        ("target", "type"),
        _newest_rows,
    ),
    _spec("runs_unfinished", f"Backups that began since the last restore and have no end in the log. {PANEL}", _TARGET, _unfinished),
    _spec("task_started_timestamp_seconds", f"When a periodic task last began. {DATABASE}", ("target", "task"), _tasks),
    _spec("backups", f"Files by how they stand. {FILES}", ("target", "standing"), _standings),
    _spec("parts", f"Parts of backups that are being written or were left behind. {FILES}", _TARGET, _parts),
    _spec(
        "last_good_timestamp_seconds",
        f"When the newest verified backup was made. {FILES}",
        _TARGET,
        _of_newest(lambda newest: newest.made_at),
    ),
    _spec("last_good_bytes", f"Size of the newest verified backup. {FILES}", _TARGET, _of_newest(lambda newest: newest.bytes)),
    _spec(
        "last_good_level",
        f"How deep the newest verified backup was verified: 0 head, 1 structure, 2 every byte, 3 meaning. {FILES}",
        _TARGET,
        _of_newest(lambda newest: newest.verification.level),
    ),
    _spec(
        "last_good_entries",
        f"Entries of the newest verified backup. {FILES}",
        _TARGET,
        _of_newest(lambda newest: newest.verification.entries),
    ),
    _spec("last_good_duration_seconds", f"How long the newest verified backup took, by its own word. {FILES}", _TARGET, _of_newest(lasted)),
    _spec(
        "last_good_rows",
        f"Rows in the newest verified backup by model. {FILES}",
        ("target", "model"),
        _told((model, f"rows.{model}") for model in TREND_MODELS),
    ),
    _spec(
        "last_good_files",
        f"Files in the newest verified backup by folder. {FILES}",
        ("target", "folder"),
        _told((folder, f"files.{folder}") for folder in DIRECTORIES),
    ),
    _spec(
        "last_good_folder_bytes",
        f"Bytes of the files in the newest verified backup by folder. {FILES}",
        ("target", "folder"),
        _told((folder, f"bytes.{folder}") for folder in DIRECTORIES),
    ),
    _spec(
        "last_good_lacking_files",
        f"Files that the newest verified backup lacks: missing although a row refers to them, or empty. {FILES}",
        ("target", "what"),
        _told((("missing", "references_missing"), ("empty", "files_empty"))),
    ),
    _spec(
        "disk_headroom_ratio",
        "Free bytes where backups land, as a multiple of the newest verified one. From our own look.",
        _TARGET,
        _headroom,
    ),
    *BUCKET_METRICS,
)
