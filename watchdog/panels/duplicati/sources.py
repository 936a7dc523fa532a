"""Whether what a job is to back up is still there: on this host, and by what its runs found. Pure. Contract section 4."""

from __future__ import annotations

from statistics import median
from typing import Final

from watchdog.model.drifts import Drift, Scalar
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.notes import SizesNote
from watchdog.panels.duplicati.traces import SourceSeen, of_job
from watchdog.panels.duplicati.view import Backup

SHRUNK: Final = 0.5
"""A run that found less than this part of what the runs before it found is named."""
MOST_RUNS: Final = 6
FEWEST_BEFORE: Final = 2
LITTLE: Final = 10
"""Files below which a change of their number says nothing."""
Run = tuple[float, int, int]
"""When it finished, the bytes and the files that it found."""


def seen(case: Case, backup: Backup) -> tuple[SourceSeen, ...]:
    """Return a job's sources as this host sees them; none when it is not told where they are."""
    return of_job(case.evidence.sources, backup.id, backup.name) or ()


def missing(case: Case, backup: Backup) -> str:
    """Return which source of a job is not there, and how; "" = none, as far as this host can see."""
    for one in seen(case, backup):
        if one.state == "absent":
            return f"{one.path} is not there"
        if one.state == "empty":
            return f"{one.path} is empty: is it mounted?"
    return ""


def whole(case: Case, backup: Backup) -> bool | None:
    """Whether a run would find all: False = it is proven not to, None = nobody knows."""
    if missing(case, backup) or shrunk(case, backup) is not None:
        return False
    known = seen(case, backup)
    return True if known and all(one.state == "there" for one in known) else None


def shrunk(case: Case, backup: Backup) -> tuple[str, int, int] | None:
    """Return (bytes or files, what the newest run found, what the runs before it found), None = it did not shrink."""
    newest, *before = _runs(case, backup) or [(0.0, 0, 0)]
    if len(before) < FEWEST_BEFORE:
        return None
    for word, at, least in (("bytes", 1, 1), ("files", 2, LITTLE)):
        usual = int(median(run[at] for run in before))
        if usual >= least and newest[at] < SHRUNK * usual:
            return word, int(newest[at]), usual
    return None


def remember(case: Case, backup: Backup) -> None:
    """Keep what the newest run found beside those before it."""
    runs = _runs(case, backup)
    if runs:
        case.notes.keep(f"sizes/{backup.id}", SizesNote(",".join(f"{at:.0f} {size} {files}" for at, size, files in runs)))


def about_sources(case: Case, backup: Backup) -> list[Drift | None]:
    """Judge a job's sources."""
    remember(case, backup)
    subject, found = case.backup(backup), []
    gone = missing(case, backup)
    if not gone and backup.metadata.error == "source_missing" and _is_newest_error(backup):
        gone = "its last run did not find one of them"
    if gone:
        found.append(case.drift("source_missing", subject, gone, "it is to be backed up", hold="mount it, or take it out of the job"))
    less = shrunk(case, backup)
    if less is not None:
        word, now, usual = less
        evidence: dict[str, Scalar] = {"what": word, "found": now, "usual": usual}
        told = "look at the source before old versions are deleted"
        found.append(
            case.drift("source_shrunk", subject, f"the last run found {now} {word}", f"the runs before found {usual}", evidence, hold=told)
        )
    return [*found]


def _is_newest_error(backup: Backup) -> bool:
    metadata = backup.metadata
    return metadata.error_at is not None and (metadata.finished is None or metadata.error_at >= metadata.finished)


def _runs(case: Case, backup: Backup) -> list[Run]:
    """Return what the last runs found, the newest first."""
    kept = case.notes.get(f"sizes/{backup.id}", SizesNote)
    runs = [run for text in (kept.runs.split(",") if kept is not None and kept.runs else []) if (run := _run(text)) is not None]
    metadata = backup.metadata
    if metadata.finished is None or metadata.source_bytes is None or metadata.source_files is None:
        return runs
    newest = (metadata.finished, metadata.source_bytes, metadata.source_files)
    return [newest, *(run for run in runs if round(run[0]) != round(newest[0]))][:MOST_RUNS]


def _run(text: str) -> Run | None:
    parts = text.split()
    if len(parts) != len(("at", "bytes", "files")) or not all(part.lstrip("-").isdigit() for part in parts):
        return None
    return float(parts[0]), int(parts[1]), int(parts[2])
