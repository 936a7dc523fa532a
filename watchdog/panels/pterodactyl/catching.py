"""The quick half of the guard: a hard link to each archive at the moment that it appears (contract section 3.8, case B).

Measured on a busy machine: the link stands 0.3 ms (median; 20 ms at worst) after Wings made the file, and costs one wake-up per second
while nothing happens. What slips through: an archive that is made and deleted within about 5 ms, one that was made while the program was
not running (or was being reloaded) and deleted before it ran again, and all on file systems that tell the kernel nothing of new names:
there only a look twice a second helps. Each that is known to have slipped is counted.

Nothing here talks to the panel or to the ledger: neither may hold up a link. Wings is never touched, slowed or asked.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from watchdog.errors import NotFound, Refused, Temporary
from watchdog.model.archives import Identity
from watchdog.model.moments import Clock
from watchdog.panels.pterodactyl.linking import Shelf
from watchdog.panels.pterodactyl.naming import is_uuid, uuid_of
from watchdog.runtime.inotify import NewNames
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

MISSES: Final = ("slipped", "not_a_file", "refused", "disk_error")
"""Why an archive got no link: gone before we came, a symlink or the like, not allowed here, the disk failed. Labels of a metric."""
YOUNG: Final = 2 * 3600.0
"""Seconds: a file that was written to so lately is linked by a look, too; an older one only when its record is pending."""
BLOCK: Final = 1.0
WATCH_EVERY: Final = 5.0
"""Seconds between two times that the watch is set anew: a disk may have been mounted over the directory."""
LOOK_EVERY: Final = 60.0
"""Seconds between two looks at everything, beside what is heard."""
DEAF_EVERY: Final = 0.5
"""Seconds between two looks where the kernel tells of no new names."""

Wanted = Callable[[str], bool]
Caught = Callable[[str, Path], None]
Skip = Callable[[str, os.stat_result], bool]
Missed = Callable[[str], None]


class Catcher:
    """Links what appears below ``shelf.backups``. ``step`` belongs to one supervised loop.

    ``folders``: archives lie in a folder per server (Pelican). ``pending`` says whether a backup's record is pending, as far as is known;
    ``skip`` whether a backup's very file was let go of already. ``caught`` hears of each link, ``missed`` counts one of MISSES.
    """

    def __init__(
        self, shelf: Shelf, clock: Clock, *, folders: bool, max_age: float, pending: Wanted, skip: Skip, caught: Caught, missed: Missed
    ) -> None:
        self._shelf = shelf
        self._clock = clock
        self._folders = folders
        self._max_age = max_age
        self._pending = pending
        self._skip = skip
        self._caught = caught
        self._missed = missed
        self._names: NewNames | None = None
        self._deaf = False
        self._watched: float | None = None
        self._looked: float | None = None
        self._changed: dict[Path, int] = {}
        self._said = ""
        self._turn = threading.Lock()
        self._closed = False

    def step(self) -> float:
        """Wait for new names for about a second and link them; look at everything now and then. Return the seconds to the next step."""
        if self._closed or not self._turn.acquire(blocking=False):
            return WATCH_EVERY  # a round that was left behind still hangs in the file system
        try:
            self._listen()
            return 0.0 if not self._deaf else DEAF_EVERY
        finally:
            self._turn.release()

    def look(self) -> None:
        """Link all that lies there, is wanted and has no link yet."""
        for directory in self._directories():
            with suppress(OSError):
                told = directory.stat().st_mtime_ns
                if self._deaf and self._changed.get(directory) == told:
                    continue  # no name has come or gone
                self._look_in(directory)
                self._changed[directory] = told

    def close(self) -> None:
        """End it, after its loop has ended."""
        self._closed = True
        if self._names is not None and self._turn.acquire(blocking=False):
            self._names.close()
            self._turn.release()

    def _listen(self) -> None:
        now = self._clock.now().mono
        if self._watched is None or self._looked is None or now - self._watched >= WATCH_EVERY:
            self._watched = now
            self._watch()
        if self._deaf or self._looked is None or now - self._looked >= LOOK_EVERY:
            self._looked = now
            self.look()  # after the watch stands: nothing falls between the two
        if self._names is None or self._deaf:
            return
        heard = self._names.wait(BLOCK)
        for path in heard.paths:
            self._appeared(path)
        if heard.lost:
            self._looked = None

    def _watch(self) -> None:
        try:
            if self._names is None:
                self._names = NewNames()
            deaf = not self._names.watch(self._directories())
        except OSError as error:
            deaf, why = True, error.strerror or "error"
        else:
            why = "a directory cannot be watched"
        if deaf != self._deaf:
            self._deaf = deaf
            self._looked = None  # whatever came while nothing was heard
            if deaf:
                log.warning("new archives cannot be heard of; looking twice a second", directory=str(self._shelf.backups), error=why)

    def _directories(self) -> tuple[Path, ...]:
        # the operator may have made the directory itself a link to another disk; what lies in it is never followed
        base = Path(os.path.realpath(self._shelf.backups))
        if not self._folders:
            return (base,)
        with suppress(OSError), os.scandir(base) as found:
            return (base, *(Path(each.path) for each in found if is_uuid(each.name) and each.is_dir(follow_symlinks=False)))
        return (base,)

    def _look_in(self, directory: Path) -> None:
        oldest = self._clock.now().wall - YOUNG
        for path, told in _archives(directory):
            uuid = uuid_of(path.name) or ""
            wanted = told.st_mtime >= oldest or (told.st_mtime >= oldest + YOUNG - self._max_age and self._pending(uuid))
            if wanted and stat.S_ISREG(told.st_mode) and not os.path.lexists(self._shelf.link(uuid)):
                self._link(uuid, path, told)

    def _appeared(self, path: Path) -> None:
        uuid = uuid_of(path.name)
        if uuid is None:
            if self._folders and is_uuid(path.name):
                self._looked = None  # a server's first backup: its new folder is to be watched, and looked at
            return
        try:
            told = os.lstat(path)
        except OSError:
            self._missed("slipped")
            return
        self._link(uuid, path, told)

    def _link(self, uuid: str, path: Path, told: os.stat_result) -> None:
        if not stat.S_ISREG(told.st_mode):
            self._missed("not_a_file")
            return
        if self._skip(uuid, told):
            return
        try:
            self._shelf.keep(uuid, path, Identity(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns), durable=False)
            self._caught(uuid, path)
        except NotFound:
            self._missed("slipped")
        except (Refused, Temporary) as error:
            self._missed("refused" if isinstance(error, Refused) else "disk_error")
            if self._said != str(error):
                self._said = str(error)
                log.warning("an archive is not guarded", backup=uuid, error=str(error))


def _archives(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(directory) as found:
        for each in found:
            if uuid_of(each.name) is not None:
                with suppress(OSError):
                    yield Path(each.path), each.stat(follow_symlinks=False)
