"""What lies in a destination beside what its list of volumes and the job's database know: each damage is named for what it is.

The recorded destinations are the real ones of 2.3.0.4 (contract section 4, Verifying a destination folder).
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.duplicati_destinations import facts_of
from tests.support.duplicati_folder import ENCRYPTED, PLAIN, RECORDINGS, filelist, lay, listed, pair, recorded, row, volumes
from tests.support.duplicati_looks import DAY, HOUR, MINUTE, START, looks
from watchdog.panels.duplicati.destinations import look, needs
from watchdog.panels.duplicati.drift import Case
from watchdog.panels.duplicati.job_database import JobDatabaseReader
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.traces import Evidence, JobDatabase, ListedVolume
from watchdog.panels.duplicati.view import Details

NAME = "duplicati-nas-photos"
LIST = "duplicati-verification.json"
FORTNIGHT = 14 * DAY
KINDS = {
    "destination_volume_missing": "missing", "destination_volume_short": "short", "destination_volume_zero": "zero",
    "destination_volume_flipped": "flipped", "destination_volume_extra": "extra", "destination_upload_cut": "cut",
}  # fmt: skip
MADE = 1795226208.0  # 2026-11-21 01:56:48, the newest backup of the recorded plain destination


def rows_of(found, state="Verified"):
    """Return a job's database that knows exactly these files."""
    told = [row(name, content) for name, content in found.items() if not name.endswith(".json")]
    return tuple(ListedVolume(each["Name"], each["Size"], each["Hash"], state) for each in told)


def recorded_database():
    read = JobDatabaseReader(RECORDINGS / "job" / "job.sqlite").read(lambda: True)
    assert read.problem == ""
    return read


def beside(folder, found, database=None, *, level=2, newer=(), **more):
    """A job of which this folder is the destination, on a server at which we have been looking for a while."""
    lay(folder, found, newer)
    seen = looks(destinations={"photos": {"path": str(folder), "prefix": more.pop("prefix", "duplicati")}})
    seen.note(newest=None)
    seen.evidence = Evidence(databases={"photos": database} if database is not None else {})
    seen.look()
    seen.archives = facts_of(folder, NAME, level=level, at=START, **more)
    seen.now += MINUTE
    return seen


def damages(seen):
    """Return what is said of the destination: damage by kind, with the names."""
    drifts = [each for each in seen.look(1).drifts if each.kind in KINDS]
    return {KINDS[each.kind]: each.evidence["names"] for each in drifts}


def stored(seen):
    case = Case(seen.settings, seen.actual(), seen.view(), seen.evidence, None, Notes(seen.memory), seen.moment())
    return look(case, case.view.backups[0])


SOURCES = {
    "plain, list": (PLAIN, None),
    "plain, list and database": (PLAIN, recorded_database),
    "plain, database alone": (PLAIN, recorded_database),
    "encrypted, list": (ENCRYPTED, None),
    "encrypted, list and database": (ENCRYPTED, lambda: JobDatabase(volumes=rows_of(recorded(ENCRYPTED)))),
    "encrypted, database alone": (ENCRYPTED, lambda: JobDatabase(volumes=rows_of(recorded(ENCRYPTED)))),
}


def of(case):
    folder, database = SOURCES[case]
    found = recorded(folder)
    if case.endswith("alone"):
        del found[LIST]
    return found, database() if database else None


@pytest.mark.parametrize("case", SOURCES)
def test_the_recorded_destinations_are_good_by_every_source(tmp_path, case):
    found, database = of(case)
    seen = beside(tmp_path / "d", found, database)
    judged = seen.look(1)
    assert judged.drifts == () and "destination/1" in {str(each) for each in judged.fine}
    proof = stored(seen)
    assert proof.by_list is (None if case.endswith("alone") else True) and proof.by_database is (True if database else None)
    assert proof.counts == {"dblock": 2, "dindex": 2, "dlist": 2}


@pytest.mark.parametrize("case", SOURCES)
def test_every_single_damage_to_every_volume_is_named_for_what_it_is(tmp_path, case):
    found, database = of(case)
    for number, name in enumerate(sorted(set(found) - {LIST})):
        content = found[name]
        at = len(content) // 2
        for damage, broken in {
            "missing": None, "short": content[:-16], "zero": b"",
            "flipped": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
        }.items():  # fmt: skip
            changed = {key: value for key, value in found.items() if key != name} | ({} if broken is None else {name: broken})
            assert damages(beside(tmp_path / f"{number}-{damage}", changed, database)) == {damage: name}, (name, damage)


@pytest.mark.parametrize("case", SOURCES)
def test_a_volume_that_nobody_knows_is_extra(tmp_path, case):
    found, database = of(case)
    name = next(iter(pair(9)))
    foreign = {name: b"somebody's"} if "encrypted" not in case else {f"{name}.aes": b"AES\x02somebody's"}
    seen = beside(tmp_path / "d", found | foreign, database)
    assert damages(seen) == {"extra": next(iter(foreign))}


@pytest.mark.parametrize("algorithm", ["md5", "sha384", "sha1", "sha512"])
def test_every_digest_is_taken_by_its_length_from_both_sources(tmp_path, algorithm):
    found = volumes(algorithm=algorithm)
    rows = tuple(ListedVolume(name, len(content), row(name, content, algorithm)["Hash"], "Uploaded") for name, content in found.items())
    seen = beside(tmp_path / "d", listed(found, algorithm), JobDatabase(volumes=rows))
    proof = stored(seen)
    assert (proof.by_list, proof.by_database, proof.reason) == (True, True, "") and damages(seen) == {}
    block = next(name for name in found if "dblock" in name)
    broken = found | {block: found[block][:-1] + bytes([found[block][-1] ^ 1])}
    lists = {LIST: listed(found, algorithm)[LIST]}
    assert damages(beside(tmp_path / "e", broken | lists, JobDatabase(volumes=rows))) == {"flipped": block}


def test_bytes_under_another_algorithm_than_the_lists_prove_nothing(tmp_path):
    found = volumes(algorithm="md5")
    rows = tuple(ListedVolume(name, len(content), row(name, content, "md5")["Hash"], "Uploaded") for name, content in found.items())
    seen = beside(tmp_path / "d", found, JobDatabase(volumes=rows))
    assert stored(seen).by_database is None and damages(seen) == {}


def test_two_jobs_in_one_folder_are_judged_apart(tmp_path):
    mine, theirs = listed(volumes()), listed(volumes("films"), prefix="films")
    gone = next(name for name in theirs if "dblock" in name)
    found = mine | {name: content for name, content in theirs.items() if name != gone}
    assert damages(beside(tmp_path / "d", found)) == {}
    assert damages(beside(tmp_path / "d", {}, prefix="films")) == {"missing": gone}


# ---- a run that was cut off ------------------------------------------------------------------------------------------------------


def cut_off(*, whole_index=False, encrypted=False):
    """A destination after its second run was killed in an upload: half a dblock (and perhaps a dindex), no dlist, the list of the first."""
    first = {**pair(1), **filelist(1)}
    block, index = pair(2).items()
    late = {block[0]: block[1][: len(block[1]) // 2]} | ({index[0]: index[1]} if whole_index else {})
    return listed(first) | late, tuple(late), first


@pytest.mark.parametrize("whole_index", [False, True])
def test_a_truncated_last_upload_without_a_dlist_is_called_that_and_nothing_else(tmp_path, whole_index):
    found, late, _ = cut_off(whole_index=whole_index)
    assert damages(beside(tmp_path / "d", found, newer=late)) == {"cut": ", ".join(sorted(late))}


def test_the_database_knows_what_was_on_its_way(tmp_path):
    found, late, first = cut_off()
    rows = (*rows_of(first), ListedVolume(late[0], None, "", "Uploading"))
    seen = beside(tmp_path / "d", found, JobDatabase(volumes=rows), newer=late)
    assert damages(seen) == {"cut": late[0]}
    strange = beside(tmp_path / "e", found, JobDatabase(volumes=rows_of(first)), newer=late)
    assert damages(strange) == {"extra": late[0]}


def test_a_compaction_leaves_newer_volumes_that_are_none_of_that(tmp_path):
    found = volumes()
    blocks = tuple(name for name in found if "dlist" not in name)
    lay(tmp_path / "d", found, newer=blocks)
    assert damages(beside(tmp_path / "d", found, JobDatabase(volumes=rows_of(found)), newer=blocks)) == {}
    assert damages(beside(tmp_path / "e", listed(found), newer=(*blocks, LIST))) == {}


def test_a_list_that_was_never_written_again_does_not_accuse_what_the_database_knows(tmp_path):
    old, now = volumes(), {**pair(1), **pair(3), **filelist(2), **filelist(3)}
    rows = (*rows_of(now), *(replace(each, state="Deleted") for each in rows_of(old) if each.name not in now))
    assert damages(beside(tmp_path / "d", now | {LIST: listed(old)[LIST]}, JobDatabase(volumes=rows), newer=tuple(pair(3)))) == {}


def test_a_list_that_the_newest_run_did_not_write_again_proves_and_accuses_nothing(tmp_path):
    old, now = volumes(), {**pair(1), **pair(3), **filelist(2), **filelist(3)}
    newer = (*pair(3), *filelist(3))
    seen = beside(tmp_path / "d", now | {LIST: listed(old)[LIST]}, newer=newer)
    assert damages(seen) == {} and stored(seen).by_list is None
    block = next(iter(pair(1)))
    broken = now | {LIST: listed(old)[LIST], block: now[block][:-5]}
    assert damages(beside(tmp_path / "e", broken, newer=newer)) == {"short": block}  # of what it knows it still tells


@pytest.mark.parametrize(("told", "wanted"), [("", "films"), ("duplicati", "duplicati")])
def test_the_jobs_own_prefix_counts_unless_another_is_configured(tmp_path, told, wanted):
    folder = lay(tmp_path / "d", listed(volumes()) | listed(volumes("films"), prefix="films"))
    seen = looks(destinations={"photos": {"path": str(folder)} | ({"prefix": told} if told else {})})
    seen.change(details=Details(options={"prefix": "films"}))
    seen.look()
    next(folder.glob("films*dblock*")).unlink()
    seen.archives = facts_of(folder, NAME, at=START)
    seen.now += MINUTE
    assert set(damages(seen)) == ({"missing"} if wanted == "films" else set())


@pytest.mark.parametrize(("state", "damage"), [("Deleting", {}), ("Deleted", {"extra"}), ("Temporary", {"cut"}), ("Uploading", {"cut"})])
def test_each_state_in_the_database_has_its_meaning(tmp_path, state, damage):
    found = volumes()
    name = next(iter(found))
    rows = tuple(replace(each, state=state) if each.name == name else each for each in rows_of(found))
    assert set(damages(beside(tmp_path / "d", found, JobDatabase(volumes=rows)))) == set(damage)


# ---- when nothing may be said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda seen: seen.runs(), "job_active"),
        (lambda seen: setattr(seen, "archives", None), "destination_unseen"),
        (lambda seen: setattr(seen, "archives_at", START - HOUR), "destination_unseen"),
        (lambda seen: (seen.runs(), seen.look(), seen.rests()), "look_too_old"),
    ],
)
def test_what_cannot_be_judged_is_unknown(tmp_path, change, reason):
    found = listed(volumes())
    gone = next(name for name in found if "dblock" in name)
    seen = beside(tmp_path / "d", {name: content for name, content in found.items() if name != gone})
    seen.archives_at = seen.now
    change(seen)
    judged = seen.look(1)
    assert [each.reason for each in judged.unknown if each.subject.kind == "destination"] == [reason]
    assert not [each for each in judged.drifts if each.kind in KINDS]


@pytest.mark.parametrize(("more", "reason"), [({"stable": False}, "destination_changing"), ({"error": "hung"}, "destination_unseen")])
def test_a_folder_in_motion_or_out_of_sight_is_unknown(tmp_path, more, reason):
    seen = beside(tmp_path / "d", listed(volumes()), **more)
    assert [each.reason for each in seen.look(1).unknown] == [reason]


def test_an_empty_folder_may_be_one_that_is_not_mounted(tmp_path):
    database = JobDatabase(volumes=rows_of(volumes()))
    drift = beside(tmp_path / "d", {}, database).the("destination_volume_missing", 1)
    assert "mounted" in drift.truth and drift.evidence["volumes"] == 6


def test_without_the_bytes_names_and_sizes_are_compared(tmp_path):
    found = recorded(PLAIN)
    name = next(each for each in found if "dblock" in each)
    assert damages(beside(tmp_path / "a", found, recorded_database(), level=0)) == {}
    assert damages(beside(tmp_path / "b", found | {name: found[name][:-1]}, recorded_database(), level=0)) == {"short": name}
    flipped = found | {name: found[name][:-1] + bytes([found[name][-1] ^ 1])}
    assert damages(beside(tmp_path / "c", flipped, recorded_database(), level=0)) == {}
    assert stored(beside(tmp_path / "e", found, recorded_database(), level=0)).by_database is None


def test_a_database_that_cannot_be_read_says_nothing(tmp_path):
    assert damages(beside(tmp_path / "d", listed(volumes()), JobDatabase("busy"))) == {}


# ---- destination_dlist_late, running_while_idle ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("newest", "late"), [(MADE, False), (MADE - DAY, False), (MADE + 1, False), (MADE + 3, True), (None, False)])
def test_the_jobs_newest_backup_must_lie_there(tmp_path, newest, late):
    seen = beside(tmp_path / "d", recorded(PLAIN))
    seen.note(newest=newest)
    drift = seen.the("destination_dlist_late", 1)
    assert (drift is not None) is late
    if late:
        assert drift.evidence == {"made": newest, "lies": MADE}


@pytest.mark.parametrize(("after", "named"), [(-HOUR, False), (-10.0, False), (10 * MINUTE, True)])
def test_writes_to_a_destination_of_which_nothing_runs_are_named(tmp_path, after, named):
    seen = beside(tmp_path / "d", listed(volumes()))
    at = seen.now + after
    os.utime(next((tmp_path / "d").glob("*dlist*")), (at, at))
    seen.archives = facts_of(tmp_path / "d", NAME, at=START)
    seen.now = max(seen.now, at)
    drift = seen.the("running_while_idle", MINUTE)
    assert (drift is not None) is named
    if named:
        assert drift.evidence == {"what": "the destination"}
        seen.runs()
        assert seen.the("running_while_idle", MINUTE) is None


def test_writes_to_a_database_of_which_nothing_runs_are_named():
    seen = looks(destinations={"photos": {"path": "/nowhere", "database": "/nowhere.sqlite"}})
    seen.look()
    seen.evidence = Evidence(databases={"photos": JobDatabase(changed_at=START + HOUR)})
    seen.now = START + HOUR
    assert seen.the("running_while_idle", 30).evidence == {"what": "the job's database"}
    assert seen.the("running_while_idle", HOUR) is None


def test_each_destination_is_watched_as_deep_as_was_asked(tmp_path):
    seen = looks(destinations={"a": {"path": "/x", "verify": "names"}, "b": {"path": "/y"}})
    assert [(need.name, need.path, need.level) for need in needs(seen.settings)] == [
        ("duplicati-nas-a", "/x", 0), ("duplicati-nas-b", "/y", 2),
    ]  # fmt: skip
    assert Path(tmp_path).exists()
