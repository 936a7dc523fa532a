"""The heart: cases A to L of the contract's section 0, the guards of 3.5, and what is never done without proof."""

from dataclasses import replace

import pytest

from tests.support.pterodactyl_looks import (
    DAY,
    HOUR,
    OLD,
    OTHER,
    PAPER,
    SHA1,
    START,
    STUCK,
    TARGET,
    THERE,
    archive,
    looks,
    record,
    story,
    uuid,
)  # fmt: skip
from watchdog.model.archives import Identity, PassedOver
from watchdog.model.repairs import ObjectHistory, Risk
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.cases import CASES
from watchdog.panels.pterodactyl.drift import KINDS
from watchdog.panels.pterodactyl.refusing import REFUSALS
from watchdog.panels.pterodactyl.traces import Kept
from watchdog.panels.pterodactyl.view import Callback

CREATED = START - HOUR


def risk(proposal):
    return next(each for each in remedies.REMEDIES if each.name == proposal.remedy).risk(proposal.facts)


def pending(**settings):
    """A backup that has been pending for an hour, whose archive Wings has deleted; Wings lived on."""
    found = looks(**settings)
    found.add(record(created=CREATED))
    return found


def whole(log=True, **settings):
    """Case F: a whole archive beside a pending record, and Wings was started anew since."""
    found = pending(**settings)
    found.put(archive(written=CREATED + 60))
    if log:
        found.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, interrupted=CREATED + 600)
    found.process(began=CREATED + 600)
    return found


def refused(found):
    drift = found.settled()
    assert drift.proposal is None
    return drift.evidence["case"], drift.evidence["refused"].split()


def test_a_target_in_order_has_no_drift_and_nothing_unknown():
    well = looks()
    for _ in range(4):
        judgement = well.look(60)
        assert (judgement.drifts, judgement.unknown) == ((), ())
    assert f"backup/{OLD}" in {str(each) for each in judgement.fine}


def test_each_kind_and_case_has_a_name_of_its_own():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    assert set(looks(kinds=dict.fromkeys(names, "observe")).settings.kinds) == set(names)
    assert set(CASES) >= {"proven", "unproven", "absent", "corrupt", "in_flight", "held", "s3", "cannot_see", "awaiting_verification"}


def test_a_young_pending_backup_is_in_order():
    young = looks()
    young.add(record(created=START))
    assert young.kinds(300) == set()
    assert "backup_stuck" in young.kinds(400)


# -- F, H, I, J: completed ---------------------------------------------------------------------------------------------------


def test_f_wings_was_restarted_between_archive_and_callback():
    drift = whole().settled()
    assert drift.evidence["case"] == "proven" and drift.hold is None
    assert drift.proposal.remedy == "complete_backup" and risk(drift.proposal) is Risk.SAFE
    assert drift.proposal.parameters["sha1"] == SHA1 and drift.proposal.parameters["inode"] == int(STUCK[:6], 16)
    assert drift.proposal.parameters["path"].endswith(f"/{STUCK}.tar.gz")
    assert "Wings was started anew" in drift.proposal.facts["cause"]


def test_h_wings_could_not_delete_the_archive():
    kept = pending()
    kept.put(archive(written=CREATED + 60))
    kept.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, notify_failed=CREATED + 95)
    assert kept.settled().proposal.remedy == "complete_backup"


def test_i_the_panels_database_was_restored():
    older = pending()
    older.put(archive(written=CREATED + 60))
    older.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, notified=CREATED + 61)
    assert older.settled().evidence["case"] == "proven"


def test_j_our_guard_holds_what_wings_deleted():
    held = pending()
    identity = Identity(7, 4711, 1000, int((CREATED + 60) * 1e9))
    held.see(kept=(Kept(STUCK, f"/b/.watchdog-held/{STUCK}.tar.gz", identity, CREATED, 1),))
    held.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, notify_failed=CREATED + 95)
    drift = held.settled()
    assert drift.evidence["case"] == "held" and drift.proposal.remedy == "complete_backup"
    assert drift.proposal.parameters["held"].endswith(f"{STUCK}.tar.gz") and drift.proposal.parameters["inode"] == 4711
    assert risk(drift.proposal) is Risk.SAFE


def test_j_what_could_not_be_made_is_failed_although_it_is_held():
    held = pending()
    held.see(kept=(Kept(STUCK, "/held", Identity(7, 4711, 1000, int((CREATED + 60) * 1e9)), CREATED, 1),))
    held.stories[STUCK] = story(began=CREATED, generate_failed=CREATED + 61, failure_unheard=CREATED + 92)
    drift = held.settled()
    assert drift.proposal.remedy == "fail_backup" and drift.proposal.parameters["reason"] == "log_failed"


def test_without_the_logs_word_a_person_decides():
    silent = whole(log=False)
    silent.log = replace(silent.log, covered_from=START - 60)
    drift = silent.settled()
    assert drift.evidence["case"] == "unproven" and risk(drift.proposal) is Risk.DESTRUCTIVE
    assert drift.proposal.facts["proof"] == "structure"


def test_closed_for_long_enough_before_eyes_that_see_is_proof_as_well():
    closed = pending()
    closed.put(archive(written=CREATED + 60))
    closed.stories[STUCK] = story(began=CREATED, generated=CREATED + 60)
    first = closed.stuck()
    assert first.proposal is None and first.evidence["refused"] == "closed_lately"
    closed.look(60)
    assert closed.stuck(60).proposal.remedy == "complete_backup"


def test_an_archive_of_a_wings_that_leaves_files_out_needs_a_person():
    lossy = whole()
    lossy.wings_is(version="1.11.10")
    assert risk(lossy.settled().proposal) is Risk.DESTRUCTIVE


# -- A to E, L: failed -------------------------------------------------------------------------------------------------------


def test_a_to_d_the_archive_is_gone_and_was_seen_gone_twice():
    gone = pending()
    gone.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, notify_failed=CREATED + 95)
    once = gone.stuck()
    assert once.evidence["case"] == "absent" and once.proposal is None and once.evidence["refused"] == "seen_once"
    drift = gone.stuck(60)
    assert drift.proposal.remedy == "fail_backup" and drift.proposal.parameters["reason"] == "absent"
    assert risk(drift.proposal) is Risk.SAFE


def test_a_without_any_log_needs_sight_of_wings():
    gone = pending()
    gone.log = replace(gone.log, error="no permission", covered_from=None)
    assert gone.settled().proposal.remedy == "fail_backup"
    gone.process(sighted=False, why="another pid namespace")
    assert refused(gone) == ("cannot_see", ["cannot_see_wings"])
    gone.see(process=None, process_error="no process of Wings in sight")
    assert refused(gone) == ("cannot_see", ["cannot_see_wings"])


def test_a_start_of_wings_proves_nothing_about_a_file_that_a_network_stamped():
    found = whole(log=False)
    found.see(filesystem_kind="nfs4", filesystem_local=False)
    assert refused(found) == ("cannot_see", ["network_filesystem"])
    found.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, notify_failed=CREATED + 95)
    assert found.settled().proposal.remedy == "complete_backup", "case H: the log's word is enough"


def test_what_was_not_seen_closed_before_is_watched_from_now_on():
    found = pending()
    found.put(archive(written=CREATED + 60))
    found.stories[STUCK] = story(began=CREATED, generated=CREATED + 60)
    found.process(sighted=False, why="hidden")
    assert found.settled().evidence["refused"] == "cannot_see_wings"
    found.process(sighted=True, why="")
    assert found.stuck().evidence["refused"] == "closed_lately"
    assert found.stuck(100).proposal is not None


def test_an_archive_is_never_absent_on_a_network_file_system():
    gone = pending()
    gone.stories[STUCK] = story(began=CREATED, generated=CREATED + 60, notify_failed=CREATED + 95)
    gone.see(filesystem_kind="nfs4", filesystem_local=False)
    assert refused(gone) == ("cannot_see", ["network_filesystem"])


def test_e_a_truncated_archive():
    cut = pending()
    cut.put(archive(written=CREATED + 60, verdict="bad", reason="missing_end"))
    cut.process(began=CREATED + 600)
    drift = cut.settled()
    assert drift.evidence["case"] == "corrupt" and drift.proposal.remedy == "fail_backup"
    assert drift.proposal.parameters["reason"] == "corrupt" and risk(drift.proposal) is Risk.SAFE
    assert cut.files, "it stays where it is"


def test_e_another_file_is_seen_for_the_first_time_again():
    cut = pending()
    cut.process(began=CREATED + 600)
    cut.put(archive(written=CREATED + 60, verdict="bad", reason="missing_end"))
    cut.look()
    cut.put(archive(written=CREATED + 61, verdict="bad", reason="missing_end"))
    assert cut.stuck(60).evidence["refused"] == "seen_once"


def test_l_the_log_says_that_the_making_failed():
    failed = pending()
    failed.put(archive(written=CREATED + 60))
    failed.stories[STUCK] = story(began=CREATED, generate_failed=CREATED + 61, failure_unheard=CREATED + 92)
    drift = failed.settled()
    assert drift.evidence["case"] == "corrupt" and drift.proposal.parameters["reason"] == "log_failed"
    assert risk(drift.proposal) is Risk.SAFE


def test_l_a_beginning_without_an_end_is_for_a_person():
    unsure = whole(log=False)
    unsure.stories[STUCK] = story(began=CREATED, interrupted=CREATED + 600)
    drift = unsure.settled()
    assert drift.proposal.remedy == "fail_backup" and drift.proposal.parameters["reason"] == "unproven"
    assert risk(drift.proposal) is Risk.DESTRUCTIVE


def test_l_a_log_that_does_not_reach_back_says_nothing_of_an_end():
    unsure = whole(log=False)
    unsure.stories[STUCK] = story(began=CREATED, interrupted=CREATED + 600)
    unsure.log = replace(unsure.log, covered_from=CREATED + 30)
    assert unsure.settled().proposal.remedy == "complete_backup", "what it says of the archive may lie in the gap: a person decides"


@pytest.mark.parametrize(("level", "found"), [(2, ("awaiting_verification", ["not_verified"])), (1, None)])
def test_an_archive_is_read_as_deep_as_it_is_to_be_and_the_remedy_reads_the_rest(level, found):
    shallow = whole(node={"level": level})
    shallow.put(archive(written=CREATED + 60, level=1, sha1=None))
    if found:
        assert refused(shallow) == found
    else:
        assert shallow.settled().proposal.parameters["sha1"] == ""


def test_a_failed_record_beside_a_file_that_nobody_vouches_for_stays_failed():
    failed = looks()
    failed.add(record(created=START - 13 * HOUR, completed_at=START - 7 * HOUR + 700))
    failed.put(archive(written=START - 13 * HOUR))
    failed.process(began=START - 12 * HOUR)
    failed.look(60)
    assert failed.kinds(60) == set()


def test_a_verification_of_another_file_proves_nothing():
    found = whole()
    newer = archive(written=CREATED + 61)
    found.put(replace(newer, verification=archive(written=CREATED + 60).verification))
    assert refused(found) == ("awaiting_verification", ["not_verified"])


def test_an_archive_that_changed_a_moment_ago_is_somebodys_work():
    found = whole()
    found.process(began=START - 5 * DAY)
    found.stories.clear()
    found.put(archive(written=START + 100))
    found.look(90)
    assert found.look(30).drifts == (), "its last change was 20 s ago"
    assert found.stuck(300).evidence["refused"] == "within_grace"


def test_nothing_is_failed_before_its_time():
    young = looks(stuck_after="60s", fail_after="30m")
    young.add(record(created=START - 900))
    young.stories[STUCK] = story(began=START - 900, generated=START - 800, notify_failed=START - 760)
    assert refused(young) == ("absent", ["too_young"])


# -- G waits, K alarms -------------------------------------------------------------------------------------------------------


def test_g_a_checksum_that_takes_hours_is_waited_for_and_pages_nobody():
    busy = pending()
    busy.put(archive(written=CREATED + 60))
    busy.process(open=frozenset({(7, int(STUCK[:6], 16))}))
    for _ in range(5):
        assert busy.kinds(HOUR / 2) == set()
    assert busy.stuck(5 * HOUR).evidence["case"] == "in_flight"
    assert busy.stuck().proposal is None


def test_g_pruned_while_wings_is_still_at_it():
    busy = looks()
    busy.add(record(created=START - 7 * HOUR, completed_at=START - HOUR + 1, locked=True))
    busy.put(archive(written=START - 60))
    busy.process(open=frozenset({(7, int(STUCK[:6], 16))}))
    drift = busy.stuck()
    assert (drift.evidence["case"], drift.evidence["record"], drift.proposal) == ("in_flight", "pruned", None)


def test_k_successful_without_archive_is_an_alarm_and_no_more():
    lost = looks()
    lost.look()
    lost.take(OLD)
    lost.put(archive(uuid(9), START - HOUR))
    assert "backup_missing" not in lost.kinds() - {"backup_missing"}
    drift = lost.the("backup_missing")
    assert str(drift.subject) == f"backup/{OLD}" and drift.proposal is None and "copy" in drift.hold


# -- pruned records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("completed", "changes", "remedy"),
    [
        (START - 7 * HOUR, {"locked": True}, "complete_backup"),
        (START - 7 * HOUR + 1, {}, "complete_backup"),
        (START - 7 * HOUR + 700, {}, None),
    ],
)
def test_a_pruned_record_can_be_completed_and_a_reported_failure_cannot(completed, changes, remedy):
    found = looks()
    created = START - 13 * HOUR - 600
    found.add(record(created=created, completed_at=completed, **changes))
    found.put(archive(written=created + 60))
    found.stories[STUCK] = story(began=created, generated=created + 60, interrupted=created + 600)
    found.process(began=created + 600)
    drift = found.settled()
    assert (drift.proposal.remedy if drift.proposal else None) == remedy
    if remedy is None:
        assert drift.evidence["refused"] == "not_shown_pruned"


def test_a_record_that_we_called_failed_ourselves_stays_failed():
    found = looks()
    created = START - 13 * HOUR
    found.add(record(created=created, completed_at=START - 7 * HOUR, locked=True))
    found.put(archive(written=created + 60))
    found.stories[STUCK] = story(began=created, generated=created + 60, interrupted=created + 600)
    found.process(began=created + 600)
    found.last_remedy_at[("fail_backup", remedies.backup_object(TARGET, STUCK))] = START - 7 * HOUR
    found.look(60)
    assert found.kinds(60) == set()


def test_a_backup_that_wings_called_failed_stays_failed():
    failed = looks()
    failed.add(record(created=START - 13 * HOUR, completed_at=START - 7 * HOUR + 1))
    failed.put(archive(written=START - 13 * HOUR))
    failed.stories[STUCK] = story(began=START - 13 * HOUR, generate_failed=START - 7 * HOUR, failure_notified=START - 7 * HOUR + 1)
    failed.look(60)
    assert failed.kinds(60) == set()


# -- every refusal -----------------------------------------------------------------------------------------------------------


def elsewhere(found):
    found.give(PAPER, node=THERE)


def unplaced(found):
    found.see(local=None, error="no permission")


def other_paths(found):
    found.see(mismatch="backups is /a here and /b there")


def unseen(found):
    found.process(began=START - 5 * DAY, sighted=False, why="ProtectProc hides it")
    found.stories.clear()


def network(found):
    found.process(began=START - 5 * DAY)
    found.see(filesystem_kind="nfs4", filesystem_local=False)
    found.stories.clear()


def ambiguous(found):
    found.process(began=START - 5 * DAY)
    found.stories[STUCK] = story(began=CREATED, generated=CREATED + 60)
    found.log = replace(found.log, unnamed_failures=((PAPER, CREATED + 95),))


def opened(found):
    found.process(began=START - 5 * DAY, open=frozenset({(7, int(STUCK[:6], 16))}))
    found.stories.clear()
    found.settings = found.settings.model_copy(update={"prune_age": 600.0})


def fresh(found):
    found.process(began=START - 5 * DAY)
    found.put(archive(written=START - 200))
    found.stories.clear()


def changing(found):
    found.process(began=START - 5 * DAY)
    found.files = {path: replace(each, stable=False) for path, each in found.files.items()}
    found.stories.clear()
    found.settings = found.settings.model_copy(update={"prune_age": 600.0})


def unread(found):
    found.archives_error = "no_permission"


def old_picture(found):
    found.archives_age = 3600.0


def unverified(found):
    found.put(archive(written=CREATED + 60, verdict=None))


def unverifiable(found):
    found.put(archive(written=CREATED + 60, verdict="unverifiable"))


def settling(found):
    found.process(began=START + 100)


def on(state):
    def change(found):
        found.callback = Callback(state, "it says so")

    return change


def wrong_word(found):
    found.version = "1.11.6"


def no_list_of_links(found):
    found.take(STUCK)
    found.see(kept=None)


def empty(found):
    found.files.clear()


def in_a_store(found):
    found.stories[STUCK] = story(adapter="s3")


@pytest.mark.parametrize(
    ("change", "case", "word"),
    [
        (elsewhere, "cannot_see", "elsewhere"),
        (unplaced, "cannot_see", "place_unproven"),
        (other_paths, "cannot_see", "paths_differ"),
        (unseen, "cannot_see", "cannot_see_wings"),
        (network, "cannot_see", "network_filesystem"),
        (ambiguous, "cannot_see", "log_ambiguous"),
        (opened, "in_flight", "open_file"),
        (fresh, "in_flight", "within_grace"),
        (changing, "in_flight", "not_stable"),
        (unread, "cannot_see", "archives_unseen"),
        (old_picture, "cannot_see", "archives_unseen"),
        (unverified, "awaiting_verification", "not_verified"),
        (unverifiable, "cannot_see", "unverifiable"),
        (settling, "proven", "wings_settling"),
        (on("broken_by_1_11_6"), "proven", "waiting_for_panel_upgrade"),
        (on("database_down"), "proven", "callback_broken"),
        (on("token_drift"), "proven", "callback_broken"),
        (on("maintenance"), "proven", "callback_broken"),
        (on("unknown"), "proven", "callback_unknown"),
        (on("not_asked"), "proven", "callback_unknown"),
        (wrong_word, "proven", "panel_release_broken"),
        (no_list_of_links, "cannot_see", "held_unseen"),
        (empty, "cannot_see", "not_mounted"),
        (in_a_store, "s3", "disk_s3"),
    ],
)
def test_each_guard_refuses_by_its_own_name(change, case, word):
    found = whole()
    change(found)
    assert refused(found) == (case, [word])
    assert REFUSALS[word]


def test_an_object_store_is_never_touched():
    assert refused(whole(disk="s3")) == ("s3", ["disk_s3"])


def test_what_has_the_archives_name_must_be_a_file():
    found = whole()
    found.take(STUCK)
    plain = found.actual

    def actual():
        seen = plain()
        odd = (PassedOver(f"/var/lib/pterodactyl/backups/{STUCK}.tar.gz", f"pterodactyl-{TARGET}", "symlink"),)
        return replace(seen, archives=replace(seen.archives, facts=replace(seen.archives.facts, passed_over=odd)))

    found.actual = actual
    assert refused(found) == ("cannot_see", ["not_a_file"])


def test_a_name_that_is_no_uuid_is_never_a_path():
    odd = looks()
    odd.add(record("../../etc/passwd", CREATED))
    odd.look(60)
    drift = odd.stuck(60, "../../etc/passwd")
    assert (drift.evidence["refused"], drift.proposal) == ("name_not_canonical", None)


def test_a_server_that_answers_409_is_unknown_and_so_is_what_was_stuck_there():
    blind = whole()
    assert blind.settled().proposal is not None
    blind.give(PAPER, blind="409 ServerStateConflictException", maintenance=True)
    found = blind.unknown()
    assert found[f"server/{PAPER}"] == "record_unreadable" and found[f"backup/{STUCK}"] == "record_unreadable"
    assert "backup_stuck" not in blind.kinds()


def test_old_records_are_unknown():
    stale = whole()
    stale.records_age = 7200.0
    assert stale.unknown()[f"server/{PAPER}"] == "record_stale"


def test_records_that_were_never_read_are_unknown():
    unread_yet = whole()
    unread_yet.give(PAPER, backups=None, backups_at=None)
    assert unread_yet.unknown()[f"server/{PAPER}"] == "record_unread"


def test_an_odd_record_is_unknown():
    odd = looks()
    odd.add(record(successful=True))
    assert odd.unknown()[f"backup/{STUCK}"] == "record_odd"


def test_two_backups_in_flight_and_one_nameless_failure_replay_neither():
    two = pending()
    second = uuid(2)
    two.add(record(second, CREATED + 5))
    two.put(archive(written=CREATED + 60), archive(second, written=CREATED + 61))
    two.stories = {STUCK: story(generated=CREATED + 60), second: story(second, began=CREATED + 5, generated=CREATED + 61)}
    two.log = replace(two.log, unnamed_failures=((PAPER, CREATED + 95),))
    two.look(60)
    two.look(60)
    found = [each for each in two.look(60).drifts if each.kind == "backup_stuck"]
    assert [each.evidence["refused"] for each in found] == ["log_ambiguous"] * 2
    assert [each.proposal for each in found] == [None, None]


# -- the upgrade -------------------------------------------------------------------------------------------------------------


def many(count=4):
    found = looks()
    for number in range(1, count + 1):
        ident = uuid(number)
        found.add(record(ident, CREATED + number))
        found.put(archive(ident, CREATED + 60))
        found.stories[ident] = story(ident, began=CREATED + number, generated=CREATED + 60, notified=CREATED + 95)
    return found


def proposed(judgement):
    return sorted(each.subject.id for each in judgement.drifts if each.kind == "backup_stuck" and each.proposal is not None)


def waiting(judgement):
    return sorted(each.subject.id for each in judgement.drifts if "waiting_for_canary" in each.evidence.get("refused", ""))


def heal(found, ident, **changes):
    owner = found.servers[PAPER]
    values = {"successful": True, "completed_at": found.now, "checksum": f"sha1:{SHA1}", "bytes": 1000, **changes}
    found.give(backups=tuple(replace(each, **values) if each.uuid == ident else each for each in owner.backups))


def test_on_1_11_6_all_wait_then_one_canary_goes_then_the_rest_one_at_a_time():
    held = many()
    held.callback = Callback("broken_by_1_11_6", "500 QueryException")
    judgement = held.look(60)
    assert proposed(judgement) == []
    stuck = [each for each in judgement.drifts if each.kind == "backup_stuck"]
    assert {each.evidence["refused"] for each in stuck} == {"waiting_for_panel_upgrade"}
    assert {each.evidence["case"] for each in stuck} == {"proven"}
    held.callback = Callback("healthy")
    order = []
    for _ in range(4):
        judgement = held.look(60)
        (first,) = proposed(judgement)
        assert proposed(held.look(60)) == [first], "it stays the one"
        assert len(waiting(judgement)) == 3 - len(order)
        order.append(first)
        heal(held, first)
    assert order == [uuid(1), uuid(2), uuid(3), uuid(4)]
    assert held.kinds(60) == set()


def test_while_the_canary_is_not_proven_nobody_follows():
    held = many()
    held.callback = Callback("maintenance", "503")
    held.look(60)
    held.callback = Callback("healthy")
    (first,) = proposed(held.look(60))
    held.history[remedies.backup_object(TARGET, first)] = ObjectHistory(attempts=1, unverified=1, last_attempt_at=held.now)
    judgement = held.look(60)
    assert proposed(judgement) == [first] and len(waiting(judgement)) == 3
    assert "a person" in next(each.hold for each in judgement.drifts if each.subject.id == uuid(2))


@pytest.mark.parametrize(
    ("history", "seconds", "first"),
    [
        (ObjectHistory(), 60, uuid(1)),
        (ObjectHistory(), 7 * HOUR, uuid(2)),
        (ObjectHistory(attempts=1, last_attempt_at=START), 60, uuid(1)),
        (ObjectHistory(attempts=1, last_attempt_at=START), 2000, uuid(2)),
        (ObjectHistory(attempts=9, last_attempt_at=START, not_before=START + 300), 60, uuid(2)),
        (ObjectHistory(attempts=1, last_attempt_at=START + 1900), 2000, uuid(2)),
    ],
)
def test_a_canary_that_is_put_off_or_left_alone_does_not_hold_the_rest_for_ever(history, seconds, first):
    held = many()
    held.callback = Callback("unreachable", "")
    held.look(60)
    held.callback = Callback("healthy")
    assert proposed(held.look(60)) == [uuid(1)]
    held.history[remedies.backup_object(TARGET, uuid(1))] = history
    assert proposed(held.look(seconds)) == [first]
    assert proposed(held.look(60)) == [first]


def test_what_was_given_up_is_not_the_next_either():
    held = many(3)
    held.callback = Callback("unreachable", "")
    held.look(60)
    held.callback = Callback("healthy")
    held.look(60)
    held.history[remedies.backup_object(TARGET, uuid(1))] = ObjectHistory(attempts=1, last_attempt_at=held.now)
    assert proposed(held.look(2000)) == [uuid(2)]
    heal(held, uuid(2))
    assert proposed(held.look(60)) == [uuid(3)]


def test_when_all_were_put_off_the_first_goes_again():
    held = many(2)
    held.callback = Callback("unreachable", "")
    held.look(60)
    held.callback = Callback("healthy")
    held.look(60)
    for number in (1, 2):
        held.history[remedies.backup_object(TARGET, uuid(number))] = ObjectHistory(attempts=1, last_attempt_at=START, not_before=START)
    assert proposed(held.look(60)) == [uuid(1)]


def test_an_outage_of_a_week_ago_explains_nothing():
    held = many()
    held.callback = Callback("unreachable", "")
    held.look(60)
    held.callback = Callback("healthy")
    held.look(60)
    assert len(proposed(held.look(8 * DAY))) == 4


def test_a_canary_that_was_deleted_proves_nothing():
    held = many(3)
    held.callback = Callback("unreachable", "")
    held.look(60)
    held.callback = Callback("healthy")
    held.look(60)
    held.give(backups=tuple(each for each in held.servers[PAPER].backups if each.uuid != uuid(1)))
    assert proposed(held.look(60)) == [uuid(2)]
    held.history[remedies.backup_object(TARGET, uuid(2))] = ObjectHistory(attempts=1, unverified=1, last_attempt_at=START)
    judgement = held.look(60)
    assert proposed(judgement) == [uuid(2)]
    assert "a person" in next(each.hold for each in judgement.drifts if each.subject.id == uuid(3)), "it is the canary now, and it failed"


def test_without_an_outage_all_go_and_share_a_cause_only_if_there_is_one():
    free = many()
    free.look(60)
    assert len(proposed(free.look(60))) == 4
    assert "cause" not in next(each.proposal.facts for each in free.look(60).drifts if each.proposal)


def test_pelican_keeps_archives_in_a_folder_per_server():
    other = looks(flavour="pelican", node={"backups": "/b"})
    other.containers = {}
    other.add(record(created=CREATED))
    other.put(archive(written=CREATED + 60, folder=f"/b/{PAPER}"))
    other.stories[STUCK] = story(generated=CREATED + 60, notify_failed=CREATED + 95)
    assert other.settled().proposal.parameters["path"] == f"/b/{PAPER}/{STUCK}.tar.gz"


def test_a_backup_of_another_node_is_reported_and_left_to_its_agent():
    far = looks()
    far.add(record(server=OTHER))
    drift = far.settled()
    assert (drift.evidence["case"], drift.evidence["node"], drift.proposal) == ("cannot_see", "node-2", None)


def test_a_target_without_a_node_reports_what_is_stuck_and_judges_no_archive():
    bare = looks(node=None)
    bare.see(local=None)
    bare.add(record())
    assert bare.settled().evidence["refused"] == "place_unproven"
