"""Which backups the panel's log tells of: rows put together to runs. Pure.

What a row means depends on the release that wrote it (contract section 1.6): up to 2025.64 a backup had one row, written at its start, and
the upgrade renamed those to ``backup_finished``. So a finished row counts only beside a started row, which older releases did not write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from watchdog.panels.sysreptor.shelf import Backup
from watchdog.panels.sysreptor.view import LogRow, LogType


@dataclass(frozen=True, slots=True)
class Run:
    """One backup as the log tells it; ``finished`` None = no row says that it ended."""

    started: LogRow
    finished: LogRow | None = None

    def made(self, backup: Backup) -> bool:
        """Whether ``backup`` is of this run: by the times in its stats.json, to the microsecond, or by the row that it holds itself."""
        if backup.told.get("log_id") == self.started.id or backup.number("started_us") == self.started.at_us:
            return True
        return self.finished is not None and backup.number("finished_us") == self.finished.at_us


def runs_of(log: Sequence[LogRow]) -> tuple[Run, ...]:
    """Return the runs since the newest restore, newest first.

    A restore brings the past of another database, whose last row is the start of the very backup that was restored: it never ends, and
    nothing before it says anything of what is here (contract section 1.5). A finished row belongs to the latest run of the same user that
    has none: one that hangs is followed by others.
    """
    runs: list[Run] = []
    for row in sorted(log, key=lambda row: (row.at_us, row.type is not LogType.STARTED)):
        if row.type is LogType.RESTORE:
            runs.clear()
        elif row.type is LogType.STARTED:
            runs.append(Run(row))
        elif row.type is LogType.FINISHED:
            for place in range(len(runs) - 1, -1, -1):
                if runs[place].finished is None and runs[place].started.by == row.by:
                    runs[place] = replace(runs[place], finished=row)
                    break
    return tuple(reversed(runs))


def restored_at(log: Sequence[LogRow]) -> int | None:
    """Return when the newest restore was, in microseconds since the epoch; None = the log tells of none."""
    return max((row.at_us for row in log if row.type is LogType.RESTORE), default=None)


def covers(log: Sequence[LogRow], at_us: int, *, whole: bool) -> bool:
    """Whether the rows that were read go back to ``at_us``: then a row that is not there was never written, or is gone."""
    return whole or any(row.at_us <= at_us for row in log)
