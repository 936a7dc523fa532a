"""The pure rules about files: what is a drift, what is left alone, and what cannot be told."""

from dataclasses import replace

import pytest

from tests.support.sysreptor import DAY, FOLDER, HOUR, START, TARGET, file, good, part_of, rows, scene
from watchdog.model.archives import Salvage
from watchdog.model.repairs import LedgerFacts, ObjectHistory, Risk
from watchdog.panels.sysreptor.drift import KINDS
from watchdog.panels.sysreptor.remedies import PART_SUFFIX, panel_object, run_risk
from watchdog.panels.sysreptor.traces import BackupProcess, Evidence

NIGHT = START - 6 * HOUR


def test_a_target_in_order_has_no_drift_and_nothing_unknown():
    well = scene()
    for _ in range(5):
        judgement = well.look()
        assert (judgement.drifts, judgement.unknown) == ((), ())
    assert {str(each) for each in judgement.fine} >= {f"{kind}/{TARGET}" for kind in ("backups", "log", "licence", "release", "room")}


def test_each_kind_has_a_name_of_its_own_that_settings_know():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    assert scene(kinds=dict.fromkeys(names, "observe")).kinds() == set()


# -- backup_too_old ------------------------------------------------------------------------------------------------------------


def test_the_newest_verified_backup_is_too_old():
    old = scene()
    old.log = None
    assert old.kinds(19 * HOUR) == set()
    found = old.the("backup_too_old", 2 * HOUR)
    assert str(found.subject) == f"backups/{TARGET}"
    assert found.proposal.remedy == "run_backup" and found.hold is None
    assert found.proposal.facts["last_good"] == old.files[0].path
    assert found.proposal.facts["expected_bytes"] == 1 << 30 and found.proposal.facts["last_seconds"] == 60.0


def test_an_empty_directory_has_no_backup_and_that_is_known():
    none = scene()
    none.files = []
    assert none.the("backup_too_old").truth == "there is no verified backup"


def test_age_goes_by_what_is_inside_not_by_when_the_file_was_copied():
    copied = scene()
    copied.files = [good(START - 40 * HOUR)]
    identity = replace(copied.files[0].identity, mtime_ns=int((START - HOUR) * 1e9))
    verification = replace(copied.files[0].verification, identity=identity)
    copied.files[0] = replace(copied.files[0], identity=identity, verification=verification)
    assert "backup_too_old" in copied.kinds()


def test_a_panel_whose_clock_goes_ahead_makes_no_backup_younger():
    ahead = scene()
    ahead.files = [good(START - 40 * HOUR)]
    verification = replace(ahead.files[0].verification, facts=(("finished_us", round((START + DAY) * 1e6)),))
    ahead.files = [replace(ahead.files[0], verification=verification)]
    assert "backup_too_old" in ahead.kinds()


@pytest.mark.parametrize(
    ("newer", "reason"),
    [
        (file(NIGHT + DAY), "not_verified_yet"),
        (replace(file(NIGHT + DAY), stable=False), "not_verified_yet"),
        (file(NIGHT + DAY, "unverifiable", reason="encrypted", kind="c2ypt"), "unverifiable"),
        (replace(file(NIGHT + DAY, "good"), identity=replace(file(NIGHT).identity, mtime_ns=int((NIGHT + DAY) * 1e9))), "not_verified_yet"),
    ],
)
def test_while_a_newer_file_is_not_proven_nobody_knows_whether_the_newest_is_too_old(newer, reason):
    waiting = scene()
    waiting.files.append(newer)
    waiting.log = None
    assert waiting.unknown(22 * HOUR)[f"backups/{TARGET}"] == reason


def test_an_old_file_that_is_not_proven_makes_nothing_young():
    waiting = scene()
    waiting.files = [good(START - 50 * HOUR), file(START - 49 * HOUR)]
    assert "backup_too_old" in waiting.kinds()


@pytest.mark.parametrize("error", ["no_permission", "too_many", "hung"])
def test_a_directory_that_cannot_be_read_has_no_empty_shelf(error):
    blind = scene()
    blind.files = []
    blind.errors[f"{TARGET}:backups"] = error
    for _ in range(3):
        judgement = blind.look(DAY)
        assert {each.kind for each in judgement.drifts} <= {"tasks_stand_still"}
        assert {str(each.subject): each.reason for each in judgement.unknown}[f"backups/{TARGET}"] == "directory_unreadable"


def test_an_old_picture_of_the_directories_says_nothing():
    stale = scene()
    stale.files.append(file(NIGHT + 60, "bad", reason="truncated"))
    stale.archives_age = 600.0
    judgement = stale.look(40 * HOUR)
    assert judgement.drifts == ()
    assert {each.reason for each in judgement.unknown} == {"archives_stale"}


def test_nothing_was_looked_at_yet():
    blind = scene()
    blind.actual = lambda: replace(type(blind).actual(blind), archives=None)
    assert blind.unknown()[f"backups/{TARGET}"] == "archives_unknown"


# -- backup_bad ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "size", "cause"),
    [
        ("empty", 0, "licence"),
        ("json_text", 61, "answer of the panel"),
        ("html_page", 512, "page"),
        ("crlf_mangled", 1 << 30, "terminal"),
        ("missing_end", 1 << 20, "cut"),
        ("truncated", 1 << 20, "cut"),
        ("rows_malformed", 1 << 20, "every table"),
        ("tag_mismatch", 1 << 20, "seal"),
        ("damaged_content", 1 << 20, ""),
    ],
)
def test_a_file_that_is_no_backup_is_set_aside_and_says_why(reason, size, cause):
    broken = scene()
    bad = file(START - HOUR, "bad", reason=reason, size=size)
    broken.files.append(bad)
    found = broken.only("backup_bad")
    assert str(found.subject) == f"archive/{bad.path}"
    assert found.evidence["reason"] == reason and cause in found.evidence["cause"]
    assert found.proposal.remedy == "quarantine"
    assert found.proposal.parameters["path"] == bad.path and found.proposal.parameters["size"] == size
    assert found.proposal.facts["last_good"] is False


def test_what_survives_of_a_cut_backup_is_said():
    broken = scene()
    broken.files.append(
        file(START - HOUR, "bad", reason="truncated", salvage=Salvage(entries=68, bytes=9, names=("VERSION", "backup.jsonl")))
    )
    found = broken.only("backup_bad")
    assert (found.evidence["salvageable_entries"], found.evidence["salvageable_database"]) == (68, True)


def test_a_bad_file_while_there_is_no_good_one_is_the_last_there_is():
    broken = scene()
    broken.files = [file(START - HOUR, "bad", reason="truncated")]
    assert broken.the("backup_bad").proposal.facts["last_good"] is True


def test_a_file_that_changed_after_it_was_found_bad_is_not_judged_by_that():
    changed = scene()
    bad = file(START - HOUR, "bad", reason="truncated")
    changed.files.append(replace(bad, identity=replace(bad.identity, size=7)))
    assert changed.unknown() == {f"archive/{bad.path}": "not_verified_yet"}


def test_a_writer_that_is_only_slow_is_left_alone():
    """A shell's redirection makes the file at once, empty; the panel may think for a while between two pieces."""
    slow = scene()
    slow.files.append(file(START + 30, "bad", reason="empty", size=0))
    assert slow.unknown() == {f"archive/{slow.files[-1].path}": "being_written"}
    slow.log += rows(START + 85, by="admin", finished=False)
    found = slow.only("backup_bad", 61.0)
    assert found.proposal is None and "may still be writing" in found.hold
    assert slow.only("backup_bad", 300.0).proposal is not None
    slow.evidence = Evidence(processes=(BackupProcess(7, began=START + 20),))
    assert slow.only("backup_bad", 300.0).proposal is None
    slow.evidence = Evidence(processes=(BackupProcess(8, began=START + 500),))
    assert slow.only("backup_bad").proposal is not None


def test_what_lies_in_quarantine_is_no_backup():
    aside = scene()
    aside.files.append(file(START - HOUR, "bad", reason="truncated", name="quarantine/sysreptor-full-backup-1.zip"))
    assert aside.kinds() == set()


def test_a_bad_file_that_vanished_from_a_directory_that_cannot_be_read_is_not_mended():
    broken = scene()
    bad = file(START - HOUR, "bad", reason="truncated")
    broken.files.append(bad)
    assert broken.kinds() == {"backup_bad"}
    broken.files.remove(bad)
    broken.errors[f"{TARGET}:backups"] = "no_permission"
    for _ in range(3):
        assert broken.unknown()[f"archive/{bad.path}"] == "directory_unreadable"
    broken.errors.clear()
    assert broken.unknown() == {}


# -- backup_shrunk, backup_incomplete, backup_exposed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "less"),
    [
        ({"size": 700 << 20}, "bytes"),
        ({"rows.pentests.pentestproject": 20}, "rows.pentests.pentestproject"),
        ({"files": 60}, "files"),
        ({"bytes.uploadedimages": 6 << 20}, "bytes.uploadedimages"),
    ],
)
def test_the_newest_backup_holds_much_less_than_those_before(changes, less):
    small = scene()
    small.files = [good(NIGHT, **changes), *(good(NIGHT - n * DAY, **{"bytes.uploadedimages": 9 << 20}) for n in range(1, 5))]
    found = small.only("backup_shrunk")
    assert found.evidence["less"] == less and found.proposal is None
    assert str(found.subject) == f"archive/{small.files[0].path}"


@pytest.mark.parametrize(
    "changes", [{"size": 800 << 20}, {"rows.users.pentestuser": 1}, {"files": 71}, {"rows.pentests.pentestproject": 90}]
)
def test_everyday_work_is_no_shrinking(changes):
    small = scene()
    small.files[0] = good(NIGHT, **changes)
    assert small.kinds() == set()


def test_two_backups_make_no_trend_and_an_older_small_one_is_past():
    small = scene()
    small.files = [good(NIGHT, size=1), good(NIGHT - DAY), good(NIGHT - 2 * DAY)]
    assert small.kinds() == set()
    other = scene()
    other.files[1] = good(NIGHT - DAY, size=1)
    assert other.kinds() == set()


def test_missing_and_empty_files_in_the_newest_are_told_of_it_alone():
    lacking = scene()
    lacking.files[0] = good(NIGHT, references_missing=2, files_empty=1)
    lacking.files[2] = good(NIGHT - 2 * DAY, references_missing=2)
    found = lacking.only("backup_incomplete")
    assert (found.evidence["references_missing"], found.evidence["files_empty"]) == (2, 1)
    assert str(found.subject) == f"archive/{lacking.files[0].path}" and found.proposal is None
    lacking.files[0] = good(NIGHT, references_missing=None)
    assert lacking.kinds() == set()


def test_fewer_verified_backups_than_should_be_kept():
    few = scene(backups={"path": FOLDER, "keep": 6})
    found = few.only("backups_too_few")
    assert (found.evidence["verified"], found.evidence["keep"]) == (5, 6) and found.proposal is None
    few.files.append(file(START - 30 * DAY))
    assert few.unknown()[f"shelf/{TARGET}"] == "not_verified_yet"
    few.files[-1] = file(START - 30 * DAY, "bad", reason="truncated")
    assert few.kinds() == {"backups_too_few", "backup_bad"}
    few.files[-1] = good(START - 30 * DAY)
    few.log += rows(START - 30 * DAY)
    assert few.kinds() == set()
    few.errors[f"{TARGET}:backups"] = "hung"
    assert few.unknown()[f"shelf/{TARGET}"] == "directory_unreadable"


def test_a_backup_in_plain_text_that_everybody_may_read():
    open_ = scene()
    open_.files[3] = replace(open_.files[3], mode=0o644)
    found = open_.only("backup_exposed")
    assert "chmod 600" in found.hold and found.proposal is None
    open_.files[3] = replace(open_.files[3], format="c2ypt")
    assert open_.kinds() == set()
    open_.files[3] = replace(open_.files[3], format="zip", mode=0o640)
    assert open_.kinds() == set()


# -- leftover ------------------------------------------------------------------------------------------------------------------


def part(name, age, **more):
    return part_of(name, START - age, **more)


def test_a_part_of_ours_that_nobody_writes_is_removed():
    left = scene()
    left.files.append(part(f"sysreptor-full-backup-x.zip{PART_SUFFIX}", 25 * HOUR))
    found = left.only("leftover")
    assert found.proposal.remedy == "remove_part" and found.proposal.facts["ours"] is True
    assert str(found.subject) == f"part/{FOLDER}/sysreptor-full-backup-x.zip{PART_SUFFIX}"


def test_a_part_of_somebody_else_is_left_to_a_person():
    left = scene()
    left.files.append(part("sysreptor-full-backup-x.zip.part", 25 * HOUR))
    found = left.only("leftover")
    assert found.proposal is None and "not ours" in found.hold


def test_a_part_that_grows_or_is_young_is_work():
    left = scene()
    left.files += [part(f"a{PART_SUFFIX}", 2 * HOUR), replace(part(f"b{PART_SUFFIX}", 30 * HOUR), stable=False)]
    assert left.kinds() == set()


def test_a_part_is_no_backup_even_where_the_pattern_meets_it():
    left = scene(backups={"path": FOLDER, "pattern": "*"})
    name = f"sysreptor-full-backup-x.zip{PART_SUFFIX}"
    left.files += [part(name, HOUR), file(START - HOUR, "bad", name=name, reason="truncated")]
    assert left.kinds() == set()


# -- what holds a run back -----------------------------------------------------------------------------------------------------


def late(**changes):
    old = scene(**changes)
    old.files = [good(START - 40 * HOUR)]
    old.log = [*rows(START - 40 * HOUR)]
    return old


def test_without_a_method_nothing_is_proposed():
    found = late(run={"method": "none"}).the("backup_too_old")
    assert found.proposal is None and "run: {method: exec}" in found.hold


def test_a_window_that_is_shut_holds_and_says_when_it_opens():
    found = late(run={"method": "exec", "window": {"cron": "0 2 * * *", "lasts": "1h"}}).the("backup_too_old")
    assert found.proposal is None and "02:00 UTC" in found.hold


def test_a_run_needs_its_container_or_a_proven_place():
    gone = late()
    gone.docker = replace(gone.docker, containers=())
    assert "no container" in gone.the("backup_too_old").hold
    far = late(run={"method": "api", "window": "always"}, place="remote")
    assert "not proven" in far.the("backup_too_old").hold
    assert late(run={"method": "api", "window": "always"}, place="remote", owner=True).the("backup_too_old").proposal is not None


def test_after_so_many_failures_a_person_is_asked():
    failed = late()
    for attempts, risk in [(2, Risk.DISRUPTIVE), (3, Risk.DESTRUCTIVE)]:
        failed.facts = LedgerFacts(history={panel_object(TARGET): ObjectHistory(attempts=attempts)})
        assert run_risk(failed.the("backup_too_old").proposal.facts) is risk
