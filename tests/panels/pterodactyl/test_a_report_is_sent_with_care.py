"""A completion: every answer is understood, every guard is asked again right before it, and the archive is watched after it."""

from __future__ import annotations

import os

import pytest

from tests.support.pterodactyl_ward import Died, Hand, Ward, completion, failure, interrupted
from watchdog.errors import LeaseLost, Stopping


@pytest.fixture
def ward(tmp_path):
    with Ward(tmp_path) as made:
        yield made


def when(ward: Ward, step: str, happens) -> Hand:
    """Return a hand at whose step something happens to the world."""
    return Hand(ward=ward, left=12 * 3600.0, at_step=lambda name: happens() if name == step else None)


def untouched(ward: Ward, uuid: str) -> None:
    """Assert that record and archive are as they were, and nothing of ours is left."""
    assert ward.stands(uuid) == ("pending", True)
    assert ward.kept() == []


# -- what the panel may answer


ANSWERS = (
    ("upgrade to 1.11.6", lambda ward: ward.world.upgrade("1.11.6"), "later", "QueryException", 1800.0),
    ("maintenance", lambda ward: setattr(ward.world.switches, "maintenance", True), "later", "", 300.0),
    ("503 of a proxy", lambda ward: ward.world.switches.proxy.update({"/api/remote": 503}), "later", "503", 300.0),
    ("429 of a proxy", lambda ward: ward.world.switches.proxy.update({"/api/remote": 429}), "later", "429", 300.0),
    ("403 of a firewall", lambda ward: ward.world.switches.proxy.update({"/api/remote": 403}), "gave_up", "403", None),
    ("401 of a firewall", lambda ward: ward.world.switches.proxy.update({"/api/remote": 401}), "gave_up", "401", None),
    ("404 of a proxy", lambda ward: ward.world.switches.proxy.update({"/api/remote": 404}), "gave_up", "404", None),
    ("422 of a proxy", lambda ward: ward.world.switches.proxy.update({"/api/remote": 422}), "gave_up", "422", None),
    ("S3 by default", lambda ward: setattr(ward.world.switches, "s3_default", True), "gave_up", "DisplayException", None),
)


@pytest.mark.parametrize(("happens", "end", "says", "delay"), [each[1:] for each in ANSWERS], ids=[each[0] for each in ANSWERS])
def test_an_answer_that_is_no_success_changes_nothing_and_is_named(ward, happens, end, says, delay):
    uuid = interrupted(ward)
    outcome = ward.carry(completion(ward, uuid), hand=when(ward, "checked", lambda: happens(ward)))
    assert (outcome.end, says in outcome.message) == (end, True), outcome
    if delay is not None:
        assert outcome.delay is not None and outcome.delay >= delay
    ward.world.switches.maintenance = False
    ward.world.switches.proxy.clear()
    assert ward.stands(uuid) == ("pending", True), "the record and the archive are as they were"
    assert len(ward.posts(uuid)) == 1


@pytest.mark.parametrize(("release", "says"), [("1.11.8", "500 Error"), ("1.11.9", "403 HttpForbiddenException")])
def test_the_wrong_node_is_named_on_each_release(tmp_path, release, says):
    with Ward(tmp_path, release) as ward:
        uuid, other = interrupted(ward), ward.world.add_node("node-b")
        outcome = ward.carry(completion(ward, uuid), hand=when(ward, "checked", lambda: setattr(ward.server, "node", other.id)))
        assert outcome.end == "gave_up" and says in outcome.message
        untouched(ward, uuid)


def test_a_redirect_is_never_followed(ward):
    uuid = interrupted(ward)
    outcome = ward.carry(completion(ward, uuid), hand=when(ward, "checked", lambda: setattr(ward.world.switches, "redirect", 301)))
    ward.world.switches.redirect = 0
    assert outcome.end in {"gave_up", "later"} and outcome.sent[-1].startswith("POST")
    assert [each.method for each in ward.panel.sent(f"/api/remote/backups/{uuid}")] == ["POST"], "no GET came of it"
    assert ward.stands(uuid) == ("pending", True)


def test_a_lost_answer_after_the_commit_is_a_success(ward):
    uuid = interrupted(ward)
    ward.world.switches.lose_completions = 1
    outcome = ward.carry(completion(ward, uuid))
    assert outcome.end == "done" and len(ward.posts(uuid)) == 1
    ward.in_order(uuid)


def test_what_somebody_else_completed_the_same_is_done(ward):
    uuid = interrupted(ward)
    proposal = completion(ward, uuid)
    sha1, size = proposal.parameters["sha1"], proposal.parameters["size"]

    def report():
        assert ward.report(uuid, successful=True, checksum=sha1, checksum_type="sha1", size=size, parts=None) == 204

    outcome = ward.carry(proposal, hand=when(ward, "checked", report))
    assert outcome.end == "done"
    ward.in_order(uuid)


@pytest.mark.parametrize("step", ["linked", "checked"])
def test_what_somebody_else_completed_otherwise_is_a_conflict(ward, step):
    uuid = interrupted(ward)

    def report():
        assert ward.report(uuid, successful=True, checksum="0" * 40, checksum_type="sha1", size=7, parts=None) == 204

    outcome = ward.carry(completion(ward, uuid), hand=when(ward, step, report))
    assert outcome.end == "gave_up" and "conflicting completion" in outcome.message
    assert ward.shown(uuid)["checksum"] == "sha1:" + "0" * 40 and ward.path(uuid).exists() and ward.kept() == []


def test_two_reports_at_one_moment_are_compared_by_what_the_panel_kept(ward):
    uuid = interrupted(ward)

    def stored():  # both were answered 204, and the other one's stayed (contract section 3.4)
        row = ward.world.backup(uuid)
        assert row is not None
        row.checksum = "sha1:" + "1" * 40

    outcome = ward.carry(completion(ward, uuid), hand=when(ward, "posted", stored))
    assert outcome.end == "gave_up" and "conflicting completion" in outcome.message


# -- every guard, asked again right before the report


def moved(ward: Ward, _: str) -> None:
    ward.server.node = ward.world.add_node("node-b").id


def on_s3(ward: Ward, uuid: str) -> None:
    row = ward.world.backup(uuid)
    assert row is not None
    row.disk = "s3"


def written(ward: Ward, uuid: str) -> None:
    with ward.path(uuid).open("ab") as file:
        file.write(b"more")


def replaced(ward: Ward, uuid: str) -> None:
    path = ward.path(uuid)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


GUARDS = (
    ("a reported failure", lambda ward, uuid: ward.report(uuid, successful=False), "not_shown_pruned", "gave_up"),
    ("S3", on_s3, "disk_s3", "gave_up"),
    ("another node", moved, "elsewhere", "gave_up"),
    ("a transfer", lambda ward, _: setattr(ward.server, "transferring", True), "", "later"),
    ("a suspended server", lambda ward, _: setattr(ward.server, "status", "suspended"), "record_unreadable", "later"),
    ("release 1.11.6", lambda ward, _: ward.world.upgrade("1.11.6"), "waiting_for_panel_upgrade", "later"),
    ("a proxy before the callback", lambda ward, _: ward.world.switches.proxy.update({"/api/remote": 502}), "callback_", "later"),
    ("bytes that changed", written, "changed", "later"),
    ("another file", replaced, "changed", "later"),
)


@pytest.mark.parametrize(("happens", "word", "end"), [each[1:] for each in GUARDS], ids=[each[0] for each in GUARDS])
def test_what_happens_in_the_last_moment_is_seen_and_named(ward, happens, word, end):
    uuid = interrupted(ward)
    outcome = ward.carry(completion(ward, uuid), hand=when(ward, "verified", lambda: happens(ward, uuid)))
    assert outcome.end == end and outcome.message.startswith(word), outcome
    assert [each for each in ward.posts(uuid) if each["successful"]] == []
    assert ward.path(uuid).exists()


def test_without_the_logs_word_only_a_person_may_want_it(ward):
    uuid = interrupted(ward)
    proposal = completion(ward, uuid, proof="structure")
    ward.wings.kill()
    ward.wings.log_file.write_text("", encoding="utf-8")
    ward.wings.boot()
    refused = ward.carry(proposal)
    assert refused.end == "later" and refused.message.startswith("unproven") and ward.posts(uuid) == []
    assert ward.carry(proposal, approved=True).end == "done"
    ward.in_order(uuid)


def test_what_the_log_calls_failed_is_not_completed_even_for_a_person(ward):
    ward.wings.switches.fail_after_files = 2
    row, job = ward.begin()
    job.advance("begun")
    ward.world.switches.maintenance = True
    job.advance()
    ward.world.switches.maintenance = False
    ward.wings.restart()
    ward.pass_time(700)
    outcome = ward.carry(completion(ward, row.uuid), approved=True)
    assert outcome.end == "gave_up" and outcome.message.startswith("log_failed") and len(ward.posts(row.uuid)) == job.tries


@pytest.mark.parametrize("path", ["/etc/passwd", "../{uuid}.tar.gz", "{uuid}.tar", "sub/{uuid}.tar.gz"])
def test_only_wings_own_path_is_an_archive(ward, path):
    uuid = interrupted(ward)
    proposal = completion(ward, uuid)
    changed = {**proposal.parameters, "path": str(ward.wings.backups / path.format(uuid=uuid))}
    for remedy in (proposal, failure(ward, uuid, "absent")):
        outcome = ward.carry(type(remedy)(remedy.remedy, remedy.object, changed, remedy.facts))
        assert outcome.end == "gave_up" and outcome.message.startswith("outside")
    assert ward.posts(uuid) == []


def test_a_symbolic_link_in_the_archives_place_is_none(ward):
    uuid = interrupted(ward)
    proposal, path = completion(ward, uuid), ward.path(uuid)
    path.rename(path.with_suffix(".away"))
    path.symlink_to(path.with_suffix(".away"))
    assert ward.carry(proposal).end == "later" and ward.posts(uuid) == [] and ward.kept() == []


# -- while Wings lives: guard 4


def left_behind(ward: Ward, *, number: int = 1) -> list[str]:
    """Let reports of backups of one server fail and their archives stay (case H), all in flight together."""
    ward.wings.switches.remove_fails = True
    pairs = [ward.begin() for _ in range(number)]
    for _, job in pairs:
        job.advance("checksum")
    ward.world.switches.maintenance = True
    pairs[0][1].advance()
    ward.world.switches.maintenance = False
    return [row.uuid for row, _ in pairs]


def test_one_failed_report_of_two_in_flight_replays_neither(ward):
    first, second = left_behind(ward, number=2)
    ward.wings.job(second).kill()  # it hangs, and nobody will ever hear of it
    ward.pass_time(2 * 3600)
    for uuid in (first, second):
        outcome = ward.carry(completion(ward, uuid))
        assert outcome.end == "later" and outcome.message.split(":")[0] in {"log_ambiguous", "open_file"}, outcome
        assert [each for each in ward.posts(uuid) if each["successful"]][1:] == [] or uuid == first
    assert {ward.stands(uuid) for uuid in (first, second)} == {("pending", True)} and ward.kept() == []


def test_one_failed_report_of_one_in_flight_is_enough(ward):
    (uuid,) = left_behind(ward)
    ward.pass_time(700)
    assert ward.carry(completion(ward, uuid)).end == "done"
    ward.in_order(uuid)


def test_what_wings_reads_now_is_waited_for(ward):
    row, job = ward.begin()
    job.advance("checksum")
    ward.pass_time(2 * 3600)
    outcome = ward.carry(completion(ward, row.uuid))
    assert outcome.end == "later" and outcome.message.startswith("open_file") and ward.posts(row.uuid) == []
    untouched(ward, row.uuid)


def test_a_young_archive_that_nobody_has_open_is_waited_for(ward):
    row, job = ward.begin()
    job.advance("callback")
    outcome = ward.carry(completion(ward, row.uuid))
    assert outcome.end == "later" and outcome.message.startswith("within_grace")
    untouched(ward, row.uuid)


def test_wings_that_cannot_be_seen_is_never_taken_for_silent(ward):
    row, job = ward.begin()
    job.advance("callback")
    ward.pass_time(2 * 3600)
    for name in ("fd", "cmdline"):
        process = ward.wings.proc / str(ward.wings.pid)
        (process / name).rename(process / f"{name}.hidden")
        outcome = ward.carry(completion(ward, row.uuid))
        assert outcome.end == "later" and outcome.message.startswith("cannot_see_wings"), outcome
        (process / f"{name}.hidden").rename(process / name)
    untouched(ward, row.uuid)


def test_an_old_archive_that_rests_is_watched_for_a_report_before_it_is_completed(ward):
    row, job = ward.begin()
    job.advance("callback")
    job.kill()  # stuck for ever, and the log says nothing
    ward.pass_time(2 * 3600)
    hand = Hand(ward=ward, left=12 * 3600.0)
    began = ward.clock.now().mono
    outcome = ward.carry(completion(ward, row.uuid), hand=hand)
    assert outcome.end == "done" and ward.clock.now().mono - began >= 90 + 120
    ward.in_order(row.uuid)


# -- the watch


def test_an_archive_that_wings_deletes_after_all_is_put_back(ward):
    uuid = interrupted(ward)
    hand = Hand(ward=ward, left=12 * 3600.0)
    hand.at_sleep = lambda: ward.path(uuid).unlink(missing_ok=True) if 10 <= hand.steps.count("put back") * 50 + 30 < 100 else None
    outcome = ward.carry(completion(ward, uuid), hand=hand)
    assert outcome.end == "done" and "put back 2 times" in outcome.message
    ward.in_order(uuid)


def test_an_archive_that_never_stays_is_kept_by_its_link(ward):
    uuid = interrupted(ward)
    hand = Hand(ward=ward, left=12 * 3600.0)
    hand.at_sleep = lambda: ward.path(uuid).unlink(missing_ok=True)
    outcome = ward.carry(completion(ward, uuid), hand=hand)
    assert outcome.end == "later" and "does not stay" in outcome.message
    assert ward.link(uuid).exists() and ward.kept() == [uuid]


def test_what_a_person_deletes_is_not_brought_back(ward):
    uuid = interrupted(ward)
    hand = Hand(ward=ward, left=12 * 3600.0)

    def delete():
        if ward.world.backup(uuid) is not None and ward.shown(uuid)["is_successful"]:
            assert ward.send("DELETE", f"/api/client/servers/{ward.server.uuid}/backups/{uuid}")[0] == 204

    hand.at_sleep = delete
    assert ward.carry(completion(ward, uuid), hand=hand).end == "done"
    assert not ward.path(uuid).exists() and ward.kept() == [uuid], "one 404 may be a proxy's"
    for _ in range(6):
        ward.look(60)
        for tend in ward.target.tends():
            tend.step()
    assert not ward.path(uuid).exists() and ward.kept() == []


def test_another_file_in_its_place_is_left_alone(ward):
    uuid = interrupted(ward)
    hand = when(ward, "confirmed", lambda: (ward.path(uuid).unlink(), ward.path(uuid).write_bytes(b"somebody's")))
    outcome = ward.carry(completion(ward, uuid), hand=hand)
    assert outcome.end in {"gave_up", "later"} and "another file" in outcome.message
    assert ward.path(uuid).read_bytes() == b"somebody's" and ward.link(uuid).exists()


# -- the end of the program, the lease, the ledger


def test_a_lost_lease_reports_nothing(ward):
    uuid = interrupted(ward)
    outcome = ward.carry(completion(ward, uuid), hand=Hand(ward=ward, left=12 * 3600.0, lost=True))
    assert (outcome.end, LeaseLost.__name__ in outcome.message) == ("later", True) and ward.posts(uuid) == []


def test_an_archive_that_goes_before_it_is_linked_leaves_nothing_of_ours(ward):
    uuid = interrupted(ward)
    proposal = completion(ward, uuid)
    outcome = ward.carry(proposal, hand=when(ward, "held", lambda: ward.path(uuid).unlink()))
    assert (outcome.end, outcome.message.split(":")[0], ward.kept(), ward.posts(uuid)) == ("later", "gone", [], [])


def test_what_wings_has_open_is_waited_for_whatever_its_log_says(ward):
    row, job = ward.begin()
    job.advance("checksum")
    # a line of an end, as anybody may forge it by a user name with a line break (SFTP)
    ward.wings.journal.write("INFO", "notified panel of successful backup state", backup=row.uuid, server=ward.server.uuid)
    ward.pass_time(2 * 3600)
    outcome = ward.carry(completion(ward, row.uuid))
    assert outcome.end == "later" and outcome.message.startswith("open_file") and ward.posts(row.uuid) == []


def test_a_ledger_that_is_away_makes_no_link(ward):
    uuid = interrupted(ward)
    ward.notebook.away = True
    with pytest.raises(Exception, match="ledger"):
        ward.carry(completion(ward, uuid))
    ward.notebook.away = False
    assert ward.kept() == [] and ward.posts(uuid) == []


def test_stopped_in_the_watch_it_leaves_the_link_for_the_next_life(ward):
    uuid = interrupted(ward)
    with pytest.raises(Stopping):
        ward.carry(completion(ward, uuid), hand=Hand(ward=ward, left=12 * 3600.0, stopping_at="confirmed"))
    assert ward.stands(uuid) == ("complete", True) and ward.kept() == [uuid]
    ward.path(uuid).unlink()  # Wings, late
    assert ward.carry(completion(ward, uuid, held=True)).end == "done"
    ward.in_order(uuid)


STEPS = ("looked", "held", "linked", "verified", "checked", "posted", "confirmed", "watched", "let go")


@pytest.mark.parametrize("step", STEPS)
def test_died_at_any_step_the_next_run_ends_it_with_one_report(ward, step):
    uuid = interrupted(ward)
    proposal = completion(ward, uuid)
    with pytest.raises(Died):
        ward.carry(proposal, hand=Hand(ward=ward, left=12 * 3600.0, dies_at=step))
    assert ward.carry(proposal).end == "done"
    assert len(ward.posts(uuid)) == 1
    assert {os.fspath(path) for path in ward.wings.backups.glob("*.tar.gz")} == {os.fspath(ward.path(uuid))}
    if step == "let go":
        ward.target.tends()[0].step()  # the loop that looks after links has only the holding to let go of
    else:
        ward.in_order(uuid)
