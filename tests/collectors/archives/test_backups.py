"""Backups against what is expected of them: age and schedule, size, number, room, copies; as facts, as settings, as metrics."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from tests.support.archives import noise, zip_of
from tests.support.duplicati_folder import lay, listed, volumes
from tests.support.keeping import Counts
from watchdog.collectors.archives.backup_metrics import SPECS
from watchdog.collectors.archives.backups import Stored, due_at, judge
from watchdog.collectors.archives.collector import ArchivesCollector
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.settings import ArchivesSettings, DirectorySettings, wanted
from watchdog.collectors.hanging import HangingLooks
from watchdog.errors import BadSettings
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, Verification, VolumeSet
from watchdog.model.backups import BackupCopy, BackupSource, Room
from watchdog.model.metrics import families
from watchdog.model.needs import BackupPlan
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.splits import split

DAY = 86_400.0
NOW = 1_795_000_000.0
BERLIN = ZoneInfo("Europe/Berlin")


def archive(days_ago, size=1000, verdict="good", sha1="", directory="d"):
    at = NOW - days_ago * DAY
    result = Verification("result", verdict, 2, sha1=sha1 or f"{days_ago}-{size}") if verdict else Verification("queued")
    return ArchiveFile(f"/{directory}/{days_ago}-{size}", directory, Identity(1, int(at), size, int(at * 1e9)), 0o600, True, "zip", result)


def stands(files=(), plan=BackupPlan(), sets=(), *, whole=True, free=None, others=None):  # noqa: B008  (frozen)
    (found,) = judge({"d": plan}, {"d": Stored(list(files), list(sets), whole, free or {}), **(others or {})}, NOW)
    return found


# ---- age and schedule --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "files", "overdue"),
    [
        (BackupPlan(), [], None),
        (BackupPlan(every=DAY), [], True),  # a job that never ran
        (BackupPlan(every=DAY), [archive(0.5)], False),
        (BackupPlan(every=DAY, grace=0), [archive(1.01)], True),
        (BackupPlan(every=DAY, grace=7200), [archive(1.01)], False),
        (BackupPlan(every=DAY), [archive(0.5, verdict="bad")], True),
        (BackupPlan(every=DAY), [archive(0.5, verdict="unverifiable")], True),
        (BackupPlan(every=DAY), [archive(0.5, verdict=None), archive(0.9)], False),
        (BackupPlan(every=DAY), [archive(0.5, verdict="bad"), archive(3)], True),
    ],
)
def test_a_job_is_late_when_nothing_good_came_in_time(plan, files, overdue):
    assert stands(files, plan).overdue is overdue


def test_a_directory_that_cannot_be_seen_whole_is_neither_late_nor_in_time():
    assert stands([archive(9)], BackupPlan(every=DAY), whole=False).overdue is None


def test_the_slot_that_counts_is_the_last_one_whose_grace_is_over():
    plan = BackupPlan("30 3 * * *", zone="Europe/Berlin", grace=7200.0)

    def due(text):
        found = due_at(plan, datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())
        return datetime.fromtimestamp(found, BERLIN).isoformat()

    assert due("2026-11-21T05:29:59") == "2026-11-20T03:30:00+01:00"
    assert due("2026-11-21T05:30:00") == "2026-11-21T03:30:00+01:00"
    assert due_at(replace(plan, zone=""), NOW) is not None


def test_a_backup_of_the_slot_itself_is_in_time():
    due = due_at(BackupPlan("@daily", zone="UTC"), NOW)
    days_ago = (NOW - due) / DAY
    assert stands([archive(days_ago)], BackupPlan("@daily", zone="UTC")).overdue is False
    assert stands([archive(days_ago + 0.001)], BackupPlan("@daily", zone="UTC")).overdue is True


# ---- size, number, room ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "median", "change", "expected"),
    [
        ([], None, None, None),
        ([1000], None, None, 1000),
        ([1000, 800], 1000, -0.2, 1000),
        ([1000, 3000, 2000, 4000], 2000, 1.0, 4000),
        ([9000, *[1000] * 10, 1500], 1000, 0.5, 1500),  # the eleventh before it does not count
        ([1000, 0], 1000, -1.0, 1000),
        ([0, 5], 0, None, 5),
    ],
)
def test_the_newest_is_compared_with_the_median_of_those_before(sizes, median, change, expected):
    found = stands([archive(len(sizes) - index, size) for index, size in enumerate(sizes)])
    assert (found.median_bytes, found.expected_bytes) == (median, expected)
    assert found.change == (change if change is None else pytest.approx(change))
    assert found.newest_good_bytes == (sizes[-1] if sizes else None)


def test_the_median_is_taken_of_as_many_as_the_plan_says():
    files = [archive(3, 1000), archive(2, 500), archive(1, 800)]
    assert stands(files, BackupPlan(trend=1)).median_bytes == 500
    assert stands(files, BackupPlan(trend=2)).median_bytes == 750


def test_what_is_not_good_counts_for_nothing():
    found = stands([archive(3, 1000), archive(2, 9, "bad"), archive(1, 9, "unverifiable"), archive(0.5, 9, None)])
    assert (found.good, found.newest_good_bytes, found.newest_good_at) == (1, 1000, NOW - 3 * DAY)


def test_room_is_told_by_path_and_as_a_multiple_of_the_next_backup():
    found = stands([archive(1, 1000)], BackupPlan(room=3.0), free={"/d": 2500, "/var/lib/docker": None})
    assert found.rooms == (Room("/d", 2500), Room("/var/lib/docker", None))
    rows = told(ArchiveFacts(backups=(found,)))
    assert rows["watchdog_backup_room_ratio"] == ((("d", "/d"), 2.5),)
    assert rows["watchdog_backup_free_bytes"] == ((("d", "/d"), 2500.0),)
    assert rows["watchdog_backup_room_wanted_ratio"] == ((("d",), 3.0),)


# ---- copies ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "holds", "held_days_ago"),
    [
        ([archive(1, sha1="a", directory="nas")], True, 1),
        ([archive(5, sha1="a", directory="nas")], True, 1),  # the time of the copy itself is no matter
        ([archive(2, sha1="b", directory="nas")], False, 2),
        ([archive(2, sha1="b", directory="nas"), archive(1, verdict=None, directory="nas")], None, 2),
        ([archive(2, sha1="b", directory="nas"), archive(1, 7, verdict=None, directory="nas")], False, 2),
        ([archive(1, 999, sha1="a", directory="nas")], False, None),
        ([archive(1, sha1="a", verdict="bad", directory="nas")], False, None),
        ([], False, None),
    ],
)
def test_a_copy_is_one_by_its_checksum(there, holds, held_days_ago):
    files = [archive(2, sha1="b"), archive(1, sha1="a")]
    found = stands(files, BackupPlan(copies=("nas",)), others={"nas": Stored(there, [], True, {})})
    assert found.copies == (BackupCopy("nas", holds, NOW - held_days_ago * DAY if held_days_ago else None),)


def test_of_a_location_that_cannot_be_seen_nothing_is_known():
    files, plan = [archive(1, sha1="a")], BackupPlan(copies=("nas",))
    assert stands(files, plan, others={"nas": Stored([], [], False, {})}).copies == (BackupCopy("nas"),)
    assert stands(files, plan).copies == (BackupCopy("nas"),)
    assert stands([], plan, others={"nas": Stored([], [], True, {})}).copies == (BackupCopy("nas"),)


# ---- Duplicati ---------------------------------------------------------------------------------------------------------------------------


def volume_set(verdict="good", days_ago=0.5, **more):
    return VolumeSet("d", "/d", "duplicati", verdict, 2, dlists=4, bytes=5000, newest_at=NOW - days_ago * DAY, **more)


@pytest.mark.parametrize(
    ("sets", "overdue", "good"),
    [
        ([volume_set()], False, 4),
        ([volume_set(days_ago=2)], True, 4),
        ([volume_set("bad")], True, 0),
        ([volume_set("unverifiable")], True, 0),
        ([volume_set(None, unverified=3)], None, 0),
        ([volume_set(), replace(volume_set(days_ago=2), prefix="other")], True, 8),
        ([volume_set(), replace(volume_set("bad"), prefix="other")], True, 0),
    ],
)
def test_volumes_count_as_the_set_that_they_make(sets, overdue, good):
    found = stands([archive(0.1, 50)], BackupPlan(every=DAY), sets)
    assert (found.overdue, found.good) == (overdue, good)


def test_a_second_destination_is_a_copy_when_it_is_good_and_as_new():
    plan, here = BackupPlan(copies=("nas",)), [volume_set()]
    for there, holds in (
        ([volume_set()], True),
        ([volume_set(days_ago=2)], False),
        ([volume_set("bad")], False),
        ([volume_set(None)], None),
    ):
        assert stands((), plan, here, others={"nas": Stored([], there, True, {})}).copies[0].holds is holds


# ---- settings ----------------------------------------------------------------------------------------------------------------------------


def directory(name="d", **backup):
    return {"name": name, "path": "/srv/" + name, "backup": backup}


def test_settings_become_a_plan():
    settings = ArchivesSettings(
        directories=(
            directory(schedule="30 3 * * *", zone="Europe/Berlin", grace="1h", keep=7, shrink=10, growth=50, copies=["nas"],
                      restore_paths=["/var/lib/docker"]),
            DirectorySettings(name="nas", path="/mnt/nas"),
        )
    )  # fmt: skip
    first, second = wanted(settings, ())
    assert first.plan == BackupPlan(
        "30 3 * * *", None, "Europe/Berlin", 3600.0, 7, 0.1, 0.5, 10, 3.0, ("/var/lib/docker",), ("nas",)
    )  # fmt: skip
    assert second.plan is None


@pytest.mark.parametrize(
    ("backup", "said"),
    [
        ({"schedule": "every day"}, "cron expression"),
        ({"schedule": "@daily", "every": "1d"}, "keep one of them"),
        ({"zone": "Mars/Olympus"}, "time zone"),
        ({"copies": ["d"]}, "its own copy"),
        ({"restore_paths": ["docker"]}, "absolute path"),
    ],
)
def test_settings_that_cannot_be_meant_say_what_would_be_right(backup, said):
    with pytest.raises(ValidationError, match=said):
        ArchivesSettings(directories=(directory(**backup),))


def test_a_copy_that_nobody_watches_is_refused():
    with pytest.raises(BadSettings, match="no watched directory is called so"):
        wanted(ArchivesSettings(directories=(directory(copies=["nas"]),)), ())


# ---- metrics -----------------------------------------------------------------------------------------------------------------------------


def told(facts):
    return {family.metric.name: family.rows for family in families(SPECS, facts)}


def test_every_family_is_told_of_a_source_and_of_a_set():
    source = BackupSource(
        "d", 3, NOW, 900, 1000.0, -0.1, 1000, NOW - DAY, False, 7, 0.2, 1.0, 3.0, (Room("/d", 5000),), (BackupCopy("nas", True, NOW),)
    )  # fmt: skip
    rows = told(ArchiveFacts(backups=(source,), volume_sets=(volume_set(reasons=("hashes_only",)), volume_set(None))))
    assert [name for name, found in rows.items() if not found] == []
    assert rows["watchdog_backup_good"] == ((("d",), 3.0),)
    assert rows["watchdog_backup_good_wanted"] == ((("d",), 7.0),)
    assert rows["watchdog_backup_size_change_limit_ratio"] == ((("d", "shrink"), 0.2), (("d", "growth"), 1.0))
    assert rows["watchdog_backup_overdue"] == ((("d",), 0.0),)
    assert rows["watchdog_backup_copy_holds"] == ((("d", "nas"), 1.0),)
    assert [value for _, value in rows["watchdog_archive_set_verdict"]] == [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    assert rows["watchdog_archive_set_info"][0] == (("d", "/d", "duplicati", "hashes_only"), 1.0)


def test_what_is_not_known_has_no_row():
    rows = told(ArchiveFacts(backups=(BackupSource("d", copies=(BackupCopy("nas"),), rooms=(Room("/d"),)),)))
    told_of = {name for name, found in rows.items() if found}
    assert told_of == {
        "watchdog_backup_good",
        "watchdog_backup_good_wanted",
        "watchdog_backup_size_change_limit_ratio",
        "watchdog_backup_room_wanted_ratio",
    }
    assert all(found == () for found in told(ArchiveFacts()).values())


# ---- in the collector --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def watch():
    made = []

    def make(*directories):
        settings, clock = ArchivesSettings(rate=0, pressure=0, directories=directories), SystemClock()
        results = Results(None, settings.try_again)
        queue = VerificationQueue(settings, clock, results, Counts())
        made.append(queue)
        queue.start()
        return ArchivesCollector(settings, wanted(settings, ()), queue, results, HangingLooks(clock, "test"), clock=clock)

    yield make
    for queue in made:
        queue.close()


def settled(collector, ready):
    deadline = time.monotonic() + 120
    while not ready(facts := collector.collect()):
        assert time.monotonic() < deadline, facts
        time.sleep(0.1)
    return facts


def test_a_real_directory_is_held_to_its_plan_and_to_its_copy(tmp_path, watch):
    (tmp_path / "d").mkdir()
    (tmp_path / "nas").mkdir()
    for day, size in ((3, 4000), (2, 4000), (1, 1000)):
        for folder in ("d", "nas") if day > 1 else ("d",):
            path = tmp_path / folder / f"{day}.zip"
            path.write_bytes(zip_of([("a", noise(size))]))
            at = time.time() - day * DAY
            os.utime(path, (at, at))
    plan = {"every": "1d", "grace": "2h", "copies": ["nas"], "restore_paths": ["/"], "keep": 3}
    collector = watch(
        {"name": "d", "path": tmp_path / "d", "backup": plan}, {"name": "nas", "path": tmp_path / "nas"}
    )  # fmt: skip

    facts = settled(collector, lambda facts: all(file.verification.verdict for file in facts.files))
    (found,) = facts.backups
    assert (found.good, found.overdue, found.keep) == (3, False, 3)
    assert -0.8 < found.change < -0.6
    assert [room.path for room in found.rooms] == [str(tmp_path / "d"), "/"]
    assert all(room.free > 0 for room in found.rooms)
    (copy,) = found.copies
    assert copy.holds is False
    assert copy.newest_at == pytest.approx(time.time() - 2 * DAY, abs=600)
    assert {one.name for one in facts.directories} == {"d", "nas"}, "a path of which only the room is wanted is no directory"


def test_an_archive_in_parts_is_one_backup(tmp_path, watch):
    (tmp_path / "d").mkdir()
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(zip_of([("a", noise(5000))]))
        split(tmp_path / name, 1500, tmp_path / "d")
    (tmp_path / "d" / "c.zip").write_bytes(zip_of([("a", noise(5000))]))
    collector = watch({"name": "d", "path": tmp_path / "d", "backup": {"every": "1d"}})
    facts = settled(collector, lambda facts: all(file.verification.verdict for file in facts.files))
    (found,) = facts.backups
    assert (found.good, found.overdue, found.change) == (3, False, 0.0)
    assert [(one.prefix, one.kind, one.verdict, one.level, one.parts) for one in facts.volume_sets] == [
        ("a.zip", "parts", "good", 2, 4), ("b.zip", "parts", "good", 2, 4),
    ]  # fmt: skip
    assert {file.verification.verdict for file in facts.files} == {"good"}, "a part is no damaged archive"
    rows = told(facts)
    assert (("d", str(tmp_path / "d"), "a.zip", "part"), 4.0) in rows["watchdog_archive_set_volumes"]

    (tmp_path / "d" / "a.zip.002").unlink()
    broken = tmp_path / "d" / "b.zip.003"
    broken.write_bytes(bytes(1500))
    facts = settled(collector, lambda facts: all(one.verdict == "bad" for one in facts.volume_sets))
    assert [one.reasons for one in facts.volume_sets] == [("missing_parts",), ("damaged_parts",)]
    assert facts.backups[0].good == 1


@pytest.mark.parametrize(
    ("name", "content", "verdict", "reasons"),
    [
        ("a.zip.parts.json", b"{}", "bad", ("damaged_manifest",)),
        ("a.zip.004", b"", "bad", ("damaged_parts",)),
        ("a.zip.0005", b"a stranger", "good", ()),
    ],
)
def test_a_set_of_parts_says_what_is_wrong_with_it(tmp_path, watch, name, content, verdict, reasons):
    (tmp_path / "d").mkdir()
    (tmp_path / "a.zip").write_bytes(zip_of([("a", noise(5000))]))
    split(tmp_path / "a.zip", 1500, tmp_path / "d")
    (tmp_path / "d" / name).write_bytes(content)
    facts = settled(watch({"name": "d", "path": tmp_path / "d"}), lambda facts: all(file.verification.verdict for file in facts.files))
    assert [(one.verdict, one.reasons) for one in facts.volume_sets] == [(verdict, reasons)]


def test_below_level_2_a_part_that_was_cut_is_seen_by_its_size_alone(tmp_path, watch):
    (tmp_path / "d").mkdir()
    (tmp_path / "a.zip").write_bytes(zip_of([("a", noise(5000))]))
    split(tmp_path / "a.zip", 1500, tmp_path / "d")
    os.truncate(tmp_path / "d" / "a.zip.002", 1499)
    collector = watch({"name": "d", "path": tmp_path / "d", "level": 1})
    facts = settled(collector, lambda facts: all(file.verification.verdict for file in facts.files))
    assert [(one.verdict, one.reasons) for one in facts.volume_sets] == [("bad", ("damaged_parts", "unverifiable_volumes"))]


def test_a_manifest_that_comes_later_has_its_parts_read_anew(tmp_path, watch):
    (tmp_path / "d").mkdir()
    (tmp_path / "a.zip").write_bytes(zip_of([("a", noise(5000))]))
    manifest = split(tmp_path / "a.zip", 1500, tmp_path / "d")
    manifest.rename(tmp_path / "later")
    collector = watch({"name": "d", "path": tmp_path / "d"})
    facts = settled(collector, lambda facts: all(file.verification.verdict for file in facts.files))
    assert facts.files[0].verification.verdict == "bad"

    (tmp_path / "later").rename(manifest)
    facts = settled(collector, lambda facts: facts.volume_sets and facts.volume_sets[0].verdict)
    assert (facts.volume_sets[0].verdict, facts.volume_sets[0].reasons) == ("good", ())


def test_parts_whose_manifest_is_not_there_are_no_set(tmp_path, watch):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.zip.001").write_bytes(zip_of()[:90])
    facts = settled(watch({"name": "d", "path": tmp_path / "d"}), lambda facts: all(file.verification.verdict for file in facts.files))
    assert facts.volume_sets == ()
    assert facts.files[0].verification.verdict == "bad"


def test_a_real_destination_of_duplicati_is_a_backup(tmp_path, watch):
    lay(tmp_path / "d", listed(volumes()))
    collector = watch({"name": "d", "path": tmp_path / "d", "backup": {"every": "1d"}})
    (found,) = settled(collector, lambda facts: facts.volume_sets and facts.volume_sets[0].verdict).backups
    assert (found.good, found.overdue) == (2, True)
    assert found.newest_good_at == 1767319200.0
