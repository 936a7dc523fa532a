"""The look at directories: what is told, what is passed over, what a hung mount does to the others."""

from __future__ import annotations

import os
import socket
import stat
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.archives import zip_of
from tests.support.corpus import sealed
from tests.support.keeping import Counts, VerificationShelf
from watchdog.collectors.archives.assemble import build
from watchdog.collectors.archives.collector import ArchivesCollector, scan_argv
from watchdog.collectors.archives.metrics import SPECS, specs, state
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.scan import Look, Wish, look, tell, understand
from watchdog.collectors.archives.settings import ArchivesSettings, wanted
from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.mounts import Mount, MountTable
from watchdog.errors import BadSettings
from watchdog.model.archives import ArchiveFacts
from watchdog.model.metrics import families
from watchdog.model.needs import DirectoryNeed, Needs
from watchdog.runtime.clock import SystemClock


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def names(found):
    return [Path(fact[0]).name for fact in found.files]


def mounts_of(**types):
    """A table with the root local and each given path of the given type."""
    return MountTable((Mount("/", "8:1", "ext4"), *(Mount(path, f"0:{n}", kind) for n, (path, kind) in enumerate(types.items(), 50))))


@pytest.fixture
def bench():
    """Builds a collector with its queue, and closes it."""
    made = []

    def make(directories, *, mounts=MountTable.read, argv=scan_argv, book=None, verifying=True, **settings):
        model, clock = ArchivesSettings(**settings), SystemClock()
        results = Results(book, model.try_again)
        queue = VerificationQueue(model, clock, results, Counts())
        made.append(queue)
        if verifying:
            queue.start()
        collector = ArchivesCollector(model, tuple(directories), queue, results, HangingLooks(clock, "test"), mounts=mounts, argv=argv)
        collector.queue = queue
        return collector

    yield make
    for queue in made:
        queue.close()


# ---- one look ----------------------------------------------------------------------------------------------------------------------------


def test_a_look_tells_the_facts_of_regular_files(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"12345")
    (tmp_path / "a.zip").chmod(0o640)
    (tmp_path / "b.txt").write_bytes(b"1")
    facts = (tmp_path / "a.zip").stat()

    found = look(Wish("d", str(tmp_path), "*.zip"))

    assert found.files == [(str(tmp_path / "a.zip"), facts.st_dev, facts.st_ino, 5, facts.st_mtime_ns, 0o640)]
    assert (found.error, found.count, found.bytes) == (None, 1, 5)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", ["a.zip", "b.tar.gz"]),
        ("*.zip", ["a.zip"]),
        (".*", [".hidden.zip"]),
        ("[ab].*", ["a.zip", "b.tar.gz"]),
        ("*/*", ["c.zip"]),
        ("sub/*.zip", ["c.zip"]),
        ("**/*.zip", ["a.zip", "c.zip", "d.zip"]),
        ("**", ["a.zip", "b.tar.gz", "c.zip", "d.zip"]),
        ("**/deep/*", ["d.zip"]),
        ("**/**/*.zip", ["a.zip", "c.zip", "d.zip"]),
        ("**/sub/**/*.zip", ["c.zip", "d.zip"]),
        ("nothing", []),
    ],
)
def test_patterns_are_shell_globs(tmp_path, pattern, expected):
    for name in ("a.zip", "b.tar.gz", ".hidden.zip", "sub/c.zip", "sub/deep/d.zip", ".git/e.zip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    assert sorted(names(look(Wish("d", str(tmp_path), pattern)))) == expected


def test_what_is_no_regular_file_is_named_and_never_opened(tmp_path):
    (tmp_path / "real.zip").write_bytes(b"x")
    (tmp_path / "link.zip").symlink_to(tmp_path / "real.zip")
    (tmp_path / "loop.zip").symlink_to("loop.zip")
    os.mkfifo(tmp_path / "fifo.zip")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.zip"))
        os.mknod(tmp_path / "device.zip", stat.S_IFCHR | 0o600, os.makedev(1, 3))

        found = look(Wish("d", str(tmp_path), "*.zip"))

    assert names(found) == ["real.zip"]
    assert {Path(path).name: reason for path, reason in found.passed} == {
        "link.zip": "symlink", "loop.zip": "symlink", "fifo.zip": "fifo", "socket.zip": "socket", "device.zip": "device",
    }  # fmt: skip


def test_a_linked_folder_is_not_entered_but_the_directory_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.zip").write_bytes(b"x")
    (tmp_path / "real/self").symlink_to(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    found = look(Wish("d", str(tmp_path / "link"), "**/*.zip"))

    assert names(found) == ["a.zip"]


@pytest.mark.parametrize(("make", "error"), [(lambda path: None, "missing"), (lambda path: path.write_bytes(b""), "not_a_directory")])
def test_a_directory_that_cannot_be_looked_at_is_an_error_of_its_own(tmp_path, make, error):
    make(tmp_path / "x")

    assert look(Wish("d", str(tmp_path / "x"), "*")).error == error


def test_no_permission_is_told(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("watchdog.collectors.archives.scan.os.scandir", refuse)  # tests run as root, whom nothing is refused

    assert look(Wish("d", str(tmp_path), "*")).error == "no_permission"


def test_a_folder_below_that_cannot_be_read_makes_absence_worthless(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.zip").write_bytes(b"x")
    real = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("watchdog.collectors.archives.scan.os.scandir", refuse)

    found = look(Wish("d", str(tmp_path), "**/*.zip"))

    assert (found.error, names(found)) == ("no_permission", ["a.zip"])
    assert found.passed == [(str(tmp_path / "closed"), "no_permission")]


def test_a_file_that_vanishes_between_name_and_facts_is_named(tmp_path, monkeypatch):
    (tmp_path / "gone.zip").write_bytes(b"x")
    real = os.lstat

    def vanish(path):
        if str(path).endswith("gone.zip"):
            raise FileNotFoundError(2, "No such file")
        return real(path)

    monkeypatch.setattr("watchdog.collectors.archives.scan.os.lstat", vanish)

    assert look(Wish("d", str(tmp_path), "*")).passed == [(str(tmp_path / "gone.zip"), "vanished")]


def test_more_files_than_are_kept_is_an_error_and_the_newest_are_kept(tmp_path):
    for n in range(10):
        (tmp_path / f"{n}.zip").write_bytes(b"x" * n)
        os.utime(tmp_path / f"{n}.zip", (1000 + n, 1000 + n))

    found = look(Wish("d", str(tmp_path), "*", most=3))

    assert (found.error, found.count, found.bytes) == ("too_many_files", 10, 45)
    assert names(found) == ["7.zip", "8.zip", "9.zip"]


def test_a_mount_point_below_that_may_hang_is_not_touched(tmp_path):
    (tmp_path / "nfs").mkdir()
    (tmp_path / "nfs/a.zip").write_bytes(b"x")
    (tmp_path / "b.zip").write_bytes(b"x")

    found = look(Wish("d", str(tmp_path), "**/*.zip", avoid=(str(tmp_path / "nfs"),)))

    assert names(found) == ["b.zip"]
    assert found.passed == [(str(tmp_path / "nfs"), "mount_point")]


def test_a_look_survives_its_lines(tmp_path):
    odd = os.fsdecode(b"\xff\n.zip")
    looks = [Look("d", None, 1, 5, [(f"/x/{odd}", 1, 2, 5, 9, 0o600)], [("/x/y", "fifo")]), Look("e", "missing")]
    text = "\n".join(tell(looks)).encode()

    assert understand(text) == looks
    assert understand(text[:-4]) is None
    assert understand(b"") is None
    assert understand(b'["file"]\n["end"]') is None


# ---- mounts ------------------------------------------------------------------------------------------------------------------------------

MOUNTINFO = """\
22 28 0:21 / /proc rw,nosuid - proc proc rw
28 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 28 0:52 / /mnt/nas rw,relatime shared:9 - nfs4 nas:/export rw,vers=4.2
31 28 0:53 / /mnt/with\\040space rw - fuse.sshfs host:/ rw
32 28 0:54 / /srv rw - xfs /dev/vdb rw
33 32 0:55 / /srv/pool/remote rw - cifs //x/y rw
34 28 0:56 / /srv rw - btrfs /dev/vdc rw
garbage
"""


def test_mountinfo_is_read(tmp_path):
    (tmp_path / "mountinfo").write_text(MOUNTINFO)
    table = MountTable.read(str(tmp_path / "mountinfo"))

    assert table.lexical("/etc/passwd") == Mount("/", "254:0", "ext4")
    assert table.lexical("/mnt/nas/a/b").type == "nfs4"
    assert table.lexical("/mnt/nashville").type == "ext4"
    assert table.lexical("/mnt/with space/x").type == "fuse.sshfs"
    assert table.lexical("/srv/x").type == "btrfs"
    assert table.beneath("/srv/pool") == {"/srv/pool/remote"}
    assert table.beneath("/") >= {"/mnt/nas", "/mnt/with space", "/srv/pool/remote"}
    assert [mount.local for mount in (table.lexical("/srv"), table.lexical("/mnt/nas"), table.lexical("/proc"))] == [True, False, False]


def test_links_are_followed_up_to_the_first_mount_that_may_hang(tmp_path):
    table = mounts_of(**{str(tmp_path / "nas"): "nfs4"})
    (tmp_path / "link").symlink_to("nas/deep/dir")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to(str(tmp_path / "link"))
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "up").symlink_to("../" + tmp_path.name + "/nas")

    assert table.find(str(tmp_path / "a/file")).type == "nfs4"
    assert table.find(str(tmp_path / "up/x")).type == "nfs4"
    assert table.find(str(tmp_path / "plain/file")).local
    assert table.find(str(tmp_path / "loop/x")).local


def test_our_own_table_is_readable():
    assert MountTable.read().find("/").point == "/"


# ---- collecting --------------------------------------------------------------------------------------------------------------------------


def by_name(facts):
    return {Path(file.path).name: file for file in facts.files}


def test_files_are_verified_once_two_looks_agree(bench, tmp_path):
    (tmp_path / "good.zip").write_bytes(zip_of())
    (tmp_path / "bad.zip").write_bytes(zip_of()[:-1])
    collector = bench([DirectoryNeed("d", str(tmp_path), "*.zip")])

    first = by_name(collector.collect())
    assert [file.stable for file in first.values()] == [False, False]
    assert {file.verification.state for file in first.values()} == {"not_asked"}

    second = by_name(collector.collect())
    assert [file.stable for file in second.values()] == [True, True]
    until(lambda: len(collector.queue) == 0)
    facts = collector.collect()

    third = by_name(facts)
    assert (third["good.zip"].verification.verdict, third["good.zip"].format) == ("good", "zip")
    assert (third["bad.zip"].verification.verdict, third["bad.zip"].verification.reason) == ("bad", "truncated")
    assert third["bad.zip"].verification.identity == third["bad.zip"].identity
    assert facts.directories[0].files == 2
    assert facts.directories[0].newest_at == pytest.approx(max(f.identity.mtime_ns for f in facts.files) / 1e9)


def test_a_file_that_is_written_is_not_verified_until_it_rests_and_then_anew(bench, tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(zip_of()[:-1])
    collector = bench([DirectoryNeed("d", str(tmp_path))])
    collector.collect()
    path.write_bytes(zip_of())  # still being written
    assert by_name(collector.collect())["a.zip"].verification.state == "not_asked"
    collector.collect()
    until(lambda: len(collector.queue) == 0)
    assert by_name(collector.collect())["a.zip"].verification.verdict == "good"

    path.write_bytes(zip_of()[:-3])

    assert by_name(collector.collect())["a.zip"].verification.state == "not_asked"
    collector.collect()
    until(lambda: len(collector.queue) == 0)
    assert by_name(collector.collect())["a.zip"].verification.verdict == "bad"


def test_a_restart_shows_results_at_the_first_look(bench, tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of())
    shelf = VerificationShelf()
    first = bench([DirectoryNeed("d", str(tmp_path))], book=shelf)
    first.collect()
    first.collect()
    until(lambda: len(shelf.kept) == 1)

    again = bench([DirectoryNeed("d", str(tmp_path))], book=shelf)

    assert by_name(again.collect())["a.zip"].verification.verdict == "good"


def test_a_deleted_file_is_forgotten_and_an_unreadable_directory_is_not(bench, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a.zip").write_bytes(zip_of())
    shelf = VerificationShelf()
    collector = bench([DirectoryNeed("d", str(tmp_path / "d"))], book=shelf)
    collector.collect()
    collector.collect()
    until(lambda: len(shelf.kept) == 1)

    (tmp_path / "d").rename(tmp_path / "away")
    facts = collector.collect()
    assert (facts.directories[0].error, facts.files) == ("missing", ())
    assert len(shelf.kept) == 1

    (tmp_path / "away").rename(tmp_path / "d")
    (tmp_path / "d/a.zip").unlink()
    collector.collect()
    assert shelf.kept == {}


def test_a_hung_mount_never_blocks_the_others(bench, tmp_path):
    """Two mounts that may hang, one of which really does (its child waits on a FIFO for ever), and a local directory."""
    for name in ("local", "hung", "slow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.zip").write_bytes(zip_of())
    os.mkfifo(tmp_path / "fifo")
    started = tmp_path / "started"

    def argv(_lane, wishes):
        if wishes[0].name != "hung":
            return scan_argv(_lane, wishes)
        return [sys.executable, "-c", f"open({str(started)!r}, 'a').write('x'); open({str(tmp_path / 'fifo')!r}).read()"]

    collector = bench(
        [DirectoryNeed(name, str(tmp_path / name)) for name in ("hung", "local", "slow")],
        mounts=lambda: mounts_of(**{str(tmp_path / "hung"): "nfs4", str(tmp_path / "slow"): "fuse.sshfs"}),
        argv=argv,
        deadline=1.0,
    )

    facts = collector.collect()

    assert {d.name: (d.error, d.files) for d in facts.directories} == {"local": (None, 1), "hung": ("hung", 0), "slow": (None, 1)}
    assert started.read_text() == "x"
    # files on such mounts are seen, but not read unless that is allowed
    collector.collect()
    until(lambda: len(collector.queue) == 0)
    after = {file.directory: file.verification for file in collector.collect().files}
    assert after["local"].verdict == "good"
    assert after["slow"].state == "not_asked"
    assert "allow_network_filesystems" in after["slow"].message


def test_files_on_a_network_mount_are_verified_when_that_is_allowed(bench, tmp_path):
    (tmp_path / "nas").mkdir()
    (tmp_path / "nas/a.zip").write_bytes(zip_of())
    collector = bench(
        [DirectoryNeed("nas", str(tmp_path / "nas"))],
        mounts=lambda: mounts_of(**{str(tmp_path / "nas"): "nfs4"}),
        allow_network_filesystems=True,
    )
    collector.collect()
    collector.collect()
    until(lambda: len(collector.queue) == 0)

    assert collector.collect().files[0].verification.verdict == "good"


@pytest.mark.parametrize("source", ["raise SystemExit(2)", 'print(\'["look", "nas"\')', "import os; os.abort()"])
def test_a_scanning_child_that_fails_is_an_error_of_its_directories(bench, tmp_path, source):
    collector = bench(
        [DirectoryNeed("nas", str(tmp_path))],
        mounts=lambda: mounts_of(**{str(tmp_path): "nfs4"}),
        argv=lambda _lane, _wishes: [sys.executable, "-c", source],
    )

    assert collector.collect().directories[0].error == "unreadable"


# ---- putting together --------------------------------------------------------------------------------------------------------------------


def test_settings_and_needs_are_merged():
    settings = ArchivesSettings(directories=[{"name": "own", "path": "/srv/own", "pattern": "*.zip"}])
    needs = [
        Needs(directories=(DirectoryNeed("wings", "/var/b", "*.tar.gz", 0),)),
        Needs(directories=(DirectoryNeed("wings", "/var/b", "*.tar.gz", 1),)),
    ]

    assert wanted(settings, needs) == (DirectoryNeed("own", "/srv/own", "*.zip", 2), DirectoryNeed("wings", "/var/b", "*.tar.gz", 1))


@pytest.mark.parametrize("need", [DirectoryNeed("own", "/other"), DirectoryNeed("x", "relative")])
def test_wishes_that_cannot_be_met_are_refused(need):
    settings = ArchivesSettings(directories=[{"name": "own", "path": "/srv/own"}])

    with pytest.raises(BadSettings, match=need.name):
        wanted(settings, [Needs(directories=(need,))])


@pytest.mark.parametrize(
    "bad",
    [
        {"directories": [{"name": "a", "path": "relative"}]},
        {"directories": [{"name": "a", "path": "/a", "pattern": "../x"}]},
        {"directories": [{"name": "a", "path": "/a", "pattern": "/etc/*"}]},
        {"directories": [{"name": "a", "path": "/a"}, {"name": "a", "path": "/b"}]},
        {"directories": [{"name": "a", "path": "/a", "level": 3}]},
        {"memory": "1MiB"},
        {"unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="validation error"):
        ArchivesSettings.model_validate(bad)


def test_build_gives_a_spec_whose_collector_works(tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of())
    settings = ArchivesSettings(directories=[{"name": "own", "path": str(tmp_path)}])
    told = []
    spec, queue = build(settings, [], SystemClock(), Counts(), None, lambda: told.append(1))
    queue.start()
    collector = spec.factory()
    try:
        collector.collect()
        collector.collect()
        until(lambda: told)
        assert collector.collect().files[0].verification.verdict == "good"
        assert spec.deadline > 2 * settings.deadline
    finally:
        collector.close()
        queue.close()


# ---- metrics -----------------------------------------------------------------------------------------------------------------------------


def test_metrics_tell_what_the_facts_say(bench, tmp_path):
    (tmp_path / "good.zip").write_bytes(zip_of())
    (tmp_path / "bad.zip").write_bytes(b"")
    os.mkfifo(tmp_path / "fifo")
    os.utime(tmp_path / "good.zip", (1_700_000_000, 1_700_000_000))
    collector = bench([DirectoryNeed("d", str(tmp_path)), DirectoryNeed("e", "/nowhere")])
    collector.collect()
    collector.collect()
    until(lambda: len(collector.queue) == 0)
    told = {family.metric.name: dict(family.rows) for family in families(SPECS, collector.collect())}
    d, good = ("d", str(tmp_path)), ("d", str(tmp_path / "good.zip"))

    assert told["watchdog_archives_directory_readable"] == {d: 1.0, ("e", "/nowhere"): 0.0}
    assert told["watchdog_archives_directory_error"] == {("e", "/nowhere", "missing"): 1.0}
    assert told["watchdog_archives_files"] == {d: 2.0}
    assert told["watchdog_archives_newest_good_timestamp_seconds"] == {d: 1_700_000_000.0}
    assert told["watchdog_archives_verdicts"] == {
        ("d", "good"): 1.0,
        ("d", "bad"): 1.0,
        ("d", "unverifiable"): 0.0,
        ("d", "unverified"): 0.0,
    }
    assert told["watchdog_archives_passed_over"] == {("d", "fifo"): 1.0}
    assert told["watchdog_archives_queue_length"] == {(): 0.0}
    assert {key[2]: value for key, value in told["watchdog_archive_verdict"].items() if key[:2] == good} == {
        "good": 1.0, "bad": 0.0, "unverifiable": 0.0, "unverified": 0.0,
    }  # fmt: skip
    assert told["watchdog_archive_verified_level"][good] == 1.0
    assert told["watchdog_archive_info"][("d", str(tmp_path / "bad.zip"), "unknown", "empty")] == 1.0
    assert told["watchdog_archive_mtime_timestamp_seconds"][good] == 1_700_000_000.0


def test_series_are_bounded_to_the_newest_and_the_bad(bench, tmp_path):
    for n in range(8):
        (tmp_path / f"{n}.zip").write_bytes(b"" if n in (0, 1) else zip_of())
        os.utime(tmp_path / f"{n}.zip", (1000 + n, 1000 + n))
    collector = bench([DirectoryNeed("d", str(tmp_path))])
    collector.collect()
    collector.collect()
    until(lambda: len(collector.queue) == 0)
    facts = collector.collect()

    sizes = next(f for f in families(specs(2), facts) if f.metric.name == "watchdog_archive_size_bytes")

    assert sorted(Path(labels[1]).name for labels, _ in sizes.rows) == ["0.zip", "1.zip", "6.zip", "7.zip"]
    assert [state(file) for file in facts.files] == ["bad"] * 2 + ["good"] * 6


def test_a_name_that_is_not_utf8_can_be_written_as_a_label(bench, tmp_path):
    (tmp_path / os.fsdecode(b"a\xff.zip")).write_bytes(b"x")
    facts = bench([DirectoryNeed("d", str(tmp_path))], verifying=False).collect()

    for family in families(SPECS, replace(facts)):
        for labels, _ in family.rows:
            "".join(labels).encode("utf-8")


def test_metrics_of_nothing_are_rows_of_nothing():
    told = {family.metric.name: family.rows for family in families(SPECS, ArchiveFacts())}

    for name in ("queue_length", "queue_bytes", "paused"):
        assert told.pop(f"watchdog_archives_{name}") == (((), 0.0),)
    assert set(told.values()) == {()}
    assert all(name.startswith(("watchdog_archive_", "watchdog_archives_")) for name in told)


def test_looking_at_10_000_files_is_quick_enough(tmp_path, record_property):
    """No goal but a bound: about 0.1 s on a quiet machine."""
    for n in range(10_000):
        (tmp_path / f"{n:05}.zip").write_bytes(b"")
    began = time.monotonic()

    found = look(Wish("d", str(tmp_path), "*.zip"))

    record_property("seconds", time.monotonic() - began)
    assert found.count == 10_000
    assert time.monotonic() - began < 10


def test_a_plain_archive_that_everybody_may_read_is_remarked(tmp_path, bench):
    for name, mode in (("open.zip", 0o644), ("closed.zip", 0o640)):
        (tmp_path / name).write_bytes(zip_of())
        (tmp_path / name).chmod(mode)
    (tmp_path / "sealed.zip").write_bytes(sealed.WHOLE_BOX)
    (tmp_path / "sealed.zip").chmod(0o644)
    collector = bench([DirectoryNeed("d", str(tmp_path))])
    collector.collect()
    collector.collect()
    until(lambda: len(collector.queue) == 0)

    found = by_name(collector.collect())

    assert {name: [word for word, _ in file.verification.remarks] for name, file in found.items()} == {
        "open.zip": ["world_readable"],
        "closed.zip": [],
        "sealed.zip": [],
    }
    assert found["open.zip"].verification.verdict == "good"


def test_level_3_without_a_meaning_goes_as_deep_as_it_can(bench, tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of())
    collector = bench([DirectoryNeed("d", str(tmp_path), level=3)])
    collector.collect()
    collector.collect()
    until(lambda: len(collector.queue) == 0)

    assert by_name(collector.collect())["a.zip"].verification.level == 2


def test_two_meanings_or_keys_under_one_name_are_refused():
    one = DirectoryNeed("d", "/b", key_file="/k1")

    with pytest.raises(BadSettings, match="two key files"):
        wanted(ArchivesSettings(), [Needs((one,)), Needs((replace(one, key_file="/k2"),))])
    with pytest.raises(BadSettings, match="is not the meaning of a panel"):
        wanted(ArchivesSettings(), [Needs((replace(one, meaning="os.path"),))])


def test_wishes_for_one_directory_are_joined():
    shallow, deep = DirectoryNeed("d", "/b", level=1), DirectoryNeed("d", "/b", level=2, key_file="/k")

    for needs in ((shallow, deep), (deep, shallow)):
        assert wanted(ArchivesSettings(), [Needs((need,)) for need in needs]) == (deep,)
