"""What the archives collector would say of a folder, found by its own checks in this process: no queue, no children."""

import json
import os
from dataclasses import replace
from pathlib import Path

from watchdog.collectors.archives import destinations
from watchdog.collectors.archives.results import Result
from watchdog.collectors.archives.source import Source
from watchdog.collectors.archives.volume_check import Volume, examine
from watchdog.model.archives import ArchiveFacts, ArchiveFile, Identity, WatchedDirectory


def facts_of(folder, name, *, level=2, at=0.0, stable=True, error=None, unread=()):
    """Return the facts about one watched folder; the files ``unread`` still wait for their verification."""
    files = [ArchiveFile(str(path), name, Identity.of(path.stat()), 0o644, stable) for path in sorted(folder.iterdir())]
    results = {}
    for _ in range(2):  # the list of volumes first: it tells by which algorithm the others are summed up
        for one in destinations.find(files, results.get):
            for path, order in one.orders().items():
                file = next(each for each in files if each.path == path)
                if Path(path).name not in unread and (file.identity not in results or results[file.identity].volume != order):
                    results[file.identity] = examined(file, order, level, at)
    known = [replace(file, verification=results[file.identity].verification(file.identity)) if file.identity in results else file
             for file in files]  # fmt: skip
    sets = [each for one in destinations.find(files, results.get) for each in one.judge(results.get, whole=error is None)]
    return ArchiveFacts((WatchedDirectory(name, str(folder), len(files), error=error),), tuple(known), volume_sets=tuple(sets))


def examined(file, order, level, at):
    descriptor = os.open(file.path, os.O_RDONLY)
    try:
        volume = Volume(**json.loads(order))
        source = Source(descriptor, file.identity.size, digest=level > 1, algorithm=volume.algorithm)
        finding, told = examine(source, level, volume, 64 << 20)
    finally:
        os.close(descriptor)
    rows = tuple(tuple(map(str, row)) for row in told)
    return Result(
        file.directory, finding.format, level, finding.level, finding.verdict, finding.reasons, "; ".join(finding.messages), at,
        volume=order, told=rows,
    )  # fmt: skip
