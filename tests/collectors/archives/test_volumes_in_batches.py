"""Many volumes in one walled child: whatever one of them does to it, each has the verdict that it has alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.duplicati_folder import lay, listed, pair, volumes
from tests.support.fatal_volumes import FATAL
from watchdog.collectors.archives import batches, folder_single
from watchdog.collectors.archives.batches import Job, verify_batch, volumes_argv
from watchdog.collectors.archives.folder_single import Asked, verify_folder
from watchdog.collectors.archives.order import Limits, verify
from watchdog.collectors.archives.running import volume_argv, volume_order
from watchdog.collectors.archives.settings import promise
from watchdog.errors import Stopping
from watchdog.model.volumes import volume_name
from watchdog.runtime.child import Child, module_argv

MEMORY = 64 << 20
BLOCK = next(iter(pair(1)))


def fatal_argv(told):
    return module_argv("tests.support.fatal_volumes", told)


@pytest.fixture
def children(monkeypatch):
    """Counts the children that are started."""
    started = []
    real = Child.start

    def start(*args, **more):
        started.append(real(*args, **more))
        return started[-1]

    monkeypatch.setattr(batches.Child, "start", start)
    return started


def run(folder, contents, *, seconds=None, argv=fatal_argv, stop=None, watch=lambda at: None):
    """Verify ``contents``, each under a dblock's name, in one batch; return the findings in their order."""
    return list(begin(folder, contents, seconds=seconds, argv=argv, stop=stop, watch=watch))


def begin(folder, contents, *, seconds, argv, stop, watch) -> Iterator:
    order = volume_order(volume_name(BLOCK), "sha256")
    with ExitStack() as opened:
        jobs = []
        for number, content in enumerate(contents):
            path = folder / str(number)
            path.write_bytes(content)
            descriptor = os.open(path, os.O_RDONLY)
            opened.callback(os.close, descriptor)
            jobs.append(Job(descriptor, order, Limits(MEMORY, seconds[number] if seconds else 60, 0.0)))
        yield from verify_batch(jobs, 2, stop or threading.Event(), watch, argv)


def verdicts(found):
    return [(one.verdict, one.reasons[0] if one.reasons else "") for one in found]


GOOD = pair(1)[BLOCK]
FINE = ("good", "")


def test_each_volume_has_the_verdict_and_the_rows_that_it_has_alone(tmp_path, children):
    made = volumes()
    contents = [*made.values(), GOOD[:-9], b"", b"no zip at all", next(iter(volumes(encrypted=True).values()))]
    names = [*made, BLOCK, BLOCK, BLOCK, f"{BLOCK}.aes"]
    with ExitStack() as opened:
        jobs, alone = [], []
        for number, (name, content) in enumerate(zip(names, contents, strict=True)):
            (tmp_path / str(number)).write_bytes(content)
            order = volume_order(volume_name(name), "sha256")
            for kept in (jobs, alone):
                descriptor = os.open(tmp_path / str(number), os.O_RDONLY)
                opened.callback(os.close, descriptor)
                kept.append(Job(descriptor, order, Limits(MEMORY, 60, 0.0)))
        found = list(verify_batch(jobs, 2, threading.Event(), lambda at: None))
        assert len(children) == 1
        for together, job, name in zip(found, alone, names, strict=True):
            single = verify(job.descriptor, 2, promise(name), job.limits, threading.Event(), argv=volume_argv(job.order))
            assert together == single, name


@pytest.mark.parametrize(
    ("word", "verdict", "started"),
    [
        ("crash", ("unverifiable", "crashed"), 3),
        ("abort", ("unverifiable", "crashed"), 3),
        ("exit", ("unverifiable", "no_answer"), 3),
        ("bomb", ("unverifiable", "memory"), 2),
        ("real bomb", ("unverifiable", "memory"), 2),
        ("babble", ("unverifiable", "no_answer"), 2),
    ],
)
def test_what_takes_the_child_with_it_is_named_and_the_others_go_on(tmp_path, children, word, verdict, started):
    found = run(tmp_path, [GOOD, GOOD, FATAL + word.encode(), GOOD, GOOD])
    assert verdicts(found) == [FINE, FINE, verdict, FINE, FINE]
    assert all(row[0] != "digest" or row[1] == "sha256" for one in found for row in one.told)
    # one that died with others before it is tried once more as the first: two of its own
    assert len(children) == started
    assert all(child.end() is not None for child in children), "none is left"


@pytest.mark.parametrize(("word", "reason"), [("hang", "hung"), ("spin", "hung")])
def test_one_that_hangs_costs_its_own_time_only(tmp_path, children, word, reason):
    found = run(tmp_path, [GOOD, FATAL + word.encode(), GOOD], seconds=[60, 2, 60])
    assert verdicts(found) == [FINE, ("unverifiable", reason), FINE]


def test_a_volume_that_dies_of_another_is_not_blamed(tmp_path, children):
    """The first answers well and leaves the process dying: the second is read again by a fresh one, and is good."""
    found = run(tmp_path, [FATAL + b"poison", GOOD, GOOD])
    assert verdicts(found) == [FINE] * 3
    assert len(children) == 2


def test_if_all_of_them_are_fatal_each_is_named(tmp_path):
    found = run(tmp_path, [FATAL + b"crash"] * 4)
    assert verdicts(found) == [("unverifiable", "crashed")] * 4


def test_the_walls_stand_around_all_of_them(tmp_path):
    first, second = run(tmp_path, [GOOD, GOOD], argv=volumes_argv)
    assert "limits" in first.walls
    assert first.walls == second.walls


def test_stopping_ends_the_child(tmp_path, children):
    stop = threading.Event()
    with pytest.raises(Stopping):
        run(tmp_path, [GOOD, FATAL + b"hang", GOOD], stop=stop, watch=lambda at: stop.set())
    assert len(children) == 1
    assert children[0].end() is not None


def test_the_watch_is_told_which_one_it_is(tmp_path):
    seen = []
    run(tmp_path, [GOOD, FATAL + b"hang"], seconds=[60, 2], watch=seen.append)
    assert seen[-1] == 1
    assert seen == sorted(seen)


# ---- a folder ----------------------------------------------------------------------------------------------------------------------------


def asked(watch=lambda done, total: None):
    return Asked(2, MEMORY, threading.Event(), watch, lambda: 0.0)


def test_a_folder_of_many_volumes_needs_few_children(tmp_path, children, monkeypatch):
    made = {name: content for number in range(1, 31) for name, content in pair(number).items()}
    folder = lay(tmp_path / "d", listed({**volumes(), **made}))
    monkeypatch.setattr(folder_single, "MOST_FILES", 20)
    told = []
    found = verify_folder(str(folder), asked(lambda done, total: told.append((done, total))))
    assert (found.finished.verdict, found.finished.reasons, found.finished.entries) == ("good", (), 63)
    assert len(children) == 1 + 4, "one for the list, which comes first"
    assert told[-1] == (found.size, found.size)


def test_many_bytes_go_to_children_of_their_own(tmp_path, children, monkeypatch):
    folder = lay(tmp_path / "d", listed(volumes(algorithm="sha512"), "sha512"))
    monkeypatch.setattr(folder_single, "MOST_BYTES", 1)
    found = verify_folder(str(folder), asked())
    assert found.finished.verdict == "good"
    assert len(children) == 7


def test_what_cannot_be_opened_does_not_move_the_others(tmp_path, children):
    folder = lay(tmp_path / "d", listed(volumes()))
    (folder / BLOCK).unlink()
    (folder / BLOCK).symlink_to("/etc/passwd")
    found = verify_folder(str(folder), asked())
    assert found.finished.verdict == "bad"
    assert "other bytes" not in found.finished.message
    assert len(children) == 2
