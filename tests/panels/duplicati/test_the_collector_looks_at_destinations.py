"""The real archives collector over the recorded destinations: what it finds in its queue and its walled children is what the rules name."""

import os
import shutil
import time
from dataclasses import replace

import pytest

from tests.support.duplicati_folder import ENCRYPTED, OLD, PLAIN, RECORDINGS
from tests.support.duplicati_looks import MINUTE, job, looks
from tests.support.keeping import Counts
from watchdog.collectors.archives.collector import ArchivesCollector
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.settings import ArchivesSettings
from watchdog.collectors.hanging import HangingLooks
from watchdog.panels.duplicati import PANEL
from watchdog.panels.duplicati.destinations import look
from watchdog.panels.duplicati.drift import Case
from watchdog.panels.duplicati.job_database import JobDatabaseReader
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.traces import Evidence
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.xdist_group("duplicati_destinations")


@pytest.fixture
def watch():
    queues = []

    def make(settings):
        archives, clock = ArchivesSettings(rate=0, pressure=0), SystemClock()
        results = Results(None, archives.try_again)
        queue = VerificationQueue(archives, clock, results, Counts())
        queues.append(queue)
        queue.start()
        return ArchivesCollector(archives, PANEL.needs(settings).directories, queue, results, HangingLooks(clock, "test"))

    yield make
    for queue in queues:
        queue.close()


def settled(collector):
    deadline = time.monotonic() + 120
    while True:
        facts = collector.collect()
        sets = facts.volume_sets
        if sets and all(one.verdict is not None and not one.unverified for one in sets) and not facts.queue_length:
            return facts
        assert time.monotonic() < deadline, facts
        time.sleep(0.1)


def judged(seen, facts):
    """Return, by job, the damage and what each source proves."""
    seen.archives, seen.archives_at = facts, None
    drifts = [each for each in seen.look(1).drifts if each.kind.startswith("destination_")]
    case = Case(seen.settings, seen.actual(), seen.view(), seen.evidence, None, Notes(seen.memory), seen.moment())
    told = {}
    for backup in case.view.backups:
        proof = look(case, backup)
        damage = {each.kind: each.evidence["names"] for each in drifts if each.subject.id == backup.id}
        told[backup.name] = (damage, proof.by_list, proof.by_database)
    return told


def beside(folder, verify="bytes"):
    """The recorded plain destination with its database, and the encrypted one, on this host."""
    shutil.copytree(PLAIN, folder / "plain")
    shutil.copytree(ENCRYPTED, folder / "sealed")
    for path in folder.glob("*/*"):
        os.utime(path, ns=(OLD, OLD))
    seen = looks(destinations={
        "photos": {"path": str(folder / "plain"), "verify": verify}, "docs": {"path": str(folder / "sealed"), "verify": verify},
    })  # fmt: skip
    seen.backups.append(job("2", "docs"))
    seen.note(newest=None)
    seen.note("2", newest=None)
    read = JobDatabaseReader(RECORDINGS / "job" / "job.sqlite").read(lambda: True)
    seen.evidence = Evidence({"photos": replace(read, changed_at=0.0)})
    seen.look()
    seen.now += MINUTE
    return seen


def test_the_recorded_destinations_are_proven_and_a_flipped_byte_is_named(tmp_path, watch):
    seen = beside(tmp_path)
    collector = watch(seen.settings)
    assert judged(seen, settled(collector)) == {"photos": ({}, True, True), "docs": ({}, True, None)}
    block = next((tmp_path / "plain").glob("*dblock*"))
    content = bytearray(block.read_bytes())
    content[len(content) // 2] ^= 1
    facts = block.stat()
    block.write_bytes(content)
    os.utime(block, ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    collector.collect()
    told = judged(seen, settled(collector))
    assert told == {"photos": ({"destination_volume_flipped": block.name}, False, False), "docs": ({}, True, None)}


@pytest.mark.soak
def test_by_names_alone_sizes_count_and_nothing_is_called_proven(tmp_path, watch):
    seen = beside(tmp_path, "names")
    collector = watch(seen.settings)
    assert judged(seen, settled(collector)) == {"photos": ({}, None, None), "docs": ({}, None, None)}
    block = next((tmp_path / "sealed").glob("*dblock*"))
    block.write_bytes(block.read_bytes()[:-1])
    collector.collect()
    assert judged(seen, settled(collector))["docs"][0] == {"destination_volume_short": block.name}
