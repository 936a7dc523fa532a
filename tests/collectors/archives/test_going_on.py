"""A verification that was stopped goes on from every place it told, and finds what an unbroken one finds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.archives import noise
from tests.support.corpus import ALL
from tests.support.corpus import streams as s
from tests.support.corpus import zips as z
from watchdog.collectors.archives.check import check
from watchdog.collectors.archives.settings import promise
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.talk import Talk

ZIPS = [case for case in ALL if case.name.endswith(".zip") and case.verdict != "unverifiable"]
GZIPS = [case for case in ALL if case.name.endswith(".tar.gz")]


def checked(path, talk, *, digest):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        source = Source(descriptor, path.stat().st_size, digest=digest)
        return check(source, 2, promise(path.name), talk=talk), source.read_bytes
    finally:
        os.close(descriptor)


def places_of(path):
    """Return what an unbroken check finds, and all places it told, through JSON as the ledger keeps them."""
    places = []
    whole, _ = checked(path, Talk(place=lambda make: places.append(json.dumps(make()))), digest=True)
    return whole, [place for place in map(json.loads, places) if place is not None]


@pytest.mark.parametrize("case", [*ZIPS, *GZIPS], ids=lambda case: case.name)
def test_from_every_place_the_same_is_found(tmp_path, case):
    path = tmp_path / case.name
    path.write_bytes(case.make())
    whole, places = places_of(path)

    for place in places:
        found, _ = checked(path, Talk(resume=place), digest=False)

        assert (found.verdict, found.entries, found.salvage) == (whole.verdict, whole.entries, whole.salvage), place
        assert set(found.reasons) - {"resumed"} == set(whole.reasons), place
        assert "resumed" in found.reasons
        assert found.sha1 is None


def test_most_of_the_corpus_has_places(tmp_path):
    told = 0
    for case in ALL:
        path = tmp_path / case.name
        path.write_bytes(case.make())
        told += len(places_of(path)[1])
    assert told > 150


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("x.zip", lambda: z.zip_with([z.Entry(f"f{n}", noise(300_000, n + 1)) for n in range(8)])),
        ("x.tar.gz", lambda: s.members(s.wings_tar(tuple((f"f{n}", noise(300_000, n + 1)) for n in range(8))), 300_000)),
    ],
)
def test_what_was_read_before_is_not_read_again(tmp_path, name, make):
    path = tmp_path / name
    path.write_bytes(make())
    _, places = places_of(path)

    _, from_the_start = checked(path, Talk(), digest=False)
    _, from_the_middle = checked(path, Talk(resume=places[5]), digest=False)

    assert from_the_middle < from_the_start * 0.6


PROGRAM = """
import os, sys, threading
from dataclasses import replace
from pathlib import Path
from tests.support.keeping import Counts
from watchdog.collectors.archives.order import verify
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import PART, Results, key_of
from watchdog.collectors.archives.running import Wanted
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.ledger.open import open_ledger
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.archives import Identity
from watchdog.runtime.clock import SystemClock

path, ledger_path, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
clock = SystemClock()
ledger = open_ledger(LedgerSettings(url=f"sqlite:///{ledger_path}", ephemeral=True), clock, migrate=True, host="test")
facts = os.lstat(path)
file = Wanted(path, "d", Identity.of(facts), 2)
settings = ArchivesSettings(rate=rate)
results = Results(ledger.verifications, 60.0)

def run(descriptor, level, promise, limits, stop, turn):
    def keep(place):
        turn.keep(place)
        if place["entries"] >= 3:
            print("kept", place["entries"], flush=True)
    print("begun", (turn.resume or {}).get("entries", 0), flush=True)
    return verify(descriptor, level, promise, replace(limits, places=0.0), stop, replace(turn, keep=keep))

queue = VerificationQueue(settings, clock, results, Counts(), run=run, busy=lambda: False, told=lambda: print("done", flush=True))
queue.start()
queue.offer([file])
for line in sys.stdin:
    break
print(queue.verification(file.identity)[0], results.part(file.identity), flush=True)
queue.close()
ledger.close()
"""


def start(*words):
    argv = [sys.executable, "-c", PROGRAM, *map(str, words)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())


def heard(process, word):
    for line in process.stdout:
        if line.startswith(word):
            return line.split()
    raise AssertionError(f"it ended without '{word}'")


def test_killed_in_the_middle_of_a_large_zip_it_goes_on_from_the_last_entry(tmp_path):
    """A real process, a real ledger and a real child; SIGKILL takes the child along."""
    path = tmp_path / "large.zip"
    path.write_bytes(z.zip_with([z.Entry(f"f{n}", noise(1 << 14, n + 1)) for n in range(640)]))

    first = start(path, tmp_path / "ledger", 1 << 17)  # it would take 80 s
    assert heard(first, "begun") == ["begun", "0"]
    heard(first, "kept")
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()

    second = start(path, tmp_path / "ledger", 0)
    begun = int(heard(second, "begun")[1])
    heard(second, "done")
    said = second.communicate("\n")[0]

    assert 3 <= begun < 640
    assert "verdict='good'" in said
    assert "resumed" in said
    assert said.rstrip().endswith("None")
