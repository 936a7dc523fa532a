"""The rules about files: bad ones, the newest one's age and worth, parts left behind (contract sections 3 and 4: D1, D5, D6, D9). Pure."""

from __future__ import annotations

from statistics import median
from typing import Final

from watchdog.model.archives import ArchiveFile
from watchdog.model.drifts import Drift, Scalar, Subject
from watchdog.model.parts import Part, joined, one, unsure
from watchdog.panels.sysreptor import remedies, wishes
from watchdog.panels.sysreptor.cases import Case
from watchdog.panels.sysreptor.meaning import TREND_MODELS
from watchdog.panels.sysreptor.references import DIRECTORIES
from watchdog.panels.sysreptor.shelf import Backup

TREND: Final = 7
"""So many verified backups before the newest make its median, and"""
LEAST_TREND: Final = 3
"""from so many on there is one."""
LEAST_COUNT: Final = 10
LEAST_BYTES: Final = 1 << 20
"""A kind of which there was less than this (rows, files; bytes of a folder) may lose any of it: that is everyday work."""
FOREIGN_PART_AGE: Final = 24 * 3600.0
READABLE_BY_ALL: Final = 0o004
SEALED: Final = "c2ypt"
"""The format word of an encrypted backup."""
CAUSES: Final = {
    "empty": "the command wrote nothing: without a Professional licence that is what it leaves (contract 1.1)",
    "json_text": "it is an answer of the panel that says why there is no backup",
    "html_page": "it is a saved page, such as an error of a proxy or of the panel",
    "crlf_mangled": "it went through a terminal: make it without one (docker exec without -t)",
    "missing_end": "it was cut: a download that ended early, or a command that never flushed its output (2025.12 and older)",
    "truncated": "it was cut while it was written or downloaded",
    "truncated_directory": "it was cut at its very end: a command that never flushed its output (2025.12 and older), or a download",
    "tag_mismatch": "it was cut or changed: its seal does not fit",
    "rows_malformed": "a restore would drop every table before it finds that out",
    "no_users": "after a restore nobody could log in",
}


def about_files(case: Case) -> Part:
    """Judge each file that a verification has decided on."""
    shelf = case.shelf
    if shelf.stale:
        return joined(unsure(_subject(each), shelf.reason, shelf.message) for each in shelf.backups)
    return joined(_about_file(case, each, shelf.newest_good) for each in shelf.backups)


def about_age(case: Case) -> Part:
    """Report when the newest verified backup is too old, or when there is none (D5)."""
    subject, shelf, limit = case.subject("backups"), case.shelf, case.settings.backups.max_age
    if not shelf.clear:
        return unsure(subject, shelf.reason, shelf.message)
    newest = shelf.newest_good
    if newest is not None and case.wall - newest.made_at <= limit:
        return one(subject)
    undecided = shelf.undecided_since(case.wall - limit)
    if undecided is not None:
        return unsure(subject, *_undecided(undecided))
    proposal, hold = wishes.run(case, "backup_too_old")
    evidence: dict[str, Scalar] = {"max_age": limit, "newest": newest.name if newest else ""}
    truth = f"the newest verified backup is {newest.name}, and it is too old" if newest else "there is no verified backup"
    belief = _believed(case)
    return one(subject, case.drift("backup_too_old", subject, truth, belief, evidence, proposal, hold))


def about_number(case: Case) -> Part:
    """Report when fewer verified backups lie there than are wanted; that there is none at all is a matter of age."""
    subject, shelf, wanted = case.subject("shelf"), case.shelf, case.settings.backups.keep
    if not shelf.clear:
        return unsure(subject, shelf.reason, shelf.message)
    good, open_ones = len(shelf.of("good")), [*shelf.of("pending"), *shelf.of("unverifiable")]
    if good >= wanted or wanted <= 1:
        return one(subject)
    if good + len(open_ones) >= wanted:
        return unsure(subject, *_undecided(open_ones[0]))
    evidence: dict[str, Scalar] = {"verified": good, "keep": wanted}
    hold = "look what removes the older ones, or whether too few were made: with one alone there is nothing to fall back on"
    truth = f"{good} verified backups lie there, {wanted} should"
    return one(subject, case.drift("backups_too_few", subject, truth, "", evidence, None, hold))


def about_parts(case: Case) -> Part:
    """Report parts that nobody writes any more (D9): ours can go, others a person must look at."""
    return joined(_about_part(case, each) for each in case.shelf.parts if not case.shelf.stale)


def bad(case: Case, backup: Backup) -> Drift:
    """Report a file that is no backup (D1, D9): restoring it would fail, before or after the tables are dropped."""
    verification, last_good = backup.verification, case.shelf.newest_good
    salvage = verification.salvage
    reason = verification.reason or "bad"
    evidence: dict[str, Scalar] = {
        "reason": reason,
        "level": verification.level,
        "bytes": backup.bytes,
        "salvageable_entries": salvage.entries if salvage else 0,
        "salvageable_database": salvage is not None and "backup.jsonl" in salvage.names,
        "cause": CAUSES.get(reason, ""),
    }
    proposal = remedies.quarantine(case.settings, backup.file, reason=reason, last_good=last_good is None or not case.shelf.clear)
    truth, belief = f"it is no good: {verification.message or reason}", "its name says that it is a backup"
    if _may_be_written(case, backup):
        hold = f"somebody may still be writing it: {case.busy()}"
        return case.drift("backup_bad", _subject(backup), truth, belief, evidence, None, hold)
    return case.drift("backup_bad", _subject(backup), truth, belief, evidence, proposal, None)


def shrunk(case: Case, newest: Backup) -> Drift | None:
    """Report when the newest backup holds much less than those before it (D6); it stays where it is, and so do they."""
    before = [each for each in case.shelf.of("good") if each is not newest][:TREND]
    if len(before) < LEAST_TREND:
        return None
    share = case.settings.backups.shrink / 100
    less: list[str] = []
    if newest.bytes < median(each.bytes for each in before) * (1 - share):
        less.append("bytes")
    for name in ("files", *(f"bytes.{folder}" for folder in DIRECTORIES), *(f"rows.{model}" for model in TREND_MODELS)):
        now, earlier = newest.number(name), [n for each in before if (n := each.number(name)) is not None]
        if now is not None and len(earlier) >= LEAST_TREND and median(earlier) >= _least(name) and now < median(earlier) * (1 - share):
            less.append(name)
    if not less:
        return None
    evidence: dict[str, Scalar] = {"less": " ".join(less), "bytes": newest.bytes}
    hold = "keep the older ones, and look in the panel whether so much was deleted"
    truth = f"it holds much less than the {len(before)} verified ones before it: {', '.join(less)}"
    return case.drift("backup_shrunk", _subject(newest), truth, "the panel says that it finished", evidence, None, hold)


def incomplete(case: Case, newest: Backup) -> Drift | None:
    """Report files that are missing or empty in the newest backup: the panel swallows what it cannot read (contract 1.3; D6)."""
    missing, empty = newest.number("references_missing") or 0, newest.number("files_empty") or 0
    if not missing and not empty:
        return None
    texts = [text for word, text in newest.verification.remarks if word in ("files_missing", "files_empty")]
    evidence: dict[str, Scalar] = {"references_missing": missing, "files_empty": empty}
    hold = "look whether the panel's storage has these files: what it could not read it left out or wrote empty, without an error"
    return case.drift(
        "backup_incomplete", _subject(newest), "; ".join(texts) or "files are missing or empty in it", "the panel says that it finished",
        evidence, None, hold,
    )  # fmt: skip


def exposed(case: Case, backup: Backup) -> Drift | None:
    """Report a backup in plain text that everybody on this host may read: all of the customers' findings, and the panel's secrets."""
    if backup.file.format == SEALED or not backup.file.mode & READABLE_BY_ALL:
        return None
    evidence: dict[str, Scalar] = {"mode": f"{backup.file.mode:04o}"}
    hold = f"'chmod 600 {backup.file.path}', and write with umask 077: nothing in it is encrypted, not even what the panel encrypts at rest"
    return case.drift("backup_exposed", _subject(backup), "everybody on this host may read it", "", evidence, None, hold)


def _about_file(case: Case, backup: Backup, newest: Backup | None) -> Part:
    subject = _subject(backup)
    if backup.standing == "pending":
        return unsure(subject, *_undecided(backup))
    if backup.standing == "bad":
        return one(subject, bad(case, backup))
    if backup.standing == "unverifiable":
        found = exposed(case, backup)
        return Part((found,)) if found else unsure(subject, *_undecided(backup))
    drifts = [exposed(case, backup)]
    if backup is newest:
        drifts += [shrunk(case, backup), incomplete(case, backup)]
    return one(subject, *drifts)


def _about_part(case: Case, part: ArchiveFile) -> Part:
    subject = Subject("part", part.path, part.path.rpartition("/")[2])
    age, ours = case.wall - part.identity.mtime_ns / 1e9, part.path.endswith(remedies.PART_SUFFIX)
    if not part.stable or age < (remedies.PART_AGE if ours else FOREIGN_PART_AGE):
        return one(subject)
    evidence: dict[str, Scalar] = {"bytes": part.identity.size, "ours": ours}
    proposal = remedies.remove_part(case.settings, part.path, part.identity) if ours else None
    hold = None if ours else "it is not ours, so it stays: look whose it is, and remove it yourself"
    truth = "it is a part of a backup that nobody has written to for a day"
    return one(subject, case.drift("leftover", subject, truth, "", evidence, proposal, hold))


def _least(name: str) -> int:
    return LEAST_BYTES if name.startswith("bytes.") else LEAST_COUNT


def _subject(backup: Backup) -> Subject:
    return Subject("archive", backup.file.path, backup.name)


def _may_be_written(case: Case, backup: Backup) -> bool:
    """Whether a backup is being made that may be this file's: its process lives, or it changed a moment ago and the log has one open."""
    if case.evidence.processes:
        return any(each.began is None or each.began <= backup.changed_at for each in case.evidence.processes)
    return case.busy() != "" and case.wall - backup.changed_at < case.settings.run.timeouts.between


def _undecided(backup: Backup) -> tuple[str, str]:
    if backup.standing == "unverifiable":
        verification = backup.verification
        return "unverifiable", f"{backup.name} can neither be proven nor refuted: {verification.message or verification.reason}"
    if backup.verification.verdict is not None and backup.verification.identity == backup.file.identity:
        return "being_written", f"{backup.name} changed a moment ago: it may still be written"
    return "not_verified_yet", f"{backup.name} has not been verified yet ({backup.verification.message or backup.verification.state})"


def _believed(case: Case) -> str:
    if case.runs is None:
        return "the panel was not asked"
    finished = next((run.finished for run in case.runs if run.finished is not None), None)
    return "the panel's log has no backup that finished" if finished is None else "the panel's log has a backup that finished"
