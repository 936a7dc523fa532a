"""Puts the archives collector and its queue together for the composition root."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchdog.collectors.archives.answers import WORLD_READABLE
from watchdog.collectors.archives.collector import ArchivesCollector
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Result, Results
from watchdog.collectors.archives.scan import Look
from watchdog.collectors.archives.settings import ArchivesSettings, wanted
from watchdog.collectors.archives.single import Depth, Verified, VerifyNow
from watchdog.collectors.archives.stamps import stamped
from watchdog.collectors.hanging import HangingLooks
from watchdog.collectors.runner import CollectorSpec
from watchdog.model.keeping import VerificationBook
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.model.needs import Needs


def build(
    settings: ArchivesSettings,
    needs: Iterable[Needs],
    clock: Clock,
    instruments: Instruments,
    book: VerificationBook | None = None,
    told: Callable[[], None] = lambda: None,
) -> tuple[CollectorSpec, VerificationQueue]:
    """Return the collector and the queue, which wants ``start()`` before and ``close()`` after.

    ``told`` is called in a worker's thread after each verification; waking the collector early there makes results visible at once.
    Raises BadSettings when the wishes of settings and panels contradict each other.
    """
    directories = wanted(settings, needs)
    results = Results(book, settings.try_again, settings.verify_again)
    queue = VerificationQueue(settings, clock, results, instruments, told=told)
    # shared by all generations of the collector: a mount that hangs is not looked at twice at once
    hanging: HangingLooks[list[Look]] = HangingLooks(clock, "archives")
    spec = CollectorSpec(
        "archives",
        lambda: ArchivesCollector(settings, directories, queue, results, hanging, clock=clock),
        settings.interval,
        settings.deadline * 2 + 10.0,
    )
    return spec, queue


def build_now(settings: ArchivesSettings, needs: Iterable[Needs], clock: Clock, queue: VerificationQueue) -> VerifyNow:
    """Return the port by which panels verify a file at once.

    What it finds about a file in a watched directory is kept like the queue's own results: a backup that a panel has just proven is not
    read once more under its final name, for a rename changes no identity.
    """
    paths = sorted(((need.path.rstrip("/") + "/", need.name) for need in wanted(settings, needs)), key=lambda one: -len(one[0]))

    def keep(done: Verified, depth: Depth) -> None:
        name = next((name for path, name in paths if done.path.startswith(path)), None)
        if name is not None and done.identity is not None:
            found = done.finished
            result = Result(
                name, found.format, depth.level, found.level, found.verdict, found.reasons, found.message, clock.now().wall,
                found.entries, found.sha1, found.salvage, meaning=stamped(depth.meaning), keyed=bool(depth.key_file), facts=found.facts,
                # who may read it is said of each look anew
                remarks=tuple(one for one in found.remarks if one[0] != WORLD_READABLE),
            )  # fmt: skip
            queue.kept.put(done.identity, result)

    return VerifyNow(settings.memory, clock, keep)
