"""Rehearsals: a note is believed only of the very file that was rehearsed, and a directory remembers its last ones beyond the files."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.archives import zip_of
from tests.support.keeping import Counts, VerificationShelf
from watchdog.cli import main
from watchdog.collectors.archives.backup_metrics import SPECS
from watchdog.collectors.archives.collector import ArchivesCollector, scan_argv
from watchdog.collectors.archives.notes import MOST_BYTES, SUFFIX, Note, from_wire, read_note, understood
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.rehearsals import held, judge, noted, write_note
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.scan import Wish, look, tell, understand
from watchdog.collectors.archives.settings import ArchivesSettings, wanted
from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.mounts import Mount, MountTable
from watchdog.model.archives import ArchiveFacts, Identity, Verification
from watchdog.model.metrics import families
from watchdog.model.needs import DirectoryNeed
from watchdog.model.rehearsals import Rehearsal, RehearsalState, RehearsalStep, Rehearsed
from watchdog.runtime.clock import SystemClock

DAY = 86_400.0
NOW = 1_795_000_000.0
FILE = Identity(1, 2, 3, 4)
SHA1 = "a" * 40
NOTE = Note("good", "content", NOW - DAY, SHA1, 1, 2, 3, 4)
GOOD = Rehearsed(NOW - DAY, "content", "good", 3)
BAD = Rehearsed(NOW - 3600, "content", "bad", 0, ("files",))
STEPS = [{"name": "rows", "ok": True, "message": "m"}, {"name": "files", "ok": False, "message": "m"}, {"name": "h", "ok": None}]


def written(**changed):
    """A note as the command writes it; None takes a key away."""
    told = {
        "path": "/x", "kind": "content", "verdict": "good", "level": 3, "at": NOW - DAY, "seconds": 1.0, "steps": STEPS, "facts": {},
        "identity": {"device": 1, "inode": 2, "size": 3, "mtime_ns": 4}, "sha1": SHA1, **changed,
    }  # fmt: skip
    return json.dumps({key: value for key, value in told.items() if value is not None}).encode()


# ---- one note ----------------------------------------------------------------------------------------------------------------------------


def test_a_note_is_read_with_the_steps_that_failed():
    assert understood(written()) == replace_note(failed=("files",))
    assert understood(written(sha1=None)) == replace_note(sha1="", failed=("files",))


def replace_note(**changed):
    return NOTE._replace(**changed)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000,
        written(verdict="fine"), written(kind="deep"), written(at=None), written(at="today"), written(at=-1), written(identity=None),
        written(identity={"device": 1, "inode": 2, "size": 3}), written(identity={"device": 1, "inode": 2, "size": True, "mtime_ns": 4}),
        written(identity={"device": 1, "inode": 2, "size": 1 << 80, "mtime_ns": 4}), written(sha1="short"), written(sha1=7),
        written(steps=None), written().replace(b"1794913600.0", b"1e999"), written().replace(b"1794913600.0", b"NaN"),
    ],
    ids=lambda text: text[:0].decode(),
)  # fmt: skip
def test_what_is_no_note_is_called_so(text):
    assert understood(text) == "malformed"


def test_a_note_goes_through_the_child_that_looks_as_it_is():
    for note in (NOTE, replace_note(failed=("files", "rows")), "unreadable", "malformed"):
        assert from_wire(json.loads(json.dumps(note))) == note
    for told in (None, 7, [], ["good"], [*NOTE[:-1], "x"], [*NOTE[:3], "zz", *NOTE[4:]], ["fine", *NOTE[1:]]):
        assert from_wire(json.loads(json.dumps(told))) == "malformed"


@pytest.mark.parametrize(
    ("lay", "found"),
    [
        (lambda note: None, None),
        (lambda note: note.write_bytes(written()), replace_note(failed=("files",))),
        (lambda note: note.symlink_to("/etc/passwd"), "unreadable"),
        (os.mkfifo, "unreadable"),
        (lambda note: note.mkdir(), "unreadable"),
        (lambda note: note.write_bytes(written() + b" " * MOST_BYTES), "malformed"),
    ],
    ids=["none", "note", "link", "fifo", "directory", "large"],
)
def test_only_a_small_regular_file_beside_the_archive_is_a_note(tmp_path, lay, found):
    lay(tmp_path / f"a.zip{SUFFIX}")
    assert read_note(str(tmp_path / "a.zip")) == found


@pytest.mark.parametrize(
    ("ok", "cut", "verdict", "said"),
    [
        (True, False, "good", "good"),
        (True, True, "good", "unverifiable"),
        (False, True, "good", "bad"),
        (True, False, "unverifiable", "unverifiable"),
        (False, False, "bad", "bad"),
    ],
)
def test_what_is_written_is_what_is_read(tmp_path, ok, cut, verdict, said):
    path = tmp_path / "a.zip"
    path.write_bytes(b"x")
    path.chmod(0o640)
    found = Verification("result", verdict, 3, identity=Identity.of(path.stat()), sha1=SHA1)
    done = Rehearsal("content", (RehearsalStep("files", ok, "m"),), (), cut)
    write_note(path, noted(str(path), done, found, NOW, 1.5))
    note = read_note(str(path))
    assert (note.verdict, note.failed, note.at, note.sha1) == (said, () if ok else ("files",), NOW, SHA1)
    assert held(note, Identity.of(path.stat()), SHA1, NOW)[0].verdict == said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.zip", f"a.zip{SUFFIX}"]
    assert (tmp_path / f"a.zip{SUFFIX}").stat().st_mode & 0o777 == 0o640


# ---- held to the file --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "sha1", "rehearsed", "words"),
    [
        (None, SHA1, None, []),
        (NOTE, SHA1, GOOD, []),
        (NOTE, None, GOOD, []),  # not read yet: the identity speaks for it
        (replace_note(sha1=""), SHA1, GOOD, []),
        (replace_note(kind="full"), SHA1, replace(GOOD, kind="full", level=5), []),
        (replace_note(verdict="bad", failed=("files",)), SHA1, replace(GOOD, verdict="bad", level=0, failed=("files",)), []),
        (replace_note(verdict="unverifiable"), SHA1, replace(GOOD, verdict="unverifiable", level=0), []),
        (NOTE, "b" * 40, None, ["rehearsal_of_another"]),
        (replace_note(inode=9), SHA1, None, ["rehearsal_of_another"]),
        (replace_note(device=9), SHA1, None, ["rehearsal_of_another"]),
        (replace_note(size=9), SHA1, None, ["rehearsal_of_another"]),
        (replace_note(mtime_ns=9), SHA1, None, ["rehearsal_of_another"]),
        (replace_note(at=NOW + 2 * DAY), SHA1, None, ["rehearsal_malformed"]),
        ("malformed", SHA1, None, ["rehearsal_malformed"]),
        ("unreadable", SHA1, None, ["rehearsal_unreadable"]),
    ],
)
def test_only_a_rehearsal_of_these_very_bytes_counts(note, sha1, rehearsed, words):
    found, remarks = held(note, FILE, sha1, NOW)
    assert found == rehearsed
    assert [word for word, _ in remarks] == words
    assert all(text for _, text in remarks)


# ---- the directory -----------------------------------------------------------------------------------------------------------------------


class Kept(dict):
    remembered = dict.get
    remember = dict.__setitem__


def stands(found=(), every=None, memory=None, whole=True, now=NOW):
    need = DirectoryNeed("d", "/d", rehearse_every=every)
    memory = Kept() if memory is None else memory
    return judge([need], {"d": list(found)}, {"d"} if whole else set(), memory, now)


@pytest.mark.parametrize(
    ("found", "every", "whole", "overdue"),
    [
        ([], 30 * DAY, True, True),
        ([], 30 * DAY, False, None),
        ([GOOD], 30 * DAY, True, False),
        ([GOOD], 30 * DAY, False, False),
        ([GOOD], DAY / 2, True, True),
        ([GOOD], DAY / 2, False, None),
        ([BAD], 30 * DAY, True, True),
        ([GOOD, BAD], 30 * DAY, True, False),
        ([GOOD], None, True, None),
    ],
)
def test_a_good_rehearsal_is_wanted_in_time(found, every, whole, overdue):
    (state,) = stands(found, every, whole=whole)
    assert (state.overdue, state.every) == (overdue, every)


def test_where_none_is_wanted_and_none_was_there_is_nothing_to_tell():
    assert stands() == ()
    assert stands([replace(GOOD, verdict="unverifiable", level=0)]) == ()


def test_the_newest_and_the_newest_good_one_are_told():
    older = replace(GOOD, at=NOW - 9 * DAY)
    assert stands([BAD, older, GOOD]) == (RehearsalState("d", BAD, GOOD),)
    assert stands([older, GOOD]) == (RehearsalState("d", GOOD, GOOD),)
    assert stands([BAD]) == (RehearsalState("d", BAD, None),)


def test_it_is_remembered_when_the_archive_is_gone():
    memory = Kept()
    stands([GOOD], memory=memory)
    stands([BAD], memory=memory)
    assert stands([], 30 * DAY, memory) == (RehearsalState("d", BAD, GOOD, 30 * DAY, False),)
    assert stands([], 30 * DAY, memory, now=NOW + 40 * DAY)[0].overdue is True


@pytest.mark.parametrize("text", ["", "{", "null", "7", "[7]", '[{"at": NaN}]', '{"at": 1}'])
def test_a_memory_that_makes_no_sense_is_none(text):
    assert stands([], memory=Kept(d=text)) == ()


def test_every_family_tells_it():
    facts = ArchiveFacts(rehearsals=(RehearsalState("d", BAD, GOOD, 30 * DAY, False), RehearsalState("never", every=DAY, overdue=True)))
    rows = {family.metric.name: dict(family.rows) for family in families(SPECS, facts) if "rehearsal" in family.metric.name}
    assert rows == {
        "watchdog_backup_rehearsal_timestamp_seconds": {("d",): BAD.at},
        "watchdog_backup_rehearsal_success": {("d",): 0.0},
        "watchdog_backup_rehearsal_good_timestamp_seconds": {("d",): GOOD.at},
        "watchdog_backup_rehearsal_good_level": {("d",): 3.0, ("never",): 0.0},
        "watchdog_backup_rehearsal_overdue": {("d",): 0.0, ("never",): 1.0},
    }


# ---- real files --------------------------------------------------------------------------------------------------------------------------


def lay(folder: Path, name: str, **changed) -> Path:
    """Put a good zip there, with the note of a rehearsal beside it."""
    path = folder / name
    path.write_bytes(zip_of([("a", name.encode())]))
    facts = Identity.of(path.stat())
    told = {name: getattr(facts, name) for name in ("device", "inode", "size", "mtime_ns")}
    (folder / (name + SUFFIX)).write_bytes(written(identity=told, sha1=None, at=time.time() - 60, **changed))
    return path


@pytest.fixture
def watch():
    made = []

    def make(path, book=None, mounts=MountTable.read, network=False, **plan):
        directory = {"name": "d", "path": path, **plan}
        settings = ArchivesSettings(rate=0, pressure=0, allow_network_filesystems=network, directories=[directory])
        clock = SystemClock()
        results = Results(book, settings.try_again)
        queue = VerificationQueue(settings, clock, results, Counts())
        made.append(queue)
        queue.start()
        return ArchivesCollector(
            settings, wanted(settings, ()), queue, results, HangingLooks(clock, "test"), mounts=mounts, argv=scan_argv, clock=clock
        )

    yield make
    for queue in made:
        queue.close()


def test_a_note_is_no_archive_whatever_the_pattern(tmp_path):
    lay(tmp_path, "a.zip")
    (tmp_path / f"gone.zip{SUFFIX}").write_bytes(written())
    (tmp_path / f"a.zip{SUFFIX}.new").write_bytes(b"cut")
    found = look(Wish("d", str(tmp_path), "*"))
    assert [fact[0] for fact in found.files] == [str(tmp_path / "a.zip")]
    assert list(found.notes) == [str(tmp_path / "a.zip")]
    assert look(Wish("d", str(tmp_path), "*", notes=False)).notes == {}
    assert understand("\n".join(tell([found])).encode())[0].notes == found.notes


def test_a_look_tells_what_was_rehearsed_and_what_is_no_note(tmp_path, watch):
    lay(tmp_path, "a.zip", verdict="bad")
    lay(tmp_path, "b.zip")
    lay(tmp_path, "c.zip")
    (tmp_path / "c.zip").write_bytes(b"another")
    lay(tmp_path, "d.zip", kind=7)
    facts = watch(tmp_path, backup={"rehearse_every": "30d"}).collect()
    told = {Path(file.path).name: file.verification for file in facts.files}
    assert {name: one.rehearsed and one.rehearsed.verdict for name, one in told.items()} == {
        "a.zip": "bad", "b.zip": "good", "c.zip": None, "d.zip": None,
    }  # fmt: skip
    assert [word for word, _ in told["c.zip"].remarks if "rehearsal" in word] == ["rehearsal_of_another"]
    assert [word for word, _ in told["d.zip"].remarks if "rehearsal" in word] == ["rehearsal_malformed"]
    (state,) = facts.rehearsals
    assert (state.good.verdict, state.overdue) == ("good", False)


def test_the_ledger_remembers_it_over_restarts_and_nothing_is_said_before_it_has_spoken(tmp_path, watch):
    book = VerificationShelf()
    path = lay(tmp_path, "a.zip")
    first = watch(tmp_path, book, backup={"rehearse_every": "30d"})
    first.collect()
    first.collect()  # what a look remembers is saved by the next one
    path.unlink()

    book.down = True
    again = watch(tmp_path, book, backup={"rehearse_every": "30d"})
    assert [one.overdue for one in again.collect().rehearsals] == [None]
    book.down = False
    (state,) = again.collect().rehearsals
    assert (state.good.verdict, state.overdue) == ("good", False)


def test_on_a_mount_that_may_hang_notes_are_read_only_when_files_are(tmp_path, watch):
    lay(tmp_path, "a.zip")
    table = MountTable((Mount("/", "8:1", "ext4"), Mount(str(tmp_path), "0:50", "nfs4")))
    assert watch(tmp_path, mounts=lambda: table).collect().rehearsals == ()
    (state,) = watch(tmp_path, mounts=lambda: table, network=True).collect().rehearsals
    assert state.good is not None


def test_verify_tells_it_too(tmp_path, capsys):
    path = lay(tmp_path, "a.zip")
    assert main(["verify", str(path)]) == 0
    assert ": good (content, failed: files)" in capsys.readouterr().out
    main(["verify", str(path), "--json"])
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["rehearsed"]["verdict"], told["rehearsed"]["level"]) == ("good", 3)
    path.write_bytes(zip_of([("b", b"other")]))
    main(["verify", str(path)])
    assert "remark rehearsal_of_another" in capsys.readouterr().out
