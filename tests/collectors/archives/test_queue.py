"""The queue of verification: order, identity, restarts, and what a hung file does to the others."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from dataclasses import replace

import pytest

from tests.support.archives import zip_of
from tests.support.corpus import DAMAGED
from tests.support.keeping import Counts, VerificationShelf
from watchdog.collectors.archives.answers import Finished
from watchdog.collectors.archives.counters import METRICS
from watchdog.collectors.archives.pressure import IoPressure
from watchdog.collectors.archives.queue import WORTH_A_PLACE, WORTH_WAITING, VerificationQueue
from watchdog.collectors.archives.results import PART, Result, Results, from_text, identity_of, key_of, to_text
from watchdog.collectors.archives.running import Wanted, place_of
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.errors import Stopping, Temporary
from watchdog.model.archives import Identity, Salvage
from watchdog.runtime.clock import SimulatedClock, SystemClock

GOOD = Finished("zip", 1, "good", read_bytes=10)


def until(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def wanted(path, *, level=1, lane="", directory="backups"):
    facts = os.lstat(path)
    return Wanted(str(path), directory, Identity.of(facts), level, lane)


def write(path, data=b"x", mtime=None):
    path.write_bytes(data)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return wanted(path)


@pytest.fixture
def bench():
    """Builds queues, and closes them."""
    made = []

    def build(run=None, book=None, clock=None, busy=lambda: False, **settings):
        model = ArchivesSettings(**settings)
        clock = clock or SystemClock()
        results = Results(book, model.try_again, model.verify_again)
        counts = Counts()
        # a busy disk of the machine that tests is no business of ours
        queue = VerificationQueue(model, clock, results, counts, busy=busy, **({"run": run} if run else {}))
        made.append(queue)
        queue.results, queue.counts = results, counts
        return queue

    yield build
    for queue in made:
        queue.close()


def test_real_files_get_real_verdicts(bench, tmp_path):
    good, bad = write(tmp_path / "good.zip", zip_of()), write(tmp_path / "bad.zip", zip_of()[:-1])
    queue = bench(book=VerificationShelf())
    queue.start()
    queue.offer([good, bad])

    until(lambda: len(queue) == 0)

    verification, kind = queue.verification(good.identity)
    assert (verification.state, verification.verdict, verification.level, kind) == ("result", "good", 1, "zip")
    assert verification.identity == good.identity
    verification, _ = queue.verification(bad.identity)
    assert (verification.verdict, verification.reason) == ("bad", "truncated")
    assert queue.counts.counts["watchdog_archive_checks_total", "good"] == 1
    assert queue.counts.counts["watchdog_archive_checks_total", "bad"] == 1
    assert queue.counts.counts["watchdog_archive_check_read_bytes_total",] > 0


def test_level_2_tells_the_checksum_and_what_survives(bench, tmp_path):
    cut = next(case for case in DAMAGED if case.name == "cut-in-files.zip").make()
    file = replace(write(tmp_path / "cut.zip", cut), level=2)
    queue = bench(book=VerificationShelf())
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0, 90)

    told = queue.verification(file.identity)[0]
    assert (told.verdict, told.level, told.reason) == ("bad", 2, "missing_end")
    assert told.sha1 == hashlib.sha1(cut).hexdigest()
    assert told.salvage is not None and told.salvage.entries == 6
    assert told.salvage.names[3] == "backup.jsonl"


def test_the_newest_file_comes_first(bench, tmp_path):
    files = [write(tmp_path / f"{n}", mtime=1000 + n) for n in (3, 1, 5, 2, 4)]
    seen = []

    def run(descriptor, *_):
        seen.append(os.fstat(descriptor).st_mtime)
        return GOOD

    queue = bench(run)
    queue.offer(files)
    queue.start()
    until(lambda: len(queue) == 0)

    assert seen == [1005, 1004, 1003, 1002, 1001]


def test_states_go_from_queued_to_running_to_result(bench, tmp_path):
    go, begun = threading.Event(), threading.Event()

    def run(descriptor, *_):
        os.lseek(descriptor, 7, os.SEEK_SET)
        begun.set()
        go.wait(90)
        return GOOD

    old, new = write(tmp_path / "old", b"0123456789", 1000), write(tmp_path / "new", b"0123456789", 2000)
    queue = bench(run)
    assert queue.verification(new.identity)[0].state == "not_asked"
    queue.offer([old, new])
    assert queue.verification(new.identity)[0].state == "queued"
    queue.start()
    assert begun.wait(90)

    running = queue.verification(new.identity)[0]
    assert (running.state, running.bytes_done) == ("running", 7)
    assert queue.verification(old.identity)[0].state == "queued"
    assert len(queue) == 2

    queue.offer([old, new])  # the file at work is not queued once more
    assert len(queue) == 2
    go.set()
    until(lambda: len(queue) == 0)
    assert queue.verification(new.identity)[0].state == "result"


def test_a_file_that_changes_meanwhile_gets_no_result(bench, tmp_path):
    file = write(tmp_path / "growing", b"x" * 100)

    def run(*_):
        with (tmp_path / "growing").open("ab") as more:
            more.write(b"more")
        return GOOD

    queue = bench(run)
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)

    assert queue.verification(file.identity)[0].state == "not_asked"
    assert queue.counts.counts["watchdog_archive_checks_dropped_total",] == 1


def swapped_for_a_link(path):
    path.unlink()
    path.symlink_to("/etc/passwd")


def swapped_for_a_fifo(path):
    path.unlink()
    os.mkfifo(path)


def replaced(path):
    path.with_name("other").write_bytes(b"other")
    path.with_name("other").rename(path)


@pytest.mark.parametrize("swap", [swapped_for_a_link, swapped_for_a_fifo, replaced, lambda path: path.unlink()])
def test_a_file_that_is_another_when_its_turn_comes_is_never_checked(bench, tmp_path, swap):
    file = write(tmp_path / "file", b"original")
    swap(tmp_path / "file")
    called = []
    queue = bench(lambda *_: called.append(1) or GOOD)
    queue.start()
    queue.offer([file])

    until(lambda: len(queue) == 0)

    assert not called
    assert queue.verification(file.identity)[0].state == "not_asked"


def test_results_outlive_a_restart(bench, tmp_path):
    shelf = VerificationShelf()
    file = write(tmp_path / "a.zip", zip_of()[:-1])
    first = bench(book=shelf)
    first.start()
    first.offer([file])
    until(lambda: len(first) == 0)
    first.close()
    called = []

    second = bench(lambda *_: called.append(1) or GOOD, book=shelf)
    second.start()
    second.offer([file])

    assert second.verification(file.identity)[0].reason == "truncated"
    assert second.verification(file.identity)[1] == "zip"
    assert len(second) == 0
    assert not called


def test_a_deeper_level_is_asked_again(bench, tmp_path):
    file = write(tmp_path / "a.zip", zip_of()[:-1])
    queue = bench()
    queue.start()
    queue.offer([wanted(tmp_path / "a.zip", level=0)])
    until(lambda: len(queue) == 0)
    assert queue.verification(file.identity)[0].verdict == "good"

    queue.offer([file])
    until(lambda: len(queue) == 0)

    assert queue.verification(file.identity)[0].verdict == "bad"


def test_without_a_ledger_results_stay_in_memory_and_are_saved_when_it_is_back(bench, tmp_path):
    shelf = VerificationShelf()
    shelf.down = True
    file = write(tmp_path / "a")
    queue = bench(lambda *_: GOOD, book=shelf)
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)
    assert queue.verification(file.identity)[0].verdict == "good"
    assert shelf.kept == {}

    shelf.down = False
    queue.results.settle()

    assert list(shelf.kept) == [key_of(file.identity)]


def test_what_the_ledger_kept_is_loaded_when_it_is_back(bench, tmp_path):
    shelf = VerificationShelf()
    file = write(tmp_path / "a")
    first = bench(lambda *_: GOOD, book=shelf)
    first.start()
    first.offer([file])
    until(lambda: len(first) == 0)
    shelf.down = True
    second = bench(lambda *_: GOOD, book=shelf)
    assert second.verification(file.identity)[0].state == "not_asked"
    second.results.settle()

    shelf.down = False
    second.results.settle()

    assert second.verification(file.identity)[0].verdict == "good"


def test_a_fate_of_the_child_is_tried_again_later_and_a_verdict_is_not(bench, tmp_path):
    clock = SimulatedClock()
    answers = [Finished(None, 0, "unverifiable", ("crashed",), "it crashed"), GOOD]
    queue = bench(lambda *_: answers.pop(0), clock=clock, try_again=3600.0)
    file = write(tmp_path / "a")
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)
    assert queue.verification(file.identity)[0].reason == "crashed"
    queue.offer([file])
    assert len(queue) == 0

    clock.advance(3601)
    queue.offer([file])
    until(lambda: len(queue) == 0 and queue.verification(file.identity)[0].verdict == "good")

    clock.advance(10**6)
    queue.offer([file])
    assert len(queue) == 0


def test_a_file_without_permission_is_unverifiable(bench, tmp_path, monkeypatch):
    file = write(tmp_path / "secret")

    def refuse(*_args, **_kind):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("watchdog.collectors.archives.running.os.open", refuse)  # tests run as root, whom nothing is refused
    queue = bench()
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)

    assert queue.verification(file.identity)[0].reason == "unreadable"


def test_a_child_that_cannot_be_started_is_no_verdict(bench, tmp_path):
    file = write(tmp_path / "a")

    def run(*_):
        raise Temporary("no child could be created")

    queue = bench(run)
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)

    assert queue.verification(file.identity)[0].state == "not_asked"
    assert queue.counts.counts["watchdog_archive_checks_dropped_total",] == 1


def test_a_hung_mount_holds_up_its_own_lane_only(bench, tmp_path):
    stuck, local = write(tmp_path / "stuck", b"1", 3000), write(tmp_path / "local", b"22", 1000)
    release = threading.Event()

    def run(descriptor, *_):
        if os.fstat(descriptor).st_size == 1:
            release.wait(30)
        return GOOD

    queue = bench(run)
    queue.start()
    queue.offer([wanted(tmp_path / "stuck", lane="0:52 /mnt/nfs"), local])
    until(lambda: queue.verification(local.identity)[0].state == "result")

    assert queue.verification(stuck.identity)[0].state == "running"
    release.set()
    until(lambda: queue.verification(stuck.identity)[0].state == "result")


def test_the_queue_is_bounded_and_keeps_the_newest(bench, tmp_path):
    files = [write(tmp_path / f"{n}", mtime=1000 + n) for n in range(10)]
    queue = bench(queue_limit=3)
    queue.offer(files)

    assert [queue.verification(file.identity)[0].state for file in files] == ["not_asked"] * 7 + ["queued"] * 3


def test_one_file_under_two_names_is_verified_once(bench, tmp_path):
    one = write(tmp_path / "a", b"data")
    os.link(tmp_path / "a", tmp_path / "b")
    called = []
    queue = bench(lambda *_: called.append(1) or GOOD)
    queue.offer([one, wanted(tmp_path / "b", directory="other")])
    queue.start()
    until(lambda: len(queue) == 0)

    assert called == [1]


def test_an_offer_replaces_what_waits(bench, tmp_path):
    one, two = write(tmp_path / "1"), write(tmp_path / "2")
    queue = bench()
    queue.offer([one])
    queue.offer([two])

    assert queue.verification(one.identity)[0].state == "not_asked"
    assert queue.verification(two.identity)[0].state == "queued"


def test_files_that_are_gone_are_forgotten_only_when_their_directory_was_seen_whole(bench, tmp_path):
    shelf = VerificationShelf()
    a, b = write(tmp_path / "a"), wanted(write(tmp_path / "b", b"22").path, directory="nfs")
    queue = bench(lambda *_: GOOD, book=shelf)
    queue.start()
    queue.offer([a, b])
    until(lambda: len(queue) == 0 and len(shelf.kept) == 2)

    queue.results.forget(set(), whole={"backups"}, configured={"backups", "nfs"})
    assert list(shelf.kept) == [key_of(b.identity)]

    queue.results.forget(set(), whole=set(), configured={"backups"})
    assert shelf.kept == {}


def test_closing_ends_a_verification_without_a_result(bench, tmp_path):
    file = write(tmp_path / "a")
    begun = threading.Event()

    def run(_descriptor, _level, _tar, _limits, stop, _turn):
        begun.set()
        stop.wait(30)
        return GOOD

    queue = bench(run)
    queue.start()
    queue.offer([file])
    assert begun.wait(90)
    queue.close()

    assert queue.verification(file.identity)[0].state == "not_asked"


def test_a_result_survives_its_text():
    results = Results(None, 1.0)
    assert from_text("{}") is None
    assert from_text("no json") is None
    assert identity_of("1:2:3") is None
    assert identity_of("a:b:c:d") is None
    assert results.get(Identity(1, 2, 3, 4)) is None
    result = Result("d", None, 1, 0, "bad", ("empty",), "m", 5.0)
    assert from_text(to_text(result)) == result
    salvage = Salvage(3, 1000, ("VERSION", "a", "b"), "b", proven=True)
    deep = Result("d", "zip", 2, 2, "bad", ("missing_end",), "m", 5.0, entries=None, sha1="da39a3", salvage=salvage)
    assert from_text(to_text(deep)) == deep
    assert from_text(to_text(result).replace('"check": 2', '"check": 99')) is None


def test_every_counter_used_is_in_the_table(bench, tmp_path):
    queue = bench(lambda *_: GOOD)
    queue.start()
    queue.offer([write(tmp_path / "a")])
    until(lambda: len(queue) == 0)

    names = {metric.name for metric in METRICS}
    assert {key[0] for key in queue.counts.counts} | {name for name, _ in queue.counts.observed} <= names


def test_a_good_file_is_verified_again_after_a_while_and_rot_is_told(bench, tmp_path, caplog):
    clock = SimulatedClock()
    answers = [GOOD, GOOD, Finished("zip", 1, "bad", ("damaged_content",), "a bit has flipped")]
    queue = bench(lambda *_: answers.pop(0), clock=clock, verify_again=86_400.0)
    file = write(tmp_path / "a")
    queue.start()
    for _ in range(3):
        queue.offer([file])
        until(lambda: len(queue) == 0)
        clock.advance(86_400 - 1)
        queue.offer([file])
        assert len(queue) == 0
        clock.advance(2)
        assert queue.verification(file.identity)[0].state == "result"

    assert not answers
    assert queue.verification(file.identity)[0].verdict == "bad"
    assert "gone bad by itself" in caplog.text


def test_a_busy_disk_lets_large_files_wait_and_small_ones_pass(bench, tmp_path):
    asked, go_on = threading.Event(), threading.Event()

    def run(*order):
        turn = order[-1]
        while turn.hold() and not go_on.is_set():
            asked.set()
            time.sleep(0.01)
        return GOOD

    small = write(tmp_path / "small", mtime=2000)
    with (tmp_path / "large").open("wb") as sparse:
        sparse.truncate(WORTH_WAITING + 1)
    large = wanted(tmp_path / "large")
    queue = bench(run, busy=lambda: not go_on.is_set())
    queue.offer([small])
    queue.start()
    until(lambda: queue.verification(small.identity)[0].verdict == "good")
    assert not asked.is_set()

    queue.offer([large])
    until(asked.is_set)
    assert queue.paused
    assert queue.bytes_left() == WORTH_WAITING + 1

    go_on.set()
    until(lambda: queue.verification(large.identity)[0].verdict == "good")
    until(lambda: not queue.paused)
    assert queue.bytes_left() == 0


@pytest.mark.parametrize(
    ("shares", "high"),
    [((10.0, 49.0, 51.0, 40.0, 26.0, 24.0, 40.0), (False, False, True, True, True, False, False)), ((100.0, 100.0), (True, True))],
)
def test_pressure_is_high_above_its_limit_and_until_half_of_it(shares, high):
    texts = [
        f"some avg10={share:.2f} avg60=1.00 avg300=0.56 total=167966316\nfull avg10=99.0 avg60=0 avg300=0 total=1\n" for share in shares
    ]
    pressure = IoPressure(50.0, lambda: texts.pop(0))

    assert tuple(pressure.high() for _ in shares) == high


def test_no_pressure_file_and_no_limit_mean_no_waiting():
    def missing():
        raise FileNotFoundError("/proc/pressure/io")

    assert not IoPressure(50.0, missing).high()
    assert not IoPressure(50.0, lambda: "nonsense").high()
    assert not IoPressure(0.0, lambda: "some avg10=100.00").high()


def kept_by(shelf, file):
    return shelf.kept.get(key_of(file.identity) + PART)


def test_places_to_go_on_from_are_kept_and_given_back_after_a_restart(bench, tmp_path):
    shelf = VerificationShelf()
    file = write(tmp_path / "a")
    told = threading.Event()
    place = {"kind": "zip", "entries": 3}

    def interrupted(*order):
        order[-1].keep(place)
        told.set()
        order[-2].wait(60)
        raise Stopping("the program ends")

    first = bench(interrupted, book=shelf)
    first.start()
    first.offer([file])
    assert told.wait(60)
    first.close()
    assert place_of(file, kept_by(shelf, file)) == place
    assert identity_of(key_of(file.identity) + PART) is None

    given = []
    second = bench(lambda *order: given.append(order[-1].resume) or GOOD, book=shelf)
    second.start()
    second.offer([file])
    until(lambda: len(second) == 0)

    assert given == [place]
    assert kept_by(shelf, file) is None


def test_a_large_single_stream_says_that_it_starts_over(bench, tmp_path, caplog):
    caplog.set_level("INFO")
    shelf = VerificationShelf()
    with (tmp_path / "large").open("wb") as sparse:
        sparse.truncate(WORTH_A_PLACE)
    file = replace(wanted(tmp_path / "large"), level=2)
    begun = threading.Event()

    def interrupted(*order):
        begun.set()
        order[-2].wait(60)
        raise Stopping("the program ends")

    first = bench(interrupted, book=shelf)
    first.start()
    first.offer([file])
    assert begun.wait(60)
    first.close()
    assert "starts over" not in caplog.text

    second = bench(lambda *_: GOOD, book=shelf)
    second.start()
    second.offer([file])
    until(lambda: len(second) == 0)

    assert "starts over" in caplog.text


@pytest.mark.parametrize(
    "text", [None, "", "null", "{}", "[1]", '{"check": 99, "level": 1, "place": {}}', '{"check": 2, "level": 9, "place": {}}']
)
def test_a_place_of_another_check_is_no_place(tmp_path, text):
    assert place_of(write(tmp_path / "a"), text) is None


# ---- level 3 -----------------------------------------------------------------------------------------------------------------------------

MEANT = Finished("zip", 3, "good", read_bytes=10, facts=(("rows", 7), ("finished", "2026-05-04")), remarks=(("small", "it is small"),))
MEANING = "watchdog.panels.planted.meaning"


def asks(results, file, now=0.0):
    return not results.enough(file.identity, file.level, now, file.volume, file.meaning, keyed=bool(file.key_file))


def test_facts_and_remarks_are_told_and_outlive_a_restart(bench, tmp_path):
    book, turns = VerificationShelf(), []

    def run(descriptor, level, promise, limits, stop, turn):
        turns.append(turn)
        return MEANT

    file = replace(write(tmp_path / "a.zip", zip_of()), level=3, meaning=MEANING)
    queue = bench(run, book)
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)

    again = bench(run, book)
    again.start()
    again.offer([file])
    until(lambda: len(again) == 0)

    for one in (queue, again):
        verification, _ = one.verification(file.identity)
        assert (verification.level, verification.facts, verification.remarks) == (3, MEANT.facts, MEANT.remarks)
    assert [turn.meaning for turn in turns] == [MEANING]


def test_a_result_of_another_meaning_or_of_fewer_levels_is_not_enough(tmp_path):
    file = write(tmp_path / "a.zip", zip_of())
    results = Results(None, 60.0)
    asked = replace(file, level=3, meaning=MEANING)

    results.put(file.identity, Result("d", "zip", 2, 2, "good", (), "", 0.0))
    assert asks(results, asked)
    results.put(file.identity, Result("d", "zip", 3, 3, "good", (), "", 0.0, meaning="watchdog.panels.other.meaning"))
    assert asks(results, asked)
    assert not asks(results, replace(file, level=2))
    results.put(file.identity, Result("d", "zip", 3, 3, "good", (), "", 0.0, meaning=MEANING))
    assert not asks(results, asked)


def test_what_was_closed_is_looked_at_again_once_there_is_a_key(tmp_path):
    file = write(tmp_path / "a.zip.crypt", b"x")
    results = Results(None, 60.0)

    results.put(file.identity, Result("d", "c2ypt", 1, 1, "unverifiable", ("encrypted",), "", 0.0))

    assert not asks(results, file)
    assert asks(results, replace(file, key_file="/k"))
    results.put(file.identity, Result("d", "c2ypt", 1, 1, "unverifiable", ("wrong_key",), "", 0.0, keyed=True))
    assert not asks(results, replace(file, key_file="/k"), 30.0)
    assert asks(results, replace(file, key_file="/k"), 61.0)


def test_a_meaning_starts_over_after_a_restart(bench, tmp_path):
    """It has seen nothing of what was read before: going on would judge half an archive."""
    book, turns = VerificationShelf(), []

    def run(descriptor, level, promise, limits, stop, turn):
        turns.append(turn)
        turn.keep({"kind": "zip", "entries": 5, "survivors": {}, "troubles": {}})
        if len(turns) == 1:
            raise Stopping("the program ends")
        return MEANT

    (tmp_path / "a.zip").touch()
    os.truncate(tmp_path / "a.zip", WORTH_A_PLACE)
    file = replace(wanted(tmp_path / "a.zip"), level=3, meaning=MEANING)
    first = bench(run, book)
    first.start()
    first.offer([file])
    until(lambda: len(first) == 0)
    first.close()

    second = bench(run, book)
    second.start()
    second.offer([file])
    until(lambda: second.verification(file.identity)[0].state == "result")

    assert [turn.resume for turn in turns] == [None, None]
    assert first.results.part(file.identity) is not None
    assert second.results.part(file.identity) is None


def test_the_key_is_read_for_each_verification_and_a_missing_one_is_named(bench, tmp_path):
    keys = []

    def run(descriptor, level, promise, limits, stop, turn):
        keys.append(turn.key)
        return Finished("c2ypt", 1, "unverifiable", ("encrypted",), "it is") if not turn.key else GOOD

    file = replace(write(tmp_path / "a.zip.crypt", b"x"), key_file=str(tmp_path / "key"))
    clock = SimulatedClock()
    queue = bench(run, clock=clock)
    queue.start()
    queue.offer([file])
    until(lambda: len(queue) == 0)
    assert queue.verification(file.identity)[0].reason == "no_key"

    (tmp_path / "key").write_text("00" * 32)
    clock.advance(700.0)
    queue.offer([file])
    until(lambda: len(queue) == 0)

    assert queue.verification(file.identity)[0].verdict == "good"
    assert keys == [b"", bytes(32)]
