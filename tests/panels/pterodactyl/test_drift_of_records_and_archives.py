"""Complete backups that are not what they say, archives without records, good backups at risk; always with proof of sight."""

from dataclasses import replace

import pytest

from tests.support.pterodactyl_looks import (
    DAY,
    HOUR,
    OLD,
    OTHER,
    PAPER,
    START,
    STUCK,
    TARGET,
    THERE,
    archive,
    complete,
    looks,
    record,
    story,
    uuid,
)
from watchdog.model.archives import Identity
from watchdog.model.repairs import Risk
from watchdog.panels.pterodactyl import remedies
from watchdog.panels.pterodactyl.remedies import complete_risk
from watchdog.panels.pterodactyl.traces import Kept
from watchdog.panels.pterodactyl.view import Schedule

BYTES = 1000


def lost(**settings):
    """A complete backup whose archive is not there; another's is."""
    found = looks(**settings)
    found.add(complete(uuid(8), START - 20 * HOUR))
    found.put(archive(uuid(8), START - 20 * HOUR))
    found.look()
    found.take(OLD)
    return found


# -- backup_missing (K) ------------------------------------------------------------------------------------------------------


def test_a_missing_archive_is_told_after_the_records_were_read_again():
    found = lost()
    found.records_age = 30.0
    assert "backup_missing" not in found.kinds()
    drift = found.the("backup_missing", 60)
    assert drift.subject.id == OLD and drift.proposal is None and drift.evidence["server_name"] == "Paper"


def test_a_record_that_was_deleted_with_its_archive_is_no_loss():
    found = lost()
    found.records_age = 30.0
    found.look()
    found.give(backups=tuple(each for each in found.servers[PAPER].backups if each.uuid != OLD))
    assert found.kinds(60) == set()


def test_what_wings_is_just_at_is_no_loss():
    young = looks()
    young.add(complete(STUCK, START - 100))
    young.records_age = 0.0
    assert "backup_missing" not in young.kinds(15)
    assert "backup_missing" in young.kinds(60)


@pytest.mark.parametrize(
    ("settings", "changes", "found"),
    [
        ({"disk": "s3"}, {}, (False, None)),
        ({"disk": "auto"}, {}, (True, None)),
        ({"disk": "auto"}, {"stories": {uuid(7): story(uuid(7), adapter="s3")}}, (False, "disk_unknown")),
        ({"disk": "auto"}, {"stories": {OLD: story(OLD, adapter="s3")}}, (False, None)),
        ({"disk": "auto"}, {"stories": {OLD: story(OLD), uuid(7): story(uuid(7), adapter="s3")}}, (True, None)),
        ({}, {"archives_error": "no_permission"}, (False, None)),
        ({}, {"archives_age": 3600.0}, (False, None)),
        ({}, {"files": {}}, (False, "not_mounted")),
    ],
)
def test_absence_counts_only_where_the_archive_must_be_and_can_be_seen(settings, changes, found):
    gone = lost(**settings)
    for name, value in changes.items():
        setattr(gone, name, value)
    judgement = gone.look(60)
    judgement = gone.look(60)
    missing = any(each.kind == "backup_missing" for each in judgement.drifts)
    unknown = {str(each.subject): each.reason for each in judgement.unknown}
    assert (missing, unknown.get(f"backup/{OLD}")) == found


def test_a_loss_that_was_known_is_unknown_while_the_directory_cannot_be_read():
    found = lost()
    found.look(60)
    found.look(60)
    found.archives_error = "no_permission"
    assert found.unknown()[f"backup/{OLD}"] == "archives_unseen"
    assert found.unknown()[f"backup/{OLD}"] == "archives_unseen", "and stays so"
    found.archives_error = None
    assert "backup_missing" in found.kinds(60)


@pytest.mark.parametrize(("size", "remedy"), [(BYTES, "complete_backup"), (BYTES + 1, None)])
def test_what_our_guard_still_holds_is_put_back(size, remedy):
    found = lost()
    found.see(kept=(Kept(OLD, "/held", Identity(7, 1, size, 1), START),))
    found.stories[OLD] = story(OLD, began=START - 10 * HOUR, generated=START - 10 * HOUR + 30)
    found.look(60)
    drift = found.the("backup_missing", 60)
    assert (drift.proposal.remedy if drift.proposal else None) == remedy
    if remedy:
        assert drift.proposal.parameters["held"] == "/held" and complete_risk(drift.proposal.facts) is Risk.SAFE


# -- backup_mismatch, backup_broken, backup_untrusted ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "kind", "differs"),
    [
        (archive(OLD, START - 10 * HOUR), None, None),
        (archive(OLD, START - 10 * HOUR, size=999), "backup_mismatch", "size"),
        (archive(OLD, START - 10 * HOUR, sha1="0" * 40), "backup_mismatch", "checksum"),
        (archive(OLD, START - 10 * HOUR, size=999, sha1="0" * 40), "backup_mismatch", "size checksum"),
        (archive(OLD, START - 10 * HOUR, size=999, verdict="bad", sha1=None), "backup_mismatch", "size"),
        (archive(OLD, START - 10 * HOUR, verdict="bad", reason="missing_end"), "backup_broken", None),
        (archive(OLD, START - 10 * HOUR, verdict="unverifiable", sha1=None), None, None),
        (archive(OLD, START - 10 * HOUR, verdict=None), None, None),
        (replace(archive(OLD, START - 10 * HOUR, size=999), stable=False), None, None),
    ],
)
def test_an_archive_is_compared_with_what_the_panel_has(file, kind, differs):
    found = looks()
    found.put(file)
    drifts = found.look().drifts
    assert [each.kind for each in drifts] == ([kind] if kind else [])
    if kind:
        assert drifts[0].evidence.get("differs") == differs and drifts[0].proposal is None


def test_a_result_of_another_file_proves_nothing():
    found = looks()
    newer = archive(OLD, START - 9 * HOUR)
    found.put(replace(newer, verification=archive(OLD, START - 10 * HOUR, verdict="bad").verification))
    assert found.kinds() == set()


def test_backups_of_a_wings_that_leaves_files_out_stay_untrusted_after_its_upgrade():
    found = looks()
    found.wings_is(version="1.11.9")
    assert found.kinds() == {"backup_untrusted", "version_broken"}, "it has run since before the backup"
    found.add(complete(uuid(5), START + HOUR))
    found.put(archive(uuid(5), START + HOUR))
    found.look(2 * HOUR)
    found.wings_is(version="1.11.11")
    found.process(began=found.now + 1)
    drifts = {each.subject.id for each in found.look(200).drifts if each.kind == "backup_untrusted"}
    assert drifts == {uuid(5)}, "of the older one nobody has seen which Wings made it"


def test_backups_of_another_nodes_wings_are_judged_by_what_it_was_seen_to_be():
    found = looks()
    found.wings_is(THERE, version="1.11.10")
    found.look()
    found.add(complete(uuid(5), START + HOUR, server=OTHER), complete(uuid(6), START - HOUR, server=OTHER))
    found.look(2 * HOUR)
    found.wings_is(THERE, version="1.11.11")
    found.look(60)
    found.add(complete(uuid(7), found.now + 100, server=OTHER))
    drifts = {each.subject.id for each in found.look(200).drifts if each.kind == "backup_untrusted"}
    assert drifts == {uuid(5)}


# -- archive_orphan, archive_stranded, volume_unknown ------------------------------------------------------------------------


def orphan(age=2 * DAY, **settings):
    found = looks(**settings)
    found.put(archive(uuid(6), START - age))
    return found


def test_an_archive_without_a_record_is_reported_and_left_where_it_is():
    drift = orphan().the("archive_orphan")
    assert drift.subject.id == uuid(6) and drift.proposal is None and drift.evidence["bytes"] == BYTES


def blind_server(found):
    found.give(OTHER, blind="409 ServerStateConflictException")


def unread_server(found):
    found.give(OTHER, backups=None, backups_at=None)


def incomplete(found):
    found.complete = False


def stale(found):
    found.records_age = 7200.0


def unreadable(found):
    found.archives_error = "hung"


def young(found):
    found.files = {}
    found.put(archive(OLD, START - 10 * HOUR), archive(uuid(6), START - HOUR))


def held(found):
    found.see(kept=(Kept(uuid(6), "/held", Identity(7, 1, 1, 1), START),))


@pytest.mark.parametrize("change", [blind_server, unread_server, incomplete, stale, unreadable, young, held])
def test_no_archive_is_called_an_orphan_without_a_whole_set_of_records(change):
    found = orphan()
    change(found)
    assert "archive_orphan" not in found.kinds()


def test_an_orphan_stays_unknown_while_one_server_cannot_be_read():
    found = orphan()
    found.the("archive_orphan")
    blind_server(found)
    assert found.unknown()[f"archive/{uuid(6)}"] == "record_unreadable"
    assert "archive_orphan" not in found.kinds()


def test_an_archive_whose_server_has_moved_is_stranded():
    found = looks()
    found.give(PAPER, node=THERE)
    found.remote, found.containers = (), {}
    found.see(volumes=())
    drift = found.the("archive_stranded")
    assert drift.subject.id == OLD and drift.evidence["server_node"] == "node-2" and drift.proposal is None
    found.give(PAPER, transferring=True)
    assert "archive_stranded" not in found.kinds()


@pytest.mark.parametrize(
    ("volumes", "changes", "expected"),
    [
        ((PAPER,), {}, set()),
        ((PAPER, uuid(3)), {}, {"volume_unknown"}),
        ((PAPER, OTHER), {}, {"volume_unknown"}),
        ((PAPER, ".sftp", "lost+found"), {}, set()),
        (None, {}, set()),
        ((PAPER, uuid(3)), {"remote": None}, set()),
    ],
)
def test_files_of_a_server_that_the_panel_does_not_have_here(volumes, changes, expected):
    found = looks()
    found.see(volumes=volumes)
    for name, value in changes.items():
        setattr(found, name, value)
    assert found.kinds() == expected


def test_just_after_a_start_of_wings_no_folder_is_judged():
    found = looks()
    found.see(volumes=(PAPER, uuid(3)))
    found.process(began=START)
    assert found.kinds() == set()


def test_files_that_are_on_their_way_here_are_not_judged():
    found = looks()
    found.see(volumes=(PAPER, OTHER))
    found.give(OTHER, transferring=True)
    assert found.kinds() == set()


# -- backups_at_risk ---------------------------------------------------------------------------------------------------------


def crowded(**changes):
    """Two slots: a good backup and one that hangs."""
    found = looks()
    found.give(**{"backup_limit": 2, "schedules": None, **changes})
    if not changes:
        found.add(record())
    found.stories[STUCK] = story(generated=START - HOUR + 60, notify_failed=START - HOUR + 95)
    return found


def test_the_newest_verified_backup_is_locked_before_it_is_pushed_out():
    found = crowded()
    drift = found.the("backups_at_risk")
    assert str(drift.subject) == f"server/{PAPER}" and drift.proposal.remedy == "lock_backup"
    assert drift.proposal.object == remedies.backup_object(TARGET, OLD) and drift.evidence["next_out"] == OLD
    found.give(backups=tuple(replace(each, locked=each.uuid == OLD) for each in found.servers[PAPER].backups))
    assert "backups_at_risk" not in found.kinds()


@pytest.mark.parametrize(
    ("changes", "at_risk"),
    [
        ({"backup_limit": 3}, False),
        ({"backup_limit": 0}, False),
        ({"schedules": ()}, False),
        ({"schedules": (Schedule(1, PAPER, "nightly", active=False, processing=False, last_run_at=None, next_run_at=None),)}, False),
        ({"schedules": (Schedule(1, PAPER, "nightly", active=True, processing=False, last_run_at=None, next_run_at=START + DAY),)}, True),
    ],
)
def test_only_a_schedule_with_no_free_slot_pushes_a_backup_out(changes, at_risk):
    found = crowded()
    found.give(**changes)
    assert ("backups_at_risk" in found.kinds()) is at_risk


def test_a_backup_that_is_being_made_pushes_nothing_out_yet():
    found = crowded()
    found.stories.clear()
    found.put(archive(STUCK, START - 60))
    found.process(open=frozenset({(7, int(STUCK[:6], 16))}))
    assert found.kinds() == set()


def test_when_the_newest_verified_one_is_locked_an_older_one_may_go():
    found = crowded(backups=(complete(OLD, locked=True), complete(uuid(8), START - 20 * HOUR)))
    found.give(backups=(*found.servers[PAPER].backups, record()))
    found.put(archive(uuid(8), START - 20 * HOUR))
    assert "backups_at_risk" not in found.kinds()
    found.put(archive(OLD, START - 10 * HOUR, sha1="0" * 40))
    assert found.the("backups_at_risk").proposal.object == remedies.backup_object(TARGET, uuid(8)), (
        "the locked one is not what the panel has"
    )


@pytest.mark.parametrize("verdict", [None, "unverifiable"])
def test_what_is_not_verified_is_not_locked(verdict):
    found = crowded()
    found.put(archive(OLD, START - 10 * HOUR, verdict=verdict))
    drift = found.the("backups_at_risk")
    assert drift.proposal is None and "verified" in drift.hold
