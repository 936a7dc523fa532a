"""The port by which a panel has a file verified at once: what it returns, how it ends early, and that nothing is read twice."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.support.archives import zip_of
from tests.support.corpus import sealed
from tests.support.keeping import Counts
from watchdog.collectors.archives.assemble import build, build_now
from watchdog.collectors.archives.running import Running, Wanted
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.collectors.archives.single import VerifyNow
from watchdog.errors import BadSettings, LeaseLost, NotFound
from watchdog.model.archives import ArchiveProgress, Identity
from watchdog.runtime.clock import SystemClock

MEMORY = 256 << 20


def alive():
    """Go on."""


@pytest.fixture
def now():
    return VerifyNow(MEMORY, SystemClock())


def test_a_result_says_what_was_read(now, tmp_path):
    path = tmp_path / "a.zip.part"
    path.write_bytes(zip_of())
    path.chmod(0o600)
    facts = path.stat()

    found = now(str(path), level=2, alive=alive)

    assert (found.state, found.verdict, found.level, found.reason, found.remarks) == ("result", "good", 2, None, ())
    assert found.identity == Identity(facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    assert found.sha1 == hashlib.sha1(zip_of()).hexdigest()
    assert (found.entries, found.at is not None) == (4, True)


def test_a_key_opens_and_a_missing_one_is_named(now, tmp_path):
    (tmp_path / "key").write_text(sealed.KEY.hex())
    (tmp_path / "a.crypt").write_bytes(sealed.WHOLE_BOX)

    assert now(str(tmp_path / "a.crypt"), level=2, key_file=str(tmp_path / "key"), alive=alive).verdict == "good"
    assert now(str(tmp_path / "a.crypt"), level=2, key_file=str(tmp_path / "none"), alive=alive).reason == "no_key"
    assert now(str(tmp_path / "a.crypt"), level=2, alive=alive).reason == "encrypted"


def test_what_is_bad_is_told_with_its_reason_and_level_3_without_meaning_is_2(now, tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of()[:-1])
    found = now(str(tmp_path / "a.zip"), level=3, alive=alive)

    assert (found.verdict, found.level, found.reason) == ("bad", 2, "truncated")


def test_nothing_there_and_no_meaning_are_errors(now, tmp_path):
    with pytest.raises(NotFound):
        now(str(tmp_path / "nothing"), level=2, alive=alive)
    (tmp_path / "a.zip").write_bytes(zip_of())
    with pytest.raises(BadSettings, match="is not the meaning of a panel"):
        now(str(tmp_path / "a.zip"), level=3, meaning="os.path", alive=alive)


def test_who_asks_may_end_it(now, tmp_path):
    """A sparse gibibyte takes longer than the half second between two questions, on any machine that runs this."""
    path = tmp_path / "a.zip"
    path.touch()
    os.truncate(path, 8 << 30)
    asked = []

    def lost():
        asked.append(1)
        raise LeaseLost("somebody else owns it now")

    with pytest.raises(LeaseLost):
        now(str(path), level=2, alive=lost)
    assert asked == [1]


def test_what_was_just_proven_is_not_read_once_more_under_its_final_name(tmp_path):
    settings = ArchivesSettings(directories=[{"name": "own", "path": str(tmp_path), "pattern": "*.zip"}])
    counts = Counts()
    spec, queue = build(settings, [], SystemClock(), counts)
    queue.start()
    collector = spec.factory()
    try:
        part = tmp_path / "a.zip.part"
        part.write_bytes(zip_of())
        part.chmod(0o644)
        proven = build_now(settings, [], SystemClock(), queue)(str(part), level=2, alive=alive)
        part.rename(tmp_path / "a.zip")

        collector.collect()
        (file,) = collector.collect().files

        assert (file.verification.state, file.verification.verdict, file.verification.sha1) == ("result", "good", proven.sha1)
        assert [word for word, _ in file.verification.remarks] == ["world_readable"]
        assert len(queue) == 0
        assert counts.counts.get(("watchdog_archive_checks_total", "good"), 0) == 0
    finally:
        collector.close()
        queue.close()


def test_the_rate_is_that_of_late_and_begins_anew_with_a_second_way(tmp_path):
    (tmp_path / "a").write_bytes(bytes(1000))
    running = Running(Wanted(str(tmp_path / "a"), "d", Identity(1, 2, 1000, 3), 2))
    assert running.rate() is None
    descriptor = running.open()
    for seconds, position in ((0.0, 0), (1.0, 100), (2.0, 300)):
        os.lseek(descriptor, position, os.SEEK_SET)
        running.look(seconds)
    assert running.rate() == 150.0
    os.lseek(descriptor, 50, os.SEEK_SET)
    running.look(3.0)
    assert running.rate() is None
    running.close()


def test_the_rest_is_known_by_the_rate():
    assert ArchiveProgress("/a", "d", 400, 1000, 200.0).left == 3.0
    assert ArchiveProgress("/a", "d", 400, 1000).left is None
    assert ArchiveProgress("/a", "d", 400, 1000, 0.0).left is None
