"""The panel's periodic tasks, read from its database: they are visible nowhere else (contract section 1.6 and section 4, D7)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from watchdog.errors import BadSettings, MalformedAnswer
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.view import PeriodicTask
from watchdog.runtime.fields import read_secret
from watchdog.runtime.foreign import ForeignDatabase, Row

MOST: Final = 500
TASKS: Final = "SELECT id, status, started, completed, last_success FROM tasks_periodictask ORDER BY id"
MAY_WRITE: Final = "SELECT has_table_privilege('tasks_periodictask', 'INSERT, UPDATE, DELETE')"
"""True when any of them is allowed, and for whoever may do everything."""


class TaskReader:
    """Reads the table of one target. Raises what ``ForeignDatabase.rows`` raises, and BadSettings."""

    def __init__(self, settings: SysreptorSettings) -> None:
        database = settings.database
        self._database = None if database is None else ForeignDatabase(lambda: read_secret(database.url_file), database.timeout)

    @property
    def configured(self) -> bool:
        """Whether there is a database to ask."""
        return self._database is not None

    def read(self) -> tuple[PeriodicTask, ...]:
        """Return all tasks, sorted by name."""
        return tuple(_task(row) for row in self._asked().rows("tasks", TASKS, MOST))

    def may_write(self) -> bool:
        """Whether the login could write as well, for ``doctor``."""
        return self._asked().rows("rights", MAY_WRITE, 1) != ((False,),)

    def _asked(self) -> ForeignDatabase:
        if self._database is None:
            raise BadSettings("periodic tasks need a database login: set database.url_file")
        return self._database


def _task(row: Row) -> PeriodicTask:
    name, status, started, completed, last_success = row
    if not isinstance(name, str) or not isinstance(status, str) or not isinstance(started, datetime):
        raise MalformedAnswer("tasks_periodictask is not laid out as expected")
    return PeriodicTask(name, status, started.timestamp(), _seconds(completed), _seconds(last_success))


def _seconds(value: object) -> float | None:
    return value.timestamp() if isinstance(value, datetime) else None
