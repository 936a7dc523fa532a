"""One archive in parts, verified by its manifest because somebody asks for it now."""

from __future__ import annotations

import json
import os
import stat
from contextlib import ExitStack
from pathlib import Path

from watchdog.collectors.archives.answers import Finished
from watchdog.collectors.archives.folder_single import Asked
from watchdog.collectors.archives.keys import key_or_why, without_key
from watchdog.collectors.archives.order import Turn, verify
from watchdog.collectors.archives.settings import promise
from watchdog.collectors.archives.single import OPEN, Verified, limits_for
from watchdog.errors import WatchdogError
from watchdog.runtime.child import module_argv
from watchdog.runtime.manifests import END, Manifest, read_manifest

MODULE = "watchdog.collectors.archives.part_check"
MOST_OPEN = 800
"""Parts that one child is handed: a process has 1024 descriptors unless told otherwise."""


def is_manifest(path: str) -> bool:
    """Whether ``path`` has the name of a manifest of parts."""
    return path.endswith(END) and Path(path).is_file()


def verify_parts(path: str, asked: Asked) -> Verified:
    """Verify the archive whose manifest is ``path``. Raises what ``order.verify`` raises."""
    began = asked.clock()
    try:
        manifest = read_manifest(Path(path))
    except WatchdogError as error:
        return Verified(path, 0, asked.clock() - began, _named("bad", "damaged_manifest", str(error)))
    finished = _verified(Path(path).parent, manifest, asked)
    return Verified(path, manifest.size, asked.clock() - began, finished)


def _verified(folder: Path, manifest: Manifest, asked: Asked) -> Finished:
    if len(manifest.parts) > MOST_OPEN:
        return _named("unverifiable", "split", f"more than {MOST_OPEN} parts: join it first")
    opened: list[tuple[int, int, str]] = []
    with ExitStack() as files:
        for part in manifest.parts:
            try:
                descriptor = os.open(folder / part.name, OPEN)
            except FileNotFoundError:
                return _named("bad", "missing_parts", f"{part.name} is missing")
            except OSError as error:
                return _named("unverifiable", "unreadable", f"{part.name} cannot be opened: {error.strerror}")
            files.callback(os.close, descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return _named("unverifiable", "unreadable", f"{part.name} is no regular file")
            opened.append((descriptor, part.size, part.sha256))
        first = opened[0][0]
        key, no_key = key_or_why(asked.key_file)
        turn = Turn(watch=lambda: asked.watch(os.lseek(first, 0, os.SEEK_CUR), manifest.size), meaning=asked.meaning, key=key)
        argv = module_argv(MODULE, json.dumps({"parts": opened, "sha256": manifest.sha256}))
        limits = limits_for(manifest.size, asked.memory)
        more = tuple(descriptor for descriptor, _, _ in opened)
        finished = verify(first, asked.level, promise(manifest.name), limits, asked.stop, turn, argv=argv, more=more)
        return without_key(finished, no_key) if no_key else finished


def _named(verdict: str, reason: str, message: str) -> Finished:
    return Finished("parts", 0, "bad" if verdict == "bad" else "unverifiable", (reason,), message)
