"""When a job counts as silent, cut off, standing still, failed, stopped, stale, or without what it needs (contract section 4)."""

from dataclasses import replace

import pytest

from tests.support.duplicati_looks import DAY, HOUR, LOOK, MINUTE, START, TARGET, job, looks, paused, result
from watchdog.model.repairs import Risk
from watchdog.panels.duplicati import remedies
from watchdog.panels.duplicati.reports import Report
from watchdog.panels.duplicati.settings import RunWindow
from watchdog.panels.duplicati.states import Task
from watchdog.panels.duplicati.traces import Evidence, JobDatabase, SourceSeen
from watchdog.panels.duplicati.view import Details, Metadata, Notification, Schedule
from watchdog.panels.duplicati.witness import Pulse

DAILY = Schedule(START - HOUR, "1D", (), START - 25 * HOUR)
"""It was due an hour ago."""
NEVER = Metadata()


def risk(proposal):
    return next(each for each in remedies.BACKUP_REMEDIES if each.name == proposal.remedy).risk(proposal.facts)


def late(**given):
    """A job whose slot passed an hour ago, on a server at which we have been looking for ten minutes."""
    found = looks(**given)
    found.change(schedule=DAILY)
    found.ran(START - 25 * HOUR)
    found.state["proposed"] = {"1": START - HOUR}
    found.look(MINUTE)
    found.look(10 * MINUTE)
    return found


def test_a_server_in_order_has_no_drift():
    found = looks()
    judged = found.look()
    assert judged.drifts == () and judged.unknown == ()
    assert {str(each) for each in judged.fine} >= {"backup/1", f"server/{TARGET}"}


# ---- backup_overdue, backup_queued_behind ----------------------------------------------------------------------------------


def test_a_job_past_its_slot_and_the_grace_is_silent():
    found = late()
    drift = found.the("backup_overdue")
    assert drift.evidence["due"] == START - HOUR and drift.subject.id == "1"
    assert drift.proposal.remedy == "run" and drift.proposal.parameters == {"backup": "1"} and risk(drift.proposal) is Risk.DISRUPTIVE


@pytest.mark.parametrize(
    ("change", "silent"),
    [
        (lambda found: found.runs(), False),
        (lambda found: found.state.update(queue=(Task(9, "1"),)), False),
        (lambda found: found.state.update(paused=True), False),
        (lambda found: setattr(found, "pauses", (paused("photos"),)), False),
        (lambda found: setattr(found, "pauses", (paused("1"),)), False),
        (lambda found: setattr(found, "pauses", (paused("other"),)), True),
        (lambda found: found.change(details=Details(options={"disable-on-battery": "true"})), False),
        (lambda found: found.change(schedule=None), False),
        (lambda found: found.change(schedule=replace(DAILY, repeat="")), False),
        (lambda found: found.runs("2"), True),
        # a Tuesday's and Thursday's job: its stored time lies in the past on a Monday, and it is not due
        (lambda found: found.change(schedule=replace(DAILY, days=("tue", "thu"))), False),
        (lambda found: found.change(schedule=replace(DAILY, days=("mon",))), True),
    ],
)
def test_who_may_run_and_does_not_is_silent(change, silent):
    found = late()
    change(found)
    assert ("backup_overdue" in found.kinds(300)) is silent


@pytest.mark.parametrize(
    ("ran", "silent"),
    [
        (lambda found, at: found.note(started=at, finished=at + 60), False),
        (lambda found, at: found.note(error_at=at, error="other"), False),
        (lambda found, at: found.change(result=result(at + 60, ident=2)), False),
        (lambda found, at: found.reports.update({"1": Report("1", "photos", "m", "Backup", "success", at, at, at + 60)}), False),
        (lambda found, at: found.note(started=START - 2 * HOUR, finished=at), True),  # it had begun before the slot
    ],
)
def test_a_run_that_a_person_asked_for_serves_the_slot_though_it_moves_nothing(ran, silent):
    found = late()
    ran(found, START + HOUR)
    assert ("backup_overdue" in found.kinds(2 * HOUR)) is silent
    found.state["proposed"] = {}
    assert "backup_overdue" in found.kinds(22 * HOUR)  # the next one


def test_the_grace_is_waited_for_and_then_the_next_look_is_wished_for():
    found = looks(overdue_grace=1800.0)
    found.change(schedule=replace(DAILY, time=START))
    found.state["proposed"] = {"1": START}
    found.look(600)
    assert found.look(600).again == pytest.approx(600.0)
    assert found.the("backup_overdue", 590) is None and found.the("backup_overdue", 20) is not None


def test_after_a_pause_the_scheduler_has_time_to_catch_up():
    found = late()
    found.state["paused"] = True
    assert found.the("backup_overdue", HOUR) is None
    found.state["paused"] = False
    assert found.the("backup_overdue") is None
    assert found.the("backup_overdue", 30) is None
    assert found.the("backup_overdue", 45) is not None


def test_slots_that_the_server_counts_otherwise_are_unknown():
    found = late()
    found.state["proposed"] = {"1": START + 5 * HOUR}
    judged = found.look()
    assert [(str(each.subject), each.reason) for each in judged.unknown] == [("backup/1", "slots_disagree")] and judged.drifts == ()


@pytest.mark.parametrize(("window", "offered"), [("0 0 * * *", False), ("0 2 * * *", True)])
def test_a_run_is_offered_in_its_window_only(window, offered):
    found = late(run_window=RunWindow(cron=window, length=HOUR, zone="UTC"))
    drift = found.the("backup_overdue")
    assert (drift.proposal is not None) is offered
    if not offered:
        assert "2026-01-06T00:00" in drift.hold


def test_no_run_is_offered_while_its_source_is_gone():
    found = late()
    found.evidence = Evidence(sources={"photos": (SourceSeen("/photos", "empty"),)})
    drift = found.the("backup_overdue")
    assert drift.proposal is None and "source" in drift.hold


@pytest.mark.parametrize(("state", "whole"), [("there", True), ("unseen", None)])
def test_how_well_the_source_is_known_stands_in_the_offer(state, whole):
    found = late()
    found.evidence = Evidence(sources={"PHOTOS": (SourceSeen("/photos", state), SourceSeen("/more", "there"))})
    assert found.the("backup_overdue").proposal.facts["source_whole"] is whole


@pytest.mark.parametrize(("version", "wanted"), [("2.3.0.4", Risk.DISRUPTIVE), ("2.9.9.9", Risk.DESTRUCTIVE), ("2.0.8.1", None)])
def test_an_unknown_release_is_asked_first_and_an_old_one_let_alone(version, wanted):
    found = late()
    found.version = version
    drift = found.the("backup_overdue")
    assert (risk(drift.proposal) if drift.proposal else None) is wanted


def test_a_job_that_waits_behind_one_that_stands_still_is_named_for_it():
    found = late()
    found.backups.append(job("2", "films"))
    found.runs("2")
    found.moves("same", ident="2")
    found.state["queue"] = (Task(9, "1"),)
    found.look()
    assert found.kinds(30 * MINUTE) == set()
    drift = found.the("backup_queued_behind", 31 * MINUTE)
    assert drift.subject.id == "1" and drift.evidence["behind"] == "2" and drift.proposal is None


# ---- backup_never_ran, schedule_lost ---------------------------------------------------------------------------------------


def test_a_job_that_never_came_to_an_end_is_named_after_a_while():
    found = looks()
    found.change(metadata=NEVER, result=None, last=None, schedule=Schedule(START + 3 * HOUR, "1D"))
    assert found.the("backup_never_ran") is None
    found.change(schedule=Schedule(START + 3 * DAY, "1D"))
    assert found.the("backup_never_ran", DAY + HOUR) is not None


def test_a_job_whose_scheduled_run_left_nothing_is_named_at_once():
    found = looks()
    found.change(metadata=NEVER, result=None, last=None, schedule=Schedule(START + DAY, "1D", (), START - HOUR))
    assert found.the("backup_never_ran") is not None
    found.runs()
    assert found.the("backup_never_ran") is None


@pytest.mark.parametrize(
    ("schedule", "proposed", "lost"),
    [
        (Schedule(START + DAY, "1D"), {}, True),
        (Schedule(START + DAY, "1D"), {"1": START + DAY}, False),
        (Schedule(None, "1D"), {}, True),
        (Schedule(START + DAY, "sometimes"), {"1": START + DAY}, True),
        (Schedule(START + DAY, ""), {}, False),
        (None, {}, False),
    ],
)
def test_a_schedule_that_plans_nothing_is_lost(schedule, proposed, lost):
    found = looks()
    found.change(schedule=schedule)
    found.state["proposed"] = proposed
    assert (found.the("schedule_lost") is not None) is lost


# ---- backup_run_cut ----------------------------------------------------------------------------------------------------------


def running(phase="Backup_ProcessingFiles"):
    found = looks()
    found.runs()
    found.moves("a", phase)
    found.look()
    return found


def test_a_run_that_a_restart_cut_off_is_known_by_us_alone():
    found = running()
    found.rests()
    found.now += 5
    found.restarted()
    drift = found.the("backup_run_cut")
    assert drift.evidence == {"task": 7, "phase": "Backup_ProcessingFiles"} and drift.proposal.remedy == "run"
    assert found.the("backup_run_cut", HOUR) is not None  # as long as the job leaves no other trace
    found.runs(task=2)
    assert found.the("backup_run_cut") is None  # it runs again
    found.rests()
    assert found.the("backup_run_cut") is None


@pytest.mark.parametrize(
    "trace",
    [
        lambda found: found.note(finished=found.now + 1),
        lambda found: found.note(error_at=found.now + 1),
        lambda found: found.change(last=result(found.now, ident=2)),
        lambda found: found.reports.update({"1": Report("1", "photos", "m", "Backup", "success", found.now + 1)}),
    ],
)
def test_a_run_that_left_a_trace_was_not_cut(trace):
    found = running()
    trace(found)
    found.rests()
    found.now += 5
    found.restarted()
    assert "backup_run_cut" not in found.kinds()


def test_without_a_restart_nothing_was_cut():
    found = running()
    found.rests()
    assert "backup_run_cut" not in found.kinds() | found.kinds()


def test_what_ran_while_we_were_not_there_and_left_no_trace_was_cut():
    found = running()
    found.rests()
    found.now += HOUR
    found.pulse = Pulse(watched_since=found.moment())
    assert found.the("backup_run_cut") is not None


def test_only_a_backup_can_be_cut():
    found = running("Verify_Running")
    found.rests()
    found.restarted()
    assert "backup_run_cut" not in found.kinds()


def test_a_cut_run_that_waits_again_is_let_wait():
    found = running()
    found.rests()
    found.restarted()
    found.state["queue"] = (Task(3, "1"),)
    assert found.the("backup_run_cut") is None
    found.state["queue"] = ()
    assert found.the("backup_run_cut") is not None


def test_a_run_that_is_cut_a_second_time_is_named_a_second_time():
    found = running()
    for task in (2, 3):
        found.rests()
        found.now += 5
        found.restarted()
        assert found.the("backup_run_cut") is not None
        found.runs(task=task)
        assert found.the("backup_run_cut") is None


# ---- backup_stuck ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "after", "stuck"),
    [
        ("Backup_ProcessingFiles", 59 * MINUTE, False),
        ("Backup_ProcessingFiles", 61 * MINUTE, True),
        ("Backup_Compact", 61 * MINUTE, False),
        ("Backup_Compact", 7 * HOUR, True),
        ("Recreate_Running", 7 * HOUR, False),
        ("Something_New", 61 * MINUTE, True),
    ],
)
def test_each_phase_has_its_own_patience(phase, after, stuck):
    found = looks()
    found.runs()
    found.moves("same", phase)
    found.look()
    drift = found.the("backup_stuck", after)
    assert (drift is not None) is stuck
    if drift is not None:
        assert drift.proposal.remedy == "abort" and risk(drift.proposal) is Risk.DESTRUCTIVE
        assert drift.proposal.parameters == {"task": 7, "backup": "1"}
        assert drift.proposal.facts == {"phase": phase, "mark": "same", "since": START + LOOK}


def test_what_moves_or_is_paused_does_not_stand_still():
    found = looks()
    found.runs()
    for mark in "abcdef":
        found.moves(mark)
        assert found.the("backup_stuck", 40 * MINUTE) is None
    found.state["paused"] = True
    assert found.the("backup_stuck", 5 * HOUR) is None
    found.state["paused"] = False
    assert found.the("backup_stuck") is None
    assert found.the("backup_stuck", 61 * MINUTE) is not None


def test_a_task_of_no_job_that_stands_still_is_the_servers():
    found = looks()
    found.runs("")
    found.look()
    assert found.the("backup_stuck", 2 * HOUR).subject.kind == "server"


# ---- backup_failed, backup_stopped, backup_warned ----------------------------------------------------------------------------

AT = START - MINUTE


def noted(kind, about=""):
    return (Notification(3, kind, "1", "backup:show-log", AT, about),)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (lambda found: found.note(error_at=AT, error="missing_files"), "backup_failed"),
        (lambda found: found.note(error_at=AT, error="cancelled"), "backup_stopped"),
        (lambda found: found.note(error_at=START - 2 * HOUR, error="missing_files"), None),  # never cleared, and older than a good run
        (lambda found: found.change(result=result(AT, "Error", 2)), "backup_failed"),
        (lambda found: found.change(result=result(AT, "Fatal", 2)), "backup_failed"),
        (lambda found: found.change(result=result(AT, "Warning", 2)), "backup_warned"),
        (lambda found: found.change(result=result(AT, "Warning", 2, partial=True)), "backup_stopped"),
        (lambda found: found.change(result=result(AT, "Success", 2, interrupted=True)), "backup_stopped"),
        (lambda found: setattr(found, "notes", noted("Error")), "backup_failed"),
        (lambda found: setattr(found, "notes", noted("Warning")), "backup_warned"),
        (lambda found: setattr(found, "notes", noted("Warning", "cancelled")), "backup_stopped"),
        (lambda found: setattr(found, "notes", noted("Information")), None),
        (lambda found: found.reports.update({"1": Report("1", "photos", "m", "Backup", "fatal", AT, AT, AT)}), "backup_failed"),
        (lambda found: found.reports.update({"1": Report("1", "photos", "m", "Backup", "stopped", AT, AT, AT)}), "backup_stopped"),
        # a run that threw before it had a database to write to: only the metadata tell
        (
            lambda found: (found.change(result=None, last=None), found.note(finished=None, error_at=AT, error="source_missing")),
            "backup_failed",
        ),
    ],
)
def test_how_the_newest_run_ended_is_told_apart(told, kind):
    found = looks()
    told(found)
    ends = found.kinds() & {"backup_failed", "backup_stopped", "backup_warned"}
    assert ends == ({kind} if kind else set())


def test_a_good_run_after_a_failed_one_ends_it_though_the_error_is_never_cleared():
    found = looks()
    found.note(error_at=AT, error="destination_missing")
    found.notes = noted("Error", "destination_missing")
    assert found.the("backup_failed").evidence["about"] == "destination_missing"
    found.note(finished=START + HOUR)
    found.change(result=result(START + HOUR, ident=2))
    assert found.the("backup_failed", 2 * HOUR) is None


def test_a_finished_run_that_logged_errors_is_not_taken_for_a_good_one():
    found = looks()
    found.note(finished=AT)
    found.change(result=result(AT + 0.4, "Error", 2))
    assert "with errors" in found.the("backup_failed").truth
    found.note(error_at=AT + 60, error="missing_files")
    assert found.the("backup_failed").truth == "its newest task failed: volumes are missing at its destination"


# ---- backup_stale ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("newest", "more", "stale"),
    [
        (START - 4 * DAY, {}, True),
        (START - 2 * DAY, {}, False),
        (START - 4 * DAY, {"added_files": 0}, False),  # nothing changed: there is no newer version to be had
        (START - 4 * DAY, {"word": "Fatal"}, False),  # it fails, which is another matter
    ],
)
def test_a_job_that_succeeds_and_brings_nothing_new_is_stale(newest, more, stale):
    found = looks()
    found.note(newest=newest)
    found.change(result=result(START - HOUR + 60, **more))
    assert (found.the("backup_stale") is not None) is stale


def test_a_weekly_job_has_its_own_measure():
    found = looks()
    found.note(newest=START - 10 * DAY)
    found.change(schedule=Schedule(START + DAY, "1D", ("mon",)))
    assert found.the("backup_stale") is None
    found.note(newest=START - 22 * DAY)
    assert found.the("backup_stale") is not None


# ---- databases -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        (lambda found: found.change(db_exists=False), True),
        (lambda found: found.change(db_exists=None), False),
        (lambda found: setattr(found, "evidence", Evidence({"photos": JobDatabase("empty")})), True),
        (lambda found: setattr(found, "evidence", Evidence({"1": JobDatabase("absent")})), True),
        (lambda found: setattr(found, "evidence", Evidence({"1": JobDatabase("no_database")})), True),
        (lambda found: setattr(found, "evidence", Evidence({"1": JobDatabase("busy")})), False),
        (lambda found: setattr(found, "evidence", Evidence({"1": JobDatabase("unreadable")})), False),
        # the run that had to begin with an empty database: by now there is one
        (lambda found: found.note(error_at=AT, error="unrecorded_files"), True),
        (lambda found: (found.note(error_at=AT, error="unrecorded_files"), found.change(last=result(AT + 9, ident=4, operation="Repair"))),
         False),
        (lambda found: found.change(db_exists=False, result=None, last=None, metadata=NEVER), False),  # before its first run
        (lambda found: (found.change(db_exists=False), found.runs()), False),
        (lambda found: (found.change(db_exists=False, result=None, last=None), found.note(finished=None)), True),  # it has versions
    ],
)  # fmt: skip
def test_a_job_that_ran_and_has_no_database_is_named(change, gone):
    found = looks()
    change(found)
    drift = found.the("job_database_missing")
    assert (drift is not None) is gone
    if drift is not None:
        assert drift.proposal.remedy == "repair_database" and risk(drift.proposal) is Risk.DESTRUCTIVE


def test_two_jobs_with_one_database_are_both_named():
    found = looks()
    found.backups += [
        job("2", "films", db_path="/config/1.sqlite"),
        job("3", "music"),
        job("4", "x", db_path=""),
        job("5", "y", db_path=""),
    ]
    shared = [each for each in found.look().drifts if each.kind == "job_database_shared"]
    assert [(each.subject.id, each.evidence["others"]) for each in shared] == [("1", "2"), ("2", "1")]


# ---- sources -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "named"), [("there", False), ("absent", True), ("empty", True), ("unseen", False)])
def test_a_source_that_is_gone_or_empty_is_named(state, named):
    found = looks()
    found.evidence = Evidence(sources={"1": (SourceSeen("/photos", state),)})
    assert (found.the("source_missing") is not None) is named


def test_a_run_that_did_not_find_its_source_says_so_too():
    found = looks()
    found.note(error_at=AT, error="source_missing")
    assert found.the("source_missing") is not None
    found.note(finished=START)
    assert found.the("source_missing") is None


def test_a_run_that_found_far_less_than_those_before_is_named():
    found = looks()
    for day in range(1, 5):
        found.note(finished=START + day * HOUR, source_bytes=100_000 + day, source_files=100)
        assert found.the("source_shrunk") is None
    found.note(finished=START + 6 * HOUR, source_bytes=30_000)
    drift = found.the("source_shrunk")
    assert drift.evidence == {"what": "bytes", "found": 30_000, "usual": 100_002}
    assert found.the("source_shrunk", DAY) is not None
    found.note(finished=START + 9 * HOUR, source_bytes=99_000)
    assert found.the("source_shrunk") is None


def test_few_files_fewer_say_nothing():
    found = looks()
    for day in range(1, 4):
        found.note(finished=START + day * HOUR, source_files=5)
        found.look()
    found.note(finished=START + 5 * HOUR, source_files=1)
    assert found.the("source_shrunk") is None


# ---- clock_skew ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("skew", "named"), [(0.0, False), (None, False), (29.0, False), (31.0, True), (-3600.0, True)])
def test_a_clock_that_is_not_ours_is_named(skew, named):
    found = looks()
    found.skew = skew
    assert (found.the("clock_skew") is not None) is named


def test_a_server_whose_clock_is_ahead_is_judged_by_its_own():
    found = late()
    found.skew = -3 * HOUR  # by its clock the slot is two hours ahead
    found.state["proposed"] = {"1": START - HOUR}
    assert "backup_overdue" not in found.kinds(LOOK)
