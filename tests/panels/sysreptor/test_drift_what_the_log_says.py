"""The pure rules about the panel's log beside the files (level 4): version by version, and what a log that ends early does not prove."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sysreptor import APP, DAY, FOLDER, HOUR, START, TARGET, app, engine, file, good, part_of, rows, scene, setup, us
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.sysreptor.history import runs_of
from watchdog.panels.sysreptor.remedies import PART_SUFFIX, RUN, panel_object
from watchdog.panels.sysreptor.traces import BackupProcess, Evidence
from watchdog.panels.sysreptor.view import LogRow, LogType, SysreptorView

NIGHT = START - 6 * HOUR
NOON = START - 2 * HOUR


def kinds_of(judgement):
    return {each.kind for each in judgement.drifts}


# -- backup_without_file -------------------------------------------------------------------------------------------------------


def test_the_log_says_finished_and_no_file_is_of_it():
    lost = scene()
    lost.log += rows(NOON)
    found = lost.only("backup_without_file")
    assert str(found.subject) == f"backup/row-{NOON:.0f}"
    assert found.proposal.remedy == "run_backup" and found.proposal.object.kind == "panel"


def test_a_file_that_is_cut_is_named_beside_its_row():
    cut = scene()
    cut.log += rows(NOON)
    cut.files.append(file(NOON + 1, "bad", reason="missing_end"))
    judgement = cut.look()
    assert kinds_of(judgement) == {"backup_without_file", "backup_bad"}
    found = next(each for each in judgement.drifts if each.kind == "backup_without_file")
    assert found.evidence["bad_file"] == cut.files[-1].path.rpartition("/")[2]


def test_what_a_person_downloaded_may_be_elsewhere_and_it_says_so():
    taken = scene()
    taken.log += rows(NOON, by="admin")
    assert "taken it elsewhere" in taken.only("backup_without_file").truth


def test_a_file_may_still_be_under_way_a_little_after_its_row():
    quick = scene()
    quick.log += rows(START + 30.0)
    assert quick.kinds() == set()
    assert quick.kinds(10 * 60.0) == {"backup_without_file"}


@pytest.mark.parametrize(
    "newest",
    [
        good(NOON, row="other"),
        good(NOON, row=f"row-{NOON:.0f}", started_us=None, finished_us=None, log_us=None),
        good(NOON + 7, row="other", started_us=us(NOON - 60.0)),
        good(NOON + HOUR, row="later"),
    ],
    ids=["its end to the microsecond", "its own row", "its start to the microsecond", "a later one"],
)
def test_a_verified_file_of_that_run_or_a_later_one_is_enough(newest):
    well = scene()
    well.log += rows(NOON)
    well.files.append(newest)
    assert "backup_without_file" not in well.kinds()


def test_a_file_one_microsecond_off_is_of_another_run():
    off = scene()
    off.log += rows(NOON)
    off.files.append(good(NOON - 5, row="x", started_us=us(NOON - 60) + 1, finished_us=us(NOON - 5)))
    assert "backup_without_file" in off.kinds()


@pytest.mark.parametrize("newer", [file(NOON), file(NOON, "unverifiable", reason="encrypted")])
def test_while_its_file_is_not_proven_it_is_unknown(newer):
    waiting = scene()
    waiting.log += rows(NOON)
    waiting.files.append(newer)
    judgement = waiting.look()
    assert judgement.drifts == ()
    assert f"backup/row-{NOON:.0f}" in {str(each.subject) for each in judgement.unknown}


def test_what_retention_removed_is_not_missed():
    kept = scene()
    kept.files = kept.files[:1]
    assert kept.kinds() == set()


def test_an_unreadable_log_mends_nothing():
    lost = scene()
    lost.log += rows(NOON)
    assert lost.kinds() == {"backup_without_file"}
    log, lost.log = lost.log, None
    for _ in range(3):
        assert lost.unknown() == {f"log/{TARGET}": "log_unreadable", f"backup/row-{NOON:.0f}": "log_unreadable"}
    lost.log = log
    assert lost.kinds() == {"backup_without_file"}


def test_without_a_token_there_is_no_log_to_judge():
    alone = scene(url=None, token_file=None, backup_key_file=None)
    alone.seen = SysreptorView
    judgement = alone.look()
    assert (judgement.drifts, judgement.unknown) == ((), ())


# -- backup_unfinished ---------------------------------------------------------------------------------------------------------


def hung(by="admin", ago=13 * HOUR, **changes):
    odd = scene(backups={"path": FOLDER, "max_age": "3d"}, **changes)
    odd.log += rows(START - ago + 60, by=by, finished=False, row="hung")
    odd.files = [each for each in odd.files if each.identity.mtime_ns < (START - ago) * 1e9]
    odd.log = [each for each in odd.log if each.at < START - ago + 1]
    return odd


def test_a_backup_began_and_never_ended():
    found = hung().only("backup_unfinished")
    assert str(found.subject) == "backup/hung"
    assert found.proposal.remedy == "run_backup" and found.evidence["by"] == "admin"


def test_one_that_may_still_go_on_is_no_drift_and_holds_others_back():
    young = hung(ago=5 * HOUR)
    young.files = [good(START - 80 * HOUR)]
    young.log = [*rows(START - 80 * HOUR), young.log[-1]]
    assert young.log[-1].id == "hung"
    judgement = young.look()
    assert "backup_unfinished" not in kinds_of(judgement)
    late = next(each for each in judgement.drifts if each.kind == "backup_too_old")
    assert late.proposal is None and "may still go on" in late.hold


def test_a_command_whose_container_runs_none_is_dead_at_once():
    dead = hung(by="", ago=HOUR)
    assert dead.kinds() == {"backup_unfinished"}
    other = app(id="b" * 64, name=f"{APP}-run-1a2b")
    dead.docker = engine([app(), other])
    assert dead.kinds() == set(), "it may run in the other container of that image"
    dead.docker = engine()
    dead.evidence = Evidence(processes=None, processes_error="no_engine")
    assert dead.kinds() == set()


def ours(**changes):
    """Return a target whose download of ours was cut, 20 minutes ago."""
    cut = scene(run={"method": "api", "window": "always"}, **changes)
    cut.files, cut.log = [good(START - 40 * HOUR)], rows(START - 40 * HOUR)
    cut.log += rows(START - 1080, by="watchdog", finished=False, row="cut")
    cut.facts = LedgerFacts(last_remedy_at={(RUN, panel_object(TARGET)): START - 1200.0})
    return cut


def test_a_run_of_ours_that_came_to_nothing_holds_no_other_back():
    judgement = ours().look()
    late = next(each for each in judgement.drifts if each.kind == "backup_too_old")
    assert late.proposal.facts["dead_runs"] == "cut"
    assert kinds_of(judgement) == {"backup_too_old", "backup_unfinished"}


def test_it_is_remembered_over_the_next_attempt():
    again = ours()
    again.look()
    again.log += rows(START - 60, by="watchdog", finished=False, row="next")
    again.facts = LedgerFacts(last_remedy_at={(RUN, panel_object(TARGET)): START - 130.0})
    assert again.the("backup_too_old", 600.0).proposal.facts["dead_runs"] == "next cut"


def test_a_run_of_ours_whose_part_is_being_written_goes_on():
    busy = ours()
    busy.files.append(part_of(f"x{PART_SUFFIX}", START - 30))
    assert "may still go on" in busy.only("backup_too_old").hold
    busy.files[-1] = replace(part_of(f"x{PART_SUFFIX}", START - 9 * HOUR), stable=False)
    assert "may still go on" in busy.only("backup_too_old").hold
    busy.errors[f"{TARGET}:parts"] = "no_permission"
    assert busy.kinds() == set()


def test_what_somebody_else_began_later_is_not_ours():
    other = ours()
    other.log += rows(START - 1000, by="ann", finished=False, row="hers")
    assert "may still go on" in other.the("backup_too_old").hold


def test_an_orphan_in_the_container_is_waited_for():
    orphan = hung(by="")
    orphan.evidence = Evidence(processes=(BackupProcess(4242),))
    found = orphan.only("backup_unfinished")
    assert found.proposal is None and "still runs" in found.hold and found.evidence["processes"] == 1


@pytest.mark.parametrize("by", ["admin", ""])
def test_a_good_backup_made_since_ends_it(by):
    mended = hung(by=by)
    mended.files.append(good(START - HOUR))
    mended.log += rows(START - HOUR)
    assert mended.kinds() == set()


def test_one_whose_own_file_is_good_did_end():
    made = hung()
    made.files.append(good(START - 13 * HOUR + 30, row="hung", finished_us=None, started_us=None, log_us=us(START - 13 * HOUR)))
    assert "backup_unfinished" not in made.kinds()


def test_its_own_start_before_a_restore_is_no_hung_backup():
    restored = hung()
    restored.log.append(LogRow("restore", LogType.RESTORE, us(START - HOUR)))
    assert restored.kinds() == set()


# -- file_without_log ----------------------------------------------------------------------------------------------------------


def stranger(at=NOON):
    return good(at, row="elsewhere", name="sysreptor-full-backup-strange.zip")


def test_a_backup_that_the_log_does_not_know_is_told_and_left_alone():
    foreign = scene()
    foreign.files.append(stranger())
    found = foreign.only("file_without_log")
    assert found.proposal is None and found.evidence["row"] == "elsewhere"
    assert str(found.subject).startswith("origin/")


def test_a_log_that_does_not_go_back_so_far_proves_nothing():
    foreign = scene()
    foreign.files.append(stranger(START - 200 * DAY))
    foreign.view = replace(foreign.view, log_whole=False)
    assert set(foreign.unknown().values()) == {"log_too_short"}
    foreign.view = replace(foreign.view, log_whole=True)
    assert foreign.kinds() == {"file_without_log"}


def test_a_restore_since_explains_it():
    restored = scene()
    restored.files.append(stranger())
    restored.log.append(LogRow("restore", LogType.RESTORE, us(NOON + HOUR)))
    assert "file_without_log" not in restored.kinds()


def test_an_archive_whose_content_was_not_judged_says_nothing_of_its_origin():
    shallow = scene()
    shallow.files.append(file(NOON, "good"))
    assert shallow.kinds() == set()


def test_an_unreadable_log_makes_no_origin_known():
    foreign = scene()
    foreign.files.append(stranger())
    assert foreign.kinds() == {"file_without_log"}
    foreign.log = None
    assert f"origin/{foreign.files[-1].path}" in foreign.unknown()


# -- what rows mean, release by release ----------------------------------------------------------------------------------------


def test_rows_from_before_2025_69_prove_nothing_and_accuse_nobody():
    """The upgrade renamed what was written at the start to backup_finished: such rows have no start beside them (D4)."""
    migrated = scene()
    migrated.log += [LogRow(f"old-{n}", LogType.FINISHED, us(START - 3 * HOUR - n * DAY)) for n in range(50)]
    assert migrated.kinds() == set()
    alone = scene()
    alone.log = [LogRow(f"old-{n}", LogType.FINISHED, us(START - n * HOUR)) for n in range(5)]
    assert "backup_without_file" not in alone.kinds()


def test_old_releases_write_one_word_that_is_no_claim():
    old = scene("2025.64")
    old.log = [
        setup(START - 90 * DAY),
        *(LogRow(f"row-{START - 6 * HOUR - n * DAY:.0f}", LogType.OTHER, us(START - 6 * HOUR - n * DAY)) for n in range(5)),
    ]
    assert old.kinds() == {"version_unsafe"} - ({"version_unsafe"} if old.settings.run.method == "exec" else set())


def test_runs_of_different_people_at_once_are_told_apart():
    log = [
        LogRow("a", LogType.STARTED, 1, "ann"), LogRow("b", LogType.STARTED, 2, "bob"), LogRow("a-end", LogType.FINISHED, 3, "ann"),
        LogRow("c", LogType.STARTED, 4, "bob"), LogRow("c-end", LogType.FINISHED, 5, "bob"),
    ]  # fmt: skip
    assert [(run.started.id, run.finished and run.finished.id) for run in runs_of(log)] == [("c", "c-end"), ("b", None), ("a", "a-end")]


NIGHTS = st.lists(
    st.tuples(st.integers(1, 400), st.sampled_from(["", "admin"]), st.sampled_from(["new", "mid", "old", "migrated", "restored"])),
    min_size=1, max_size=12, unique_by=lambda night: night[0],
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(nights=NIGHTS, shorter=st.booleans(), keep=st.integers(1, 12))
def test_no_healthy_history_has_a_drift(nights, shorter, keep):
    """Whatever releases wrote it: all is well as long as the newest backup is good, its file is there, and the panel is asked."""
    well = scene()
    well.log, well.files = [setup(START - 500 * DAY)], []
    for days, by, era in sorted([*nights, (0, "", "new")], reverse=True):
        at = START - 6 * HOUR - days * DAY
        if era == "restored":  # the past of another database, ended by its own start, and the restore
            well.log = [
                setup(START - 500 * DAY),
                LogRow(f"own-{at}", LogType.STARTED, us(at)),
                LogRow(f"r-{at}", LogType.RESTORE, us(at + 600)),
            ]
            continue
        if era == "migrated":
            well.log.append(LogRow(f"row-{at:.0f}", LogType.FINISHED, us(at - 60), by))
        elif era == "old":
            well.log.append(LogRow(f"row-{at:.0f}", LogType.OTHER, us(at - 60), by))
        else:
            well.log += rows(at, by=by)
        told = {"new": {}, "mid": {"started_us": None, "finished_us": None}}.get(era, {"started_us": None, "finished_us": None})
        well.files.append(good(at, **told))
    well.files = well.files[-keep:]
    well.view = replace(well.view, log_whole=not shorter)
    if shorter:
        well.log = sorted(well.log, key=lambda row: -row.at_us)[:5]
    for _ in range(2):
        assert [each.key for each in well.look().drifts] == []


@settings(max_examples=100, deadline=None)
@given(nights=NIGHTS, bad=st.booleans())
def test_a_lost_newest_backup_is_always_seen(nights, bad):
    lost = scene()
    lost.log, lost.files = [], []
    for days, by, _ in nights:
        at = START - 6 * HOUR - days * DAY
        lost.log += rows(at, by=by)
        lost.files.append(good(at))
    lost.log += rows(NOON)
    if bad:
        lost.files.append(file(NOON, "bad", reason="truncated"))
    assert "backup_without_file" in lost.kinds()
