"""Puts the archives collector and its queue together for the composition root."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from watchdog.collectors.archives.collector import ArchivesCollector
from watchdog.collectors.archives.queue import VerificationQueue
from watchdog.collectors.archives.results import Results
from watchdog.collectors.archives.scan import Look
from watchdog.collectors.archives.settings import ArchivesSettings, wanted
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
