"""Reporting a failure: on a proof that is seen twice, never while Wings may still report, never for what can be completed; no file goes."""

from __future__ import annotations

import json

import pytest

from tests.support.pterodactyl_ward import Died, Hand, Ward, completion, failure, interrupted


@pytest.fixture
def ward(tmp_path):
    with Ward(tmp_path) as made:
        yield made


def deleted(ward: Ward) -> str:
    """Let Wings delete an archive whose report failed (case C), and the record become old enough."""
    row, job = ward.begin()
    job.advance("checksum")
    ward.world.switches.maintenance = True
    job.advance()
    ward.world.switches.maintenance = False
    assert ward.stands(row.uuid) == ("pending", False)
    ward.pass_time(700)
    return row.uuid


def reported(ward: Ward, uuid: str) -> list[object]:
    return [each["successful"] for each in ward.posts(uuid)]


def when(ward: Ward, step: str, happens) -> Hand:
    return Hand(ward=ward, left=12 * 3600.0, at_step=lambda name: happens() if name == step else None)


def test_what_wings_sends_itself_is_what_is_sent(ward):
    uuid = deleted(ward)
    assert ward.carry(failure(ward, uuid, "absent")).end == "done"
    assert ward.posts(uuid)[-1] == {"successful": False, "checksum": "", "checksum_type": "", "size": 0, "parts": None}
    assert ward.stands(uuid) == ("failed", False)


def test_a_lost_answer_after_the_commit_is_a_failure_reported(ward):
    uuid = deleted(ward)
    ward.world.switches.lose_completions = 1
    before = len(ward.posts(uuid))
    assert ward.carry(failure(ward, uuid, "absent")).end == "done"
    assert ward.stands(uuid)[0] == "failed" and len(ward.posts(uuid)) == before + 1


@pytest.mark.parametrize("reason", ["corrupt", "unproven"])
def test_a_bad_file_may_be_set_aside_and_is_never_deleted(ward, reason):
    uuid = interrupted(ward, "begun")
    content = ward.path(uuid).read_bytes()
    proposal = failure(ward, uuid, reason, quarantine=True)
    outcome = ward.carry(proposal, approved=reason == "unproven")
    assert outcome.end == "done" and outcome.sent == ward.describe(proposal)
    goal = ward.wings.backups / "quarantine" / f"{uuid}.tar.gz.quarantined"
    assert goal.read_bytes() == content and not ward.path(uuid).exists()
    assert json.loads(goal.with_name(goal.name + ".json").read_text())["reason"] == reason
    again = ward.carry(proposal)
    assert (again.end, again.sent) == ("done", ())


def test_a_whole_archive_is_not_called_bad(ward):
    uuid = interrupted(ward)
    outcome = ward.carry(failure(ward, uuid, "corrupt"))
    assert (outcome.end, outcome.message.split(":")[0]) == ("gave_up", "not_corrupt")
    assert ward.stands(uuid) == ("pending", True) and reported(ward, uuid) == []


@pytest.mark.parametrize(
    ("reason", "word"), [("absent", "present"), ("log_failed", "unproven"), ("unproven", "unproven")], ids=["absent", "log", "nobody"]
)
def test_a_reason_that_is_not_found_here_is_none(ward, reason, word):
    uuid = interrupted(ward)
    outcome = ward.carry(failure(ward, uuid, reason))
    assert outcome.message.split(":")[0] == word and reported(ward, uuid) == []
    assert ward.stands(uuid) == ("pending", True)


def test_what_our_link_still_holds_is_not_failed(ward):
    uuid = interrupted(ward)
    with pytest.raises(Died):
        ward.carry(completion(ward, uuid), hand=Hand(ward=ward, left=12 * 3600.0, dies_at="linked"))
    ward.path(uuid).unlink()
    outcome = ward.carry(failure(ward, uuid, "absent"))
    assert outcome.end == "later" and outcome.message.startswith("held") and reported(ward, uuid) == []
    assert ward.carry(completion(ward, uuid, held=True)).end == "done"
    ward.in_order(uuid)


def test_a_bad_archive_that_the_guard_links_too_is_failed(ward):
    """Seen on the real Wings: the guard, turned on later, links the cut archive as well, and "held" was the answer for ever."""
    uuid = interrupted(ward, "begun")
    held = ward.wings.backups / ".watchdog-held"
    held.mkdir(mode=0o700, exist_ok=True)
    (held / f"{uuid}.tar.gz").hardlink_to(ward.path(uuid))
    assert ward.carry(failure(ward, uuid, "corrupt")).end == "done"
    assert ward.stands(uuid) == ("failed", True)


def test_an_archive_that_comes_back_between_two_looks_is_not_away(ward):
    uuid = deleted(ward)
    hand = Hand(ward=ward, left=12 * 3600.0)
    hand.at_sleep = lambda: ward.path(uuid).touch()
    outcome = ward.carry(failure(ward, uuid, "absent"), hand=hand)
    assert outcome.end == "later" and outcome.message.startswith("present") and False not in reported(ward, uuid)
    assert ward.stands(uuid)[0] == "pending"


def test_an_empty_directory_where_good_archives_should_be_is_not_mounted(ward):
    row, job = ward.begin()
    job.advance()
    uuid = deleted(ward)
    ward.path(row.uuid).rename(ward.wings.backups / "gone")
    outcome = ward.carry(failure(ward, uuid, "absent"))
    assert outcome.end == "later" and outcome.message.startswith("not_mounted") and ward.stands(uuid)[0] == "pending"
    (ward.wings.backups / "gone").rename(ward.path(row.uuid))
    assert ward.carry(failure(ward, uuid, "absent")).end == "done"


def test_a_young_record_is_not_failed(ward):
    row, job = ward.begin()
    job.advance("begun")
    ward.wings.restart()
    ward.pass_time(300)
    outcome = ward.carry(failure(ward, row.uuid, "corrupt"))
    assert outcome.end == "later" and outcome.message.startswith("too_young") and reported(ward, row.uuid) == []


def test_while_wings_packs_nothing_is_failed(ward):
    row, job = ward.begin()
    job.advance("begun")
    ward.pass_time(2 * 3600)
    outcome = ward.carry(failure(ward, row.uuid, "corrupt"))
    assert outcome.end == "later" and outcome.message.startswith("open_file") and reported(ward, row.uuid) == []
    job.advance()
    ward.in_order(row.uuid)


def on_s3(ward: Ward, uuid: str) -> None:
    row = ward.world.backup(uuid)
    assert row is not None
    row.disk = "s3"


def succeeded(ward: Ward, uuid: str) -> None:
    assert ward.report(uuid, successful=True, checksum="0" * 40, checksum_type="sha1", size=7, parts=None) == 204


LATE = (
    ("another success", succeeded, "record_complete", "complete"),
    ("S3", on_s3, "disk_s3", "pending"),
    ("release 1.11.6", lambda ward, _: ward.world.upgrade("1.11.6"), "waiting_for_panel_upgrade", "pending"),
    ("another node", lambda ward, _: setattr(ward.server, "node", ward.world.add_node("node-b").id), "elsewhere", "pending"),
    ("a file", lambda ward, uuid: ward.path(uuid).write_bytes(b"x"), "", "pending"),
)


@pytest.mark.parametrize(("happens", "word", "state"), [each[1:] for each in LATE], ids=[each[0] for each in LATE])
def test_what_happens_in_the_last_moment_is_seen_and_named(ward, happens, word, state):
    uuid = deleted(ward)
    outcome = ward.carry(failure(ward, uuid, "absent"), hand=when(ward, "proven", lambda: happens(ward, uuid)))
    assert outcome.end in {"later", "gave_up"} and outcome.message.startswith(word), outcome
    assert False not in reported(ward, uuid) and ward.stands(uuid)[0] == state


@pytest.mark.parametrize("step", ["looked", "proven", "checked", "posted", "confirmed"])
def test_died_at_any_step_the_next_run_ends_it_with_one_report(ward, step):
    uuid = deleted(ward)
    proposal = failure(ward, uuid, "absent")
    with pytest.raises(Died):
        ward.carry(proposal, hand=Hand(ward=ward, left=12 * 3600.0, dies_at=step))
    assert ward.carry(proposal).end == "done"
    assert reported(ward, uuid).count(False) == 1 and ward.stands(uuid)[0] == "failed"
