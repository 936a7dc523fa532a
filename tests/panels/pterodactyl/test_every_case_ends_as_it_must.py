"""Cases A to L of the contract's section 0, end to end: they happen to the fakes, are found by the rules, and are mended by the remedies.

Real archives, real HTTP, Wings that really deletes; two minutes of watching are two minutes of the simulated clock.
"""

from __future__ import annotations

import threading

import pytest

from tests.support.pterodactyl_ward import Ward, completion

STUCK = 700.0
"""Seconds after which a pending record is stuck, and old enough to be failed."""


@pytest.fixture
def ward(tmp_path):
    with Ward(tmp_path) as made:
        yield made


def begun(ward: Ward, step: str = "") -> str:
    """Begin a backup, and let it come to a step."""
    row, job = ward.begin()
    if step:
        assert job.advance(step) == step
    return row.uuid


def ended(ward: Ward) -> str:
    """Begin a backup, and let Wings do with it what it does."""
    uuid = begun(ward)
    ward.wings.job(uuid).advance()
    return uuid


def failed(ward: Ward, uuid: str, reason: str) -> None:
    """Assert that a stuck backup is called failed by the rules' own proposal, once."""
    found = ward.stuck(uuid)
    assert found.proposal is not None, (found.hold, found.evidence)
    assert (found.proposal.remedy, found.proposal.facts["reason"]) == ("fail_backup", reason)
    outcome = ward.carry(found.proposal)
    assert outcome.end == "done", outcome
    assert outcome.sent == ward.describe(found.proposal)
    assert ward.stands(uuid)[0] == "failed"
    assert ward.carry(found.proposal).sent == (), "twice is once"


def completed(ward: Ward, uuid: str) -> None:
    """Assert that a stuck backup is completed by the rules' own proposal, once, and stays."""
    found = ward.stuck(uuid)
    assert found.proposal is not None, (found.hold, found.evidence)
    assert found.proposal.remedy == "complete_backup"
    before, began = len(ward.posts(uuid)), ward.clock.now().mono
    outcome = ward.carry(found.proposal)
    assert outcome.end == "done", outcome
    assert outcome.sent == ward.describe(found.proposal)
    assert len(ward.posts(uuid)) == before + 1
    assert ward.clock.now().mono - began >= 120, "it was watched for two minutes"
    ward.in_order(uuid)
    assert ward.carry(found.proposal).sent == () and len(ward.posts(uuid)) == before + 1, "twice is once"
    assert not any(each.subject.id == uuid for each in ward.looks().drifts)


# -- the archive is lost: the record is failed, in its time


def test_a_the_bug_of_1_11_6_waits_for_the_upgrade_and_is_failed(tmp_path):
    with Ward(tmp_path, "1.11.6") as ward:
        uuid = ended(ward)
        assert ward.stands(uuid) == ("pending", False)
        ward.pass_time(STUCK)
        found = ward.stuck(uuid)
        assert found.proposal is None and found.hold is not None and "1.11.6" in found.hold
        ward.world.upgrade("1.11.8")
        ward.pass_time(120)
        failed(ward, uuid, "absent")


def test_b_a_backup_faster_than_the_panels_own_commit_is_failed(ward):
    ward.world.switches.hold_commit = held = threading.Event()
    answers: list[str] = []
    creation = threading.Thread(target=lambda: answers.append(ward.create(at_once=True)))
    creation.start()
    try:
        deadline = threading.Event()
        for _ in range(1200):
            if ward.wings.jobs and ward.wings.jobs[0].over:
                break
            deadline.wait(0.05)
        assert ward.wings.jobs[0].over
    finally:
        held.set()
        creation.join(60)
    ward.world.switches.hold_commit = None
    (uuid,) = answers
    assert ward.stands(uuid) == ("pending", False)
    ward.pass_time(STUCK)
    failed(ward, uuid, "absent")


def test_c_a_panel_that_was_down_is_failed_when_it_is_back(ward):
    uuid = begun(ward, "checksum")
    ward.world.switches.maintenance = True
    ward.wings.job(uuid).advance()
    ward.world.switches.maintenance = False
    assert ward.stands(uuid) == ("pending", False)
    ward.pass_time(STUCK)
    failed(ward, uuid, "absent")


def test_d_a_report_that_a_firewall_refused_is_failed(ward):
    uuid = begun(ward, "checksum")
    ward.world.switches.proxy["/api/remote/backups"] = 403
    ward.wings.job(uuid).advance()
    ward.world.switches.proxy.clear()
    assert ward.stands(uuid) == ("pending", False)
    ward.pass_time(STUCK)
    failed(ward, uuid, "absent")


def test_e_a_cut_archive_is_failed_and_stays(ward):
    uuid = begun(ward, "begun")
    ward.wings.restart()
    ward.pass_time(STUCK)
    content = ward.path(uuid).read_bytes()
    failed(ward, uuid, "corrupt")
    assert ward.path(uuid).read_bytes() == content


@pytest.mark.parametrize("case", ["absent", "corrupt"])
def test_nothing_is_failed_before_its_time(ward, case):
    uuid = begun(ward, "begun") if case == "corrupt" else ended_in_maintenance(ward)
    if case == "corrupt":
        ward.wings.restart()
    for _ in range(6):
        assert not any(each.kind == "backup_stuck" and each.proposal for each in ward.look(60).drifts)
    assert ward.stands(uuid)[0] == "pending"


def ended_in_maintenance(ward: Ward) -> str:
    uuid = begun(ward, "checksum")
    ward.world.switches.maintenance = True
    ward.wings.job(uuid).advance()
    ward.world.switches.maintenance = False
    return uuid


# -- the archive is whole, and only the record is behind


@pytest.mark.parametrize("step", ["created", "checksum", "callback"])
def test_f_ended_between_archive_and_report_is_completed(ward, step):
    uuid = begun(ward, step)
    ward.wings.restart()
    ward.pass_time(STUCK)
    completed(ward, uuid)


@pytest.mark.parametrize("step", ["begun", "created"])
def test_e_and_f_on_pelican_whose_archives_have_a_folder_per_server(tmp_path, step):
    with Ward(tmp_path, "pelican", own={"flavour": "pelican"}) as ward:
        uuid = begun(ward, step)
        ward.wings.restart()
        ward.pass_time(STUCK)
        assert ward.path(uuid).parent.name == ward.server.uuid
        if step == "created":
            completed(ward, uuid)
        else:
            failed(ward, uuid, "corrupt")


def test_g_what_wings_still_reads_is_waited_for(ward):
    uuid = begun(ward, "checksum")
    ward.pass_time(2 * 3600)
    assert not any(each.subject.id == uuid for each in ward.looks().drifts), "work is not a fault"
    ward.wings.job(uuid).advance()
    ward.in_order(uuid)


def test_h_what_wings_could_not_remove_is_completed(ward):
    ward.wings.switches.remove_fails = True
    uuid = ended_in_maintenance(ward)
    assert ward.stands(uuid) == ("pending", True)
    ward.pass_time(STUCK)
    completed(ward, uuid)


def test_i_a_record_of_an_older_database_is_completed(ward):
    uuid = begun(ward)
    dump = ward.world.dump()
    ward.wings.job(uuid).advance()
    ward.world.restore(dump)
    assert ward.stands(uuid) == ("pending", True)
    ward.pass_time(STUCK)
    completed(ward, uuid)


def test_j_what_our_guard_kept_comes_back_and_is_completed(tmp_path):
    with Ward(tmp_path, "1.11.6", own={"guard": {"enabled": True}}) as ward:
        uuid = begun(ward, "created")
        for tend in ward.target.tends():
            tend.step()
        ward.wings.job(uuid).advance()
        assert ward.stands(uuid) == ("pending", False) and ward.kept() == [uuid]
        ward.world.upgrade("1.11.8")
        ward.pass_time(STUCK)
        completed(ward, uuid)


def test_j_of_two_in_flight_both_come_back_although_no_line_names_either(tmp_path):
    with Ward(tmp_path, own={"guard": {"enabled": True}}) as ward:
        uuids = [begun(ward, "created"), begun(ward, "created")]
        for tend in ward.target.tends():
            tend.step()
        for uuid in uuids:
            ward.wings.job(uuid).advance("checksum")
        ward.world.switches.maintenance = True
        for uuid in uuids:
            ward.wings.job(uuid).advance()
        ward.world.switches.maintenance = False
        assert {ward.stands(uuid) for uuid in uuids} == {("pending", False)} and ward.kept() == sorted(uuids)
        assert ward.target.evidence(ward.actual()).log.unnamed_failures
        ward.pass_time(STUCK)
        for uuid in uuids:
            found = ward.stuck(uuid)
            assert ward.carry(found.proposal, approved=True).end == "done"
            assert ward.stands(uuid) == ("complete", True)


@pytest.mark.parametrize("locked", [False, True], ids=["unlocked", "locked"])
def test_what_the_panels_cron_gave_up_is_completed_all_the_same(ward, locked):
    row, job = ward.begin(locked=locked)
    job.advance("created")
    ward.wings.restart()
    for _ in range(14):
        ward.pass_time(1800)
    assert ward.stands(row.uuid) == ("failed", True), "pruned after six hours"
    completed(ward, row.uuid)
    assert ward.shown(row.uuid)["is_locked"] is locked


def test_what_was_reported_as_failed_is_left_alone(ward):
    uuid = begun(ward, "created")
    ward.wings.restart()
    ward.pass_time(STUCK)
    assert ward.report(uuid, successful=False) == 204
    assert not any(each.proposal for each in ward.looks().drifts if each.subject.id == uuid)
    assert ward.carry(completion(ward, uuid)).message.startswith("not_shown_pruned") and ward.stands(uuid) == ("failed", True)


# -- the others


def test_k_a_success_whose_archive_wings_deleted_is_said_aloud(ward):
    assert ward.stands(ended(ward)) == ("complete", True), "without any archive the directory might only not be mounted"
    uuid = begun(ward, "checksum")
    ward.world.switches.lose_completions = 1
    ward.wings.job(uuid).advance()
    assert ward.stands(uuid) == ("complete", False)
    ward.pass_time(STUCK)
    found = [each for each in ward.looks().drifts if each.subject.id == uuid]
    assert [(each.kind, each.proposal) for each in found] == [("backup_missing", None)]


def test_l_is_failed_on_the_logs_word_although_it_unpacks(ward):
    uuid = failed_to_make(ward)
    failed(ward, uuid, "log_failed")
    assert ward.path(uuid).exists()


def failed_to_make(ward: Ward) -> str:
    ward.wings.switches.fail_after_files = 2
    row, job = ward.begin()
    job.advance("begun")
    ward.world.switches.maintenance = True
    job.advance()
    ward.world.switches.maintenance = False
    assert ward.stands(row.uuid) == ("pending", True)
    ward.pass_time(STUCK)
    return row.uuid


def test_l_without_a_log_waits_for_a_person(ward):
    uuid = failed_to_make(ward)
    ward.wings.log_file.unlink()
    ward.wings.restart()
    ward.pass_time(STUCK)
    found = ward.stuck(uuid)
    assert found.proposal is not None and ward.planned(found.proposal).risk.value == "destructive"
    outcome = ward.carry(found.proposal)
    assert outcome.end == "later" and outcome.message.startswith("unproven"), "not without a person, whatever the plan says"
    assert ward.stands(uuid)[0] == "pending" and ward.kept() == []
